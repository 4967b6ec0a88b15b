//! What products are computed in.

use serde::{Deserialize, Serialize};

/// The precision really used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Computed {
    /// 32-bit floats. Also what an index was made with that does not say.
    #[default]
    F32,
    /// Operands of 16 bits, sums of 32.
    Bf16,
    /// Operands of linear layers of 8 bits, with a scale for each row and column; everything else as with the others.
    Int8,
}

impl Computed {
    /// The name in settings and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}
