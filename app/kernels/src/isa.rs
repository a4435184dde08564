//! Which instruction sets there are, which of them this processor has, and how a body is entered for one.
//!
//! A native [`Isa`] can only be had from [`Isa::detect`] or [`Isa::available`], which ask the processor
//! first; that is what makes the safe entry points of this crate sound.

/// Proof that the processor has the instruction set it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected(());

/// The bodies to run. All of them give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust, on any machine: the law that the others are held to.
    Reference,
    /// x86-64-v3: AVX2 and FMA.
    Avx2(Detected),
}

impl Isa {
    /// The fastest bodies that this processor can run.
    pub fn detect() -> Isa {
        Self::available().pop().unwrap_or(Isa::Reference)
    }

    /// All bodies that this processor can run, the reference first, the fastest last.
    pub fn available() -> Vec<Isa> {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            return vec![Isa::Reference, Isa::Avx2(Detected(()))];
        }
        vec![Isa::Reference]
    }

    /// The name shown to operators.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Reference => "reference",
            Isa::Avx2(_) => "avx2",
        }
    }
}

/// Makes a public entry point of a body that is generic over [`Lanes`](crate::lanes::Lanes): it takes the
/// [`Isa`] first and runs the body compiled for it.
///
/// A body must be `#[inline(always)]` down to the last operation, for only what is inlined into the entry is
/// compiled with the entry's instruction set.
macro_rules! entry {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) => $body:path) => {
        $(#[$doc])*
        #[allow(unsafe_code)]
        $vis fn $name(isa: $crate::Isa, $($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $ty),*) {
                use $body as body;
                body::<$crate::avx2::Avx2>($($arg),*);
            }
            use $body as body;
            match isa {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the variant holds a `Detected`, which exists only where the processor has AVX2 and
                // FMA.
                $crate::Isa::Avx2(_) => unsafe { avx2($($arg),*) },
                _ => body::<$crate::lanes::Scalar>($($arg),*),
            }
        }
    };
}
pub(crate) use entry;
