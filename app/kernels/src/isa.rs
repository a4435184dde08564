//! Which instruction sets there are, which of them this processor has, and how a body is entered for one.
//!
//! A native [`Isa`] can only be had from [`Isa::detect`] or [`Isa::available`], which ask the processor
//! first; that is what makes the safe entry points of this crate sound.

/// Proof that the processor has the instruction set it stands for, and what it has beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detected {
    /// AVX-512's sums of four products of bytes. Only [`Isa::available`] sets it.
    vnni: bool,
}

/// The bodies to run. All of them give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust, on any machine: the law that the others are held to.
    Reference,
    /// Arm's 128-bit vectors, which every aarch64 processor has.
    Neon(Detected),
    /// x86-64-v3: AVX2 and FMA.
    Avx2(Detected),
    /// x86-64-v4: AVX-512 F, BW, DQ and VL, beside all of AVX2's. Products of bytes use VNNI where the
    /// processor has it.
    Avx512(Detected),
}

impl Isa {
    /// The fastest bodies that this processor can run.
    pub fn detect() -> Isa {
        Self::available().pop().unwrap_or(Isa::Reference)
    }

    /// All bodies that this processor can run, the reference first, the fastest last.
    pub fn available() -> Vec<Isa> {
        #[allow(unused_mut)] // elsewhere the reference is all there is
        let mut isas = vec![Isa::Reference];
        #[cfg(target_arch = "x86_64")]
        let with = |vnni| Detected { vnni };
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            isas.push(Isa::Avx2(with(false)));
            if std::is_x86_feature_detected!("avx512f")
                && std::is_x86_feature_detected!("avx512bw")
                && std::is_x86_feature_detected!("avx512dq")
                && std::is_x86_feature_detected!("avx512vl")
            {
                isas.push(Isa::Avx512(with(std::is_x86_feature_detected!("avx512vnni"))));
            }
        }
        #[cfg(target_arch = "aarch64")]
        isas.push(Isa::Neon(Detected { vnni: false }));
        isas
    }

    /// The bodies of a name, if there are any and this processor can run them: a way to ask for less than
    /// [`Isa::detect`] finds.
    pub fn by_name(name: &str) -> Option<Isa> {
        Self::available().into_iter().find(|isa| isa.name() == name)
    }

    /// Whether the processor sums four products of bytes at once.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn has_vnni(self) -> bool {
        matches!(self, Isa::Avx512(Detected { vnni: true }))
    }

    /// The same bodies as on a processor that has no VNNI: for tests and measurements.
    #[must_use]
    pub fn without_vnni(self) -> Isa {
        match self {
            Isa::Avx512(_) => Isa::Avx512(Detected { vnni: false }),
            other => other,
        }
    }

    /// The name shown to operators.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Reference => "reference",
            Isa::Neon(_) => "neon",
            Isa::Avx2(_) => "avx2",
            Isa::Avx512(_) => "avx512",
        }
    }
}

/// Every name that some processor's bodies have.
pub const ISA_NAMES: [&str; 4] = ["reference", "neon", "avx2", "avx512"];

/// Makes a public entry point of a body that is generic over [`Lanes`](crate::lanes::Lanes): it takes the
/// [`Isa`] first and runs the body compiled for it.
///
/// A body must be `#[inline(always)]` down to the last operation, for only what is inlined into the entry is
/// compiled with the entry's instruction set.
macro_rules! entry {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) => $body:path) => {
        $crate::isa::entry!(@ [$(#[$doc])*] [$vis] [] [] $name($($arg: $ty),*) => $body);
    };
    ($(#[$doc:meta])* $vis:vis unsafe fn $name:ident($($arg:ident: $ty:ty),* $(,)?) => $body:path) => {
        $crate::isa::entry!(@ [$(#[$doc])*] [$vis] [unsafe] [unsafe] $name($($arg: $ty),*) => $body);
    };
    (@ [$(#[$doc:meta])*] [$vis:vis] [$($safety:ident)?] [$($block:ident)?]
        $name:ident($($arg:ident: $ty:ty),*) => $body:path) => {
        $(#[$doc])*
        #[allow(unsafe_code, clippy::too_many_arguments)]
        $vis $($safety)? fn $name(isa: $crate::Isa, $($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            $($safety)? fn avx2($($arg: $ty),*) {
                use $body as body;
                // SAFETY: an unsafe body's needs are this function's.
                $($block)? { body::<$crate::avx2::Avx2>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
            $($safety)? fn avx512($($arg: $ty),*) {
                use $body as body;
                // SAFETY: as above.
                $($block)? { body::<$crate::avx512::Avx512>($($arg),*) }
            }
            use $body as body;
            match isa {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the variant holds a `Detected`, which exists only where the processor has AVX2 and
                // FMA.
                $crate::Isa::Avx2(_) => unsafe { avx2($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above, for what `Isa::available` asks of AVX-512.
                $crate::Isa::Avx512(_) => unsafe { avx512($($arg),*) },
                // NEON is part of the target, so its body needs no function of its own.
                #[cfg(target_arch = "aarch64")]
                // SAFETY: an unsafe body's needs are this function's.
                $crate::Isa::Neon(_) => $($block)? { body::<$crate::neon::Neon>($($arg),*) },
                // SAFETY: as above.
                _ => $($block)? { body::<$crate::lanes::Scalar>($($arg),*) },
            }
        }
    };
}
pub(crate) use entry;
