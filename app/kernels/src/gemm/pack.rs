//! Columns arranged in panels of 16.

use crate::Isa;
use crate::layout::transpose;
use crate::tile::PANEL;

/// The elements that so many columns of so many terms take when packed.
pub fn packed_len(depth: usize, columns: usize) -> usize {
    columns.div_ceil(PANEL).saturating_mul(depth).saturating_mul(PANEL)
}

/// Packs columns: term k of column c is element `k * line + c * column` of x. The last panel is filled up with
/// zeros. Panics if x or the result is too short.
pub fn pack(
    isa: Isa,
    depth: usize,
    columns: usize,
    x: &[f32],
    line: usize,
    column: usize,
    packed: &mut [f32],
) {
    if depth == 0 || columns == 0 {
        return;
    }
    let packed = &mut packed[..packed_len(depth, columns)];
    for (number, panel) in packed.chunks_exact_mut(depth * PANEL).enumerate() {
        let first = number * PANEL;
        let width = PANEL.min(columns - first);
        if width < PANEL {
            panel.fill(0.0);
        }
        let x = &x[first * column..];
        if line == 1 {
            transpose(isa, width, depth, x, column, panel, PANEL);
            continue;
        }
        for (k, to) in panel.as_chunks_mut::<PANEL>().0.iter_mut().enumerate() {
            let x = &x[k * line..];
            if column == 1 {
                to[..width].copy_from_slice(&x[..width]);
            } else {
                for (c, slot) in to[..width].iter_mut().enumerate() {
                    *slot = x[c * column];
                }
            }
        }
    }
}
