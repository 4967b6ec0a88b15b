//! Token ids in, last hidden states out, for every family of text encoders that runs on Candle tensors; knows nothing of
//! text, pooling or where files come from.
//!
//! Each family's file turns its `config.json` and its tensor names into one `Transformer`; what differs between them
//! (positions, norms, gates, what a token may look at) is data there, so one forward pass runs them all.

mod attention;
mod bert;
mod classifier;
mod config;
mod family;
mod groups;
mod gte;
mod jina;
mod layer;
mod modernbert;
mod nomic;
mod qwen3;
mod reader;
mod rotary;
mod static_embedding;
mod transformer;
mod words;

use std::path::Path;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::pair::Pair;
pub use classifier::SequenceClassifier;
use config::ConfigFile;
pub use family::Family;
use reader::Reader;
use static_embedding::StaticEmbedding;
use transformer::{Transformer, Types};

/// A text encoder of any known family, with its weights on one device.
#[derive(Debug)]
pub struct TextEncoder {
    family: Family,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Transformer(Box<Transformer>),
    Static(StaticEmbedding),
}

impl TextEncoder {
    /// Opens the model that `config` (its `config.json`) and `weights` (its `.safetensors`) describe. Products are
    /// computed in `dtype`: f32, or f16 and bf16 on devices that have them. Weights may be stored in any of the three.
    ///
    /// # Errors
    /// [`Error::Config`] when the file is unreadable, its architecture is unknown or has a part that does not run here;
    /// [`Error::Weights`] when a tensor is missing, has another shape than the configuration says, holds a number that is
    /// not finite, or belongs to a layer that the configuration does not have.
    pub fn open(config: &Path, weights: &Path, device: &Device, dtype: DType) -> Result<Self> {
        let config = ConfigFile::open(config)?;
        let family = Family::of(&config)?;
        let open = match family {
            Family::Static => {
                let body = Body::Static(StaticEmbedding::open(weights, device, dtype)?);
                return Ok(Self { family, body });
            }
            Family::Bert => bert::open,
            Family::Roberta => bert::open_roberta,
            Family::JinaBert => jina::open,
            Family::NomicBert => nomic::open,
            Family::ModernBert => modernbert::open,
            Family::Gte => gte::open,
            Family::Qwen3 => qwen3::open,
        };
        let mut reader = Reader::open(weights, device, dtype)?;
        let body = Body::Transformer(Box::new(open(&config, &mut reader)?));
        Ok(Self { family, body })
    }

    /// Which family it is.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Width of the hidden states.
    pub fn hidden_size(&self) -> usize {
        match &self.body {
            Body::Transformer(transformer) => transformer.hidden(),
            Body::Static(table) => table.width(),
        }
    }

    /// Rows of the word table: every id must be below it.
    pub fn vocabulary_size(&self) -> usize {
        match &self.body {
            Body::Transformer(transformer) => transformer.vocabulary_size(),
            Body::Static(table) => table.vocabulary_size(),
        }
    }

    /// The full name of the word table's tensor.
    pub fn word_table(&self) -> &str {
        match &self.body {
            Body::Transformer(transformer) => &transformer.words().name,
            Body::Static(table) => table.name(),
        }
    }

    /// Reads the whole word table, whose rows are otherwise checked when they are first used.
    ///
    /// # Errors
    /// [`Error::Weights`] when it holds a number that is not finite.
    pub fn check_words(&self) -> Result<()> {
        match &self.body {
            Body::Transformer(transformer) => transformer.words().check(),
            Body::Static(_) => Ok(()),
        }
    }

    /// Tokens that one text may have, special tokens included; `None` where there is no limit.
    pub fn tokens_max(&self) -> Option<usize> {
        match &self.body {
            Body::Transformer(transformer) => Some(transformer.tokens_max()),
            Body::Static(_) => None,
        }
    }

    /// The last hidden states of a batch, `[tokens, hidden]` on the device, the texts one after the other in the order
    /// given. `batch` holds each text's ids, special tokens included (a static embedding wants none). An empty text has
    /// no rows. Texts of equal length that are neighbours share their attention products, so sorting by length pays.
    ///
    /// # Errors
    /// [`Error::Tensor`] when an id is outside the vocabulary, a text is longer than the model reads, or a product fails.
    pub fn forward(&self, batch: &[&[u32]]) -> Result<Tensor> {
        match &self.body {
            Body::Transformer(transformer) => transformer.forward(batch, Types::First),
            Body::Static(table) => table.forward(batch),
        }
        .map_err(Error::tensor("run the encoder"))
    }

    /// As [`Self::forward`] with pairs, whose token types count.
    ///
    /// # Errors
    /// As [`Self::forward`], and when a pair has tokens of a type that the model does not have.
    pub fn forward_pairs(&self, batch: &[Pair<'_>]) -> Result<Tensor> {
        self.pair_states(batch).map_err(Error::tensor("run the encoder"))
    }

    fn pair_states(&self, batch: &[Pair<'_>]) -> candle_core::Result<Tensor> {
        let ids: Vec<&[u32]> = batch.iter().map(|pair| pair.ids).collect();
        let firsts: Vec<usize> = batch.iter().map(|pair| pair.first).collect();
        match &self.body {
            Body::Transformer(transformer) => transformer.forward(&ids, Types::Both(&firsts)),
            Body::Static(_) => candle_core::bail!("static embeddings do not read pairs"),
        }
    }
}
