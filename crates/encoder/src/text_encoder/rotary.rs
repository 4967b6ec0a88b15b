//! Positions in, the cosines and sines of rotary embeddings out (Su et al. 2021, RoFormer, arXiv:2104.09864); knows
//! nothing of attention.

use candle_core::{DType, Device, Tensor};

/// The frequencies of rotary positions for heads of one width.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rotary {
    /// Radians a position, `[head / 2]`.
    frequencies: Vec<f32>,
}

impl Rotary {
    /// Frequency `i` is `base^(-2i / head)`.
    pub(super) fn new(base: f64, head: usize) -> Self {
        let frequency = |i: usize| (1.0 / base.powf((2 * i) as f64 / head as f64)) as f32;
        Self { frequencies: (0..head / 2).map(frequency).collect() }
    }

    /// The same for a context `factor` times as long, by the fixed NTK rule of the GTE models: the base grows by `factor`
    /// and every frequency shrinks by `factor^(2 / head)`.
    pub(super) fn with_ntk(base: f64, head: usize, factor: f64) -> Self {
        let Self { mut frequencies } = Self::new(base * factor, head);
        let shrink = factor.powf(2.0 / head as f64) as f32;
        frequencies.iter_mut().for_each(|frequency| *frequency /= shrink);
        Self { frequencies }
    }

    /// Cosines and sines of positions 0 up to but not `length`, each `[length, head / 2]`.
    pub(super) fn tables(&self, length: usize, device: &Device, dtype: DType) -> candle_core::Result<(Tensor, Tensor)> {
        let angles: Vec<f32> = (0..length)
            .flat_map(|position| self.frequencies.iter().map(move |frequency| position as f32 * frequency))
            .collect();
        let shape = (length, self.frequencies.len());
        let table = |value: fn(f32) -> f32| {
            let values: Vec<f32> = angles.iter().map(|&angle| value(angle)).collect();
            Tensor::from_vec(values, shape, device)?.to_dtype(dtype)
        };
        Ok((table(f32::cos)?, table(f32::sin)?))
    }
}
