//! A BERT or RoBERTa configuration and its tensors in, a [`Transformer`] out.
//!
//! Devlin et al. 2018 (arXiv:1810.04805) and Liu et al. 2019 (arXiv:1907.11692): learned positions, norms after each part.

use serde::Deserialize;
use serde_json::json;

use super::attention::{Heads, Reach};
use super::config::ConfigFile;
use super::layer::FeedForward;
use super::reader::{Bias, Reader};
use super::transformer::{Added, Layer, LayerKind, NormPlace, Transformer};
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
    hidden_act: String,
    #[serde(default)]
    pad_token_id: Option<usize>,
}

/// Opens a BERT.
pub(super) fn open(file: &ConfigFile, reader: &mut Reader) -> Result<Transformer> {
    reader.find_prefix(&["", "bert."], "embeddings.word_embeddings.weight");
    let config: Config = file.values()?;
    open_from(file, &config, 0, reader)
}

/// Opens a RoBERTa or XLM-RoBERTa, whose positions start behind that of the padding token.
pub(super) fn open_roberta(file: &ConfigFile, reader: &mut Reader) -> Result<Transformer> {
    reader.find_prefix(&["", "roberta."], "embeddings.word_embeddings.weight");
    let config: Config = file.values()?;
    let pad =
        config.pad_token_id.ok_or_else(|| file.wrong("pad_token_id is needed, since positions start behind it"))?;
    if pad + 1 >= config.max_position_embeddings {
        return Err(file.wrong(format!("pad_token_id {pad} leaves none of max_position_embeddings")));
    }
    open_from(file, &config, pad + 1, reader)
}

fn open_from(file: &ConfigFile, config: &Config, first_position: usize, reader: &mut Reader) -> Result<Transformer> {
    file.require(&[("position_embedding_type", json!("absolute")), ("is_decoder", json!(false))])?;
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    file.check_sizes(hidden, config.num_attention_heads, &[inner, config.num_hidden_layers, config.type_vocab_size])?;
    let activation = file.activation(&config.hidden_act)?;
    let eps = config.layer_norm_eps;
    let words = reader.words("embeddings.word_embeddings.weight", hidden)?;
    let types = reader.tensor("embeddings.token_type_embeddings.weight", &[config.type_vocab_size, hidden])?;
    let tokens_max = config.max_position_embeddings - first_position;
    let positions =
        reader.tensor("embeddings.position_embeddings.weight", &[config.max_position_embeddings, hidden])?;
    // Single texts are all of token type 0, so its row belongs to every position.
    let join = || -> candle_core::Result<Added> {
        let first = types.narrow(0, 0, 1)?;
        let table = positions.narrow(0, first_position, tokens_max)?.broadcast_add(&first)?;
        let second_type = if config.type_vocab_size > 1 { Some((types.narrow(0, 1, 1)? - first)?) } else { None };
        Ok(Added::Positions { table, second_type })
    };
    let added = join().map_err(Error::tensor("load the weights"))?;
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
                up: reader.linear(&format!("{at}.intermediate.dense"), hidden, inner, Bias::Has)?,
                gate: None,
                activation,
                down: reader.linear(&format!("{at}.output.dense"), inner, hidden, Bias::Has)?,
            },
            feed_norm: reader.layer_norm(&format!("{at}.output.LayerNorm"), hidden, eps, Bias::Has)?,
        });
    }
    let embedding_norm = reader.layer_norm("embeddings.LayerNorm", hidden, eps, Bias::Has)?;
    reader.finish("encoder.")?;
    let heads = config.num_attention_heads;
    Ok(Transformer {
        words,
        added,
        embedding_norm: Some(embedding_norm),
        heads: Heads { queries: heads, keys: heads, width: hidden / heads },
        slopes: None,
        kinds: vec![LayerKind { reach: Reach::All, rotary: None }],
        norm_place: NormPlace::After,
        layers,
        final_norm: None,
        tokens_max,
        device: reader.device().clone(),
        dtype: reader.dtype(),
    })
}
