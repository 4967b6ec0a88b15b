//! Token ids in, scores of the next token out: the Llama network over quantised weights; knows nothing of text.
//!
//! Own rather than candle's: that one stops at 4,096 positions, is not shareable between threads because it keeps its cache
//! inside, copies the whole cache for every token, and multiplies a long prompt row by row.

use std::borrow::Cow;
use std::io::{Read, Seek};
use std::sync::Arc;

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{DType, Device, Module, Result, Tensor, bail};
use candle_nn::kv_cache::KvCache;
use candle_nn::ops::{rms_norm, silu, softmax_last_dim};

/// Tokens of a prompt run at once: bounds the attention scores, `[heads, tokens, context]`.
const PROMPT_TOKENS: usize = 256;

/// A matrix in blocks of 8-bit weights, `[out, in]`.
struct Matrix {
    packed: Arc<QTensor>,
    product: QMatMul,
}

impl Matrix {
    fn new(weights: QTensor) -> Result<Self> {
        let packed = Arc::new(weights);
        Ok(Self { product: QMatMul::from_arc(packed.clone())?, packed })
    }

    /// `[rows, in]` to `[rows, out]`.
    ///
    /// A single token goes through the packed rows, which also rounds its input to 8 bits. A prompt is multiplied densely,
    /// with the weights unpacked for the moment: faster from some 40 tokens on, and its input is not rounded. The first token
    /// of a prompt has values thousands of times larger than the rest, whose rounding made the shipped model answer
    /// differently (mean cosine of the scores 0.9987 instead of 0.9993 when only single tokens are rounded).
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if x.dim(0)? == 1 {
            return self.product.forward(x);
        }
        x.matmul(&self.packed.dequantize(x.device())?.t()?)
    }
}

struct Layer {
    attention_norm: Tensor,
    /// Query, key and value under one another.
    queries_keys_values: Matrix,
    attention_out: Matrix,
    feed_norm: Tensor,
    /// Gate and up under one another.
    gate_up: Matrix,
    down: Matrix,
}

/// The shape of the network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    heads: usize,
    key_heads: usize,
    head_width: usize,
    norm_epsilon: f32,
    /// Positions it was trained for.
    pub(super) context: usize,
}

/// The network's weights; shared freely, since what changes lives in [`Memory`].
pub(super) struct Llama {
    embedding: QTensor,
    layers: Vec<Layer>,
    norm: Tensor,
    output: Matrix,
    cos: Tensor,
    sin: Tensor,
    shape: Shape,
    device: Device,
}

/// What the network remembers of one conversation: keys and values of every layer, `[key heads, tokens, head width]`.
pub(super) struct Memory {
    layers: Vec<KvCache>,
    tokens: usize,
}

impl Llama {
    /// Reads a GGUF file's weights; `positions` is the longest conversation that will be asked for.
    ///
    /// `pack` is the type that matrices are repacked to. Candle multiplies `Q4_1` and a few others without vector
    /// instructions; `Q8_0` has a fast kernel on every processor and holds their values to 0.4 % of each block's largest.
    pub(super) fn read<R: Read + Seek>(
        content: &Content,
        reader: &mut R,
        device: &Device,
        positions: usize,
        pack: GgmlDType,
    ) -> Result<Self> {
        let (shape, layer_count, rope_base) = shape(content)?;
        let mut tensor = |name: &str| content.tensor(reader, name, device);
        let embedding = tensor("token_embd.weight")?;
        // Where there is no output matrix, the embedding serves as one.
        let output = if content.tensor_infos.contains_key("output.weight") {
            tensor("output.weight")?
        } else {
            tensor("token_embd.weight")?
        };
        let norm = tensor("output_norm.weight")?.dequantize(device)?;
        let mut layers = Vec::with_capacity(layer_count);
        for index in 0..layer_count {
            let mut part = |name: &str| tensor(&format!("blk.{index}.{name}.weight"));
            layers.push(Layer {
                attention_norm: part("attn_norm")?.dequantize(device)?,
                queries_keys_values: stacked([part("attn_q")?, part("attn_k")?, part("attn_v")?], pack)?,
                attention_out: Matrix::new(repacked(part("attn_output")?, pack)?)?,
                feed_norm: part("ffn_norm")?.dequantize(device)?,
                gate_up: stacked([part("ffn_gate")?, part("ffn_up")?], pack)?,
                down: Matrix::new(repacked(part("ffn_down")?, pack)?)?,
            });
        }
        let output = Matrix::new(repacked(output, pack)?)?;
        let (cos, sin) = rotations(shape.head_width, rope_base, positions.min(shape.context), device)?;
        Ok(Self { embedding, layers, norm, output, cos, sin, shape, device: device.clone() })
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// An empty memory with room for `tokens`.
    pub(super) fn memory(&self, tokens: usize) -> Memory {
        Memory { layers: self.layers.iter().map(|_| KvCache::new(1, tokens.max(1))).collect(), tokens: 0 }
    }

    /// Reads `ids` after what `memory` holds; the scores of the next token, `[vocabulary]`. `go_on` is asked between parts of
    /// a long prompt; `None` when it said no.
    pub(super) fn forward(
        &self,
        ids: &[u32],
        memory: &mut Memory,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Tensor>> {
        let mut last = None;
        for part in ids.chunks(PROMPT_TOKENS) {
            if last.is_some() && !go_on() {
                return Ok(None);
            }
            last = Some(self.part(part, memory)?);
        }
        let Some(hidden) = last else { bail!("there is no token to start from") };
        let hidden = hidden.narrow(0, hidden.dim(0)? - 1, 1)?;
        let normed = rms_norm(&hidden.contiguous()?, &self.norm, self.shape.norm_epsilon)?;
        Ok(Some(self.output.forward(&normed)?.squeeze(0)?))
    }

    /// `[tokens, hidden]` after all layers.
    fn part(&self, ids: &[u32], memory: &mut Memory) -> Result<Tensor> {
        let start = memory.tokens;
        let mut hidden = self.embedding.embedding(&Tensor::new(ids, &self.device)?)?;
        let mask = (ids.len() > 1).then(|| mask(ids.len(), start, &self.device)).transpose()?;
        for (layer, cache) in self.layers.iter().zip(&mut memory.layers) {
            let normed = rms_norm(&hidden, &layer.attention_norm, self.shape.norm_epsilon)?;
            hidden = (hidden + self.attend(layer, &normed, cache, start, mask.as_ref())?)?;
            let normed = rms_norm(&hidden, &layer.feed_norm, self.shape.norm_epsilon)?;
            let both = layer.gate_up.forward(&normed)?;
            let width = both.dim(1)? / 2;
            let inner = (silu(&both.narrow(1, 0, width)?.contiguous()?)? * both.narrow(1, width, width)?)?;
            hidden = (hidden + layer.down.forward(&inner)?)?;
        }
        memory.tokens += ids.len();
        Ok(hidden)
    }

    fn attend(
        &self,
        layer: &Layer,
        x: &Tensor,
        cache: &mut KvCache,
        start: usize,
        mask: Option<&Tensor>,
    ) -> Result<Tensor> {
        let Shape { heads, key_heads, head_width, .. } = self.shape;
        let tokens = x.dim(0)?;
        let all = layer.queries_keys_values.forward(x)?.reshape((tokens, heads + 2 * key_heads, head_width))?;
        let part = |from: usize, heads: usize| all.narrow(1, from, heads)?.transpose(0, 1)?.contiguous();
        let (cos, sin) = (self.cos.narrow(0, start, tokens)?, self.sin.narrow(0, start, tokens)?);
        // GGUF files of this family store neighbouring pairs, the interleaved rotation.
        let rotate = |x: Tensor| candle_nn::rotary_emb::rope_i(&x.unsqueeze(0)?, &cos, &sin)?.squeeze(0);
        let query = rotate(part(0, heads)?)?;
        let key = rotate(part(heads, key_heads)?)?;
        let value = part(heads + key_heads, key_heads)?;
        let (key, value) = cache.append(&key, &value)?;
        let seen = key.dim(1)?;
        // Heads that share a key are rows of one product, so keys are never copied.
        let grouped = query.reshape((key_heads, heads / key_heads * tokens, head_width))?;
        let scores = (grouped.matmul(&key.t()?)? / (head_width as f64).sqrt())?;
        let scores = match mask {
            Some(mask) => scores.reshape((heads, tokens, seen))?.broadcast_add(mask)?.reshape(scores.shape())?,
            None => scores,
        };
        let mixed = softmax_last_dim(&scores)?.matmul(&value)?;
        let mixed = mixed.reshape((heads, tokens, head_width))?.transpose(0, 1)?.contiguous()?;
        layer.attention_out.forward(&mixed.reshape((tokens, heads * head_width))?)
    }
}

/// The network's shape, number of layers and base of the rotation.
fn shape(content: &Content) -> Result<(Shape, usize, f32)> {
    let value = |name: &str| match content.metadata.get(name) {
        Some(value) => Ok(value),
        None => bail!("the file says no {name}"),
    };
    let number = |name: &str| Ok::<_, candle_core::Error>(value(&format!("llama.{name}"))?.to_u32()? as usize);
    let architecture = value("general.architecture")?.to_string()?;
    if architecture != "llama" || content.metadata.contains_key("llama.expert_count") {
        bail!("the network `{architecture}` (or its mixture of experts) is not one that is known here");
    }
    let heads = number("attention.head_count")?;
    let key_heads = number("attention.head_count_kv").unwrap_or(heads);
    let width = number("embedding_length")?;
    if heads == 0 || key_heads == 0 || !heads.is_multiple_of(key_heads) || !width.is_multiple_of(heads) {
        bail!("{heads} heads, {key_heads} key heads and a width of {width} do not go together");
    }
    let head_width = width / heads;
    if number("rope.dimension_count").is_ok_and(|rotated| rotated != head_width) || !head_width.is_multiple_of(2) {
        bail!("heads of {head_width} that are rotated in part are not known here");
    }
    let norm_epsilon = value("llama.attention.layer_norm_rms_epsilon")?.to_f32()?;
    let rope_base = value("llama.rope.freq_base").and_then(Value::to_f32).unwrap_or(10_000.0);
    let context = number("context_length")?;
    Ok((Shape { heads, key_heads, head_width, norm_epsilon, context }, number("block_count")?, rope_base))
}

fn repacked(weights: QTensor, pack: GgmlDType) -> Result<QTensor> {
    let fast = matches!(
        weights.dtype(),
        GgmlDType::Q4_0
            | GgmlDType::Q8_0
            | GgmlDType::Q2K
            | GgmlDType::Q3K
            | GgmlDType::Q4K
            | GgmlDType::Q5K
            | GgmlDType::Q6K
    );
    if fast || weights.dtype() == pack {
        return Ok(weights);
    }
    QTensor::quantize(&weights.dequantize(&weights.device())?, pack)
}

/// Matrices with the same input under one another, `[sum of out, in]`: one product for all. Every product of a single token
/// makes all threads wait for each other, so fewer and larger ones are faster.
fn stacked<const N: usize>(weights: [QTensor; N], pack: GgmlDType) -> Result<Matrix> {
    let width = weights[0].shape().dims2()?.1;
    let mut parts = Vec::with_capacity(N);
    for part in weights {
        parts.push(repacked(part, pack)?);
    }
    // A file may keep some matrices finer than others; the finest packing holds them all.
    let kind = parts[0].dtype();
    if parts.iter().any(|part| part.dtype() != kind) {
        let finer = |part: QTensor| QTensor::quantize(&part.dequantize(&part.device())?, GgmlDType::Q8_0);
        parts = parts.into_iter().map(finer).collect::<Result<_>>()?;
    }
    let mut rows = 0;
    let mut bytes = Vec::new();
    for part in &parts {
        rows += part.shape().dims2()?.0;
        bytes.extend_from_slice(&part.data()?);
    }
    let storage = QStorage::from_data(Cow::Owned(bytes), &parts[0].device(), parts[0].dtype())?;
    Matrix::new(QTensor::new(storage, (rows, width))?)
}

/// Cosines and sines of every position, each `[positions, head_width / 2]` (RoPE, arXiv:2104.09864, equation 34).
fn rotations(head_width: usize, base: f32, positions: usize, device: &Device) -> Result<(Tensor, Tensor)> {
    let rates: Vec<f32> =
        (0..head_width).step_by(2).map(|index| base.powf(-(index as f32) / head_width as f32)).collect();
    let rates = Tensor::new(rates, device)?.unsqueeze(0)?;
    let angles = Tensor::arange(0, positions as u32, device)?.to_dtype(DType::F32)?.unsqueeze(1)?.matmul(&rates)?;
    Ok((angles.cos()?, angles.sin()?))
}

/// `[tokens, start + tokens]`: 0 where a token may look, minus infinity at what comes after it.
fn mask(tokens: usize, start: usize, device: &Device) -> Result<Tensor> {
    let width = start + tokens;
    let cell = |index: usize| if index % width > start + index / width { f32::NEG_INFINITY } else { 0.0 };
    Tensor::from_vec((0..tokens * width).map(cell).collect(), (tokens, width), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_sees_itself_and_what_came_before() {
        let mask = mask(2, 1, &Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(mask, [[0.0, 0.0, f32::NEG_INFINITY], [0.0, 0.0, 0.0]]);
    }

    #[test]
    fn packing_keeps_values_close() {
        let values: Vec<f32> = (0..64).map(|index| (index as f32 * 0.37).sin()).collect();
        let dense = Tensor::from_vec(values, (1, 64), &Device::Cpu).unwrap();
        let before = QTensor::quantize(&dense, GgmlDType::Q4_1).unwrap();
        let shown = before.dequantize(&Device::Cpu).unwrap();
        let after = repacked(before, GgmlDType::Q8_0).unwrap();
        assert_eq!(after.dtype(), GgmlDType::Q8_0);
        let error = (after.dequantize(&Device::Cpu).unwrap() - shown).unwrap().abs().unwrap();
        assert!(error.max_all().unwrap().to_scalar::<f32>().unwrap() < 0.5 / 127.0 * 1.05);
    }
}
