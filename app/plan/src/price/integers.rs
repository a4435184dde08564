//! What products of bytes cost: einsums and convolutions of integers, pools over bytes.
//!
//! An einsum costs the least of what its ways cost, and goes that way: [`integer_product`] tells it. Columns are laid
//! side by side first, but for constant ones, which a program may keep so.

use super::products::{Sizes, WIDTH, product, sum};
use super::table::*;
use super::traffic::traffic;
use crate::format::Node;
use crate::integer::{IntegerAxis, IntegerLoops, IntegerWay};
use crate::opcode::{Opcode, Window};
use crate::shape::{bytes, count};

/// What the ways of a product cost.
struct Ways<'a> {
    loops: &'a IntegerLoops,
    /// Steps of the loops.
    batch: u64,
    rows: u64,
    columns: u64,
    depth: u64,
    /// Bytes of all operands and the result.
    whole: u64,
}

fn steps(axes: &[IntegerAxis]) -> u64 {
    axes.iter().fold(1, |steps, axis| steps.saturating_mul(axis.dim as u64))
}

impl<'a> Ways<'a> {
    fn new(loops: &'a IntegerLoops, whole: u64) -> Self {
        let [batch, rows, columns, depth] =
            [&loops.batch, &loops.rows, &loops.columns, &loops.terms].map(|axes| steps(axes));
        Self { loops, batch, rows, columns, depth, whole }
    }

    /// Quarters of a unit of an element of x (0) or w (1) that is brought to where its terms lie side by side, if
    /// they do where it comes from, or else by itself.
    fn moved(&self, tensor: usize, together: u64) -> u64 {
        let side = if tensor == 0 { &self.loops.rows } else { &self.loops.columns };
        let step = |axes: &[IntegerAxis]| axes.last().map_or(1, |axis| axis.strides[tensor]);
        match self.loops.terms.last() {
            Some(axis) if axis.strides[tensor] == 1 && axis.dim as u64 >= SHORTEST => together,
            _ if step(side).min(step(&self.loops.terms)) < APART_INT as usize => NEAR_INT,
            _ => FAR_INT,
        }
    }

    /// What a way costs for the whole batch, if it can be gone. `kept` says that columns are laid out already.
    fn cost(&self, way: IntegerWay, kept: bool) -> Option<u64> {
        let Self { loops, batch, rows, columns, depth, whole } = *self;
        let step = match way {
            IntegerWay::Singles => {
                product(&[rows, columns, depth.saturating_mul(FEW_MAC).saturating_add(FEW_RESULT)])
            }
            IntegerWay::Dots => {
                let blocks = columns.div_ceil(FEW_LANES);
                let lines = product(&[rows, columns.div_ceil(WIDTH / 4)]);
                let x = product(&[rows, blocks, depth, self.moved(0, LAY_INT)]);
                let w = product(&[columns, depth, self.moved(1, LAY_INT)]);
                let started = sum(&[lines, product(&[rows, blocks]), columns]);
                sum(&[
                    BLOCK_INT,
                    product(&[lines, WIDTH / 4, depth]) / MACS,
                    started.saturating_mul(DOT),
                    x.saturating_add(w) / 4,
                ])
            }
            IntegerWay::Passes => {
                // Whole passes of four terms over whole vectors.
                let terms = depth.next_multiple_of(WIDTH / 4);
                sum(&[
                    rows.saturating_mul(LINE_INT),
                    product(&[rows, terms, PASS]) / (WIDTH / 4),
                    product(&[rows, columns.next_multiple_of(WIDTH), terms]) / MACS,
                ])
            }
            IntegerWay::Lines => {
                let width = columns.next_multiple_of(WIDTH);
                let lines = product(&[rows, width / WIDTH]);
                let beside = |axis: &IntegerAxis| {
                    axis.strides[1] == 1 && (axis.dim as u64 >= SHORTEST || loops.columns.len() == 1)
                };
                let w = match loops.columns.last() {
                    _ if kept => 0,
                    Some(axis) if beside(axis) => product(&[width, depth, LAY_INT]),
                    _ => product(&[columns, depth, self.moved(1, TURN_INT)]),
                };
                let x = product(&[rows, depth, self.moved(0, LAY_INT) + PAIR_INT]);
                // Results of columns that are far from each other.
                let apart = loops.columns.last().is_some_and(|axis| axis.strides[4] > 1);
                let scattered = if apart { product(&[rows, columns, SCATTERED]) / 2 } else { 0 };
                sum(&[
                    BLOCK_INT,
                    product(&[lines, WIDTH, depth]) / MACS,
                    lines.saturating_mul(LINE_INT),
                    x.saturating_add(w) / 4,
                    scattered,
                ])
            }
        };
        let goes = match way {
            IntegerWay::Singles => step < FEW,
            IntegerWay::Passes => loops.passes(),
            IntegerWay::Dots | IntegerWay::Lines => true,
        };
        let laid = match way {
            IntegerWay::Lines => product(&[batch, columns.next_multiple_of(WIDTH), depth]),
            _ => 0,
        };
        let cost = product(&[batch, step]).saturating_add(traffic(whole.saturating_add(laid)));
        goes.then_some(cost)
    }
}

/// The loops of a product, its way, and what it costs: the cheapest of all ways, with either operand as the rows.
fn least(
    node: &Node,
    operands: &[&Node],
    labels: [&[u8]; 3],
    constant: bool,
) -> (IntegerLoops, IntegerWay, u64) {
    use IntegerWay::*;
    let whole = operands.iter().map(|operand| bytes(operand)).sum::<u64>().saturating_add(bytes(node));
    let mut loops = IntegerLoops::new(node, operands, labels);
    let swapped = loops.swapped();
    let (mut least, mut found) = (u64::MAX, Dots);
    let mut swap = false;
    for (turned, loops) in [(false, &loops), (true, &swapped)] {
        let ways = Ways::new(loops, whole);
        let shared = loops.batch.iter().all(|axis| axis.strides[1] == 0);
        let simple = loops.terms.len() <= 1 && loops.columns.len() <= 1 && shared;
        let kept = constant && simple && matches!(operands[1 - loops.x].op, Opcode::Const { .. });
        for way in [Lines, Passes, Dots, Singles] {
            let goes = !kept || way != Passes;
            if let Some(cost) = ways.cost(way, kept).filter(|&cost| goes && cost < least) {
                (least, found, swap) = (cost, way, turned);
            }
        }
    }
    if swap {
        loops = swapped;
    }
    (loops, found, least)
}

/// The loops of an integer einsum and the way through them, for whoever has laid out nothing beforehand. It is the way
/// that the price is of, unless constant columns that are kept as they are needed make another one cheaper.
pub fn integer_product(node: &Node, operands: &[&Node], labels: [&[u8]; 3]) -> (IntegerLoops, IntegerWay) {
    let (loops, way, _) = least(node, operands, labels, false);
    (loops, way)
}

pub(super) fn einsum(node: &Node, operands: &[&Node], labels: [&[u8]; 3]) -> u64 {
    let (loops, _, work) = least(node, operands, labels, true);
    sum(&[START_INT, steps(&loops.batch).saturating_mul(STEP_INT), work])
}

/// What the products of a convolution cost: group by group, and, of a filter for each channel, row by row.
fn convolved(node: &Node, [x, weights]: [&Node; 2], window: &Window, groups: u32) -> (u64, Option<u64>) {
    let sizes = Sizes::new(node, weights, groups);
    let positions = product(&[sizes.rows, sizes.columns]);
    let all_groups = product(&[sizes.images, sizes.groups]);
    let terms = product(&[sizes.inner, sizes.taps]);
    let are_few = sizes.each < FEW_LANES && positions < FEW_LANES;
    let by_group = if are_few && terms < FEW_TERMS {
        // Few results: one by one, or as dot products.
        let results = product(&[all_groups, positions, sizes.each]);
        results.saturating_mul(terms.saturating_mul(FEW_TAP).saturating_add(FEW_RESULT))
    } else if are_few {
        let gathered = product(&[positions, NEAR_INT / 3]).saturating_add(sizes.each.saturating_mul(LAY_INT));
        let lines = product(&[positions, sizes.each.div_ceil(WIDTH / 4)]);
        let multiplied = product(&[lines, WIDTH / 4, terms]) / MACS;
        let group = sum(&[lines.saturating_mul(DOT), multiplied, gathered.saturating_mul(terms) / 4]);
        product(&[all_groups, group])
    } else if sizes.each < FEW_LANES {
        // Few channels: positions are the lanes.
        let lines = product(&[all_groups, sizes.each, positions.div_ceil(WIDTH)]);
        let laid = product(&[all_groups, positions, terms]);
        // They lie side by side in rows, and a single channel's taps pass over long ones.
        let each = match window.stride {
            [_, 1] if sizes.each == 1 && sizes.columns >= LONG_ROW => LAY_INT,
            [1, 1] if sizes.columns >= SHORTEST => 2 * LAY_INT,
            _ => 4 * LAY_INT,
        };
        sum(&[
            product(&[lines, WIDTH, terms]) / MACS,
            lines.saturating_mul(LINE_INT),
            laid.saturating_mul(each) / 4,
        ])
    } else {
        // Whole pairs of terms of each line of a window.
        let line = u64::from(window.kernel[1]).saturating_mul(sizes.inner).next_multiple_of(2);
        let lines = product(&[all_groups, positions, sizes.each.div_ceil(WIDTH)]);
        let gathered = sizes.groups > 1 || window.dilation[1] > 1 && window.kernel[1] > 1;
        let patches = if gathered { product(&[all_groups, positions, sizes.taps]) } else { 0 };
        sum(&[
            product(&[lines, WIDTH, line, u64::from(window.kernel[0])]) / MACS,
            lines.saturating_mul(LINE_INT),
            patches.saturating_mul(PATCH),
        ])
    };
    // Channels are brought together and parted again, byte by byte, but where there are few.
    let turned = (count(&x.dims) as u64 + count(&node.dims) as u64) / TURNED;
    let by_group = if sizes.each < FEW_LANES { by_group } else { by_group.saturating_add(turned) };
    let by_rows = || sizes.depthwise(DEPTH_ROW_INT, DEPTH_TAP_INT).saturating_add(turned);
    (by_group, sizes.is_depthwise().then(by_rows))
}

/// Whether a convolution of integers is a filter for each channel that costs less row by row, 16 channels at a time,
/// than channel by channel.
pub fn depthwise_by_rows(node: &Node, operands: [&Node; 2], window: &Window, groups: u32) -> bool {
    let (by_group, by_rows) = convolved(node, operands, window, groups);
    by_rows.is_some_and(|by_rows| by_rows <= by_group)
}

pub(super) fn conv2d(node: &Node, operands: &[&Node], window: &Window, groups: u32) -> u64 {
    let (x, weights) = (operands[0], operands[1]);
    let (by_group, by_rows) = convolved(node, [x, weights], window, groups);
    let work = by_rows.map_or(by_group, |by_rows| by_rows.min(by_group));
    let sizes = Sizes::new(node, weights, groups);
    let few = sizes.each < FEW_LANES && product(&[sizes.rows, sizes.columns]) < FEW_LANES;
    let each = if few { GROUP_FEW } else { GROUP_INT };
    let grouped = product(&[sizes.images, sizes.groups, each]);
    let moved = sum(&[bytes(x), bytes(node), 2 * bytes(weights)]);
    sum(&[START_INT, grouped, work, traffic(moved)])
}

/// A pool over bytes: all channels of a position together.
pub(super) fn pool(node: &Node, x: &Node, window: &Window) -> u64 {
    let rank = node.dims.len();
    let channels = if rank < 3 { 1 } else { u64::from(node.dims[rank - 3]) };
    let positions = count(&node.dims) as u64 / channels;
    let taps = product(&[positions, u64::from(window.kernel[0]), u64::from(window.kernel[1])]);
    let turned = count(&x.dims) as u64 + count(&node.dims) as u64;
    sum(&[taps.saturating_mul(PATCH + channels / 3), turned / TURNED])
}
