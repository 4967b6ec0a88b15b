//! A GTE configuration (`model_type` `new`) and its tensors in, a [`Transformer`] out.
//!
//! Zhang et al. 2024 (arXiv:2407.19669): BERT with rotary positions, whose frequencies may be scaled for longer texts by
//! the fixed NTK rule, packed queries, keys and values, and packed gates.

use serde::Deserialize;
use serde_json::{Value, json};

use super::attention::{Heads, Reach};
use super::config::ConfigFile;
use super::layer::{FeedForward, Gate};
use super::reader::{Bias, Reader};
use super::rotary::Rotary;
use super::transformer::{Added, Layer, LayerKind, NormPlace, Transformer};
use crate::error::{Error, Result};

#[derive(Deserialize)]
struct Config {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    /// 0 where the model has no token types.
    type_vocab_size: usize,
    layer_norm_eps: f64,
    hidden_act: String,
    rope_theta: f64,
    rope_scaling: Option<Value>,
}

impl Config {
    fn rotary(&self, file: &ConfigFile, width: usize) -> Result<Rotary> {
        let base = file.check_base(self.rope_theta)?;
        let Some(scaling) = &self.rope_scaling else { return Ok(Rotary::new(base, width)) };
        let kind = scaling.get("type").or_else(|| scaling.get("rope_type")).and_then(Value::as_str);
        let factor = scaling.get("factor").and_then(Value::as_f64).filter(|factor| factor.is_finite() && *factor > 1.0);
        let is_mixed = scaling.get("mixed_b").is_some_and(|value| !value.is_null());
        match (kind, factor) {
            (Some("ntk"), Some(factor)) if !is_mixed => Ok(Rotary::with_ntk(base, width, factor)),
            _ => {
                Err(file
                    .wrong(format!("rope_scaling {scaling} does not run here; type ntk with a factor above 1 does")))
            }
        }
    }
}

/// Opens a GTE.
pub(super) fn open(file: &ConfigFile, reader: &mut Reader) -> Result<Transformer> {
    let config: Config = file.values()?;
    file.require(&[
        ("position_embedding_type", json!("rope")),
        ("layer_norm_type", json!("layer_norm")),
        ("logn_attention_scale", json!(false)),
        ("pack_qkv", json!(true)),
    ])?;
    let (hidden, inner, heads) = (config.hidden_size, config.intermediate_size, config.num_attention_heads);
    file.check_sizes(hidden, heads, &[inner, config.num_hidden_layers, config.max_position_embeddings])?;
    let width = file.rotary_width(hidden / heads)?;
    let activation = file.activation(&config.hidden_act)?;
    let eps = config.layer_norm_eps;
    reader.find_prefix(&["", "new."], "embeddings.word_embeddings.weight");
    let words = reader.words("embeddings.word_embeddings.weight", hidden)?;
    let added = match config.type_vocab_size {
        0 => Added::Nothing,
        types => {
            let types = reader.tensor("embeddings.token_type_embeddings.weight", &[types, hidden])?;
            // Only token type 0 occurs.
            Added::Row(types.narrow(0, 0, 1).map_err(Error::tensor("load the weights"))?)
        }
    };
    let mut layers = Vec::new();
    for index in 0..config.num_hidden_layers {
        let at = format!("encoder.layer.{index}");
        layers.push(Layer {
            kind: 0,
            qkv: reader.linear(&format!("{at}.attention.qkv_proj"), hidden, 3 * hidden, Bias::Has)?,
            head_norms: None,
            attention_out: reader.linear(&format!("{at}.attention.o_proj"), hidden, hidden, Bias::Has)?,
            attention_norm: Some(reader.layer_norm(&format!("{at}.attn_ln"), hidden, eps, Bias::Has)?),
            feed: FeedForward {
                up: reader.linear(&format!("{at}.mlp.up_gate_proj"), hidden, 2 * inner, Bias::None)?,
                gate: Some(Gate::Second),
                activation,
                down: reader.linear(&format!("{at}.mlp.down_proj"), inner, hidden, Bias::Has)?,
            },
            feed_norm: reader.layer_norm(&format!("{at}.mlp_ln"), hidden, eps, Bias::Has)?,
        });
    }
    let embedding_norm = reader.layer_norm("embeddings.LayerNorm", hidden, eps, Bias::Has)?;
    reader.finish("encoder.")?;
    Ok(Transformer {
        words,
        added,
        embedding_norm: Some(embedding_norm),
        heads: Heads { queries: heads, keys: heads, width },
        slopes: None,
        kinds: vec![LayerKind { reach: Reach::All, rotary: Some(config.rotary(file, width)?) }],
        norm_place: NormPlace::After,
        layers,
        final_norm: None,
        tokens_max: config.max_position_embeddings,
        device: reader.device().clone(),
        dtype: reader.dtype(),
    })
}
