//! Products of integers in plain loops, for whatever no packed product takes: made vectors by the compiler, once for
//! each instruction set. Sums wrap, so their order changes no bit.

use crate::isa::entry;
use crate::lanes::Lanes;

/// Rows of products with one row.
pub const MANY: usize = 4;

entry! {
    /// Adds to each of four sums the dot product of `x` with one of four rows of `w`, which start `stride` apart and
    /// are as long as `x`.
    pub fn dot_words(x: &[i16], w: &[i16], stride: usize, sums: &mut [i32; MANY]) => dot_words_body
}

entry! {
    /// Adds to each of `y` the sum of four products: of a number of `x` and the byte of its row of `w` there. Rows
    /// are as long as `y`, or longer; `signed` says what a byte stands for.
    pub fn add_scaled_bytes(x: &[i32; MANY], w: [&[u8]; MANY], signed: bool, y: &mut [i32])
        => add_scaled_bytes_body
}

entry! {
    /// Adds to `y` a tap's products: `factor` times each byte of `x`, less `zero`; the bytes are `step` apart.
    pub fn add_tap(factor: i32, zero: i32, x: &[u8], signed: bool, step: usize, y: &mut [i32]) => add_tap_body
}

#[inline(always)]
fn dot_words_body<V: Lanes>(x: &[i16], w: &[i16], stride: usize, sums: &mut [i32; MANY]) {
    let [a, b, c, d]: [&[i16]; MANY] = std::array::from_fn(|row| &w[row * stride..][..x.len()]);
    let mut own = [0i32; MANY];
    let product = |x: i16, w: i16| i32::from(x).wrapping_mul(i32::from(w));
    for ((((&x, &a), &b), &c), &d) in x.iter().zip(a).zip(b).zip(c).zip(d) {
        own[0] = own[0].wrapping_add(product(x, a));
        own[1] = own[1].wrapping_add(product(x, b));
        own[2] = own[2].wrapping_add(product(x, c));
        own[3] = own[3].wrapping_add(product(x, d));
    }
    sums.iter_mut().zip(own).for_each(|(sum, own)| *sum = sum.wrapping_add(own));
}

#[inline(always)]
fn add_scaled_bytes_body<V: Lanes>(x: &[i32; MANY], w: [&[u8]; MANY], signed: bool, y: &mut [i32]) {
    let [a, b, c, d]: [&[u8]; MANY] = w.map(|row| &row[..y.len()]);
    macro_rules! add {
        (|$byte:ident| $wide:expr) => {{
            let product = |x: i32, $byte: u8| x.wrapping_mul($wide);
            for ((((y, &a), &b), &c), &d) in y.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                let low = product(x[0], a).wrapping_add(product(x[1], b));
                let high = product(x[2], c).wrapping_add(product(x[3], d));
                *y = y.wrapping_add(low.wrapping_add(high));
            }
        }};
    }
    if signed {
        add!(|byte| i32::from(byte as i8));
    } else {
        add!(|byte| i32::from(byte));
    }
}

#[inline(always)]
fn add_tap_body<V: Lanes>(factor: i32, zero: i32, x: &[u8], signed: bool, step: usize, y: &mut [i32]) {
    // A byte and its zero point are at most 255 apart.
    let less = factor.wrapping_mul(zero);
    macro_rules! add {
        ($x:expr, |$byte:ident| $wide:expr) => {
            for (y, &$byte) in y.iter_mut().zip($x) {
                *y = y.wrapping_add(factor.wrapping_mul($wide).wrapping_sub(less));
            }
        };
    }
    match (signed, step) {
        (false, 1) => add!(x, |byte| i32::from(byte)),
        (true, 1) => add!(x, |byte| i32::from(byte as i8)),
        (false, _) => add!(x.iter().step_by(step.max(1)), |byte| i32::from(byte)),
        (true, _) => add!(x.iter().step_by(step.max(1)), |byte| i32::from(byte as i8)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn every_instruction_set_gives_the_plain_sums() {
        for isa in Isa::available() {
            for len in [0, 1, 7, 16, 33, 100] {
                let x: Vec<i16> = (0..len as i16).map(|i| i * 5 - 200).collect();
                let w: Vec<i16> = (0..4 * (len as i16 + 3)).map(|i| 255 - i).collect();
                let mut sums = [1, 2, 3, i32::MAX];
                dot_words(isa, &x, &w, len + 3, &mut sums);
                for (row, sum) in sums.iter().enumerate() {
                    let start = [1, 2, 3, i32::MAX][row];
                    let product = |(i, &x): (usize, &i16)| i32::from(x) * i32::from(w[row * (len + 3) + i]);
                    assert_eq!(*sum, x.iter().enumerate().map(product).fold(start, i32::wrapping_add));
                }
                let bytes: Vec<u8> = (0..4 * (len + 1)).map(|i| (i * 37) as u8).collect();
                for signed in [false, true] {
                    let wide = |byte: u8| if signed { i32::from(byte as i8) } else { i32::from(byte) };
                    let (factors, mut y) = ([3, -255, 255, 0], vec![9; len]);
                    let rows = std::array::from_fn(|row| &bytes[row * (len + 1)..]);
                    add_scaled_bytes(isa, &factors, rows, signed, &mut y);
                    for (i, y) in y.iter().enumerate() {
                        let sum: i32 =
                            (0..4).map(|row| factors[row] * wide(bytes[row * (len + 1) + i])).sum();
                        assert_eq!(*y, 9 + sum);
                    }
                }
                for (step, signed) in [(1, false), (1, true), (2, false), (3, true)] {
                    let wide = |byte: u8| if signed { i32::from(byte as i8) } else { i32::from(byte) };
                    let mut y = vec![7; len.div_ceil(step)];
                    add_tap(isa, -3, 5, &bytes[..len], signed, step, &mut y);
                    assert!(y.iter().enumerate().all(|(i, y)| *y == 7 - 3 * (wide(bytes[i * step]) - 5)));
                }
            }
        }
    }
}
