//! What is left of a valid plan when its constants' bytes are let go of.

use assay_plan::{Node, ValidPlan, ValueId};
use assay_types::tensor::Port;
use borsh::{BorshDeserialize, BorshSerialize};

/// A valid plan without the bytes of its constants: with the few that are looked at (see
/// [`crate::constants`]), enough to make its program.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Outline {
    pub nodes: Vec<Node>,
    /// What a run takes, in order, and the Input node of each.
    pub inputs: Vec<(Port, ValueId)>,
    /// What a run gives, in order, and the value that it is.
    pub outputs: Vec<(Port, ValueId)>,
    /// Bytes of all constants.
    pub constant_bytes: u64,
    /// As [`ValidPlan::peak_bytes`].
    pub peak_bytes: u64,
    /// As [`ValidPlan::output_bytes`].
    pub output_bytes: u64,
}

impl Outline {
    /// The outline of a plan, and its constants' bytes.
    pub(crate) fn of(plan: ValidPlan) -> (Self, Vec<u8>) {
        let (peak_bytes, output_bytes) = (plan.peak_bytes(), plan.output_bytes());
        let (inputs, outputs) = (plan.inputs().to_vec(), plan.outputs().to_vec());
        let plan = plan.into_plan();
        let named = |ports: Vec<Port>, ids: &[(String, ValueId)]| {
            ports.into_iter().zip(ids.iter().map(|(_, id)| *id)).collect()
        };
        let (inputs, outputs) = (named(inputs, &plan.inputs), named(outputs, &plan.outputs));
        let constant_bytes = plan.data.len() as u64;
        (Self { nodes: plan.nodes, inputs, outputs, constant_bytes, peak_bytes, output_bytes }, plan.data)
    }
}
