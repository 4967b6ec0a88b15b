//! A ModernBERT configuration and its tensors in, a [`Transformer`] out.
//!
//! Warner et al. 2024 (arXiv:2412.13663): rotary positions, GeGLU, norms before each part, and layers that see a window
//! between those that see the whole text.

use serde::Deserialize;
use serde_json::Value;

use super::attention::{Heads, Reach};
use super::config::ConfigFile;
use super::layer::{FeedForward, Gate};
use super::reader::{Bias, Reader};
use super::rotary::Rotary;
use super::transformer::{Added, Layer, LayerKind, NormPlace, Transformer};
use crate::error::Result;

#[derive(Deserialize)]
struct Config {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    #[serde(default = "default_eps")]
    norm_eps: f64,
    #[serde(default)]
    norm_bias: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default = "gelu")]
    hidden_activation: String,
    #[serde(default = "default_window")]
    local_attention: usize,
    #[serde(default = "default_step")]
    global_attn_every_n_layers: usize,
    global_rope_theta: Option<f64>,
    local_rope_theta: Option<f64>,
    /// Newer configurations name the kind of each layer here.
    layer_types: Option<Vec<String>>,
    /// And the bases of their positions here.
    rope_parameters: Option<Value>,
}

fn default_eps() -> f64 {
    1e-5
}

fn default_window() -> usize {
    128
}

fn default_step() -> usize {
    3
}

fn gelu() -> String {
    "gelu".into()
}

/// Index of the layers that see the whole text among a model's kinds.
const GLOBAL: usize = 0;
/// Index of those that see a window.
const LOCAL: usize = 1;

impl Config {
    /// The kind of each layer.
    fn kinds(&self, file: &ConfigFile) -> Result<Vec<usize>> {
        let Some(types) = &self.layer_types else {
            let step = self.global_attn_every_n_layers;
            return Ok((0..self.num_hidden_layers)
                .map(|index| if index % step == 0 { GLOBAL } else { LOCAL })
                .collect());
        };
        if types.len() != self.num_hidden_layers {
            return Err(file.wrong("layer_types does not name one kind a layer"));
        }
        let kind = |name: &String| match name.as_str() {
            "full_attention" => Ok(GLOBAL),
            "sliding_attention" => Ok(LOCAL),
            other => Err(file.wrong(format!("layers of type `{other}` do not run here"))),
        };
        types.iter().map(kind).collect()
    }

    /// The base of the positions of one kind of layers: where newer configurations write it, else `older`, else `default`.
    fn base(&self, file: &ConfigFile, newer: &str, older: Option<f64>, default: f64) -> Result<f64> {
        let newer = match self.rope_parameters.as_ref().and_then(|parameters| parameters.get(newer)) {
            Some(parameters) if !parameters.is_null() => file.rope_base(parameters)?,
            _ => None,
        };
        file.check_base(newer.or(older).unwrap_or(default))
    }
}

/// Opens a ModernBERT.
pub(super) fn open(file: &ConfigFile, reader: &mut Reader) -> Result<Transformer> {
    let config: Config = file.values()?;
    let (hidden, inner, heads) = (config.hidden_size, config.intermediate_size, config.num_attention_heads);
    let step = config.global_attn_every_n_layers;
    file.check_sizes(hidden, heads, &[inner, config.num_hidden_layers, config.max_position_embeddings, step])?;
    let width = file.rotary_width(hidden / heads)?;
    let activation = file.activation(&config.hidden_activation)?;
    let (eps, norm_bias) = (config.norm_eps, Bias::from(config.norm_bias));
    let (attention_bias, mlp_bias) = (config.attention_bias.into(), config.mlp_bias.into());
    reader.find_prefix(&["", "model."], "embeddings.tok_embeddings.weight");
    let words = reader.words("embeddings.tok_embeddings.weight", hidden)?;
    let mut layers = Vec::new();
    for (index, kind) in config.kinds(file)?.into_iter().enumerate() {
        let at = format!("layers.{index}");
        // What enters the first layer has just been normalised.
        let attention_norm = match index {
            0 => None,
            _ => Some(reader.layer_norm(&format!("{at}.attn_norm"), hidden, eps, norm_bias)?),
        };
        layers.push(Layer {
            kind,
            attention_norm,
            qkv: reader.linear(&format!("{at}.attn.Wqkv"), hidden, 3 * hidden, attention_bias)?,
            head_norms: None,
            attention_out: reader.linear(&format!("{at}.attn.Wo"), hidden, hidden, attention_bias)?,
            feed_norm: reader.layer_norm(&format!("{at}.mlp_norm"), hidden, eps, norm_bias)?,
            feed: FeedForward {
                up: reader.linear(&format!("{at}.mlp.Wi"), hidden, 2 * inner, mlp_bias)?,
                gate: Some(Gate::First),
                activation,
                down: reader.linear(&format!("{at}.mlp.Wo"), inner, hidden, mlp_bias)?,
            },
        });
    }
    let embedding_norm = reader.layer_norm("embeddings.norm", hidden, eps, norm_bias)?;
    let final_norm = reader.layer_norm("final_norm", hidden, eps, norm_bias)?;
    reader.finish("layers.")?;
    let global = config.base(file, "full_attention", config.global_rope_theta, 160_000.0)?;
    let local = config.base(file, "sliding_attention", config.local_rope_theta, 10_000.0)?;
    // The window is counted over both sides.
    let near = Reach::Near { radius: config.local_attention / 2 };
    Ok(Transformer {
        words,
        added: Added::Nothing,
        embedding_norm: Some(embedding_norm),
        heads: Heads { queries: heads, keys: heads, width },
        slopes: None,
        kinds: vec![
            LayerKind { reach: Reach::All, rotary: Some(Rotary::new(global, width)) },
            LayerKind { reach: near, rotary: Some(Rotary::new(local, width)) },
        ],
        norm_place: NormPlace::Before,
        layers,
        final_norm: Some(final_norm),
        tokens_max: config.max_position_embeddings,
        device: reader.device().clone(),
        dtype: reader.dtype(),
    })
}
