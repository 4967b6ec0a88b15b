//! A nomic-bert configuration and its tensors in, a [`Transformer`] out.
//!
//! Nussbaum et al. 2024 (arXiv:2402.01613): rotary positions, SwiGLU, norms after each part, no biases but those of norms.

use serde::Deserialize;
use serde_json::json;

use super::attention::{Heads, Reach};
use super::config::ConfigFile;
use super::layer::{FeedForward, Gate};
use super::reader::{Bias, Reader};
use super::rotary::Rotary;
use super::transformer::{Added, Layer, LayerKind, NormPlace, Transformer};
use crate::activation::Activation;
use crate::error::{Error, Result};

#[derive(Deserialize)]
struct Config {
    n_embd: usize,
    n_layer: usize,
    n_head: usize,
    n_inner: usize,
    n_positions: usize,
    type_vocab_size: usize,
    layer_norm_epsilon: f64,
    activation_function: String,
    rotary_emb_base: f64,
    #[serde(default)]
    qkv_proj_bias: bool,
    #[serde(default)]
    mlp_fc1_bias: bool,
    #[serde(default)]
    mlp_fc2_bias: bool,
}

/// Opens a nomic-bert.
pub(super) fn open(file: &ConfigFile, reader: &mut Reader) -> Result<Transformer> {
    let config: Config = file.values()?;
    file.require(&[
        ("prenorm", json!(false)),
        ("causal", json!(false)),
        ("parallel_block", json!(false)),
        ("use_rms_norm", json!(false)),
        ("rotary_emb_fraction", json!(1.0)),
        ("rotary_emb_interleaved", json!(false)),
        ("rotary_emb_scale_base", json!(false)),
        // Frequencies that change with the length of the text.
        ("rotary_scaling_factor", json!(false)),
        ("num_experts", json!(0)),
        ("moe_every_n_layers", json!(0)),
    ])?;
    let activation = match config.activation_function.as_str() {
        "swiglu" => Activation::Silu,
        "geglu" => Activation::Gelu,
        other => {
            return Err(file.wrong(format!("activation_function `{other}` does not run here; swiglu and geglu do")));
        }
    };
    let (hidden, inner, heads) = (config.n_embd, config.n_inner, config.n_head);
    file.check_sizes(hidden, heads, &[inner, config.n_layer, config.type_vocab_size, config.n_positions])?;
    let eps = config.layer_norm_epsilon;
    reader.find_prefix(&["", "bert."], "embeddings.word_embeddings.weight");
    let words = reader.words("embeddings.word_embeddings.weight", hidden)?;
    let types = reader.tensor("embeddings.token_type_embeddings.weight", &[config.type_vocab_size, hidden])?;
    let mut layers = Vec::new();
    for index in 0..config.n_layer {
        let at = format!("encoder.layers.{index}");
        let qkv_bias = config.qkv_proj_bias.into();
        let up = [format!("{at}.mlp.fc11"), format!("{at}.mlp.fc12")];
        let up = up.each_ref().map(|name| (name.as_str(), inner));
        layers.push(Layer {
            kind: 0,
            qkv: reader.linear(&format!("{at}.attn.Wqkv"), hidden, 3 * hidden, qkv_bias)?,
            head_norms: None,
            attention_out: reader.linear(&format!("{at}.attn.out_proj"), hidden, hidden, qkv_bias)?,
            attention_norm: Some(reader.layer_norm(&format!("{at}.norm1"), hidden, eps, Bias::Has)?),
            feed: FeedForward {
                up: reader.joined(&up, hidden, config.mlp_fc1_bias.into())?,
                gate: Some(Gate::Second),
                activation,
                down: reader.linear(&format!("{at}.mlp.fc2"), inner, hidden, config.mlp_fc2_bias.into())?,
            },
            feed_norm: reader.layer_norm(&format!("{at}.norm2"), hidden, eps, Bias::Has)?,
        });
    }
    let embedding_norm = reader.layer_norm("emb_ln", hidden, eps, Bias::Has)?;
    reader.finish("encoder.")?;
    let rotary = Rotary::new(file.rope_theta(config.rotary_emb_base)?, file.rotary_width(hidden / heads)?);
    Ok(Transformer {
        words,
        // Only token type 0 occurs.
        added: Added::Row(types.narrow(0, 0, 1).map_err(Error::tensor("load the weights"))?),
        embedding_norm: Some(embedding_norm),
        heads: Heads { queries: heads, keys: heads, width: hidden / heads },
        slopes: None,
        kinds: vec![LayerKind { reach: Reach::All, rotary: Some(rotary) }],
        norm_place: NormPlace::After,
        layers,
        final_norm: None,
        tokens_max: config.n_positions,
        device: reader.device().clone(),
        dtype: reader.dtype(),
    })
}
