//! What products of bytes cost: einsums and convolutions of integers, pools over bytes.
//!
//! Sums of integers may be formed in any order, so each product goes the way that its shape makes short. Many results
//! are computed in lines of 16 lanes: columns, or rows where there are few columns; few results of many terms as dot
//! products, four at a time; and few of few one by one. Lanes are laid side by side first, but for constant columns,
//! which a program may keep so.

use super::products::{Sizes, WIDTH, product, sum};
use super::table::*;
use super::traffic::traffic;
use crate::contraction::{Axis, Contraction};
use crate::format::Node;
use crate::memory::einsum_loops;
use crate::opcode::{Opcode, Window};
use crate::shape::{bytes, count};

/// One side of a product: its steps, elements between neighbours and between neighbouring terms.
struct Side {
    count: u64,
    neighbour: usize,
    term: usize,
}

impl Side {
    /// Rows and columns of a step of the batch.
    fn both(loops: &Contraction) -> [Self; 2] {
        let side = |axes: &[Axis], count: u64, stride: fn(&Axis) -> usize| {
            let last = |axes: &[Axis], least: usize| {
                axes.last().filter(|axis| axis.dim >= least).map_or(usize::MAX, stride)
            };
            // A single term, or one that repeats, is where it is.
            let term = if loops.sum.is_empty() { 0 } else { last(&loops.sum, SHORTEST as usize) };
            Side { count, neighbour: last(axes, SHORTEST as usize), term }
        };
        [
            side(&loops.rows, loops.row_count(), |axis| axis.row),
            side(&loops.columns, loops.column_count(), |axis| axis.column),
        ]
    }
}

pub(super) fn einsum(node: &Node, operands: &[&Node], labels: [&[u8]; 3]) -> u64 {
    let loops = einsum_loops(node, operands, labels);
    let (batch, depth) = (loops.batch_count(), loops.depth());
    let [mut rows, mut lanes] = Side::both(&loops);
    let results = product(&[rows.count, lanes.count]);
    let whole = operands.iter().map(|operand| bytes(operand)).sum::<u64>().saturating_add(bytes(node));
    // One by one: so much for each step.
    let few = product(&[results, depth.saturating_mul(FEW_MAC).saturating_add(FEW_RESULT)]);
    let column = operands[loops.column_operand()];
    let simple = loops.sum.len() <= 1 && loops.columns.len() <= 1 && loops.columns_are_shared();
    let kept = matches!(column.op, Opcode::Const { .. }) && simple && lanes.count >= FEW_LANES;
    if lanes.count < FEW_LANES && rows.count >= FEW_LANES {
        std::mem::swap(&mut rows, &mut lanes);
    }
    // Dot products are taken four together.
    let (width, line) = if lanes.count < FEW_LANES { (WIDTH / 4, LINE / 2) } else { (WIDTH, LINE) };
    let lines = product(&[batch, rows.count, lanes.count.div_ceil(width)]);
    let laid = product(&[batch, lanes.count, depth]);
    let lifted = product(&[batch, rows.count, depth]);
    // Elements that lie side by side are moved together.
    let moved = |near: bool, elements: u64| elements.saturating_mul(if near { LAY_INT } else { ARRANGE_INT });
    let laid = if kept { 0 } else { moved(lanes.neighbour == 1 || lanes.term <= 1, laid) };
    let arranged = laid.saturating_add(moved(rows.term <= 1, lifted)) / 4;
    // Results of lanes that are far from each other.
    let scattered = match loops.columns.last() {
        Some(axis) if axis.out > 1 => product(&[batch, results, SCATTERED]) / 2,
        _ => 0,
    };
    let lined = sum(&[
        batch.saturating_mul(BLOCK_INT),
        product(&[lines, width, depth]) / MACS,
        lines.saturating_mul(line),
        arranged,
        scattered,
        traffic(whole.saturating_add(product(&[batch, lanes.count.next_multiple_of(width), depth]))),
    ]);
    let all_few = product(&[batch, few]).saturating_add(traffic(whole));
    let work = if few < FEW { lined.min(all_few) } else { lined };
    sum(&[START_INT, batch.saturating_mul(STEP_INT), work])
}

pub(super) fn conv2d(node: &Node, operands: &[&Node], window: &Window, groups: u32) -> u64 {
    let (x, weights) = (operands[0], operands[1]);
    let sizes = Sizes::new(node, weights, groups);
    let positions = product(&[sizes.rows, sizes.columns]);
    let all_groups = product(&[sizes.images, sizes.groups]);
    let terms = product(&[sizes.inner, sizes.taps]);
    let work = if sizes.is_depthwise() {
        sizes.depthwise(DEPTH_ROW_INT, DEPTH_TAP_INT)
    } else if sizes.each < FEW_LANES && positions < FEW_LANES {
        // Few results: one by one, or as dot products.
        let results = product(&[all_groups, positions, sizes.each]);
        let each = if terms < FEW_TERMS { terms.saturating_mul(FEW_TAP) } else { terms };
        results.saturating_mul(each.saturating_add(FEW_RESULT))
    } else if sizes.each < FEW_LANES {
        // Few channels: positions are the lanes.
        let lines = product(&[all_groups, sizes.each, positions.div_ceil(WIDTH)]);
        let laid = product(&[all_groups, positions, terms]);
        let each = if window.stride == [1; 2] { LAY_INT } else { ARRANGE_INT / 3 };
        sum(&[
            product(&[lines, WIDTH, terms]) / MACS,
            lines.saturating_mul(LINE),
            laid.saturating_mul(each) / 4,
        ])
    } else {
        // Whole steps of four terms of each line of a window.
        let line = u64::from(window.kernel[1]).saturating_mul(sizes.inner).next_multiple_of(4);
        let lines = product(&[all_groups, positions, sizes.each.div_ceil(WIDTH)]);
        let gathered = sizes.groups > 1 || window.dilation[1] > 1 && window.kernel[1] > 1;
        let patches = if gathered { product(&[all_groups, positions, sizes.taps]) } else { 0 };
        sum(&[
            product(&[lines, WIDTH, line, u64::from(window.kernel[0])]) / MACS,
            lines.saturating_mul(LINE),
            patches.saturating_mul(PATCH),
        ])
    };
    // Channels are brought together and parted again, byte by byte.
    let turned = count(&x.dims) as u64 + count(&node.dims) as u64;
    let moved = sum(&[bytes(x), bytes(node), 2 * bytes(weights)]);
    let grouped = all_groups.saturating_mul(GROUP_INT);
    sum(&[START_INT, grouped, work, turned / TURNED, traffic(moved)])
}

/// A pool over bytes: all channels of a position together.
pub(super) fn pool(node: &Node, x: &Node, window: &Window) -> u64 {
    let rank = node.dims.len();
    let channels = if rank < 3 { 1 } else { u64::from(node.dims[rank - 3]) };
    let positions = count(&node.dims) as u64 / channels;
    let taps = product(&[positions, u64::from(window.kernel[0]), u64::from(window.kernel[1])]);
    let turned = count(&x.dims) as u64 + count(&node.dims) as u64;
    sum(&[taps.saturating_mul(PATCH + channels / 3), turned.saturating_mul(TURN)])
}
