//! The inner loop of the products of bytes: a tile of rows against panels, all sums in registers.
#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop)] // rows and panels number registers, not elements

use super::pack::QuadPanel;
use super::words::Words;
use crate::Isa;
use crate::lanes::LANES;

/// Panels of the widest tile of any instruction set.
pub(super) const MOST_PANELS: usize = 4;
/// Sums of the largest tile, in vectors.
pub(super) const MOST_SUMS: usize = 28;
/// Steps that weights are asked for ahead of their use.
const AHEAD: usize = 16;

/// One tile's work.
pub(super) struct Tile {
    /// The first term of the first row, and bytes from row to row.
    pub x: *const u8,
    pub stride: usize,
    /// The pieces that a row's terms lie in: how many, steps of each, bytes from one to the next.
    pub pieces: usize,
    pub steps: usize,
    pub jump: usize,
    /// The first step of the first panel; steps from panel to panel.
    pub w: *const QuadPanel,
    pub w_panel: usize,
    /// Extra steps of each panel, and how far from a row's start the bytes are that each takes.
    pub extras: [(*const QuadPanel, *const [u32; 2], usize); MOST_PANELS],
    /// What sums start from, a vector for each panel.
    pub start: *const [i32; LANES],
    /// Where the sums go: row by row, the panels of a row side by side.
    pub sums: *mut [i32; LANES],
}

/// A tile's body for one instruction set and shape.
///
/// Safe to call only if the processor has the instruction set and the tile's addresses hold what it says.
pub(super) type TileFn = unsafe fn(&Tile);

/// Asks for a line that will be needed; any address will do.
#[inline(always)]
fn prefetch(address: *const QuadPanel) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch does not fault, and SSE is part of the target.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Rows are addressed from every third one, so that their addresses take few registers.
const GROUP: usize = 3;
const GROUPS: usize = 5;

/// Does something for each row that a tile has. A loop so long is not unrolled, and then its sums are not in
/// registers.
macro_rules! each_row {
    ($count:ident, |$r:ident| $body:block) => {
        each_row!(@ $count, $r, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    (@ $count:ident, $r:ident, $body:block, $($n:literal)*) => {
        $(if $n < $count {
            const $r: usize = $n;
            $body
        })*
    };
}

/// # Safety
/// As for [`TileFn`].
#[inline(always)]
unsafe fn tile<V: Words, const ROWS: usize, const PANELS: usize>(t: &Tile) {
    // SAFETY: the caller's, for this and all below.
    unsafe {
        let mut sums = [[V::sums(&*t.start); PANELS]; ROWS];
        for p in 1..PANELS {
            let start = V::sums(&*t.start.add(p));
            for r in 0..ROWS {
                sums[r][p] = start;
            }
        }
        let mut w = t.w;
        let mut line = t.x;
        for _ in 0..t.pieces {
            let mut x = [line; GROUPS];
            for group in 1..GROUPS {
                x[group] = x[group - 1].wrapping_add(t.stride.wrapping_mul(GROUP));
            }
            for _ in 0..t.steps {
                for p in 0..PANELS {
                    if ROWS > 1 {
                        prefetch(w.wrapping_add(p.wrapping_mul(t.w_panel).wrapping_add(AHEAD)));
                    }
                }
                each_row!(ROWS, |R| {
                    let four = x[R / GROUP].wrapping_add(t.stride.wrapping_mul(R % GROUP));
                    let four = V::four(*four.cast::<[u8; 4]>());
                    for p in 0..PANELS {
                        let w = &*w.wrapping_add(p.wrapping_mul(t.w_panel));
                        sums[R][p] = V::dot_quad(sums[R][p], four, w);
                    }
                });
                for group in 0..GROUPS {
                    x[group] = x[group].wrapping_add(4);
                }
                w = w.wrapping_add(1);
            }
            line = line.wrapping_add(t.jump);
        }
        each_row!(ROWS, |R| {
            for p in 0..PANELS {
                V::store_sums(sums[R][p], &mut *t.sums.add(R.wrapping_mul(PANELS).wrapping_add(p)));
            }
        });
        if V::SPLITS {
            for p in 0..PANELS {
                extra_steps::<V, ROWS, PANELS>(t, p);
            }
        }
    }
}

/// Adds the extra steps of a panel.
///
/// # Safety
/// As for [`TileFn`].
#[inline(always)]
unsafe fn extra_steps<V: Words, const ROWS: usize, const PANELS: usize>(t: &Tile, p: usize) {
    let (extras, places, count) = t.extras[p];
    let at = |r: usize| r.wrapping_mul(PANELS).wrapping_add(p);
    // SAFETY: the caller's, for this and all below.
    unsafe {
        let mut sums = [V::sums(&*t.sums.add(p)); ROWS];
        for r in 1..ROWS {
            sums[r] = V::sums(&*t.sums.add(at(r)));
        }
        for extra in 0..count {
            let [low, high] = *places.add(extra);
            let (mut low, mut high) = (t.x.wrapping_add(low as usize), t.x.wrapping_add(high as usize));
            for r in 0..ROWS {
                let x = V::halves_of(*low.cast::<[u8; 4]>(), *high.cast::<[u8; 4]>());
                sums[r] = V::dot_quad(sums[r], x, &*extras.add(extra));
                (low, high) = (low.wrapping_add(t.stride), high.wrapping_add(t.stride));
            }
        }
        for r in 0..ROWS {
            V::store_sums(sums[r], &mut *t.sums.add(at(r)));
        }
    }
}

/// The bodies of one instruction set: a function that picks one by its shape.
macro_rules! bodies {
    ($module:ident, $words:ty, [$($attribute:meta)?], [$($panels:literal: $($rows:literal)*),*]) => {
        mod $module {
            use super::*;
            $(#[$attribute])?
            unsafe fn body<const ROWS: usize, const PANELS: usize>(t: &Tile) {
                // SAFETY: the caller's.
                unsafe { tile::<$words, ROWS, PANELS>(t) }
            }
            pub(super) fn pick(rows: usize, panels: usize) -> Option<TileFn> {
                Some(match (rows, panels) {
                    $($(($rows, $panels) => body::<$rows, $panels>,)*)*
                    _ => return None,
                })
            }
        }
    };
}

bodies!(reference, crate::lanes::Scalar, [], [1: 1 2 3 4]);
#[cfg(target_arch = "x86_64")]
bodies!(avx2, super::super::avx2::Avx2Words, [target_feature(enable = "avx2,fma")], [1: 1 2 3 4 5 6]);
#[cfg(target_arch = "x86_64")]
bodies!(
    avx512,
    super::super::avx512::Avx512Words<false>,
    [target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")],
    [1: 1 2 3 4 5 6 7 8 9 10 11 12, 2: 1 2 3 4 5 6 7 8 9 10 11 12, 4: 1 2 3 4 5 6]
);
#[cfg(target_arch = "x86_64")]
bodies!(
    vnni,
    super::super::avx512::Avx512Words<true>,
    [target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")],
    [1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14, 2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14, 4: 1 2 3 4 5 6]
);

/// The body for a shape, if this instruction set has it.
pub(super) fn pick(isa: Isa, rows: usize, panels: usize) -> Option<TileFn> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) => avx2::pick(rows, panels),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(_) if isa.has_vnni() => vnni::pick(rows, panels),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(_) => avx512::pick(rows, panels),
        _ => reference::pick(rows, panels),
    }
}

/// How many panels the next tiles take of those that are left, and the rows that such a tile may have at
/// most. A choice here changes speed only.
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))] // other bodies have one shape
pub(super) fn shape(isa: Isa, rows: usize, panels: usize) -> (usize, usize) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(_) => {
            let most = if isa.has_vnni() { 14 } else { 12 };
            match panels {
                4.. if rows <= 6 => (4, 6),
                2.. => (2, most),
                _ => (1, most),
            }
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) => (1, 6),
        _ => (1, 4),
    }
}
