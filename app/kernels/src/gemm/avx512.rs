//! The terms of a tile in AVX-512, by hand: compilers ask for the elements of all rows before they multiply,
//! and then the sums, which fill the registers, go to memory and back with every term.
//!
//! Two panels wide, a tile of 14 rows has 28 sums; the columns take two registers and a row's element one.
//! Nothing is written, and what is read is what the tile says can be; prefetches do not fault.

use super::tile::Tile;
use crate::avx512::Avx512;
use std::arch::asm;

/// What begins a term: two vectors of columns, and two of those that come later if there are any.
macro_rules! columns {
    (later) => {
        "vmovups zmm28, [{w}]
        vmovups zmm29, [{w} + {panel}]
        prefetcht0 [{ahead}]
        prefetcht0 [{ahead} + {panel}]
        add {w}, {line}
        add {ahead}, {step}"
    };
    (last) => {
        "vmovups zmm28, [{w}]
        vmovups zmm29, [{w} + {panel}]
        add {w}, {line}
        /* {ahead} {step} */"
    };
}

/// What each row does with its element.
macro_rules! row {
    ($place:literal, $first:tt, $second:tt) => {
        concat!(
            "vbroadcastss zmm30, ",
            $place,
            "\n",
            "vfmadd231ps ",
            $first,
            ", zmm30, zmm28\n",
            "vfmadd231ps ",
            $second,
            ", zmm30, zmm29"
        )
    };
}

/// Bytes of so many elements.
fn bytes(elements: usize) -> usize {
    elements.wrapping_mul(size_of::<f32>())
}

/// The loops of one shape: for each row its number, the registers of its sums, and where its element is when
/// rows are evenly spaced: `a` is that of row 0, `b` of row 7, and `s`, `s3` and `s5` are once, three and five
/// times the space. From row 6 to row 7 it may be another: the lines of many images are multiples of 7 long.
macro_rules! shape {
    ($name:ident, $when:ident, $rows:literal: $($row:literal $first:tt $second:tt $even:literal),*) => {
        /// # Safety
        /// As for [`TileFn`](crate::gemm::tile::TileFn); there are terms.
        #[inline]
        #[allow(clippy::too_many_lines)] // one loop in three ways, each with its list of registers
        #[target_feature(enable = "avx512f")]
        unsafe fn $name<const TAPS: bool>(t: &Tile, sums: &mut [[Avx512; 2]; $rows]) {
            let (panel, line, step) = (bytes(t.w_panel), bytes(t.w_line), bytes(t.ahead_step));
            let first = t.rows[0];
            // SAFETY: see the module.
            unsafe {
                match t.across {
                    Some(across) if TAPS => asm!(
                        "2:",
                        "mov {a:e}, [{taps}]",
                        columns!($when),
                        "lea {b}, [{seventh} + 4*{a}]",
                        "lea {a}, [{first} + 4*{a}]",
                        "add {taps}, 4",
                        $(row!($even, $first, $second),)*
                        "dec {count}",
                        "jnz 2b",
                        "/* {s} {s3} {s5} */",
                        w = inout(reg) t.w => _,
                        panel = in(reg) panel,
                        line = in(reg) line,
                        ahead = inout(reg) t.ahead => _,
                        step = in(reg) step,
                        count = inout(reg) t.depth => _,
                        taps = inout(reg) t.taps => _,
                        first = in(reg) first,
                        seventh = in(reg) t.rows[7],
                        a = out(reg) _,
                        b = out(reg) _,
                        s = in(reg) bytes(across),
                        s3 = in(reg) bytes(across.wrapping_mul(3)),
                        s5 = in(reg) bytes(across.wrapping_mul(5)),
                        $(inout($first) sums[$row][0].0, inout($second) sums[$row][1].0,)*
                        out("zmm28") _, out("zmm29") _, out("zmm30") _,
                        options(nostack, readonly),
                    ),
                    Some(across) => asm!(
                        "2:",
                        columns!($when),
                        $(row!($even, $first, $second),)*
                        "add {a}, 4",
                        "add {b}, 4",
                        "dec {count}",
                        "jnz 2b",
                        "/* {s} {s3} {s5} */",
                        w = inout(reg) t.w => _,
                        panel = in(reg) panel,
                        line = in(reg) line,
                        ahead = inout(reg) t.ahead => _,
                        step = in(reg) step,
                        count = inout(reg) t.depth => _,
                        a = inout(reg) first => _,
                        b = inout(reg) t.rows[7] => _,
                        s = in(reg) bytes(across),
                        s3 = in(reg) bytes(across.wrapping_mul(3)),
                        s5 = in(reg) bytes(across.wrapping_mul(5)),
                        $(inout($first) sums[$row][0].0, inout($second) sums[$row][1].0,)*
                        out("zmm28") _, out("zmm29") _, out("zmm30") _,
                        options(nostack, readonly),
                    ),
                    None => asm!(
                        "2:",
                        "mov {term:e}, [{taps}]",
                        columns!($when),
                        "add {taps}, 4",
                        $(
                            concat!("mov {at}, [{rows} + 8*", $row, "]"),
                            row!("[{at} + 4*{term}]", $first, $second),
                        )*
                        "dec {count}",
                        "jnz 2b",
                        w = inout(reg) t.w => _,
                        panel = in(reg) panel,
                        line = in(reg) line,
                        ahead = inout(reg) t.ahead => _,
                        step = in(reg) step,
                        count = inout(reg) t.depth => _,
                        taps = inout(reg) t.taps => _,
                        term = out(reg) _,
                        rows = in(reg) t.rows.as_ptr(),
                        at = out(reg) _,
                        $(inout($first) sums[$row][0].0, inout($second) sums[$row][1].0,)*
                        out("zmm28") _, out("zmm29") _, out("zmm30") _,
                        options(nostack, readonly),
                    ),
                }
            }
        }
    };
}

/// A shape for each number of rows up to what there are registers for.
macro_rules! shapes {
    ($when:ident [$($done:tt)*]) => {};
    (
        $when:ident [$($done:tt)*]
        $name:ident $rows:literal: $row:literal $first:tt $second:tt $even:literal; $($rest:tt)*
    ) => {
        shape!($name, $when, $rows: $($done)* $row $first $second $even);
        shapes!($when [$($done)* $row $first $second $even,] $($rest)*);
    };
}

/// All shapes, and a function that adds a tile's terms to its sums by one of them.
macro_rules! loops {
    ($when:ident) => {
        pub(super) mod $when {
            use super::{Avx512, Tile, asm, bytes};

            shapes!($when []
                rows_1 1: 0 "zmm0" "zmm1" "[{a}]";
                rows_2 2: 1 "zmm2" "zmm3" "[{a} + {s}]";
                rows_3 3: 2 "zmm4" "zmm5" "[{a} + 2*{s}]";
                rows_4 4: 3 "zmm6" "zmm7" "[{a} + {s3}]";
                rows_5 5: 4 "zmm8" "zmm9" "[{a} + 4*{s}]";
                rows_6 6: 5 "zmm10" "zmm11" "[{a} + {s5}]";
                rows_7 7: 6 "zmm12" "zmm13" "[{a} + 2*{s3}]";
                rows_8 8: 7 "zmm14" "zmm15" "[{b}]";
                rows_9 9: 8 "zmm16" "zmm17" "[{b} + {s}]";
                rows_10 10: 9 "zmm18" "zmm19" "[{b} + 2*{s}]";
                rows_11 11: 10 "zmm20" "zmm21" "[{b} + {s3}]";
                rows_12 12: 11 "zmm22" "zmm23" "[{b} + 4*{s}]";
                rows_13 13: 12 "zmm24" "zmm25" "[{b} + {s5}]";
                rows_14 14: 13 "zmm26" "zmm27" "[{b} + 2*{s3}]";
            );

            /// False if there is no loop for the shape.
            ///
            /// # Safety
            /// As for [`TileFn`](crate::gemm::tile::TileFn); there are terms.
            #[inline(always)]
            pub(super) unsafe fn terms<const ROWS: usize, const PANELS: usize, const TAPS: bool>(
                t: &Tile,
                sums: *mut [[Avx512; PANELS]; ROWS],
            ) -> bool {
                // SAFETY: the caller's; each array is cast to its own type.
                unsafe {
                    match (ROWS, PANELS) {
                        (1, 2) => rows_1::<TAPS>(t, &mut *sums.cast()),
                        (2, 2) => rows_2::<TAPS>(t, &mut *sums.cast()),
                        (3, 2) => rows_3::<TAPS>(t, &mut *sums.cast()),
                        (4, 2) => rows_4::<TAPS>(t, &mut *sums.cast()),
                        (5, 2) => rows_5::<TAPS>(t, &mut *sums.cast()),
                        (6, 2) => rows_6::<TAPS>(t, &mut *sums.cast()),
                        (7, 2) => rows_7::<TAPS>(t, &mut *sums.cast()),
                        (8, 2) => rows_8::<TAPS>(t, &mut *sums.cast()),
                        (9, 2) => rows_9::<TAPS>(t, &mut *sums.cast()),
                        (10, 2) => rows_10::<TAPS>(t, &mut *sums.cast()),
                        (11, 2) => rows_11::<TAPS>(t, &mut *sums.cast()),
                        (12, 2) => rows_12::<TAPS>(t, &mut *sums.cast()),
                        (13, 2) => rows_13::<TAPS>(t, &mut *sums.cast()),
                        (14, 2) => rows_14::<TAPS>(t, &mut *sums.cast()),
                        _ => return false,
                    }
                }
                true
            }
        }
    };
}

loops!(later);
loops!(last);

/// Adds a tile's terms to its sums, if there is a loop for the shape.
///
/// # Safety
/// As for [`TileFn`](super::tile::TileFn).
#[inline(always)]
pub(super) unsafe fn terms<const ROWS: usize, const PANELS: usize, const TAPS: bool>(
    t: &Tile,
    sums: &mut [[Avx512; PANELS]; ROWS],
) -> bool {
    if t.depth == 0 || !(TAPS || t.across.is_some()) {
        return false;
    }
    // SAFETY: the caller's.
    unsafe {
        match t.ahead_step {
            0 => last::terms::<ROWS, PANELS, TAPS>(t, sums),
            _ => later::terms::<ROWS, PANELS, TAPS>(t, sums),
        }
    }
}
