//! The plan as data: what is encoded, hashed and sent. Nothing here is checked but the encoding.
//!
//! A plan is a flat list in single assignment: node `i` defines value `i` and uses only earlier values. It
//! comes from a program that a stranger's file may have subverted, so a [`Plan`] in hand means nothing until
//! [`Plan::validate`](Plan::validate) has made a [`ValidPlan`](crate::ValidPlan) of it.

use crate::limits::{MAX_NODES, MAX_PLAN_PORTS};
use crate::opcode::Opcode;
use assay_types::codec;
use assay_types::limits::MAX_PLAN_BYTES;
use assay_types::tensor::DType;
use borsh::io::{Error, ErrorKind, Read, Result as IoResult};
use borsh::{BorshDeserialize, BorshSerialize};

/// The number of the opcode set that this crate runs; [`Plan::version`] must be it.
pub const OPCODE_SET: u16 = 1;

/// Bytes to which every constant's offset in the data section is aligned.
pub const CONST_ALIGN: u64 = 64;

/// A value: the index of the node that defines it.
pub type ValueId = u32;

/// One operation and the tensor it defines.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Node {
    /// What is computed.
    pub op: Opcode,
    /// The operands, all defined by earlier nodes.
    pub inputs: Vec<ValueId>,
    /// The element type of the result.
    pub dtype: DType,
    /// The dims of the result, each at least 1.
    pub dims: Vec<u32>,
}

/// A compiled model, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct Plan {
    /// The opcode set, [`OPCODE_SET`].
    pub version: u16,
    /// The operations, in the order in which they run.
    pub nodes: Vec<Node>,
    /// The inputs by name, in the model's declared order. Each names a node of its own, an [`Opcode::Input`].
    pub inputs: Vec<(String, ValueId)>,
    /// The outputs by name, in the model's declared order. Any value may be an output, also twice.
    pub outputs: Vec<(String, ValueId)>,
    /// The constants, each at a multiple of [`CONST_ALIGN`].
    pub data: Vec<u8>,
}

/// Reads a list whose elements take more memory than bytes, and so must be counted before they are read.
fn read_list<T: BorshDeserialize, R: Read>(reader: &mut R, limit: usize, what: &str) -> IoResult<Vec<T>> {
    let count = u32::deserialize_reader(reader)? as usize;
    if count > limit {
        return Err(Error::new(ErrorKind::InvalidData, format!("{count} {what}, more than {limit}")));
    }
    // Not reserved: a short file that announces many elements must not cost their memory.
    let mut list = Vec::new();
    for _ in 0..count {
        list.push(T::deserialize_reader(reader)?);
    }
    Ok(list)
}

impl BorshDeserialize for Plan {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        Ok(Self {
            version: u16::deserialize_reader(reader)?,
            nodes: read_list(reader, MAX_NODES, "nodes")?,
            inputs: read_list(reader, MAX_PLAN_PORTS, "inputs")?,
            outputs: read_list(reader, MAX_PLAN_PORTS, "outputs")?,
            data: Vec::deserialize_reader(reader)?,
        })
    }
}

impl Plan {
    /// Decodes the canonical bytes of a plan, without looking at what it says.
    ///
    /// # Errors
    /// [`PlanError::Encoding`](crate::PlanError::Encoding) when the bytes are not those of a plan.
    pub fn decode(bytes: &[u8]) -> Result<Plan, crate::PlanError> {
        codec::decode(bytes, MAX_PLAN_BYTES).map_err(crate::PlanError::Encoding)
    }

    /// The canonical bytes, which [`PlanHash`](assay_types::hash::PlanHash) is over.
    pub fn encode(&self) -> Vec<u8> {
        // Sized once: a vector that doubles would hold a large plan three times over.
        let mut bytes = Vec::with_capacity(borsh::object_length(self).unwrap_or(0));
        if self.serialize(&mut bytes).is_err() {
            bytes.clear();
        }
        bytes
    }

    /// As [`Plan::encode`], in the memory of the constants, which come last in the encoding: a large plan is never
    /// held twice.
    pub fn into_bytes(mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.data);
        let mut head = self.encode();
        let Some(len) = head.last_chunk_mut() else { return head };
        *len = (bytes.len() as u32).to_le_bytes();
        bytes.splice(..0, head);
        bytes
    }
}
