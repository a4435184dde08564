//! The inner loop: a tile of rows against panels of columns, all sums in registers.
#![allow(clippy::needless_range_loop)] // rows and panels number registers, not elements

use crate::Isa;
use crate::lanes::{LANES, Lanes};

/// Rows of the largest tile of any instruction set.
pub(crate) const MOST_ROWS: usize = 14;
/// Half of them.
pub(crate) const HALF: usize = 7;
/// Panels of the widest.
pub(crate) const MOST_PANELS: usize = 4;

/// One tile's work: a block of terms of some rows and panels.
pub(crate) struct Tile {
    /// Terms in this block.
    pub(crate) depth: usize,
    /// Where each row starts.
    pub(crate) rows: [*const f32; MOST_ROWS],
    /// Elements from row to row, if it is the same from each to the next, but perhaps from row 6 to row 7.
    pub(crate) across: Option<usize>,
    /// Where a row's terms are, from its start; unused when they lie side by side.
    pub(crate) taps: *const u32,
    /// The first term's line of the first panel; elements from line to line, and from panel to panel.
    pub(crate) w: *const f32,
    pub(crate) w_line: usize,
    pub(crate) w_panel: usize,
    /// Columns to be fetched for later, and how many elements further with each term: 0 if there are none.
    pub(crate) ahead: *const f32,
    pub(crate) ahead_step: usize,
    /// Whether sums go on from the output instead of +0, and whether they are left there bare.
    pub(crate) resume: bool,
    pub(crate) park: bool,
    /// 16 elements for each panel; never -0.
    pub(crate) bias: *const f32,
    /// Added after the bias, laid out as the output is; null if there is none.
    pub(crate) residual: *const f32,
    /// Whether there are bounds: what is below `floor` becomes `low`, and what is above `high` becomes that.
    pub(crate) bounded: bool,
    pub(crate) floor: f32,
    pub(crate) low: f32,
    pub(crate) high: f32,
    /// The first result; elements from row to row, and from panel to panel.
    pub(crate) y: *mut f32,
    pub(crate) y_row: usize,
    pub(crate) y_panel: usize,
    /// Columns to write of the last panel.
    pub(crate) last: usize,
}

impl Tile {
    /// Where a row's result of a panel is, from the first result.
    #[inline(always)]
    fn at(&self, row: usize, panel: usize) -> usize {
        row.wrapping_mul(self.y_row).wrapping_add(panel.wrapping_mul(self.y_panel))
    }

    /// Whether only some columns of a panel, of so many, are results.
    #[inline(always)]
    fn is_cut(&self, panel: usize, panels: usize) -> bool {
        self.last < LANES && panel + 1 == panels
    }
}

/// A tile's body for one instruction set and shape.
///
/// Safe to call only if the processor has the instruction set and the tile's addresses hold what it says.
pub(crate) type TileFn = unsafe fn(&Tile);

/// Asks for a line that will be needed; any address will do.
#[inline(always)]
fn prefetch(address: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch does not fault, and SSE is part of the target.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// The loop over terms, of which most instruction sets need only one.
trait Terms: Lanes {
    /// Terms from which on it pays to take four in a round.
    const LONG: usize = usize::MAX;

    /// Adds a tile's terms to its sums, each in ascending order.
    ///
    /// # Safety
    /// As for [`TileFn`].
    #[inline(always)]
    unsafe fn terms<const ROWS: usize, const PANELS: usize, const TAPS: bool>(
        t: &Tile,
        sums: &mut [[Self; PANELS]; ROWS],
    ) {
        // SAFETY: the caller's.
        unsafe { terms::<Self, ROWS, PANELS, TAPS>(t, sums) }
    }
}

impl Terms for crate::lanes::Scalar {}
#[cfg(target_arch = "aarch64")]
impl Terms for crate::neon::Neon {}
#[cfg(target_arch = "x86_64")]
impl Terms for crate::avx2::Avx2 {
    const LONG: usize = 96;
}
#[cfg(target_arch = "x86_64")]
impl Terms for crate::avx512::Avx512 {
    #[inline(always)]
    unsafe fn terms<const ROWS: usize, const PANELS: usize, const TAPS: bool>(
        t: &Tile,
        sums: &mut [[Self; PANELS]; ROWS],
    ) {
        // SAFETY: the caller's.
        unsafe {
            if !super::avx512::terms::<ROWS, PANELS, TAPS>(t, sums) {
                terms::<Self, ROWS, PANELS, TAPS>(t, sums);
            }
        }
    }
}

/// # Safety
/// As for [`TileFn`].
#[inline(always)]
unsafe fn terms<V: Terms, const ROWS: usize, const PANELS: usize, const TAPS: bool>(
    t: &Tile,
    sums: &mut [[V; PANELS]; ROWS],
) {
    // SAFETY: the caller's.
    unsafe {
        let mut rows = [t.rows[0]; ROWS];
        rows.copy_from_slice(&t.rows[..ROWS]);
        let mut w = t.w;
        let mut ahead = t.ahead;
        let mut k: usize = 0;
        macro_rules! term {
            () => {
                let mut columns = [V::splat(0.0); PANELS];
                for p in 0..PANELS {
                    columns[p] = V::read(w.add(p.wrapping_mul(t.w_panel)));
                }
                w = w.wrapping_add(t.w_line);
                if ROWS > 1 {
                    prefetch(ahead);
                    ahead = ahead.wrapping_add(t.ahead_step);
                }
                let term = if TAPS { *t.taps.add(k) as usize } else { k };
                for r in 0..ROWS {
                    let x = V::splat(*rows[r].add(term));
                    for p in 0..PANELS {
                        sums[r][p] = x.fma(columns[p], sums[r][p]);
                    }
                }
                k = k.wrapping_add(1);
            };
        }
        let together = if t.depth >= V::LONG { t.depth & !3 } else { 0 };
        while k < together {
            term!();
            term!();
            term!();
            term!();
        }
        while k < t.depth {
            term!();
        }
    }
}

/// # Safety
/// As for [`TileFn`].
#[inline(always)]
unsafe fn tile<V: Terms, const ROWS: usize, const PANELS: usize, const TAPS: bool>(t: &Tile) {
    let mut sums = [[V::splat(0.0); PANELS]; ROWS];
    // SAFETY: the caller's.
    unsafe {
        if t.resume {
            for r in 0..ROWS {
                for p in 0..PANELS {
                    let y = t.y.add(t.at(r, p));
                    sums[r][p] = if t.is_cut(p, PANELS) { V::read_part(y, t.last, 0.0) } else { V::read(y) };
                }
            }
        }
        V::terms::<ROWS, PANELS, TAPS>(t, &mut sums);
        match (t.park, t.residual.is_null(), t.bounded) {
            (true, _, _) => put::<V, ROWS, PANELS, true, false, false>(t, &sums),
            (_, true, false) => put::<V, ROWS, PANELS, false, false, false>(t, &sums),
            (_, true, true) => put::<V, ROWS, PANELS, false, false, true>(t, &sums),
            (_, false, false) => put::<V, ROWS, PANELS, false, true, false>(t, &sums),
            (_, false, true) => put::<V, ROWS, PANELS, false, true, true>(t, &sums),
        }
    }
}

/// Writes the results, one after the other: bare sums, or what comes after a sum done to them in registers.
///
/// # Safety
/// As for [`TileFn`].
#[inline(always)]
unsafe fn put<
    V: Lanes,
    const ROWS: usize,
    const PANELS: usize,
    const BARE: bool,
    const RESIDUAL: bool,
    const BOUNDED: bool,
>(
    t: &Tile,
    sums: &[[V; PANELS]; ROWS],
) {
    let (floor, low, high) = (V::splat(t.floor), V::splat(t.low), V::splat(t.high));
    // SAFETY: the caller's.
    unsafe {
        for p in 0..PANELS {
            let part = t.is_cut(p, PANELS);
            let bias = V::read(t.bias.add(p * LANES));
            for r in 0..ROWS {
                let at = t.at(r, p);
                let mut sum = sums[r][p];
                if !BARE {
                    sum = sum.add(bias);
                }
                if RESIDUAL {
                    let from = t.residual.add(at);
                    sum = sum.add(if part { V::read_part(from, t.last, 0.0) } else { V::read(from) });
                }
                if BOUNDED {
                    sum = sum.select_lt(floor, low, sum).min(high);
                }
                let y = t.y.add(at);
                if part { sum.write_part(y, t.last) } else { sum.write(y) }
            }
        }
    }
}

/// The bodies of one instruction set: a function that picks one by its shape.
macro_rules! bodies {
    ($module:ident, $lanes:ty, [$($attribute:meta)?], [$(($rows:literal, $panels:literal))*]) => {
        mod $module {
            use super::*;
            $(#[$attribute])?
            unsafe fn body<const ROWS: usize, const PANELS: usize, const TAPS: bool>(t: &Tile) {
                // SAFETY: the caller's.
                unsafe { tile::<$lanes, ROWS, PANELS, TAPS>(t) }
            }
            pub(super) fn pick(rows: usize, panels: usize, taps: bool) -> Option<TileFn> {
                Some(match (rows, panels, taps) {
                    $(
                        ($rows, $panels, false) => body::<$rows, $panels, false>,
                        ($rows, $panels, true) => body::<$rows, $panels, true>,
                    )*
                    _ => return None,
                })
            }
        }
    };
}

bodies!(reference, crate::lanes::Scalar, [], [(1, 1)(2, 1)(3, 1)(4, 1)]);
#[cfg(target_arch = "x86_64")]
bodies!(
    avx2,
    crate::avx2::Avx2,
    [target_feature(enable = "avx2,fma")],
    [(1, 1)(2, 1)(3, 1)(4, 1)(5, 1)(6, 1)(1, 2)(2, 2)(1, 4)]
);
#[cfg(target_arch = "x86_64")]
bodies!(
    avx512,
    crate::avx512::Avx512,
    [target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")],
    [(1, 1)(2, 1)(3, 1)(4, 1)(5, 1)(6, 1)(7, 1)(8, 1)(9, 1)(10, 1)(11, 1)(12, 1)(13, 1)(14, 1)(1, 2)(2, 2)(
        3, 2
    )(4, 2)(5, 2)(6, 2)(7, 2)(8, 2)(9, 2)(10, 2)(11, 2)(12, 2)(13, 2)(14, 2)(1, 4)(2, 4)(3, 4)(4, 4)(
        5, 4
    )(6, 4)]
);
#[cfg(target_arch = "aarch64")]
bodies!(neon, crate::neon::Neon, [], [(1, 1)(2, 1)(3, 1)(4, 1)(5, 1)(6, 1)(1, 2)(2, 2)(3, 2)(1, 4)]);

/// The body for a shape, if this instruction set has it.
pub(crate) fn pick(isa: Isa, rows: usize, panels: usize, taps: bool) -> Option<TileFn> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) => avx2::pick(rows, panels, taps),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(_) => avx512::pick(rows, panels, taps),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(_) => neon::pick(rows, panels, taps),
        _ => reference::pick(rows, panels, taps),
    }
}
