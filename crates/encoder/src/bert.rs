//! The shape of a BERT or RoBERTa encoder from its `config.json`, and its weights as a mapped file.

use std::path::Path;

use candle_core::safetensors::MmapedSafetensors;
use serde::Deserialize;

use crate::activation::Activation;
use crate::error::{Error, Result};

/// The shape of a BERT or RoBERTa encoder, from its `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct BertConfig {
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Attention heads a layer.
    pub num_attention_heads: usize,
    /// Rows of the table of positions.
    pub max_position_embeddings: usize,
    /// Added to the variance under the root of a layer norm.
    pub layer_norm_eps: f64,
    /// Activation of the feed-forward part; `gelu` is the exact one.
    pub hidden_act: String,
    /// `absolute` positions are the only ones known here.
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
    /// One of [`MODEL_TYPES`].
    pub model_type: String,
    /// The token of padding: the positions of RoBERTa begin behind its number.
    #[serde(default)]
    pub pad_token_id: Option<usize>,
}

/// The architectures that are run here. They differ in their positions only.
pub const MODEL_TYPES: [&str; 4] = ["bert", "roberta", "xlm-roberta", "camembert"];

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
        let is_known = MODEL_TYPES.contains(&config.model_type.as_str());
        if !is_known || config.position_embedding_type != "absolute" || config.activation().is_none() {
            return Err(wrong(format!(
                "only {} with absolute positions and gelu, relu or silu runs here, this is {} with {} positions and {}",
                MODEL_TYPES.join(", "),
                config.model_type,
                config.position_embedding_type,
                config.hidden_act
            )));
        }
        if config.tokens_max() == 0 {
            let reason =
                "no position is left for a text: max_position_embeddings is 0, or pad_token_id missing or too large";
            return Err(wrong(reason.into()));
        }
        if config.num_attention_heads == 0 || !config.hidden_size.is_multiple_of(config.num_attention_heads) {
            return Err(wrong("hidden_size is not a multiple of num_attention_heads".into()));
        }
        Ok(config)
    }

    /// The position of a text's first token.
    pub(crate) fn first_position(&self) -> usize {
        match self.model_type.as_str() {
            "bert" => 0,
            _ => self.pad_token_id.map_or(self.max_position_embeddings, |pad| pad.saturating_add(1)),
        }
    }

    /// Most tokens of a text, special tokens included.
    #[must_use]
    pub fn tokens_max(&self) -> usize {
        self.max_position_embeddings.saturating_sub(self.first_position())
    }

    /// The activation of the feed-forward part, where it is known.
    pub(crate) fn activation(&self) -> Option<Activation> {
        Activation::of(&self.hidden_act)
    }
}

/// Maps a weights file.
///
/// # Errors
/// [`Error::Tensor`] when it cannot be read or is no such file.
pub fn map_weights(path: &Path) -> Result<MmapedSafetensors> {
    #[expect(
        unsafe_code,
        reason = "mapping a file is unsafe because another process may change it under us; \
                  model files in the cache are written once and renamed into place"
    )]
    // SAFETY: the file is a verified, immutable cache entry.
    let file = unsafe { MmapedSafetensors::new(path) };
    file.map_err(Error::tensor("map the weights"))
}

/// What stands before every tensor's name: some exports write `bert.…` or `roberta.…`.
pub(crate) fn prefix_of(weights: &MmapedSafetensors) -> &'static str {
    prefix_where(|prefix| weights.get(&format!("{prefix}embeddings.word_embeddings.weight")).is_ok())
}

/// The first prefix that `has` says yes to, else that of most exports that have one.
pub(crate) fn prefix_where(has: impl Fn(&str) -> bool) -> &'static str {
    ["", "roberta."].into_iter().find(|prefix| has(prefix)).unwrap_or("bert.")
}
