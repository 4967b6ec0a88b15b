//! A weights file in, two blocks of memory out that a device takes in two copies: 16-bit floats for what products read, f32
//! for biases, norms and positions; knows no device.

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Result};

use super::half::Half;
use crate::activation::Activation;
use crate::bert::{BertConfig, prefix_of};

/// Heads that the attention kernel is made for.
const HEAD_WIDTHS: [usize; 4] = [32, 64, 96, 128];
/// Widest row that a warp holds in registers; `rows.cuh`.
const HIDDEN_MAX: usize = 1024;

/// The numbers that a pass is made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Width of the hidden states.
    pub hidden: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the feed-forward part.
    pub intermediate: usize,
    /// Layers.
    pub layers: usize,
    /// Rows of the word table.
    pub words: usize,
    /// Most tokens of a text.
    pub positions: usize,
    /// Under the root of a layer norm.
    pub eps: f32,
    /// What is kept in 16 bits.
    pub half: Half,
}

impl Shape {
    /// Width of a head.
    #[must_use]
    pub fn head(&self) -> usize {
        self.hidden / self.heads
    }

    /// Floating-point operations for a text of `length` tokens: products and attention, a multiplication and an addition each.
    #[must_use]
    pub fn operations(&self, length: usize) -> f64 {
        let (hidden, wide) = (self.hidden as f64, self.intermediate as f64);
        let linear = 2.0 * (4.0 * hidden * hidden + 2.0 * hidden * wide);
        let attention = 4.0 * length as f64 * hidden;
        length as f64 * self.layers as f64 * (linear + attention)
    }

    /// Whether there are kernels for a model of this configuration.
    #[must_use]
    pub fn has_kernels(config: &BertConfig) -> bool {
        let heads = config.num_attention_heads;
        heads > 0
            && HEAD_WIDTHS.contains(&(config.hidden_size / heads))
            && config.hidden_size <= HIDDEN_MAX
            && config.activation() == Some(Activation::Gelu)
    }

    fn check(self) -> Result<Self> {
        let head = self.head();
        if !HEAD_WIDTHS.contains(&head) {
            candle_core::bail!("heads of width {head} have no kernel, only {HEAD_WIDTHS:?}");
        }
        if self.hidden > HIDDEN_MAX || !self.hidden.is_multiple_of(8) || !self.intermediate.is_multiple_of(8) {
            candle_core::bail!("hidden states of width {} and {} have no kernel", self.hidden, self.intermediate);
        }
        Ok(self)
    }
}

/// Where a linear layer lies: its weight `[outputs, inputs]` among the halves, its bias among the floats.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear {
    pub(super) weight: usize,
    pub(super) bias: usize,
}

/// Where a norm lies among the floats.
#[derive(Debug, Clone, Copy)]
pub(super) struct Norm {
    pub(super) weight: usize,
    pub(super) bias: usize,
}

/// Where a layer lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer {
    pub(super) qkv: Linear,
    pub(super) attention_out: Linear,
    pub(super) attention_norm: Norm,
    pub(super) up: Linear,
    pub(super) down: Linear,
    pub(super) out_norm: Norm,
}

/// The weights in two blocks, and where everything is in them, in numbers from their start.
pub(super) struct Packed {
    pub(super) shape: Shape,
    pub(super) halves: Vec<u16>,
    pub(super) floats: Vec<f32>,
    pub(super) places: Places,
}

/// Where everything is.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// `[words, hidden]` halves.
    pub(super) words: usize,
    /// `[positions, hidden]` floats, from a text's first on: position plus token type 0, the only one that occurs.
    pub(super) positions: usize,
    pub(super) norm: Norm,
    pub(super) layers: Vec<Layer>,
}

/// Packs the weights in `file` for a device.
///
/// # Errors
/// When a tensor is missing, has another shape than `config` says, is not finite in 16 bits, or no kernel fits.
pub(super) fn pack(file: &MmapedSafetensors, config: &BertConfig, half: Half) -> Result<Packed> {
    let mut packer = Packer { file, prefix: prefix_of(file), half, halves: Vec::new(), floats: Vec::new() };
    let hidden = config.hidden_size;
    let words = packer.shape("embeddings.word_embeddings.weight")?;
    let intermediate = packer.shape("encoder.layer.0.intermediate.dense.bias")?.iter().product();
    let shape = Shape {
        hidden,
        heads: config.num_attention_heads,
        intermediate,
        layers: config.num_hidden_layers,
        words: words.first().copied().unwrap_or(0),
        positions: config.tokens_max(),
        eps: config.layer_norm_eps as f32,
        half,
    }
    .check()?;
    let places = packer.places(&shape, config.first_position())?;
    Ok(Packed { shape, halves: packer.halves, floats: packer.floats, places })
}

struct Packer<'a> {
    file: &'a MmapedSafetensors,
    prefix: &'static str,
    half: Half,
    halves: Vec<u16>,
    floats: Vec<f32>,
}

impl Packer<'_> {
    fn shape(&self, name: &str) -> Result<Vec<usize>> {
        Ok(self.file.get(&format!("{}{name}", self.prefix))?.shape().to_vec())
    }

    fn load(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensor = self.file.load(&format!("{}{name}", self.prefix), &Device::Cpu)?;
        if tensor.dims() != shape {
            candle_core::bail!("the tensor {name} has shape {:?}, not {shape:?}", tensor.dims());
        }
        tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
    }

    fn put_halves(&mut self, name: &str, values: &[f32]) -> Result<usize> {
        let start = self.halves.len();
        for &value in values {
            let bits = self.half.bits(value);
            if !self.half.value(bits).is_finite() {
                candle_core::bail!("the tensor {name} holds {value}, which {} cannot", self.half.name());
            }
            self.halves.push(bits);
        }
        Ok(start)
    }

    fn put_floats(&mut self, values: &[f32]) -> usize {
        let start = self.floats.len();
        self.floats.extend_from_slice(values);
        start
    }

    fn norm(&mut self, name: &str, hidden: usize) -> Result<Norm> {
        let weight = self.load(&format!("{name}.weight"), &[hidden])?;
        let bias = self.load(&format!("{name}.bias"), &[hidden])?;
        Ok(Norm { weight: self.put_floats(&weight), bias: self.put_floats(&bias) })
    }

    fn linear(&mut self, name: &str, outputs: usize, inputs: usize) -> Result<Linear> {
        let weight = self.load(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = self.load(&format!("{name}.bias"), &[outputs])?;
        Ok(Linear { weight: self.put_halves(name, &weight)?, bias: self.put_floats(&bias) })
    }

    /// Queries, keys and values as one layer. The queries carry 1 / √head, and log₂ e so that the kernel's exponentials are
    /// powers of two.
    fn qkv(&mut self, at: &str, shape: &Shape) -> Result<Linear> {
        let hidden = shape.hidden;
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for part in ["query", "key", "value"] {
            let scale = if part == "query" { std::f32::consts::LOG2_E / (shape.head() as f32).sqrt() } else { 1.0 };
            let name = format!("{at}.attention.self.{part}");
            weight.extend(self.load(&format!("{name}.weight"), &[hidden, hidden])?.iter().map(|value| value * scale));
            bias.extend(self.load(&format!("{name}.bias"), &[hidden])?.iter().map(|value| value * scale));
        }
        Ok(Linear { weight: self.put_halves(at, &weight)?, bias: self.put_floats(&bias) })
    }

    fn places(&mut self, shape: &Shape, first_position: usize) -> Result<Places> {
        let hidden = shape.hidden;
        let name = "embeddings.word_embeddings.weight";
        let words = self.load(name, &[shape.words, hidden])?;
        let words = self.put_halves(name, &words)?;
        let types = self.shape("embeddings.token_type_embeddings.weight")?;
        let types = self.load("embeddings.token_type_embeddings.weight", &types)?;
        let rows = first_position + shape.positions;
        let mut positions = self.load("embeddings.position_embeddings.weight", &[rows, hidden])?;
        positions.drain(..first_position * hidden);
        for row in positions.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&types).for_each(|(value, add)| *value += add);
        }
        let positions = self.put_floats(&positions);
        let norm = self.norm("embeddings.LayerNorm", hidden)?;
        let layers = (0..shape.layers).map(|index| {
            let at = format!("encoder.layer.{index}");
            Ok(Layer {
                qkv: self.qkv(&at, shape)?,
                attention_out: self.linear(&format!("{at}.attention.output.dense"), hidden, hidden)?,
                attention_norm: self.norm(&format!("{at}.attention.output.LayerNorm"), hidden)?,
                up: self.linear(&format!("{at}.intermediate.dense"), shape.intermediate, hidden)?,
                down: self.linear(&format!("{at}.output.dense"), hidden, shape.intermediate)?,
                out_norm: self.norm(&format!("{at}.output.LayerNorm"), hidden)?,
            })
        });
        let layers = layers.collect::<Result<_>>()?;
        Ok(Places { words, positions, norm, layers })
    }
}
