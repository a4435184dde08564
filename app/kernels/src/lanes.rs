//! The vector that every f32 body is written over: 16 lanes, whatever the machine's registers hold.
//!
//! Each operation is one IEEE-754 operation per lane (round to nearest even, subnormals kept), so every
//! implementation gives the same bits, but for the payload and sign of a NaN, which no body looks at. This
//! trait is the only place that knows an instruction set; [`Scalar`] is the reference.
#![allow(unsafe_code)]

/// Lanes of a vector.
pub(crate) const LANES: usize = 16;

/// Operations on lanes of f32: a vector of them, or a few vectors side by side. Implementations for an
/// instruction set may be used only in code that was entered through that instruction set's dispatch (see
/// [`crate::isa`]).
pub(crate) trait Arithmetic: Copy {
    fn splat(x: f32) -> Self;
    fn add(self, b: Self) -> Self;
    fn sub(self, b: Self) -> Self;
    fn mul(self, b: Self) -> Self;
    fn div(self, b: Self) -> Self;
    fn sqrt(self) -> Self;
    /// `self * b + c` with one rounding.
    fn fma(self, b: Self, c: Self) -> Self;
    /// `b > self ? b : self`.
    fn max(self, b: Self) -> Self;
    /// `b < self ? b : self`.
    fn min(self, b: Self) -> Self;
    /// `self < b ? x : y`.
    fn select_lt(self, b: Self, x: Self, y: Self) -> Self;
    /// To the nearest integer, ties to even.
    fn round_even(self) -> Self;
    fn floor(self) -> Self;
    fn ceil(self) -> Self;
    fn abs(self) -> Self;
    fn neg(self) -> Self;
    /// The magnitude of `self` with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;
    /// 2 to the power `self`, for integers from -126 to 127; any bits for everything else.
    fn exp2_int(self) -> Self;
    /// A function that has one body on every machine.
    fn each(self, function: fn(f32) -> f32) -> Self;
    /// The same for a function of two.
    fn each_pair(self, b: Self, function: fn(f32, f32) -> f32) -> Self;
    /// The remainder of the truncated quotient.
    fn rem(self, b: Self) -> Self;
}

/// 16 f32: the lanes as they lie in memory.
pub(crate) trait Lanes: Arithmetic {
    fn load(x: &[f32; LANES]) -> Self;
    fn store(self, y: &mut [f32; LANES]);

    /// The elements of a slice of up to 16, the other lanes holding `fill`.
    #[inline(always)]
    fn load_part(x: &[f32], fill: f32) -> Self {
        let mut lanes = [fill; LANES];
        lanes[..x.len()].copy_from_slice(x);
        Self::load(&lanes)
    }

    /// The first lanes, as many as the slice holds.
    #[inline(always)]
    fn store_part(self, y: &mut [f32]) {
        let count = y.len();
        y.copy_from_slice(&self.to_array()[..count]);
    }

    /// 16 elements from an address.
    ///
    /// # Safety
    /// 16 f32 may be read there.
    #[inline(always)]
    unsafe fn read(x: *const f32) -> Self {
        // SAFETY: the caller's; an array of f32 is aligned as its elements are.
        Self::load(unsafe { &*x.cast() })
    }

    /// Writes 16 elements to an address.
    ///
    /// # Safety
    /// 16 f32 may be written there.
    #[inline(always)]
    unsafe fn write(self, y: *mut f32) {
        // SAFETY: as for `read`.
        self.store(unsafe { &mut *y.cast() });
    }

    /// `count` elements from an address, at most 16, the other lanes holding `fill`.
    ///
    /// # Safety
    /// `count` f32 may be read there.
    #[inline(always)]
    unsafe fn read_part(x: *const f32, count: usize, fill: f32) -> Self {
        // SAFETY: the caller's.
        Self::load_part(unsafe { std::slice::from_raw_parts(x, count) }, fill)
    }

    /// Writes the first `count` lanes, at most 16, to an address.
    ///
    /// # Safety
    /// `count` f32 may be written there.
    #[inline(always)]
    unsafe fn write_part(self, y: *mut f32, count: usize) {
        // SAFETY: the caller's.
        self.store_part(unsafe { std::slice::from_raw_parts_mut(y, count) });
    }

    #[inline(always)]
    fn to_array(self) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        lanes
    }
}

/// The functions of [`Arithmetic`] that have one body on every machine, for a vector of registers: lane by lane, in
/// an array.
#[allow(unused_macros)] // by the reference alone
macro_rules! through_arrays {
    () => {
        #[inline(always)]
        fn each(self, function: fn(f32) -> f32) -> Self {
            Self::load(&self.to_array().map(function))
        }
        #[inline(always)]
        fn each_pair(self, b: Self, function: fn(f32, f32) -> f32) -> Self {
            let (a, b) = (self.to_array(), b.to_array());
            Self::load(&std::array::from_fn(|i| function(a[i], b[i])))
        }
        #[inline(always)]
        fn rem(self, b: Self) -> Self {
            Self::load(&crate::scalar::rems(self.to_array(), b.to_array()))
        }
    };
}
#[allow(unused_imports)]
pub(crate) use through_arrays;

/// A loop, not a closure: a closure that is not inlined is compiled without the instruction set.
macro_rules! each_vector {
    (|$i:ident| $body:expr) => {{
        let mut vectors = [V::splat(0.0); N];
        for $i in 0..N {
            vectors[$i] = $body;
        }
        vectors
    }};
}

/// Vectors side by side: each operation is done for all of them before the next, so that the processor has work
/// while it waits for a result.
impl<V: Arithmetic, const N: usize> Arithmetic for [V; N] {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        [V::splat(x); N]
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        each_vector!(|i| self[i].add(b[i]))
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        each_vector!(|i| self[i].sub(b[i]))
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        each_vector!(|i| self[i].mul(b[i]))
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        each_vector!(|i| self[i].div(b[i]))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        each_vector!(|i| self[i].sqrt())
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        each_vector!(|i| self[i].fma(b[i], c[i]))
    }
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        each_vector!(|i| self[i].max(b[i]))
    }
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        each_vector!(|i| self[i].min(b[i]))
    }
    #[inline(always)]
    fn select_lt(self, b: Self, x: Self, y: Self) -> Self {
        each_vector!(|i| self[i].select_lt(b[i], x[i], y[i]))
    }
    #[inline(always)]
    fn round_even(self) -> Self {
        each_vector!(|i| self[i].round_even())
    }
    #[inline(always)]
    fn floor(self) -> Self {
        each_vector!(|i| self[i].floor())
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        each_vector!(|i| self[i].ceil())
    }
    #[inline(always)]
    fn abs(self) -> Self {
        each_vector!(|i| self[i].abs())
    }
    #[inline(always)]
    fn neg(self) -> Self {
        each_vector!(|i| self[i].neg())
    }
    #[inline(always)]
    fn copysign(self, b: Self) -> Self {
        each_vector!(|i| self[i].copysign(b[i]))
    }
    #[inline(always)]
    fn exp2_int(self) -> Self {
        each_vector!(|i| self[i].exp2_int())
    }
    #[inline(always)]
    fn each(self, function: fn(f32) -> f32) -> Self {
        each_vector!(|i| self[i].each(function))
    }
    #[inline(always)]
    fn each_pair(self, b: Self, function: fn(f32, f32) -> f32) -> Self {
        each_vector!(|i| self[i].each_pair(b[i], function))
    }
    #[inline(always)]
    fn rem(self, b: Self) -> Self {
        each_vector!(|i| self[i].rem(b[i]))
    }
}

/// One element by itself, in plain Rust.
impl Arithmetic for f32 {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        x
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        self + b
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        self - b
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self * b
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        self / b
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        max(self, b)
    }
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        min(self, b)
    }
    #[inline(always)]
    fn select_lt(self, b: Self, x: Self, y: Self) -> Self {
        if self < b { x } else { y }
    }
    #[inline(always)]
    fn round_even(self) -> Self {
        self.round_ties_even()
    }
    #[inline(always)]
    fn floor(self) -> Self {
        f32::floor(self)
    }
    #[inline(always)]
    fn ceil(self) -> Self {
        f32::ceil(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f32::abs(self)
    }
    #[inline(always)]
    fn neg(self) -> Self {
        -self
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        f32::copysign(self, sign)
    }
    #[inline(always)]
    fn exp2_int(self) -> Self {
        f32::from_bits(((self as i32).wrapping_add(127) as u32) << 23)
    }
    #[inline(always)]
    fn each(self, function: fn(f32) -> f32) -> Self {
        function(self)
    }
    #[inline(always)]
    fn each_pair(self, b: Self, function: fn(f32, f32) -> f32) -> Self {
        function(self, b)
    }
    #[inline(always)]
    fn rem(self, b: Self) -> Self {
        crate::scalar::rem(self, b)
    }
}

/// The reference: 16 elements, one after the other.
pub(crate) type Scalar = [f32; LANES];

impl Lanes for Scalar {
    #[inline(always)]
    fn load(x: &[f32; LANES]) -> Self {
        *x
    }
    #[inline(always)]
    fn store(self, y: &mut [f32; LANES]) {
        *y = self;
    }
}

/// The same value, of which the compiler knows nothing.
///
/// A greatest or least element is sought from an infinity. If the compiler sees it, it may take the first
/// comparison for its own maximum, which on some machines makes a NaN of a signalling NaN that the law passes
/// over.
#[inline(always)]
pub(crate) fn opaque(x: f32) -> f32 {
    std::hint::black_box(x)
}

/// `b > a ? b : a`: the order of operands decides what a NaN does.
#[inline(always)]
pub(crate) fn max(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// `b < a ? b : a`.
#[inline(always)]
pub(crate) fn min(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}
