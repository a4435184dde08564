//! What products of f32 cost: einsums, convolutions, pools.
//!
//! A product is rows of dot products, 16 sums side by side. It costs its multiply-adds, each row of 16 sums, starting
//! each step of a batch, bringing to their places what does not lie there, and the traffic of both factors and the
//! result, the columns filled up to 16.

use super::table::*;
use super::traffic::traffic;
use crate::contraction::{self, Contraction};
use crate::format::Node;
use crate::memory::einsum_loops;
use crate::opcode::{Opcode, Window};
use crate::shape::{bytes, count};

pub(super) fn product(list: &[u64]) -> u64 {
    list.iter().fold(1, |product, &number| product.saturating_mul(number))
}

pub(super) fn sum(list: &[u64]) -> u64 {
    list.iter().fold(0, |sum, &number| sum.saturating_add(number))
}

/// Results side by side.
pub(super) const WIDTH: u64 = contraction::PANEL as u64;
/// Bytes of an element.
const SIZE: u64 = 4;

pub(super) fn einsum(node: &Node, operands: &[&Node], labels: [&[u8]; 3]) -> u64 {
    let loops = einsum_loops(node, operands, labels);
    let column = operands[loops.column_operand()];
    let (batch, rows, panels, depth) =
        (loops.batch_count(), loops.row_count(), loops.panels(), loops.depth());
    let lines = product(&[batch, rows, panels]);
    let multiplied = product(&[lines, WIDTH, depth]) / FMAS;
    // Steps of the batch may share their columns.
    let sets = if loops.columns_are_shared() { 1 } else { batch };
    let packed = product(&[sets, panels, WIDTH, depth]);
    // A single column is brought to its place every time.
    let constant =
        matches!(column.op, Opcode::Const { .. }) && loops.columns_are_shared() && loops.column_count() > 1;
    let arranged_columns = if constant || columns_in_place(&loops) { 0 } else { packed };
    let arranged_rows = if loops.rows_are_contiguous() { 0 } else { product(&[batch, rows, depth]) };
    let arranged = sum(&[arranged_columns, arranged_rows]);
    let panels_arranged = if arranged_columns > 0 { product(&[sets, panels]) } else { 0 };
    // Results whose neighbours are no columns are put to their places one by one, and so is what they are made of.
    let scattered = match loops.columns.last() {
        Some(axis) if axis.out > 1 => sum(&[arranged, product(&[batch, rows, panels, WIDTH])]),
        _ => 0,
    };
    // Columns whose terms are on pages of their own.
    let apart = loops.sum.last().map_or(0, |axis| SIZE.saturating_mul(axis.column as u64));
    let strewn = match columns_in_place(&loops) {
        _ if constant || apart < APART => 0,
        true if depth < PAGES => packed / 4,
        true => packed / 2,
        false if loops.column_count() <= WIDTH / 2 => packed / 2,
        false => packed,
    };
    let moved = sum(&[
        // What does not change is read as it lies.
        if constant { packed.saturating_mul(SIZE) / 4 * 3 } else { packed.saturating_mul(SIZE) },
        bytes(operands[loops.row_operand]),
        if arranged_columns > 0 { bytes(column) } else { 0 },
        bytes(node),
    ]);
    sum(&[
        START + START_PRODUCT,
        multiplied,
        lines.saturating_mul(LINE),
        batch.saturating_mul(STEP),
        arranged.saturating_mul(ARRANGE) / 4,
        strewn,
        panels_arranged.saturating_mul(PANEL),
        scattered.saturating_mul(SCATTERED),
        traffic(moved),
    ])
}

/// Whether whole panels of columns lie side by side and can be used where they are.
fn columns_in_place(loops: &Contraction) -> bool {
    loops.depth() > 1
        && loops.columns.last().is_some_and(|axis| {
            axis.column == 1 && axis.out == 1 && axis.dim.is_multiple_of(contraction::PANEL)
        })
}

/// The sizes of a convolution that its price is made of.
pub(super) struct Sizes {
    pub(super) images: u64,
    pub(super) groups: u64,
    /// Channels of a group, in and out.
    pub(super) inner: u64,
    pub(super) each: u64,
    /// Positions of a result.
    pub(super) rows: u64,
    pub(super) columns: u64,
    pub(super) taps: u64,
}

impl Sizes {
    pub(super) fn new(node: &Node, weights: &Node, groups: u32) -> Self {
        let [images, outputs, rows, columns] = std::array::from_fn(|axis| u64::from(node.dims[axis]));
        let groups = u64::from(groups);
        Self {
            images,
            groups,
            inner: u64::from(weights.dims[1]),
            each: outputs / groups,
            rows,
            columns,
            taps: count(&weights.dims[2..]) as u64,
        }
    }

    pub(super) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.inner == 1 && self.each == 1
    }

    fn positions(&self) -> u64 {
        product(&[self.images, self.rows, self.columns])
    }

    /// Multiply-adds and rows of 16 sums.
    fn multiplied(&self, rate: u64) -> u64 {
        let lines = product(&[self.positions(), self.groups, self.each.div_ceil(WIDTH)]);
        let multiplied = product(&[lines, WIDTH, self.inner, self.taps]) / rate;
        multiplied.saturating_add(lines.saturating_mul(LINE))
    }

    /// A filter for each channel: 16 channels at a time, row by row.
    pub(super) fn depthwise(&self, row: u64, tap: u64) -> u64 {
        let rows = product(&[self.images, self.groups.div_ceil(WIDTH), self.rows]);
        let taps = product(&[rows, self.columns, self.taps]);
        rows.saturating_mul(row).saturating_add(taps.saturating_mul(tap))
    }
}

pub(super) fn conv2d(node: &Node, operands: &[&Node], groups: u32) -> u64 {
    let (x, weights) = (operands[0], operands[1]);
    let sizes = Sizes::new(node, weights, groups);
    let moved = sum(&[bytes(x), bytes(node), bytes(weights)]);
    let work = if sizes.is_depthwise() {
        sizes.depthwise(DEPTH_ROW, DEPTH_TAP)
    } else if sizes.groups > 1 && !sizes.each.is_multiple_of(WIDTH) {
        // What does not fill 16 channels is gathered tap by tap.
        let positions = (sizes.rows.saturating_mul(sizes.columns)).next_multiple_of(WIDTH);
        let taps = product(&[sizes.images, sizes.groups, positions, sizes.inner, sizes.taps]);
        sizes.multiplied(FMAS).saturating_add(taps.saturating_mul(GATHER))
    } else {
        sizes.multiplied(if sizes.inner < WIDTH { FMAS_THIN } else { FMAS })
    };
    sum(&[STEP + NODE + START + START_PRODUCT, work, count(&x.dims) as u64 / BLOCKED, traffic(moved)])
}

/// A pool over f32: 16 neighbours at a time, which cost so much besides their taps. A tap of a window that steps is
/// gathered.
pub(super) fn pool(node: &Node, x: &Node, window: &Window, line: u64) -> u64 {
    let columns = u64::from(node.dims[node.dims.len() - 1]);
    let lines = product(&[count(&node.dims) as u64 / columns, columns.div_ceil(WIDTH)]);
    let taps = product(&[lines, u64::from(window.kernel[0]), u64::from(window.kernel[1])]);
    let tap = if window.stride[1] > 1 { TAP + TAP / 2 } else { TAP };
    sum(&[taps.saturating_mul(tap), lines.saturating_mul(line), traffic(bytes(x) + bytes(node))])
}
