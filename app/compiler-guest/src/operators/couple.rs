//! The node that becomes the plan's `Couple`: probabilities of classes from those of their pairs.

use tract_onnx::tract_hir::internal::*;

/// Probabilities \[rows, classes\] from \[rows, pairs\].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Couple {
    pub classes: usize,
}

impl Op for Couple {
    fn name(&self) -> StaticName {
        "Couple".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Couple {
    // Never folded: it is the plan's to compute.
    not_out_of_plan!();
}

impl TypedOp for Couple {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let rows = inputs.first().context("a coupling without input")?.shape[0].clone();
        Ok(tvec!(f32::fact([rows, self.classes.to_dim()])))
    }
}
