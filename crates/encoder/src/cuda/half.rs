//! Floats of 16 bits: which of the two kinds, and what a number becomes in each.

/// The kind of 16-bit float that weights and activations are kept in; sums are f32 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Half {
    /// 11 bits of significand, up to 65,504.
    F16,
    /// 8 bits of significand, the range of f32.
    Bf16,
}

impl Half {
    /// The name in reports and at the end of kernels' names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// The bits of the number nearest to `value`.
    #[must_use]
    pub fn bits(self, value: f32) -> u16 {
        match self {
            Self::F16 => half::f16::from_f32(value).to_bits(),
            Self::Bf16 => half::bf16::from_f32(value).to_bits(),
        }
    }

    /// The number that `bits` are.
    #[must_use]
    pub fn value(self, bits: u16) -> f32 {
        match self {
            Self::F16 => half::f16::from_bits(bits).to_f32(),
            Self::Bf16 => half::bf16::from_bits(bits).to_f32(),
        }
    }
}
