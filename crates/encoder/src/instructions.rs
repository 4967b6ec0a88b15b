//! Which vector instructions this machine has and which of them are used; knows nothing of models.

use crate::error::{Error, Result};
#[cfg(target_arch = "x86_64")]
use crate::native::{amx::Amx, bf16::Bf16};

/// A set of vector instructions that kernels exist for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instructions {
    /// AVX-512 with AMX tiles for bf16.
    Amx,
    /// AVX-512 F, BW, CD, DQ and VL; BF16 where it is there.
    Avx512,
    /// AVX2 with FMA.
    Avx2,
    /// What every processor has: registers of 128 bits, by the compiler's own choice of instructions.
    Portable,
}

impl Instructions {
    /// Every set, the fastest first.
    pub const ALL: [Self; 4] = [Self::Amx, Self::Avx512, Self::Avx2, Self::Portable];

    /// The name that `IBID_SIMD` knows it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Amx => "amx",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// Whether this machine has it.
    #[must_use]
    pub fn is_here(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx => Amx::try_new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => pulp::x86::V4::try_new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Amx | Self::Avx512 | Self::Avx2 => false,
            Self::Portable => true,
        }
    }

    /// Whether products of bf16 can be computed with it.
    #[must_use]
    pub fn has_bf16(self) -> bool {
        match self {
            Self::Amx => self.is_here(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Bf16::try_new().is_some(),
            _ => false,
        }
    }

    /// Whether products of bf16 are faster with it than those of f32. Intel's processors run `vdpbf16ps` at half the rate of
    /// f32 products or less and have AMX instead; AMD's run it at twice the rate.
    #[must_use]
    pub fn is_bf16_faster(self) -> bool {
        self.has_bf16() && (self == Self::Amx || is_amd())
    }

    /// The set that `IBID_SIMD` names, else the fastest of this machine; `None` where it says `candle`, which is to compute
    /// with Candle instead.
    ///
    /// # Errors
    /// [`Error::Setting`] when the variable names none, or one that this machine lacks.
    pub fn of_environment() -> Result<Option<Self>> {
        match std::env::var("IBID_SIMD").as_deref() {
            Ok("candle") => Ok(None),
            Ok(name) if !name.is_empty() => Self::named(name).map(Some),
            _ => Ok(Some(Self::fastest())),
        }
    }

    fn named(name: &str) -> Result<Self> {
        let wrong =
            |reason: &str| Error::Setting { name: "IBID_SIMD".into(), value: name.into(), reason: reason.into() };
        let found = Self::ALL.into_iter().find(|set| set.name() == name);
        let set = found.ok_or_else(|| wrong("it is amx, avx512, avx2, portable or candle"))?;
        if set.is_here() { Ok(set) } else { Err(wrong("this machine does not have it")) }
    }

    fn fastest() -> Self {
        Self::ALL.into_iter().find(|set| set.is_here()).unwrap_or(Self::Portable)
    }
}

#[cfg(target_arch = "x86_64")]
fn is_amd() -> bool {
    // The maker's name, four bytes in each of three registers.
    let maker = std::arch::x86_64::__cpuid(0);
    [maker.ebx, maker.edx, maker.ecx].map(u32::to_le_bytes).concat() == b"AuthenticAMD"
}

#[cfg(not(target_arch = "x86_64"))]
fn is_amd() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_refused() {
        assert_eq!(Instructions::named("portable").unwrap(), Instructions::Portable);
        assert!(Instructions::named("mmx").unwrap_err().to_string().contains("IBID_SIMD"));
        assert!(Instructions::fastest().is_here());
        for set in Instructions::ALL {
            assert_eq!(Instructions::named(set.name()).is_ok(), set.is_here());
            assert!(set.is_here() || !set.has_bf16());
        }
    }
}
