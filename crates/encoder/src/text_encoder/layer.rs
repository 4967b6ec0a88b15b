//! Hidden states in, hidden states out: the parts of one transformer layer; knows nothing of files, texts or attention.

use crate::activation::Activation;
use candle_core::{D, Tensor};

/// A linear layer.
#[derive(Debug)]
pub(super) struct Linear {
    /// `[inputs, outputs]`, a transposed view of the stored weight.
    pub(super) weight: Tensor,
    pub(super) bias: Option<Tensor>,
}

impl Linear {
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let product = x.matmul(&self.weight)?;
        match &self.bias {
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }
}

/// A norm over the last dimension.
#[derive(Debug)]
pub(super) enum Norm {
    Layer { weight: Tensor, bias: Tensor, eps: f32 },
    RootMeanSquare { weight: Tensor, eps: f32 },
}

impl Norm {
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Layer { weight, bias, eps } => candle_nn::ops::layer_norm(x, weight, bias, *eps),
            Self::RootMeanSquare { weight, eps } => candle_nn::ops::rms_norm(x, weight, *eps),
        }
    }
}

/// Which half of a joined product is activated; it then multiplies the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    First,
    Second,
}

/// The feed-forward part of a layer.
#[derive(Debug)]
pub(super) struct FeedForward {
    /// `[hidden, inner]`, or `[hidden, 2 · inner]` with a gate.
    pub(super) up: Linear,
    pub(super) gate: Option<Gate>,
    pub(super) activation: Activation,
    pub(super) down: Linear,
}

impl FeedForward {
    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let wide = self.up.forward(x)?;
        let Some(gate) = self.gate else {
            return self.down.forward(&self.activation.forward(&wide)?);
        };
        let inner = wide.dim(D::Minus1)? / 2;
        let half = |index: usize| wide.narrow(D::Minus1, index * inner, inner)?.contiguous();
        let (activated, other) = match gate {
            Gate::First => (half(0)?, half(1)?),
            Gate::Second => (half(1)?, half(0)?),
        };
        self.down.forward(&(self.activation.forward(&activated)? * other)?)
    }
}
