//! A JinaBERT configuration and its tensors in, a [`Transformer`] out.
//!
//! Günther et al. 2023 (arXiv:2310.19923): BERT without positions, scores that fall with distance (ALiBi), gated
//! feed-forward parts. Its later variant with norms on queries and keys is refused by its tensors' names.

use serde::Deserialize;
use serde_json::json;

use super::attention::{Heads, Reach, Slopes};
use super::config::ConfigFile;
use super::layer::{FeedForward, Gate};
use super::reader::{Bias, Reader};
use super::transformer::{Added, Layer, LayerKind, NormPlace, Transformer};
use crate::activation::Activation;
use crate::error::{Error, Result};

#[derive(Deserialize)]
struct Config {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
    feed_forward_type: String,
}

/// Opens a JinaBERT.
pub(super) fn open(file: &ConfigFile, reader: &mut Reader) -> Result<Transformer> {
    let config: Config = file.values()?;
    file.require(&[("position_embedding_type", json!("alibi")), ("is_decoder", json!(false))])?;
    let activation = match config.feed_forward_type.as_str() {
        "geglu" => Activation::Gelu,
        "reglu" => Activation::Relu,
        other => return Err(file.wrong(format!("feed_forward_type `{other}` does not run here; geglu and reglu do"))),
    };
    let (hidden, inner, heads) = (config.hidden_size, config.intermediate_size, config.num_attention_heads);
    file.check_sizes(hidden, heads, &[inner, config.num_hidden_layers, config.type_vocab_size])?;
    let eps = config.layer_norm_eps;
    reader.find_prefix(&["", "bert."], "embeddings.word_embeddings.weight");
    let words = reader.words("embeddings.word_embeddings.weight", hidden)?;
    let types = reader.tensor("embeddings.token_type_embeddings.weight", &[config.type_vocab_size, hidden])?;
    let mut layers = Vec::new();
    for index in 0..config.num_hidden_layers {
        let at = format!("encoder.layer.{index}");
        let attention = ["query", "key", "value"].map(|part| format!("{at}.attention.self.{part}"));
        let attention = attention.each_ref().map(|name| (name.as_str(), hidden));
        layers.push(Layer {
            kind: 0,
            qkv: reader.joined(&attention, hidden, Bias::Has)?,
            head_norms: None,
            attention_out: reader.linear(&format!("{at}.attention.output.dense"), hidden, hidden, Bias::Has)?,
            attention_norm: Some(reader.layer_norm(
                &format!("{at}.attention.output.LayerNorm"),
                hidden,
                eps,
                Bias::Has,
            )?),
            feed: FeedForward {
                up: reader.linear(&format!("{at}.mlp.gated_layers"), hidden, 2 * inner, Bias::None)?,
                gate: Some(Gate::First),
                activation,
                down: reader.linear(&format!("{at}.mlp.wo"), inner, hidden, Bias::Has)?,
            },
            feed_norm: reader.layer_norm(&format!("{at}.mlp.layernorm"), hidden, eps, Bias::Has)?,
        });
    }
    let embedding_norm = reader.layer_norm("embeddings.LayerNorm", hidden, eps, Bias::Has)?;
    reader.finish("encoder.")?;
    let load = Error::tensor;
    let slopes = Slopes::new(heads, reader.device(), reader.dtype()).map_err(load("load the weights"))?;
    Ok(Transformer {
        words,
        // Only token type 0 occurs.
        added: Added::Row(types.narrow(0, 0, 1).map_err(load("load the weights"))?),
        embedding_norm: Some(embedding_norm),
        heads: Heads { queries: heads, keys: heads, width: hidden / heads },
        slopes: Some(slopes),
        kinds: vec![LayerKind { reach: Reach::All, rotary: None }],
        norm_place: NormPlace::After,
        layers,
        final_norm: None,
        tokens_max: config.max_position_embeddings,
        device: reader.device().clone(),
        dtype: reader.dtype(),
    })
}
