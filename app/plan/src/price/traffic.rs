//! What moving elements costs: bytes by where they are, runs, elements by themselves, look-ups.

use super::table::*;
use crate::format::Node;
use crate::shape::{bytes, count, part};
use crate::walk::Walk;

/// So many bytes read and written.
pub(super) fn traffic(bytes: u64) -> u64 {
    let levels = [(NEAR, NEAR_BYTES), (LAST, LAST_BYTES), (FAR, FAR_BYTES), (u64::MAX, NEW_BYTES)];
    let mut below = 0;
    levels.iter().fold(0, |units, &(end, each)| {
        let reached = bytes.min(end);
        let level = reached - below;
        below = reached;
        units + level / each
    })
}

/// Bytes of all operands and the result.
pub(super) fn all_bytes(node: &Node, operands: &[&Node]) -> u64 {
    operands.iter().fold(bytes(node), |sum, operand| sum.saturating_add(bytes(operand)))
}

/// Elements of a value whose neighbours on the walk are so many elements apart.
fn hops(elements: u64, walk: &Walk<1>, value: &Node) -> u64 {
    let turns = walk.turns();
    let each = match (walk.steps[0].unsigned_abs() as u64).saturating_mul(value.dtype.size() as u64) {
        0..64 => HOP,
        _ if bytes(value) <= CLOSE || turns && walk.run as u64 <= TURN_RUN => HOP_NEAR,
        _ if turns => TURN_FAR,
        _ => HOP_FAR,
    };
    elements.saturating_mul(each)
}

/// A walk's copy of `x` to so many elements.
pub(super) fn walked(walk: &Walk<1>, x: &Node, elements: u64) -> u64 {
    let written = elements.saturating_mul(x.dtype.size() as u64);
    let moved = walk.runs().saturating_mul(COPY).saturating_add(traffic(written + written.min(bytes(x))));
    match walk.steps[0] {
        0 | 1 => moved,
        _ => moved.saturating_add(hops(elements, walk, x)),
    }
}

/// A Permute, Slice or Broadcast: nothing where the elements already lie as they should.
pub(super) fn copy(node: &Node, x: &Node) -> Option<u64> {
    part(node, x).is_none().then(|| walked(&Walk::of_copy(node, x), x, count(&node.dims) as u64))
}

/// An elementwise function of so many operands, each element costing so much more than its traffic.
pub(super) fn elementwise<const N: usize>(node: &Node, operands: [&Node; N], each: u64) -> u64 {
    let runs = Walk::elementwise(node, operands).runs().saturating_mul(RUN);
    let elements = (count(&node.dims) as u64).saturating_mul(each);
    runs.saturating_add(traffic(all_bytes(node, &operands))).saturating_add(elements)
}

/// So many look-ups in a value, one block of so many bytes after the other, of slices of so many bytes.
pub(super) fn lookups(times: u64, value: &Node, block: u64, slice: u64) -> u64 {
    let one = match bytes(value) {
        table if table <= CLOSE => LOOKUP_NEAR.saturating_add(slice / NEAR_BYTES),
        _ if block <= CLOSE => LOOKUP_BLOCK.saturating_add(slice / SLICE_BYTES),
        table if table.min(block) <= MIDDLE => LOOKUP_MIDDLE.saturating_add(slice / SLICE_BYTES),
        table if table.min(block) <= 2 * MIDDLE => LOOKUP_OUTER.saturating_add(slice / SLICE_BYTES),
        _ => LOOKUP_FAR.saturating_add(slice / SLICE_BYTES),
    };
    times.saturating_mul(one)
}
