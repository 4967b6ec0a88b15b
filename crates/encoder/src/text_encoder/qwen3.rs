//! A Qwen3 configuration and its tensors in, a [`Transformer`] out.
//!
//! Yang et al. 2025 (arXiv:2505.09388): a decoder, so a token sees only those before it and the last one stands for the
//! text. Grouped queries, norms on each head's queries and keys, rotary positions, SwiGLU.

use serde::Deserialize;
use serde_json::json;

use super::attention::{Heads, Reach};
use super::config::ConfigFile;
use super::layer::{FeedForward, Gate};
use super::reader::Reader;
use super::rotary::Rotary;
use super::transformer::{Added, Layer, LayerKind, NormPlace, Transformer};
use crate::error::Result;

#[derive(Deserialize)]
struct Config {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: usize,
    head_dim: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    rms_norm_eps: f64,
    hidden_act: String,
    #[serde(default)]
    attention_bias: bool,
}

/// Opens a Qwen3.
pub(super) fn open(file: &ConfigFile, reader: &mut Reader) -> Result<Transformer> {
    let config: Config = file.values()?;
    file.require(&[("use_sliding_window", json!(false)), ("rope_scaling", json!(false))])?;
    if file.texts("layer_types").iter().any(|kind| *kind != "full_attention") {
        return Err(file.wrong("only layers of type `full_attention` run here"));
    }
    let (hidden, inner, width) = (config.hidden_size, config.intermediate_size, file.rotary_width(config.head_dim)?);
    let heads = Heads { queries: config.num_attention_heads, keys: config.num_key_value_heads, width };
    file.check_sizes(heads.queries, heads.keys, &[hidden, inner, config.num_hidden_layers, width])?;
    let activation = file.activation(&config.hidden_act)?;
    let (eps, bias) = (config.rms_norm_eps, config.attention_bias.into());
    reader.find_prefix(&["", "model."], "embed_tokens.weight");
    let words = reader.words("embed_tokens.weight", hidden)?;
    let (query_width, key_width) = (heads.queries * width, heads.keys * width);
    let mut layers = Vec::new();
    for index in 0..config.num_hidden_layers {
        let at = format!("layers.{index}");
        let attention = ["q_proj", "k_proj", "v_proj"].map(|part| format!("{at}.self_attn.{part}"));
        let [q, k, v] = attention.each_ref().map(String::as_str);
        let up = ["gate_proj", "up_proj"].map(|part| format!("{at}.mlp.{part}"));
        let up = up.each_ref().map(|name| (name.as_str(), inner));
        layers.push(Layer {
            kind: 0,
            attention_norm: Some(reader.rms_norm(&format!("{at}.input_layernorm"), hidden, eps)?),
            qkv: reader.joined(&[(q, query_width), (k, key_width), (v, key_width)], hidden, bias)?,
            head_norms: Some((
                reader.rms_norm(&format!("{at}.self_attn.q_norm"), width, eps)?,
                reader.rms_norm(&format!("{at}.self_attn.k_norm"), width, eps)?,
            )),
            attention_out: reader.linear(&format!("{at}.self_attn.o_proj"), query_width, hidden, bias)?,
            feed_norm: reader.rms_norm(&format!("{at}.post_attention_layernorm"), hidden, eps)?,
            feed: FeedForward {
                up: reader.joined(&up, hidden, false.into())?,
                gate: Some(Gate::First),
                activation,
                down: reader.linear(&format!("{at}.mlp.down_proj"), inner, hidden, false.into())?,
            },
        });
    }
    let final_norm = reader.rms_norm("norm", hidden, eps)?;
    reader.finish("layers.")?;
    let rotary = Rotary::new(file.rope_theta(10_000.0)?, width);
    Ok(Transformer {
        words,
        added: Added::Nothing,
        embedding_norm: None,
        heads,
        slopes: None,
        kinds: vec![LayerKind { reach: Reach::Before, rotary: Some(rotary) }],
        norm_place: NormPlace::Before,
        layers,
        final_norm: Some(final_norm),
        tokens_max: config.max_position_embeddings,
        device: reader.device().clone(),
        dtype: reader.dtype(),
    })
}
