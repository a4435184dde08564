//! Whether this machine's bodies give the bits that the law asks for.
//!
//! Each native body is held against the reference over random and special values (NaN, infinities,
//! subnormals, -0) at sizes around the vector's length. The reference itself is held against digests recorded
//! elsewhere, which catches a wrong compiler, a wrong `fma` of the C library, or a floating-point environment
//! that flushes subnormals.

mod bytes;
mod large;

use crate::elementwise::{Binary, Operand, Unary, binary, unary};
use crate::reduce::{Fold, fold_rows, log_softmax_rows, rms_norm_rows, softmax_rows};
use crate::tile::{MAX_ROWS, PANEL, Panel, dot_tile, panels_for};
use crate::{Isa, environment};
use bytes::BYTES;
use large::LARGE;

/// The verdict on one body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// The kernel.
    pub kernel: &'static str,
    /// The instruction set of the body.
    pub isa: &'static str,
    /// Whether every bit was right.
    pub ok: bool,
}

const SIZES: [usize; 10] = [1, 2, 7, 15, 16, 17, 31, 48, 100, 257];
const LARGEST: usize = 257;
const UNARY: [(&str, Unary, u64); 31] = [
    ("neg", Unary::Neg, 0x9560_2b9d_b47d_dbd5),
    ("abs", Unary::Abs, 0x6bc6_09d2_fbfb_1bd5),
    ("recip", Unary::Recip, 0x6f13_405f_63c6_3ac7),
    ("square", Unary::Square, 0xf8db_c61b_cdbb_5dd6),
    ("sqrt", Unary::Sqrt, 0x76ed_0220_9155_4d4c),
    ("rsqrt", Unary::Rsqrt, 0x6200_50e2_5cf5_b70d),
    ("exp", Unary::Exp, 0x418c_fb26_5dd0_51dc),
    ("ln", Unary::Ln, 0x572d_4e68_b6d2_c0b3),
    ("tanh", Unary::Tanh, 0x4f12_c9aa_b7e6_8b67),
    ("sigmoid", Unary::Sigmoid, 0x446c_06dc_6b68_8c85),
    ("erf", Unary::Erf, 0x5a5c_5941_8e89_fdde),
    ("gelu", Unary::Gelu, 0xd996_2652_0d21_e48a),
    ("gelu-tanh", Unary::GeluTanh, 0xc955_8056_eff6_3332),
    ("silu", Unary::Silu, 0x92ba_71e4_4870_1e29),
    ("hard-swish", Unary::HardSwish, 0x0859_472d_88e5_f8af),
    ("leaky-relu", Unary::LeakyRelu(0.01), 0x55de_8fa0_c9b8_608b),
    ("floor", Unary::Floor, 0xdd26_0e00_6bbc_cc3b),
    ("ceil", Unary::Ceil, 0x8199_c2b7_e1f1_231d),
    ("round", Unary::Round, 0x39d2_54e7_45f3_9a50),
    ("sign", Unary::Sign, 0xf5fe_c21d_dc7d_27a5),
    ("sin", Unary::Sin, 0x979c_d2f1_7b96_489d),
    ("cos", Unary::Cos, 0x22b2_2888_e8ff_89da),
    ("tan", Unary::Tan, 0x92f0_98db_c070_d151),
    ("asin", Unary::Asin, 0x7f8d_bd00_bd5a_24fb),
    ("acos", Unary::Acos, 0xde23_a41b_1a03_a98d),
    ("atan", Unary::Atan, 0x59c5_e632_b0d9_e30c),
    ("sinh", Unary::Sinh, 0x819e_202e_2279_cdb0),
    ("cosh", Unary::Cosh, 0xf60f_f55b_8b7a_3718),
    ("asinh", Unary::Asinh, 0xc79d_7152_96b1_fd02),
    ("acosh", Unary::Acosh, 0x3781_fafd_02e6_91d0),
    ("atanh", Unary::Atanh, 0x4401_2e11_deb6_32b5),
];
const BINARY: [(&str, Binary, u64); 8] = [
    ("add", Binary::Add, 0x7323_52fc_915a_4407),
    ("sub", Binary::Sub, 0x1ea2_0113_b518_dc5f),
    ("mul", Binary::Mul, 0x7bdb_78a5_2bc3_a594),
    ("div", Binary::Div, 0x9e61_df3b_d4e7_c6dc),
    ("max", Binary::Max, 0x664d_e690_2cb8_af9f),
    ("min", Binary::Min, 0xd4e4_8a6b_450c_9c70),
    ("pow", Binary::Pow, 0xe28f_d35b_b666_858d),
    ("rem", Binary::Rem, 0x2b9a_9219_3a6e_121a),
];
const ROWS: [(&str, RowKernel, u64); 7] = [
    ("sum", RowKernel::Fold(Fold::Sum), 0xd45a_6c24_5c41_68da),
    ("greatest", RowKernel::Fold(Fold::Max), 0xe091_b887_c15d_7b70),
    ("least", RowKernel::Fold(Fold::Min), 0x270d_d564_0b47_2f33),
    ("product", RowKernel::Fold(Fold::Prod), 0x3f74_5c9d_9e25_067c),
    ("softmax", RowKernel::Softmax, 0x2efb_8167_7a89_8cad),
    ("log-softmax", RowKernel::LogSoftmax, 0xa815_9632_98df_dd83),
    ("rms-norm", RowKernel::RmsNorm, 0xb702_569a_a3bb_5a15),
];
const DOT: u64 = 0x3698_6d93_24e1_2361;

#[derive(Clone, Copy)]
enum RowKernel {
    Fold(Fold),
    Softmax,
    LogSoftmax,
    RmsNorm,
}

/// Checks every body that this processor can run.
pub fn selftest() -> Vec<Check> {
    let mut checks = vec![Check { kernel: "environment", isa: "machine", ok: environment::is_default() }];
    let isas = Isa::available();
    let mut judge = |kernel: &'static str, recorded: u64, digest: &dyn Fn(Isa) -> u64| {
        for &isa in &isas {
            checks.push(Check { kernel, isa: isa.name(), ok: digest(isa) == recorded });
        }
    };
    for (kernel, op, recorded) in UNARY {
        judge(kernel, recorded, &|isa| unary_digest(isa, op));
    }
    for (kernel, op, recorded) in BINARY {
        judge(kernel, recorded, &|isa| binary_digest(isa, op));
    }
    for (kernel, op, recorded) in ROWS {
        judge(kernel, recorded, &|isa| rows_digest(isa, op));
    }
    judge("dot-tile", DOT, &dot_digest);
    for (kernel, digest, recorded) in LARGE.into_iter().chain(BYTES) {
        judge(kernel, recorded, &digest);
    }
    checks
}

/// FNV-1a over the bits of f32, every NaN counted as one value.
struct Digest(u64);

impl Digest {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, values: &[f32]) {
        for value in values {
            let bits = if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() };
            for byte in bits.to_le_bytes() {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
}

/// Values that cover the line of f32: special ones, any bits, and ordinary ones.
struct Values(u64);

impl Values {
    fn next(&mut self) -> f32 {
        const SPECIAL: [f32; 12] = [
            0.0,
            -0.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            f32::MIN_POSITIVE,
            1e-45,
            -1e-40,
            f32::MAX,
            -86.9,
            88.73,
            0.921_875,
        ];
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let word = (self.0 >> 16) as u32;
        match self.0 % 8 {
            0 => SPECIAL[word as usize % SPECIAL.len()],
            1 => f32::from_bits(word),
            _ => word as i32 as f32 * 3e-9,
        }
    }

    fn fill(seed: u64, list: &mut [f32]) {
        let mut values = Self(seed);
        list.iter_mut().for_each(|slot| *slot = values.next());
    }

    /// Values without special ones, whose sums and products stay informative.
    fn fill_tame(seed: u64, list: &mut [f32]) {
        Self::fill(seed, list);
        let tame = |x: f32| if x.abs() < 8.0 { x } else { 0.375 };
        list.iter_mut().for_each(|slot| *slot = tame(*slot));
    }
}

fn fill(round: u64, seed: u64, list: &mut [f32]) {
    if round.is_multiple_of(2) { Values::fill(seed, list) } else { Values::fill_tame(seed, list) }
}

fn unary_digest(isa: Isa, op: Unary) -> u64 {
    let mut digest = Digest::new();
    let (mut x, mut y) = ([0.0; LARGEST], [0.0; LARGEST]);
    for (round, size) in (1..).zip(SIZES) {
        fill(round, round + 100, &mut x[..size]);
        unary(isa, op, &x[..size], &mut y[..size]);
        digest.add(&y[..size]);
    }
    digest.0
}

fn binary_digest(isa: Isa, op: Binary) -> u64 {
    let mut digest = Digest::new();
    let (mut a, mut b, mut y) = ([0.0; LARGEST], [0.0; LARGEST], [0.0; LARGEST]);
    for (round, size) in (1..).zip(SIZES) {
        fill(round, round + 200, &mut a[..size]);
        fill(round, round + 300, &mut b[..size]);
        let (each_a, each_b) = (Operand::Each(&a[..size]), Operand::Each(&b[..size]));
        for (left, right) in [(each_a, each_b), (Operand::All(a[0]), each_b), (each_a, Operand::All(b[0]))] {
            binary(isa, op, left, right, &mut y[..size]);
            digest.add(&y[..size]);
        }
    }
    digest.0
}

fn rows_digest(isa: Isa, kernel: RowKernel) -> u64 {
    let mut digest = Digest::new();
    let mut x = [0.0; 3 * LARGEST];
    for (round, size) in (1..).zip(SIZES) {
        let x = &mut x[..3 * size];
        fill(round, round + 400, x);
        match kernel {
            RowKernel::Fold(fold) => {
                let mut y = [0.0; 3];
                fold_rows(isa, fold, size, x, &mut y);
                digest.add(&y);
                continue;
            }
            RowKernel::Softmax => softmax_rows(isa, size, x),
            RowKernel::LogSoftmax => log_softmax_rows(isa, size, x),
            RowKernel::RmsNorm => rms_norm_rows(isa, size, 1e-5, x),
        }
        digest.add(x);
    }
    digest.0
}

fn dot_digest(isa: Isa) -> u64 {
    const DEPTH: usize = 40;
    let mut digest = Digest::new();
    let mut x = [[0.0; DEPTH]; MAX_ROWS];
    let mut w = [[[0.0; PANEL]; DEPTH]; 4];
    for (round, depth) in (1..).zip([1, 2, 17, DEPTH]) {
        fill(round, round + 500, x.as_flattened_mut());
        fill(round, round + 600, w.as_flattened_mut().as_flattened_mut());
        for height in 1..=MAX_ROWS {
            let mut rows: [&[f32]; MAX_ROWS] = [&[]; MAX_ROWS];
            rows.iter_mut().zip(&x).for_each(|(slot, row)| *slot = &row[..depth]);
            for count in 1..=panels_for(height) {
                let mut panels: [Panel<'_>; 4] = [&[]; 4];
                panels.iter_mut().zip(&w).for_each(|(slot, panel)| *slot = &panel[..depth]);
                let mut sums = [[0.0; PANEL]; MAX_ROWS];
                dot_tile(isa, depth, &rows[..height], &panels[..count], &mut sums);
                digest.add(sums[..height * count].as_flattened());
            }
        }
    }
    digest.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_gives_the_recorded_bits() {
        let wrong: Vec<Check> = selftest().into_iter().filter(|check| !check.ok).collect();
        assert_eq!(wrong, []);
    }

    /// A mismatch shows the digest that a changed reference gives, to be recorded on purpose.
    #[test]
    fn the_reference_gives_the_recorded_digests() {
        let mut wrong = vec![];
        let mut check = |kernel: &str, digest: u64, recorded: u64| {
            if digest != recorded {
                wrong.push(format!("{kernel} {digest:#018x}, recorded {recorded:#018x}"));
            }
        };
        for (kernel, op, recorded) in UNARY {
            check(kernel, unary_digest(Isa::Reference, op), recorded);
        }
        for (kernel, op, recorded) in BINARY {
            check(kernel, binary_digest(Isa::Reference, op), recorded);
        }
        for (kernel, op, recorded) in ROWS {
            check(kernel, rows_digest(Isa::Reference, op), recorded);
        }
        check("dot-tile", dot_digest(Isa::Reference), DOT);
        for (kernel, digest, recorded) in LARGE.into_iter().chain(BYTES) {
            check(kernel, digest(Isa::Reference), recorded);
        }
        assert_eq!(wrong, Vec::<String>::new());
    }
}
