//! Making the integer steps that stand between products: changes of element type, pairs of dequantised values,
//! windows.

use super::Integer;
use super::build::{Pending, is_byte, is_signed};
use super::elementwise::{By, Change, Mapped, Pair, Sample, Sums, Window};
use crate::conv::pool;
use crate::program::build::{Builder, GroupKind};
use crate::program::table::Form;
use assay_kernels::int8::ByteOp;
use assay_plan::shape::count;
use assay_plan::{BinaryOp, Opcode, Reducer, Window as PlanWindow};

/// Nodes between a value and its last user that are looked through.
const NEAR: usize = 64;

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
        let both = self.uses.only(index).filter(|&next| !self.claimed[next]);
        let Some((nodes, pending)) = both.and_then(|both| self.paired(both, None)) else { return false };
        self.wait_exactly(nodes, GroupKind::Integer(Box::new(pending)));
        true
    }

    /// A dequantised value that only steps on bytes use: its sums over each image's positions, and pairs that
    /// it is a side of. Then it is never made.
    pub(super) fn shared(&mut self, index: usize) -> bool {
        let users = self.uses.near(self.plan, index, NEAR).filter(|users| users.len() <= 2);
        let mut steps = vec![];
        for user in users.unwrap_or_default() {
            let found = match &self.node(user).op {
                _ if self.claimed[user] => None,
                Opcode::Reduce { reducer: Reducer::Sum, axes } => self.byte_sums(index, user, axes),
                Opcode::Binary(_) => self.paired(user, Some(index)),
                _ => None,
            };
            let Some(found) = found else { return false };
            steps.push(found);
        }
        self.claimed[index] |= !steps.is_empty();
        for (nodes, pending) in steps {
            self.wait_exactly(nodes, GroupKind::Integer(Box::new(pending)));
        }
        self.claimed[index]
    }

    /// The sums of a dequantised value over the last two axes.
    fn byte_sums(&self, index: usize, user: usize, axes: &[u8]) -> Option<(Vec<u32>, Pending)> {
        let node = self.node(index);
        let rank = node.dims.len();
        let last_two = rank >= 3 && axes.len() == 2 && usize::from(axes[0]) == rank - 2;
        if !last_two || usize::from(axes[1]) != rank - 1 {
            return None;
        }
        let [x, scale, zero] = self.affine(index)?;
        let (channels, size) = (node.dims[rank - 3] as usize, count(&node.dims[rank - 2..]));
        let form = Form::Last { channels, size };
        if self.table.blocks_of(x) != Some(form) || !self.table.is_whole(self.plan, x) {
            return None;
        }
        let by = By { scale: 1, zero: 2, signed: is_signed(self.node(zero)) };
        let rows = Some(Form::Rows);
        let reads = vec![(x, Some(form)), (scale, rows), (zero, rows)];
        let work = Integer::Sums(Sums { by, channels, size });
        Some((vec![user as u32], Pending { work, reads, form: rows }))
    }

    /// A pair as a step, and the nodes that it takes. `shared` is a side that others use too.
    fn paired(&self, both: usize, shared: Option<usize>) -> Option<(Vec<u32>, Pending)> {
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
                && (shared == Some(side) || self.uses.only(side) == Some(both) && !self.claimed[side])
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
        let own = sides.iter().filter(|&&side| shared != Some(side)).map(|&side| side as u32);
        let mut nodes: Vec<u32> = own.chain([both as u32]).collect();
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
        if columns == 0
            && let Some((lookup, pending)) = self.mapped(op, sides, last)
        {
            nodes.push(lookup);
            nodes.sort_unstable();
            return Some((nodes, pending));
        }
        nodes.sort_unstable();
        let ([a, a_scale, a_zero], [b, b_scale, b_zero]) = (self.affine(sides[0])?, self.affine(sides[1])?);
        let [_, scale, zero] = self.affine(last)?;
        let by = |at: usize, zero: usize| By { scale: at, zero: at + 1, signed: is_signed(self.node(zero)) };
        let pair = Pair { op, a: by(2, a_zero), b: by(4, b_zero), to: by(6, zero), rows, columns };
        let mut reads = vec![(a, form), (b, if columns > 0 { Some(Form::Rows) } else { form })];
        reads.extend([a_scale, a_zero, b_scale, b_zero, scale, zero].map(|value| (value, Some(Form::Rows))));
        Some((nodes, Pending { work: Integer::Pair(pair), reads, form }))
    }

    /// A pair of which one side is looked up at the bytes of the other, as a step that is one table; and the
    /// node that looks up.
    fn mapped(&self, op: ByteOp, sides: [usize; 2], last: usize) -> Option<(u32, Pending)> {
        let byte = |side: usize| self.node(side).inputs[0] as usize;
        let looked_up = |side: usize, other: usize| {
            let node = self.node(byte(side));
            node.op == Opcode::Lookup
                && node.inputs[0] as usize == byte(other)
                && self.uses.only(byte(side)) == Some(side)
                && !self.claimed[byte(side)]
        };
        let swapped = looked_up(sides[0], sides[1]);
        if !swapped && !looked_up(sides[1], sides[0]) {
            return None;
        }
        let (own, other) = if swapped { (sides[1], sides[0]) } else { (sides[0], sides[1]) };
        let constants = |index: usize| {
            let [_, scale, zero] = self.affine(index)?;
            Some((self.bytes_of(scale)?, self.bytes_of(zero)?, is_signed(self.node(zero))))
        };
        let affines = [constants(own)?, constants(other)?, constants(last)?];
        let lookup = byte(other);
        let table = self.bytes_of(self.node(lookup).inputs[1] as usize).filter(|table| table.bytes == 256)?;
        let work = Integer::Mapped(Mapped { op, affines, table, swapped, whole: Box::new([0; 256]) });
        Some((lookup as u32, Pending { work, reads: vec![(byte(own), None)], form: None }))
    }

    /// Every so many lines or columns of an image of bytes that has its channels last.
    pub(super) fn sample(&mut self, index: usize, axis: usize, start: usize, step: usize) -> bool {
        let node = self.node(index);
        let value = node.inputs[0] as usize;
        let x = self.node(value);
        let rank = x.dims.len();
        if rank < 3 || !self.table.is_whole(self.plan, value) {
            return false;
        }
        let [channels, height, width] = [3, 2, 1].map(|from_last| x.dims[rank - from_last] as usize);
        let from = Form::Last { channels, size: height * width };
        if self.table.blocks_of(value) != Some(from) {
            return false;
        }
        let to = Form::Last { channels, size: count(&node.dims[rank - 2..]) };
        let bytes = match rank - axis {
            2 => width * channels,
            1 => channels,
            _ => return false,
        };
        let pieces = [x.dims[axis] as usize, node.dims[axis] as usize];
        let work = Integer::Sample(Sample { pieces, bytes, start, step });
        self.now(index, Pending { work, reads: vec![(value, Some(from))], form: Some(to) });
        true
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
