//! What integer bodies need of an instruction set, beside [`Lanes`]: 16 sums of i32, and pairs of i16.

use crate::lanes::{LANES, Lanes, Scalar};

/// 16 columns by four terms: one step of a panel. Aligned, so that no load of one crosses a line of the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Quad(pub [[i8; 4]; LANES]);
/// 16 columns by two terms, widened ahead.
pub(crate) type WidePair = [[i16; 2]; LANES];

/// 16 wrapping i32 and their way in and out. An implementation may be used only in code that was entered
/// through [`entry_words`], which asks for its instruction set.
pub(crate) trait Words: Copy {
    /// 16 f32 of the same instruction set.
    type Floats: Lanes;
    type Sums: Copy;
    /// 16 pairs of i16.
    type Pairs: Copy;
    /// Four u8 for all columns.
    type Four: Copy;
    /// Whether [`Words::dot_quad`] needs weights that cannot saturate.
    const SPLITS: bool;

    fn sums(x: &[i32; LANES]) -> Self::Sums;
    fn store_sums(sums: Self::Sums, y: &mut [i32; LANES]);
    fn add_sums(a: Self::Sums, b: Self::Sums) -> Self::Sums;
    fn mul_sums(a: Self::Sums, b: i32) -> Self::Sums;
    /// Rounded to the nearest, ties to even.
    fn to_floats(sums: Self::Sums) -> Self::Floats;
    fn wide(pairs: &WidePair) -> Self::Pairs;
    /// One pair for all columns.
    fn both(pair: [i16; 2]) -> Self::Pairs;
    /// Two rows of 16 bytes, side by side in pairs; bytes are i8 when `SIGNED`.
    fn zip<const SIGNED: bool>(a: &[u8; LANES], b: &[u8; LANES]) -> Self::Pairs;
    fn four(x: [u8; 4]) -> Self::Four;
    /// The first two of `a`, the last two of `b`.
    fn halves_of(a: [u8; 4], b: [u8; 4]) -> Self::Four;
    /// Each sum takes the four products of `x` and its column's weights. Where two neighbouring products can
    /// leave the i16, [`Words::SPLITS`] must be false.
    fn dot_quad(sums: Self::Sums, x: Self::Four, w: &Quad) -> Self::Sums;
    /// Each sum takes both products of its pair.
    fn dot(sums: Self::Sums, x: Self::Pairs, w: Self::Pairs) -> Self::Sums;
    /// Whether a lane is greater than the limit.
    fn any_above(x: Self::Floats, limit: f32) -> bool;
    /// Bytes as f32.
    fn from_bytes<const SIGNED: bool>(x: &[u8; LANES]) -> Self::Floats;
    /// `clamp(round_even(x) + zero)` to the range, as bytes; NaN is the least. The range lies in the i8 if
    /// `SIGNED`, else in the u8, and so does `zero`.
    fn to_bytes<const SIGNED: bool>(x: Self::Floats, zero: i32, range: [i32; 2]) -> [u8; LANES];
    /// [`Words::to_bytes`] of four vectors.
    #[inline(always)]
    fn to_bytes_4<const SIGNED: bool>(x: [Self::Floats; 4], zero: i32, range: [i32; 2]) -> [[u8; LANES]; 4] {
        let mut bytes = [[0; LANES]; 4];
        for (bytes, x) in bytes.iter_mut().zip(x) {
            *bytes = Self::to_bytes::<SIGNED>(x, zero, range);
        }
        bytes
    }
}

/// Makes an entry point of a body that is generic over [`Words`], as [`crate::isa::entry`] does for lanes.
macro_rules! entry_words {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) => $body:path) => {
        $(#[$doc])*
        #[allow(unsafe_code)]
        $vis fn $name(isa: $crate::Isa, $($arg: $ty),*) {
            use $body as body;
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $ty),*) {
                body::<$crate::int8::avx2::Avx2Words>($($arg),*);
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512($($arg: $ty),*) {
                body::<$crate::int8::avx512::Avx512Words<false>>($($arg),*);
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
            fn vnni($($arg: $ty),*) {
                body::<$crate::int8::avx512::Avx512Words<true>>($($arg),*);
            }
            match isa {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the variant holds a `Detected`, which exists only where the processor has AVX2 and
                // FMA.
                $crate::Isa::Avx2(_) => unsafe { avx2($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above, for what `Isa::available` asks of AVX-512, and of VNNI.
                $crate::Isa::Avx512(_) if isa.has_vnni() => unsafe { vnni($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                $crate::Isa::Avx512(_) => unsafe { avx512($($arg),*) },
                _ => body::<$crate::lanes::Scalar>($($arg),*),
            }
        }
    };
}
pub(crate) use entry_words;

#[inline(always)]
fn from_byte<const SIGNED: bool>(x: u8) -> i16 {
    if SIGNED { i16::from(x as i8) } else { i16::from(x) }
}

impl Words for Scalar {
    type Floats = Scalar;
    type Sums = [i32; LANES];
    type Pairs = WidePair;
    type Four = [u8; 4];
    const SPLITS: bool = false;

    fn sums(x: &[i32; LANES]) -> Self::Sums {
        *x
    }
    fn store_sums(sums: Self::Sums, y: &mut [i32; LANES]) {
        *y = sums;
    }
    fn add_sums(a: Self::Sums, b: Self::Sums) -> Self::Sums {
        std::array::from_fn(|i| a[i].wrapping_add(b[i]))
    }
    fn mul_sums(a: Self::Sums, b: i32) -> Self::Sums {
        a.map(|x| x.wrapping_mul(b))
    }
    fn to_floats(sums: Self::Sums) -> Self {
        Self::load(&sums.map(|x| x as f32))
    }
    fn wide(pairs: &WidePair) -> Self::Pairs {
        *pairs
    }
    fn both(pair: [i16; 2]) -> Self::Pairs {
        [pair; LANES]
    }
    fn zip<const SIGNED: bool>(a: &[u8; LANES], b: &[u8; LANES]) -> Self::Pairs {
        std::array::from_fn(|i| [from_byte::<SIGNED>(a[i]), from_byte::<SIGNED>(b[i])])
    }
    fn four(x: [u8; 4]) -> [u8; 4] {
        x
    }
    fn halves_of(a: [u8; 4], b: [u8; 4]) -> [u8; 4] {
        [a[0], a[1], b[2], b[3]]
    }
    fn dot_quad(sums: Self::Sums, x: [u8; 4], w: &Quad) -> Self::Sums {
        std::array::from_fn(|i| {
            let products = x.iter().zip(w.0[i]).map(|(&x, w)| i32::from(x) * i32::from(w));
            sums[i].wrapping_add(products.sum())
        })
    }
    fn dot(sums: Self::Sums, x: Self::Pairs, w: Self::Pairs) -> Self::Sums {
        let product = |i: usize, j: usize| i32::from(x[i][j]) * i32::from(w[i][j]);
        std::array::from_fn(|i| sums[i].wrapping_add(product(i, 0)).wrapping_add(product(i, 1)))
    }
    fn any_above(x: Self, limit: f32) -> bool {
        x.to_array().iter().any(|&x| x > limit)
    }
    fn from_bytes<const SIGNED: bool>(x: &[u8; LANES]) -> Self {
        Self::load(&x.map(|x| f32::from(from_byte::<SIGNED>(x))))
    }
    fn to_bytes<const SIGNED: bool>(x: Self, zero: i32, range: [i32; 2]) -> [u8; LANES] {
        let (low, high) = ((range[0] - zero) as f32, (range[1] - zero) as f32);
        x.to_array().map(|x| {
            let x = if x > low { x } else { low };
            let x = if x < high { x } else { high };
            (x.round_ties_even() as i32).wrapping_add(zero) as u8
        })
    }
}
