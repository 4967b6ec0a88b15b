//! Pairs of texts in, a number for each class out: a BERT or RoBERTa with the head of a sequence classifier.
//!
//! The heads are those of Hugging Face's `BertForSequenceClassification` and `RobertaForSequenceClassification`: a dense layer and tanh
//! over the first token's last state, then one linear layer.

use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::config::ConfigFile;
use super::layer::Linear;
use super::reader::{Bias, Reader};
use super::{Body, Family, TextEncoder, bert};
use crate::error::{Error, Result};
use crate::pair::Pair;

/// A sequence classifier of the BERT family on Candle.
#[derive(Debug)]
pub struct SequenceClassifier {
    encoder: TextEncoder,
    dense: Linear,
    out: Linear,
    classes: usize,
}

impl SequenceClassifier {
    /// Opens the model that `config` (its `config.json`) and `weights` (its `.safetensors`) describe, in f32.
    ///
    /// # Errors
    /// As [`TextEncoder::open`], and [`Error::Config`] for a family that has no such head here.
    pub fn open(config: &Path, weights: &Path, device: &Device) -> Result<Self> {
        let config = ConfigFile::open(config)?;
        let family = Family::of(&config)?;
        let mut reader = Reader::open(weights, device, DType::F32)?;
        let transformer = match family {
            Family::Bert => bert::open(&config, &mut reader)?,
            Family::Roberta => bert::open_roberta(&config, &mut reader)?,
            other => return Err(config.wrong(format!("a classifier of the family {} does not run here", other.name()))),
        };
        let hidden = transformer.hidden();
        let body = Body::Transformer(Box::new(transformer));
        let encoder = TextEncoder { family, body };
        let (dense, out) = if family == Family::Bert {
            let dense = reader.linear("pooler.dense", hidden, hidden, Bias::Has)?;
            reader.find_prefix(&[""], "classifier.weight");
            (dense, "classifier")
        } else {
            reader.find_prefix(&[""], "classifier.dense.weight");
            (reader.linear("classifier.dense", hidden, hidden, Bias::Has)?, "classifier.out_proj")
        };
        let (classes, _) = reader.shape2(&format!("{out}.weight"))?;
        let out = reader.linear(out, hidden, classes, Bias::Has)?;
        Ok(Self { encoder, dense, out, classes })
    }

    /// The encoder below the head.
    pub fn encoder(&self) -> &TextEncoder {
        &self.encoder
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// What the head gives for each pair, `[pairs][classes]`, in their order: logits, of which the softmax are probabilities.
    ///
    /// # Errors
    /// As [`TextEncoder::forward_pairs`], and when a pair has no token.
    pub fn logits(&self, batch: &[Pair<'_>]) -> Result<Vec<Vec<f32>>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let run = || -> candle_core::Result<Vec<Vec<f32>>> {
            if batch.iter().any(|pair| pair.ids.is_empty()) {
                candle_core::bail!("a pair has no token");
            }
            let states = self.encoder.pair_states(batch)?;
            let starts = batch.iter().scan(0_u32, |next, pair| {
                let start = *next;
                *next += pair.ids.len() as u32;
                Some(start)
            });
            let starts = Tensor::from_iter(starts, states.device())?;
            let first = states.index_select(&starts, 0)?;
            self.out.forward(&self.dense.forward(&first)?.tanh()?)?.to_vec2()
        };
        run().map_err(Error::tensor("run the classifier"))
    }
}
