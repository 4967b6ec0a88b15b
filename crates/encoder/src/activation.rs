//! The activations of feed-forward parts, by their names in configurations.

use candle_core::Tensor;

/// What the wide values of a feed-forward part pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// x · Φ(x), by the error function.
    Gelu,
    /// Its approximation by tanh (Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2).
    GeluTanh,
    Relu,
    /// x · σ(x).
    Silu,
}

impl Activation {
    /// The activation that Hugging Face calls `name`.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "gelu" => Some(Self::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Some(Self::GeluTanh),
            "relu" => Some(Self::Relu),
            "silu" | "swish" => Some(Self::Silu),
            _ => None,
        }
    }

    /// Candle's.
    pub(crate) fn forward(self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Gelu => x.gelu_erf(),
            Self::GeluTanh => x.gelu(),
            Self::Relu => x.relu(),
            Self::Silu => x.silu(),
        }
    }
}
