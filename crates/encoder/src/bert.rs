//! Token ids in, last hidden states out: a BERT encoder on Candle tensors that never pads; knows nothing of text or pooling.
//!
//! All texts of a batch lie one after the other in one `[tokens, hidden]` matrix, so every linear layer is one matrix
//! product without padding. Only attention looks at single texts, and texts of equal length share one product.

use std::path::Path;

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{D, DType, Device, Tensor};
use candle_nn::ops::softmax_last_dim;
use serde::Deserialize;

use crate::activation::Activation;
use crate::error::{Error, Result};

/// The shape of a BERT encoder, from its `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct BertConfig {
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Attention heads a layer.
    pub num_attention_heads: usize,
    /// Most positions, special tokens included.
    pub max_position_embeddings: usize,
    /// Added to the variance under the root of a layer norm.
    pub layer_norm_eps: f64,
    /// Activation of the feed-forward part; `gelu` is the exact one.
    pub hidden_act: String,
    /// `absolute` positions are the only ones known here.
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
    /// `bert`.
    pub model_type: String,
}

fn absolute() -> String {
    "absolute".into()
}

impl BertConfig {
    /// Reads a `config.json` and checks that this encoder can run it.
    ///
    /// # Errors
    /// [`Error::Config`] when the file is unreadable or describes another architecture.
    pub fn open(path: &Path) -> Result<Self> {
        let wrong = |reason: String| Error::Config { path: path.to_path_buf(), reason };
        let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let config: Self = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if config.model_type != "bert" || config.position_embedding_type != "absolute" || config.activation().is_none()
        {
            return Err(wrong(format!(
                "only BERT with absolute positions and gelu, relu or silu runs here, this is {} with {} positions and {}",
                config.model_type, config.position_embedding_type, config.hidden_act
            )));
        }
        if config.num_attention_heads == 0 || !config.hidden_size.is_multiple_of(config.num_attention_heads) {
            return Err(wrong("hidden_size is not a multiple of num_attention_heads".into()));
        }
        Ok(config)
    }

    /// The activation of the feed-forward part, where it is known.
    pub(crate) fn activation(&self) -> Option<Activation> {
        Activation::of(&self.hidden_act)
    }
}

struct Linear {
    /// `[inputs, outputs]`, a transposed view of the stored weight.
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.matmul(&self.weight)?.broadcast_add(&self.bias)
    }
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl Norm {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        candle_nn::ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

struct Layer {
    /// Query, key and value in one product: `[hidden, 3 · hidden]`.
    qkv: Linear,
    attention_out: Linear,
    attention_norm: Norm,
    up: Linear,
    down: Linear,
    out_norm: Norm,
}

/// A BERT encoder with its weights on one device.
pub struct Bert {
    config: BertConfig,
    device: Device,
    weights: MmapedSafetensors,
    word_name: String,
    /// `[positions, hidden]`: position plus token-type embedding, since only token type 0 occurs.
    positions: Tensor,
    norm: Norm,
    activation: Activation,
    layers: Vec<Layer>,
}

impl std::fmt::Debug for Bert {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bert").field("config", &self.config).field("device", &self.device).finish_non_exhaustive()
    }
}

impl Bert {
    /// Maps the weights file and puts the layers on `device`. The word table, half of a small model, stays mapped: only
    /// the rows of tokens that occur are ever read.
    ///
    /// # Errors
    /// [`Error::Tensor`] when a tensor is missing or has another shape than `config` says.
    pub fn open(config: BertConfig, weights: &Path, device: &Device) -> Result<Self> {
        Self::from_weights(config, map_weights(weights)?, device).map_err(Error::tensor("load the weights"))
    }

    fn from_weights(config: BertConfig, weights: MmapedSafetensors, device: &Device) -> candle_core::Result<Self> {
        let prefix = prefix_of(&weights);
        let load = |name: &str| weights.load(&format!("{prefix}{name}"), device)?.to_dtype(DType::F32);
        let linear = |name: &str| -> candle_core::Result<Linear> {
            Ok(Linear { weight: load(&format!("{name}.weight"))?.t()?, bias: load(&format!("{name}.bias"))? })
        };
        let norm = |name: &str| -> candle_core::Result<Norm> {
            Ok(Norm {
                weight: load(&format!("{name}.weight"))?,
                bias: load(&format!("{name}.bias"))?,
                eps: config.layer_norm_eps as f32,
            })
        };
        let layer = |index: usize| -> candle_core::Result<Layer> {
            let at = format!("encoder.layer.{index}");
            let parts = ["query", "key", "value"];
            let joined = |kind: &str| -> candle_core::Result<Tensor> {
                let parts = parts
                    .iter()
                    .map(|part| load(&format!("{at}.attention.self.{part}.{kind}")))
                    .collect::<candle_core::Result<Vec<_>>>()?;
                Tensor::cat(&parts, 0)
            };
            Ok(Layer {
                qkv: Linear { weight: joined("weight")?.t()?, bias: joined("bias")? },
                attention_out: linear(&format!("{at}.attention.output.dense"))?,
                attention_norm: norm(&format!("{at}.attention.output.LayerNorm"))?,
                up: linear(&format!("{at}.intermediate.dense"))?,
                down: linear(&format!("{at}.output.dense"))?,
                out_norm: norm(&format!("{at}.output.LayerNorm"))?,
            })
        };
        let token_type = load("embeddings.token_type_embeddings.weight")?.narrow(0, 0, 1)?;
        let positions = load("embeddings.position_embeddings.weight")?.broadcast_add(&token_type)?;
        let embeddings_norm = norm("embeddings.LayerNorm")?;
        let layers = (0..config.num_hidden_layers).map(layer).collect::<candle_core::Result<Vec<_>>>()?;
        let word_name = format!("{prefix}embeddings.word_embeddings.weight");
        let word_shape = weights.get(&word_name)?.shape().to_vec();
        if word_shape.len() != 2 || word_shape[1] != config.hidden_size {
            candle_core::bail!("the word table has shape {word_shape:?}, not [words, {}]", config.hidden_size);
        }
        let Some(activation) = config.activation() else {
            candle_core::bail!("the activation {} is not known", config.hidden_act);
        };
        let norm = embeddings_norm;
        Ok(Self { config, device: device.clone(), weights, word_name, positions, norm, activation, layers })
    }

    /// The encoder's shape.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// The last hidden states of a batch, `[tokens, hidden]` f32 on the device, the texts one after the other in the
    /// order given. `batch` holds each text's ids, special tokens included. Texts of equal length that are neighbours
    /// share their attention product, so sorting by length pays.
    ///
    /// # Errors
    /// [`Error::Tensor`] when an id or a length is outside the model's tables, or a product fails.
    pub fn forward(&self, batch: &[&[u32]]) -> Result<Tensor> {
        self.try_forward(batch).map_err(Error::tensor("run the encoder"))
    }

    fn try_forward(&self, batch: &[&[u32]]) -> candle_core::Result<Tensor> {
        let groups = equal_length_groups(batch);
        let mut x = self.norm.forward(&self.embed(batch)?)?;
        for layer in &self.layers {
            let qkv = layer.qkv.forward(&x)?;
            let attended = self.attend(&qkv, &groups)?;
            x = layer.attention_norm.forward(&(layer.attention_out.forward(&attended)? + x)?)?;
            let wide = self.activation.apply(&layer.up.forward(&x)?)?;
            x = layer.out_norm.forward(&(layer.down.forward(&wide)? + x)?)?;
        }
        Ok(x)
    }

    /// Word, position and token-type embeddings summed: `[tokens, hidden]`.
    fn embed(&self, batch: &[&[u32]]) -> candle_core::Result<Tensor> {
        let hidden = self.config.hidden_size;
        let tokens: usize = batch.iter().map(|ids| ids.len()).sum();
        let table = self.weights.get(&self.word_name)?;
        let (rows, bytes) = (table.shape()[0], table.data());
        if DType::try_from(table.dtype())? != DType::F32 {
            candle_core::bail!("the word table must be f32");
        }
        let mut words = Vec::with_capacity(tokens * hidden);
        let mut positions = Vec::with_capacity(tokens);
        for ids in batch {
            if ids.len() > self.config.max_position_embeddings {
                candle_core::bail!(
                    "{} tokens, the model has {} positions",
                    ids.len(),
                    self.config.max_position_embeddings
                );
            }
            for (position, &id) in ids.iter().enumerate() {
                let row = id as usize;
                if row >= rows {
                    candle_core::bail!("token id {id} is outside the vocabulary of {rows}");
                }
                let row = &bytes[row * hidden * 4..(row + 1) * hidden * 4];
                words.extend(row.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
                positions.push(position as u32);
            }
        }
        let words = Tensor::from_vec(words, (tokens, hidden), &self.device)?;
        let positions = Tensor::from_vec(positions, tokens, &self.device)?;
        words + self.positions.index_select(&positions, 0)?
    }

    /// Multi-head attention of each text over itself: `[tokens, 3 · hidden]` in, `[tokens, hidden]` out.
    fn attend(&self, qkv: &Tensor, groups: &[Group]) -> candle_core::Result<Tensor> {
        let heads = self.config.num_attention_heads;
        let head = self.config.hidden_size / heads;
        let scale = 1.0 / (head as f64).sqrt();
        let outputs = groups
            .iter()
            .map(|group| {
                // [texts, length, 3, heads, head] → three of [texts, heads, length, head]
                let part = qkv
                    .narrow(0, group.start, group.texts * group.length)?
                    .reshape((group.texts, group.length, 3, heads, head))?
                    .permute((2, 0, 3, 1, 4))?;
                let q = (part.get(0)?.contiguous()? * scale)?;
                let k = part.get(1)?.contiguous()?;
                let v = part.get(2)?.contiguous()?;
                let weights = softmax_last_dim(&q.matmul(&k.transpose(D::Minus1, D::Minus2)?)?)?;
                weights.matmul(&v)?.transpose(1, 2)?.reshape((group.texts * group.length, self.config.hidden_size))
            })
            .collect::<candle_core::Result<Vec<_>>>()?;
        if outputs.len() == 1 { Ok(outputs[0].clone()) } else { Tensor::cat(&outputs, 0) }
    }
}

/// Maps a weights file.
///
/// # Errors
/// [`Error::Tensor`] when it cannot be read or is no such file.
pub(crate) fn map_weights(path: &Path) -> Result<MmapedSafetensors> {
    #[expect(
        unsafe_code,
        reason = "mapping a file is unsafe because another process may change it under us; \
                  model files in the cache are written once and renamed into place"
    )]
    // SAFETY: the file is a verified, immutable cache entry.
    let file = unsafe { MmapedSafetensors::new(path) };
    file.map_err(Error::tensor("map the weights"))
}

/// What stands before every tensor's name: some exports write `bert.…`.
pub(crate) fn prefix_of(weights: &MmapedSafetensors) -> &'static str {
    if weights.get("embeddings.word_embeddings.weight").is_ok() { "" } else { "bert." }
}

/// Neighbouring texts of one length.
pub(crate) struct Group {
    /// First row in the token matrix.
    pub(crate) start: usize,
    pub(crate) texts: usize,
    pub(crate) length: usize,
}

pub(crate) fn equal_length_groups(batch: &[&[u32]]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut start = 0;
    for ids in batch {
        match groups.last_mut() {
            Some(group) if group.length == ids.len() => group.texts += 1,
            _ => groups.push(Group { start, texts: 1, length: ids.len() }),
        }
        start += ids.len();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_equal_length_share_a_group() {
        let texts: [&[u32]; 4] = [&[1, 2], &[3, 4], &[5, 6, 7], &[8, 9]];
        let groups = equal_length_groups(&texts);
        let shape: Vec<_> = groups.iter().map(|g| (g.start, g.texts, g.length)).collect();
        assert_eq!(shape, [(0, 2, 2), (4, 1, 3), (7, 1, 2)]);
    }
}
