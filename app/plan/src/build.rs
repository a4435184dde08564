//! Building plans: nodes are pushed in order, constants are aligned and stored once, dead nodes are dropped.
//!
//! The builder leaves the rules to [`Plan::validate`]; it only refuses what it could not encode faithfully:
//! a constant whose bytes do not fit its dims, a value that does not exist. The first mistake is kept and
//! returned by [`PlanBuilder::finish`], so that code that lowers a graph need not handle it at every node.

use crate::format::{CONST_ALIGN, Node, OPCODE_SET, Plan, ValueId};
use crate::opcode::Opcode;
use assay_types::tensor::{self, DType};
use std::collections::BTreeMap;

/// What the builder could not encode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A constant's bytes are not as many as its dims say.
    #[error("a constant of {len} bytes does not fill {dtype} {dims:?}")]
    ConstantLength {
        /// Bytes given.
        len: usize,
        /// Element type.
        dtype: DType,
        /// Dims.
        dims: Vec<u32>,
    },
    /// A node or an output uses a value that no earlier node defines.
    #[error("value {0} is used before it is defined")]
    Undefined(ValueId),
    /// More nodes than a value id can number.
    #[error("too many nodes")]
    TooManyNodes,
}

/// A plan under construction.
#[derive(Debug, Default)]
pub struct PlanBuilder {
    nodes: Vec<Node>,
    inputs: Vec<(String, ValueId)>,
    outputs: Vec<(String, ValueId)>,
    data: Vec<u8>,
    /// Where constants of a fingerprint and a length start.
    offsets: BTreeMap<(u64, usize), Vec<u64>>,
    constants: BTreeMap<(u64, DType, Vec<u32>), ValueId>,
    mistake: Option<BuildError>,
}

impl PlanBuilder {
    /// An empty plan.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for so many bytes of constants, alignment included. Without it the data grows by doubling,
    /// which a large model may not have the memory for.
    pub fn reserve(&mut self, bytes: usize) {
        if self.data.is_empty() && self.data.capacity() < bytes {
            // What was reserved before goes first: there may not be room for both.
            self.data = Vec::new();
        }
        self.data.reserve_exact(bytes);
    }

    fn note(&mut self, mistake: BuildError) {
        self.mistake.get_or_insert(mistake);
    }

    /// Adds a node and returns its value.
    pub fn push(&mut self, op: Opcode, inputs: &[ValueId], dtype: DType, dims: &[u32]) -> ValueId {
        let Ok(id) = ValueId::try_from(self.nodes.len()) else {
            self.note(BuildError::TooManyNodes);
            return ValueId::MAX;
        };
        if let Some(&bad) = inputs.iter().find(|&&input| input >= id) {
            self.note(BuildError::Undefined(bad));
        }
        self.nodes.push(Node { op, inputs: inputs.to_vec(), dtype, dims: dims.to_vec() });
        id
    }

    /// Adds an input of the plan, after those added before.
    pub fn input(&mut self, name: &str, dtype: DType, dims: &[u32]) -> ValueId {
        let id = self.push(Opcode::Input, &[], dtype, dims);
        self.inputs.push((name.to_owned(), id));
        id
    }

    /// Adds an output of the plan, after those added before.
    pub fn output(&mut self, name: &str, value: ValueId) {
        if self.get(value).is_none() {
            self.note(BuildError::Undefined(value));
        }
        self.outputs.push((name.to_owned(), value));
    }

    /// A constant of little-endian row-major bytes. Equal bytes are stored once; equal constants are one.
    pub fn constant(&mut self, dtype: DType, dims: &[u32], bytes: &[u8]) -> ValueId {
        if tensor::byte_len(dtype, dims) != Some(bytes.len()) {
            self.note(BuildError::ConstantLength { len: bytes.len(), dtype, dims: dims.to_vec() });
        }
        let offset = self.store(bytes);
        self.constant_at(offset, dtype, dims)
    }

    /// A constant of f32.
    pub fn constant_f32(&mut self, dims: &[u32], values: &[f32]) -> ValueId {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_bits().to_le_bytes()).collect();
        self.constant(DType::F32, dims, &bytes)
    }

    /// A constant of i64.
    pub fn constant_i64(&mut self, dims: &[u32], values: &[i64]) -> ValueId {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(DType::I64, dims, &bytes)
    }

    /// A constant of i32.
    pub fn constant_i32(&mut self, dims: &[u32], values: &[i32]) -> ValueId {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(DType::I32, dims, &bytes)
    }

    /// The same constant under other dims of as many elements, without a copy of its bytes. `None` when the
    /// value is no constant.
    pub fn constant_as(&mut self, value: ValueId, dims: &[u32]) -> Option<ValueId> {
        let node = self.get(value)?;
        let (Opcode::Const { offset }, dtype) = (&node.op, node.dtype) else { return None };
        let offset = *offset;
        let len = tensor::byte_len(dtype, &node.dims)?;
        if tensor::byte_len(dtype, dims) != Some(len) {
            self.note(BuildError::ConstantLength { len, dtype, dims: dims.to_vec() });
        }
        Some(self.constant_at(offset, dtype, dims))
    }

    fn constant_at(&mut self, offset: u64, dtype: DType, dims: &[u32]) -> ValueId {
        let key = (offset, dtype, dims.to_vec());
        if let Some(&id) = self.constants.get(&key) {
            return id;
        }
        let id = self.push(Opcode::Const { offset }, &[], dtype, dims);
        self.constants.insert(key, id);
        id
    }

    /// The node that defines a value.
    pub fn get(&self, value: ValueId) -> Option<&Node> {
        self.nodes.get(value as usize)
    }

    /// The bytes of a value that is a constant.
    pub fn constant_bytes(&self, value: ValueId) -> Option<&[u8]> {
        let node = self.get(value)?;
        let Opcode::Const { offset } = node.op else { return None };
        let start = usize::try_from(offset).ok()?;
        let len = tensor::byte_len(node.dtype, &node.dims)?;
        self.data.get(start..start.checked_add(len)?)
    }

    /// The plan without the nodes that no output needs; inputs stay, needed or not.
    ///
    /// # Errors
    /// The first [`BuildError`] that was made on the way.
    pub fn finish(mut self) -> Result<Plan, BuildError> {
        if let Some(mistake) = self.mistake.take() {
            return Err(mistake);
        }
        let live = self.live();
        let data = self.live_data(&live);
        let mut names = vec![0; live.len()];
        let mut nodes = Vec::new();
        for (index, mut node) in std::mem::take(&mut self.nodes).into_iter().enumerate() {
            if !live[index] {
                continue;
            }
            for input in &mut node.inputs {
                *input = names[*input as usize];
            }
            if let Opcode::Const { offset } = &mut node.op {
                *offset = data.1.get(offset).copied().unwrap_or(*offset);
            }
            names[index] = nodes.len() as ValueId;
            nodes.push(node);
        }
        let rename = |ports: Vec<(String, ValueId)>| -> Vec<(String, ValueId)> {
            ports.into_iter().map(|(name, id)| (name, names[id as usize])).collect()
        };
        Ok(Plan {
            version: OPCODE_SET,
            nodes,
            inputs: rename(self.inputs),
            outputs: rename(self.outputs),
            data: data.0,
        })
    }

    /// Makes a value that was computed a constant of its dtype and dims.
    pub fn redefine(&mut self, value: ValueId, bytes: &[u8]) {
        let Some(node) = self.get(value) else {
            return self.note(BuildError::Undefined(value));
        };
        let (dtype, dims) = (node.dtype, node.dims.clone());
        if tensor::byte_len(dtype, &dims) != Some(bytes.len()) {
            return self.note(BuildError::ConstantLength { len: bytes.len(), dtype, dims });
        }
        let offset = self.store(bytes);
        if let Some(node) = self.nodes.get_mut(value as usize) {
            node.op = Opcode::Const { offset };
            node.inputs.clear();
        }
    }

    /// Where bytes are in the data section, which has equal ones once.
    fn store(&mut self, bytes: &[u8]) -> u64 {
        let known = self.offsets.entry((fingerprint(bytes), bytes.len())).or_default();
        let same = |&&offset: &&u64| self.data[offset as usize..].starts_with(bytes);
        if let Some(&offset) = known.iter().find(same) {
            return offset;
        }
        let offset = append(&mut self.data, bytes);
        known.push(offset);
        offset
    }

    /// Which values an output needs; inputs count as needed.
    pub fn live(&self) -> Vec<bool> {
        let mut live = vec![false; self.nodes.len()];
        for (_, id) in self.inputs.iter().chain(&self.outputs) {
            live[*id as usize] = true;
        }
        for index in (0..self.nodes.len()).rev() {
            if live[index] {
                for &input in &self.nodes[index].inputs {
                    live[input as usize] = true;
                }
            }
        }
        live
    }

    /// The data section of the constants that live on, and where each of its offsets went.
    fn live_data(&mut self, live: &[bool]) -> (Vec<u8>, BTreeMap<u64, u64>) {
        let mut ends: BTreeMap<u64, usize> = BTreeMap::new();
        let mut dead = false;
        for (node, &live) in self.nodes.iter().zip(live) {
            if let Opcode::Const { offset } = node.op {
                dead |= !live;
                if live {
                    let len = tensor::byte_len(node.dtype, &node.dims).unwrap_or(0);
                    ends.insert(offset, len);
                }
            }
        }
        let mut data = std::mem::take(&mut self.data);
        if !dead {
            return (data, BTreeMap::new());
        }
        // Moved down in place, lowest first: nothing is written over that is still to be moved.
        let mut moved = BTreeMap::new();
        let mut end = 0usize;
        for (offset, len) in ends {
            let (from, to) = (offset as usize, end.next_multiple_of(CONST_ALIGN as usize));
            data[end..to].fill(0);
            data.copy_within(from..from + len, to);
            moved.insert(offset, to as u64);
            end = to + len;
        }
        data.truncate(end);
        (data, moved)
    }
}

/// A number that equal bytes share and others rarely do. A real hash would cost the compiler, which runs without
/// vector instructions, more than all else that it does to a large model.
fn fingerprint(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mix = |sum: u64, word: u64| (sum.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let sum = words.iter().fold(0, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    rest.iter().fold(sum, |sum, &byte| mix(sum, u64::from(byte)))
}

/// Appends bytes at the next aligned offset, and returns it.
fn append(data: &mut Vec<u8>, bytes: &[u8]) -> u64 {
    data.resize(data.len().next_multiple_of(CONST_ALIGN as usize), 0);
    let offset = data.len() as u64;
    data.extend_from_slice(bytes);
    offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcode::{BinaryOp, UnaryOp};

    #[test]
    fn equal_constants_are_one_value_and_equal_bytes_are_stored_once() {
        let mut builder = PlanBuilder::new();
        let a = builder.constant_f32(&[2], &[1.0, 2.0]);
        let b = builder.constant_f32(&[2], &[1.0, 2.0]);
        let c = builder.constant_f32(&[1, 2], &[1.0, 2.0]);
        assert_eq!(a, b);
        assert_ne!(a, c);
        assert_eq!(builder.data.len(), 8);
    }

    #[test]
    fn constants_of_one_fingerprint_are_told_apart() {
        // The fingerprint of zeros is zero, whatever comes first.
        let (a, b) = ([0u8; 16], [0u8; 24]);
        assert_eq!(fingerprint(&a), fingerprint(&b));
        let mut builder = PlanBuilder::new();
        let ids = [&a[..], &b, &[1; 16], &a, &b]
            .map(|bytes| builder.constant(DType::U8, &[bytes.len() as u32], bytes));
        assert_eq!((ids[0], ids[1]), (ids[3], ids[4]));
        assert_eq!(builder.constant_bytes(ids[1]).unwrap(), b);
        assert_eq!(builder.constant_bytes(ids[2]).unwrap(), [1; 16]);
        builder.offsets.entry((fingerprint(&[2; 16]), 16)).or_default().push(0);
        let c = builder.constant(DType::U8, &[16], &[2; 16]);
        assert_eq!(builder.constant_bytes(c).unwrap(), [2; 16]);
    }

    #[test]
    fn constants_start_at_multiples_of_64_bytes() {
        let mut builder = PlanBuilder::new();
        builder.constant_f32(&[1], &[1.0]);
        let second = builder.constant_f32(&[1], &[2.0]);
        assert_eq!(builder.get(second).unwrap().op, Opcode::Const { offset: 64 });
        assert_eq!(builder.constant_bytes(second).unwrap(), 2.0f32.to_le_bytes());
    }

    #[test]
    fn dead_nodes_and_their_constants_are_dropped() {
        let mut builder = PlanBuilder::new();
        let unused = builder.input("unused", DType::F32, &[1]);
        let dead = builder.constant_f32(&[1], &[7.0]);
        builder.push(Opcode::Binary(BinaryOp::Add), &[unused, dead], DType::F32, &[1]);
        let x = builder.input("x", DType::F32, &[1]);
        let live = builder.constant_f32(&[1], &[8.0]);
        let y = builder.push(Opcode::Binary(BinaryOp::Add), &[x, live], DType::F32, &[1]);
        builder.output("y", y);
        let plan = builder.finish().unwrap();
        assert_eq!(plan.nodes.len(), 4);
        assert_eq!(plan.data, 8.0f32.to_le_bytes());
        assert_eq!(plan.inputs, [("unused".into(), 0), ("x".into(), 1)]);
        assert_eq!(plan.outputs, [("y".into(), 3)]);
        assert_eq!(plan.nodes[3].inputs, [1, 2]);
        assert_eq!(plan.nodes[2].op, Opcode::Const { offset: 0 });
    }

    #[test]
    fn a_value_may_become_a_constant() {
        let mut builder = PlanBuilder::new();
        let x = builder.input("x", DType::F32, &[1]);
        let y = builder.push(Opcode::Unary(UnaryOp::Neg), &[x], DType::F32, &[1]);
        builder.output("y", y);
        assert_eq!(builder.live(), [true, true]);
        builder.redefine(y, &3.0f32.to_le_bytes());
        let plan = builder.finish().unwrap();
        assert_eq!(plan.nodes[1].op, Opcode::Const { offset: 0 });
        assert!(plan.nodes[1].inputs.is_empty() && plan.validate().is_ok());
        let mut builder = PlanBuilder::new();
        let x = builder.input("x", DType::F32, &[1]);
        builder.redefine(x, &[0]);
        assert!(matches!(builder.finish(), Err(BuildError::ConstantLength { len: 1, .. })));
    }

    #[test]
    fn a_constant_under_other_dims_shares_its_bytes() {
        let mut builder = PlanBuilder::new();
        let a = builder.constant_f32(&[2, 3], &[0.5; 6]);
        let b = builder.constant_as(a, &[6]).unwrap();
        assert_eq!(builder.get(b).unwrap().op, builder.get(a).unwrap().op);
        assert_eq!(builder.constant_as(a, &[6]), Some(b));
        let x = builder.input("x", DType::F32, &[6]);
        assert_eq!(builder.constant_as(x, &[6]), None);
        builder.constant_as(a, &[5]);
        assert!(matches!(builder.finish(), Err(BuildError::ConstantLength { len: 24, .. })));
    }

    #[test]
    fn constants_move_down_over_dead_ones_and_keep_their_bytes() {
        let mut builder = PlanBuilder::new();
        builder.reserve(1000);
        let constants: Vec<ValueId> =
            (0..9u8).map(|index| builder.constant(DType::U8, &[100], &[index + 1; 100])).collect();
        for &live in &[constants[1], constants[4], constants[8]] {
            builder.output(&format!("y{live}"), live);
        }
        let plan = builder.finish().unwrap();
        assert_eq!(plan.data.len(), 128 + 128 + 100);
        for (node, byte) in plan.nodes.iter().zip([2, 5, 9]) {
            let Opcode::Const { offset } = node.op else { panic!("{node:?}") };
            assert_eq!(plan.data[offset as usize..][..100], [byte; 100]);
        }
        assert_eq!(plan.data[100..128], [0; 28]);
    }

    #[test]
    fn mistakes_surface_at_the_end() {
        let mut builder = PlanBuilder::new();
        builder.constant(DType::F32, &[2], &[0; 4]);
        assert!(matches!(builder.finish(), Err(BuildError::ConstantLength { len: 4, .. })));
        let mut builder = PlanBuilder::new();
        builder.push(Opcode::Unary(UnaryOp::Neg), &[0], DType::F32, &[1]);
        assert_eq!(builder.finish(), Err(BuildError::Undefined(0)));
    }
}
