//! What products are computed in, as asked for and as this machine can; knows nothing of models.

use serde::{Deserialize, Serialize};

use ibid_encoder::instructions::Instructions;
pub use ibid_encoder::precision::Computed;

use crate::error::{Error, Result};

/// The precision asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// bf16 where this machine multiplies it faster than f32, else f32.
    #[default]
    Auto,
    /// 32-bit floats: the reference.
    F32,
    /// Operands of 16 bits, sums of 32; needs AMX or AVX-512 BF16.
    Bf16,
    /// Operands of linear layers of 8 bits: a quarter of the memory, and by far the fastest without AMX. Found texts change a little.
    Int8,
}

impl From<Computed> for Precision {
    fn from(computed: Computed) -> Self {
        match computed {
            Computed::F32 => Self::F32,
            Computed::Bf16 => Self::Bf16,
            Computed::Int8 => Self::Int8,
        }
    }
}

impl Precision {
    /// What is computed in with `instructions`; `None` is Candle.
    ///
    /// # Errors
    /// [`Error::Setting`] when bf16 or int8 was asked for and cannot be had.
    pub fn with(self, instructions: Option<Instructions>) -> Result<Computed> {
        match self {
            Self::F32 => Ok(Computed::F32),
            Self::Auto => Ok(match instructions.is_some_and(Instructions::is_bf16_faster) {
                true => Computed::Bf16,
                false => Computed::F32,
            }),
            Self::Bf16 if instructions.is_some_and(Instructions::has_bf16) => Ok(Computed::Bf16),
            Self::Bf16 => Err(refused("bf16", "it needs a processor with AMX or AVX-512 BF16; use f32 or auto")),
            Self::Int8 if instructions.is_some() => Ok(Computed::Int8),
            Self::Int8 => Err(refused("int8", "only the CPU's own encoder computes in it; use f32 or auto")),
        }
    }
}

fn refused(value: &str, reason: &str) -> Error {
    Error::Setting { name: "precision".into(), value: value.into(), reason: reason.into() }
}
