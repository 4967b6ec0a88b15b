//! A weights file in, its tensors as checked rows of f32 out; knows nothing of packing.

use std::ops::Range;

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device};

use super::functions::Norm;
use crate::bert::{BertConfig, prefix_of};

/// The weights of one layer as they are stored: linear layers `[outputs, inputs]`.
pub(super) struct LayerWeights {
    /// Scaled by 1 / √head.
    pub(super) query: Linear,
    pub(super) key: Linear,
    pub(super) value: Linear,
    pub(super) attention_out: Linear,
    pub(super) attention_norm: Norm,
    pub(super) up: Linear,
    pub(super) down: Linear,
    pub(super) out_norm: Norm,
}

/// A linear layer's weight and bias.
pub(super) struct Linear {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Linear {
    /// Some outputs of the layer, and then ones that are always 0, `count` in all.
    pub(super) fn outputs(&self, range: Range<usize>, count: usize) -> Self {
        let inputs = self.weight.len() / self.bias.len();
        let mut weight = self.weight[range.start * inputs..range.end * inputs].to_vec();
        let mut bias = self.bias[range].to_vec();
        weight.resize(count * inputs, 0.0);
        bias.resize(count, 0.0);
        Self { weight, bias }
    }

    /// Layers of the same inputs as one.
    pub(super) fn beside(layers: impl Iterator<Item = Self>) -> Self {
        layers.fold(Self { weight: Vec::new(), bias: Vec::new() }, |mut all, layer| {
            all.weight.extend(layer.weight);
            all.bias.extend(layer.bias);
            all
        })
    }

    /// The layer with inputs that do not count, so that after each `width` of its own there are `padded`.
    pub(super) fn with_padded_inputs(&self, width: usize, padded: usize) -> Self {
        let mut weight = Vec::with_capacity(self.weight.len() / width * padded);
        for own in self.weight.chunks_exact(width) {
            weight.extend_from_slice(own);
            weight.resize(weight.len() + padded - width, 0.0);
        }
        Self { weight, bias: self.bias.clone() }
    }

    /// The layer cut into parts of `count` outputs each.
    pub(super) fn parts_of_outputs(&self, count: usize) -> impl Iterator<Item = Self> {
        let outputs = self.bias.len();
        (0..outputs).step_by(count).map(move |start| {
            let end = outputs.min(start + count);
            self.outputs(start..end, end - start)
        })
    }

    /// The layer cut into parts of `count` inputs each, whose outputs sum up to its own; the first has the bias.
    pub(super) fn parts_of_inputs(&self, count: usize) -> impl Iterator<Item = Self> {
        let (outputs, inputs) = (self.bias.len(), self.weight.len() / self.bias.len());
        (0..inputs).step_by(count).map(move |start| {
            let rows = self.weight.chunks_exact(inputs).map(|row| &row[start..inputs.min(start + count)]);
            let bias = if start == 0 { self.bias.clone() } else { vec![0.0; outputs] };
            Self { weight: rows.flatten().copied().collect(), bias }
        })
    }
}

/// The tensors of a mapped file, checked against a configuration.
pub(super) struct Weights<'a> {
    file: &'a MmapedSafetensors,
    prefix: &'static str,
    config: &'a BertConfig,
}

impl<'a> Weights<'a> {
    pub(super) fn new(file: &'a MmapedSafetensors, config: &'a BertConfig) -> Self {
        Self { file, prefix: prefix_of(file), config }
    }

    /// Width of the feed-forward part.
    pub(super) fn intermediate(&self) -> candle_core::Result<usize> {
        let name = format!("{}encoder.layer.0.intermediate.dense.bias", self.prefix);
        Ok(self.file.get(&name)?.shape().iter().product())
    }

    /// The tensor `name`, row-major.
    fn load(&self, name: &str, shape: &[usize]) -> candle_core::Result<Vec<f32>> {
        let tensor = self.file.load(&format!("{}{name}", self.prefix), &Device::Cpu)?;
        if tensor.dims() != shape {
            candle_core::bail!("the tensor {name} has shape {:?}, not {shape:?}", tensor.dims());
        }
        tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
    }

    fn linear(&self, name: &str, outputs: usize, inputs: usize) -> candle_core::Result<Linear> {
        Ok(Linear {
            weight: self.load(&format!("{name}.weight"), &[outputs, inputs])?,
            bias: self.load(&format!("{name}.bias"), &[outputs])?,
        })
    }

    fn norm(&self, name: &str) -> candle_core::Result<Norm> {
        let hidden = self.config.hidden_size;
        Ok(Norm {
            weight: self.load(&format!("{name}.weight"), &[hidden])?,
            bias: self.load(&format!("{name}.bias"), &[hidden])?,
            width: hidden,
            eps: self.config.layer_norm_eps as f32,
        })
    }

    /// `[positions, hidden]` from a text's first on, position plus token-type embedding, since only token type 0 occurs; and the norm
    /// after it.
    pub(super) fn positions(&self) -> candle_core::Result<(Vec<f32>, Norm)> {
        let hidden = self.config.hidden_size;
        let types = self.file.load(&format!("{}embeddings.token_type_embeddings.weight", self.prefix), &Device::Cpu)?;
        let type_0: Vec<f32> = types.to_dtype(DType::F32)?.get(0)?.to_vec1()?;
        let mut positions =
            self.load("embeddings.position_embeddings.weight", &[self.config.max_position_embeddings, hidden])?;
        positions.drain(..self.config.first_position() * hidden);
        for row in positions.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&type_0).for_each(|(value, add)| *value += add);
        }
        Ok((positions, self.norm("embeddings.LayerNorm")?))
    }

    /// Layer `index`.
    pub(super) fn layer(&self, index: usize) -> candle_core::Result<LayerWeights> {
        let hidden = self.config.hidden_size;
        let intermediate = self.intermediate()?;
        let at = format!("encoder.layer.{index}");
        let attention = |part: &str| self.linear(&format!("{at}.attention.self.{part}"), hidden, hidden);
        let mut query = attention("query")?;
        let scale = 1.0 / ((hidden / self.config.num_attention_heads) as f32).sqrt();
        query.weight.iter_mut().chain(&mut query.bias).for_each(|value| *value *= scale);
        Ok(LayerWeights {
            query,
            key: attention("key")?,
            value: attention("value")?,
            attention_out: self.linear(&format!("{at}.attention.output.dense"), hidden, hidden)?,
            attention_norm: self.norm(&format!("{at}.attention.output.LayerNorm"))?,
            up: self.linear(&format!("{at}.intermediate.dense"), intermediate, hidden)?,
            down: self.linear(&format!("{at}.output.dense"), hidden, intermediate)?,
            out_norm: self.norm(&format!("{at}.output.LayerNorm"))?,
        })
    }
}
