//! Making the integer steps that stand between products: changes of element type, pairs of dequantised values,
//! windows.

use super::Integer;
use super::build::{Pending, is_byte, is_signed};
use super::elementwise::{By, Change, Pair, Window};
use crate::conv::pool;
use crate::program::build::{Builder, GroupKind};
use crate::program::table::Form;
use assay_kernels::int8::ByteOp;
use assay_plan::shape::count;
use assay_plan::{BinaryOp, Opcode, Window as PlanWindow};

impl Builder<'_> {
    /// The operands of a Dequantize or Quantize whose scale and zero point are single.
    fn affine(&self, index: usize) -> Option<[usize; 3]> {
        let node = self.node(index);
        let [x, scale, zero] = node.inputs[..] else { return None };
        let [x, scale, zero] = [x, scale, zero].map(|input| input as usize);
        let whole = count(&self.node(x).dims) == count(&node.dims);
        (whole && self.single(scale) && self.single(zero)).then_some([x, scale, zero])
    }

    /// Bytes from f32, or f32 from bytes.
    pub(super) fn change(&mut self, index: usize) -> bool {
        let Some([x, scale, zero]) = self.affine(index) else { return false };
        let to_bytes = self.node(index).op == Opcode::Quantize;
        let by = By { scale: 1, zero: 2, signed: is_signed(self.node(zero)) };
        let reads = [x, scale, zero].map(|value| (value, Some(Form::Rows))).to_vec();
        let work = Integer::Change(Change { by, to_bytes });
        self.now(index, Pending { work, reads, form: Some(Form::Rows) });
        true
    }

    /// Two dequantised values, their sum or product, perhaps held above 0, quantised.
    pub(super) fn pair(&mut self, index: usize) -> bool {
        let Some((nodes, pending)) = self.paired(index) else { return false };
        self.wait_exactly(nodes, GroupKind::Integer(Box::new(pending)));
        true
    }

    fn paired(&self, index: usize) -> Option<(Vec<u32>, Pending)> {
        let both = self.uses.only(index).filter(|&next| !self.claimed[next])?;
        let node = self.node(both);
        let mut op = match node.op {
            Opcode::Binary(BinaryOp::Add) => ByteOp::Add,
            Opcode::Binary(BinaryOp::Mul) => ByteOp::Mul,
            _ => return None,
        };
        let mut sides = [node.inputs[0] as usize, node.inputs[1] as usize];
        let dequantised = |&side: &usize| {
            let own = self.node(side);
            own.op == Opcode::Dequantize
                && is_byte(self.node(own.inputs[0] as usize))
                && self.uses.only(side) == Some(both)
                && !self.claimed[side]
        };
        if sides[0] == sides[1] || !sides.iter().all(dequantised) {
            return None;
        }
        let dims = |value: usize| &self.node(value).dims;
        if count(dims(sides[0])) < count(&node.dims) && op == ByteOp::Mul {
            // A product does not depend on the order of its factors.
            sides.swap(0, 1);
        }
        if dims(sides[0]) != &node.dims {
            return None;
        }
        let (form, rows, columns) = repeated(dims(sides[0]), dims(sides[1]))?;
        let mut nodes = vec![sides[0] as u32, sides[1] as u32, both as u32];
        let mut last = self.uses.only(both).filter(|&next| !self.claimed[next])?;
        let next = self.node(last);
        if next.op == Opcode::Binary(BinaryOp::Max) && op == ByteOp::Add {
            let bound = self.scalar(next.inputs[1] as usize);
            if next.inputs[0] as usize != both || bound.map(f32::to_bits) != Some(0) || next.dims != node.dims
            {
                return None;
            }
            op = ByteOp::AddRelu;
            nodes.push(last as u32);
            last = self.uses.only(last).filter(|&next| !self.claimed[next])?;
        }
        let (from, to) = (nodes[nodes.len() - 1], self.node(last));
        if to.op != Opcode::Quantize || to.inputs[0] != from {
            return None;
        }
        nodes.push(last as u32);
        nodes.sort_unstable();
        let ([a, a_scale, a_zero], [b, b_scale, b_zero]) = (self.affine(sides[0])?, self.affine(sides[1])?);
        let [_, scale, zero] = self.affine(last)?;
        let by = |at: usize, zero: usize| By { scale: at, zero: at + 1, signed: is_signed(self.node(zero)) };
        let pair = Pair { op, a: by(2, a_zero), b: by(4, b_zero), to: by(6, zero), rows, columns };
        let mut reads = vec![(a, form), (b, if columns > 0 { Some(Form::Rows) } else { form })];
        reads.extend([a_scale, a_zero, b_scale, b_zero, scale, zero].map(|value| (value, Some(Form::Rows))));
        Some((nodes, Pending { work: Integer::Pair(pair), reads, form }))
    }

    pub(super) fn greatest(&mut self, index: usize, window: &PlanWindow) -> bool {
        let node = self.node(index);
        let x = node.inputs[0] as usize;
        let geometry = pool(node, self.node(x), window);
        let rank = node.dims.len();
        let channels = if rank < 3 { 1 } else { node.dims[rank - 3] as usize };
        let last = |sides: [usize; 2]| Some(Form::Last { channels, size: sides[0] * sides[1] });
        let (from, to) = (last(geometry.input), last(geometry.output));
        let work = Integer::Window(Window { pool: geometry, channels, signed: is_signed(node) });
        self.now(index, Pending { work, reads: vec![(x, from)], form: to });
        true
    }
}

/// How `b` repeats along `a`: the form of both when it does not, else that of `a`, how often each row of
/// channels is used, and how long it is.
fn repeated(a: &[u32], b: &[u32]) -> Option<(Option<Form>, usize, usize)> {
    if a == b {
        return Some((None, 0, 0));
    }
    if a.len() != b.len() {
        return None;
    }
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    if same == 0 || b[same..].iter().any(|&dim| dim != 1) {
        return None;
    }
    let (channels, size) = (a[same - 1] as usize, count(&a[same..]));
    Some((Some(Form::Last { channels, size }), size, channels))
}
