//! Which vector instructions this machine has and which of them are used; knows nothing of models.

use crate::error::{Error, Result};

/// A set of vector instructions that kernels exist for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instructions {
    /// AVX-512 F, BW, CD, DQ and VL.
    Avx512,
    /// AVX2 with FMA.
    Avx2,
    /// What every processor has: registers of 128 bits, by the compiler's own choice of instructions.
    Portable,
}

impl Instructions {
    /// Every set, the fastest first.
    pub const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Portable];

    /// The name that `IBID_SIMD` knows it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
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
            Self::Avx512 => pulp::x86::V4::try_new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::Avx2 => false,
            Self::Portable => true,
        }
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
        let set = found.ok_or_else(|| wrong("it is avx512, avx2, portable or candle"))?;
        if set.is_here() { Ok(set) } else { Err(wrong("this machine does not have it")) }
    }

    fn fastest() -> Self {
        Self::ALL.into_iter().find(|set| set.is_here()).unwrap_or(Self::Portable)
    }
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
        }
    }
}
