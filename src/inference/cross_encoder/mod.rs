//! Two texts in, one probability out: models that read a claim beside its evidence, or a question beside a passage, at once; knows nothing
//! of documents and verdicts.

mod classifier;
mod labels;
mod pairs;
mod reader;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::embedder::EmbedSettings;
use crate::error::Result;
pub use classifier::Classifier;
pub use reader::{Head, Reader};

/// Which models read pairs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckSettings {
    /// The folder of a sequence classifier that reads claims in place of our own reader: `config.json`, `model.safetensors` and
    /// `tokenizer.json`.
    pub model: Option<PathBuf>,
    /// Which of its classes means that the evidence entails the claim, counted from 0; unset goes by their names.
    pub entailment: Option<usize>,
    /// The folder of a reader in place of the one that comes with the program: `reader.safetensors` and `manifest.toml`.
    pub reader: Option<PathBuf>,
}

/// A model that tells whether evidence says what a claim says.
pub trait Entailment: Send + Sync {
    /// Its name in reports.
    fn name(&self) -> &str;

    /// For each pair (claim, evidence), in their order, how likely the evidence entails the claim, 0 to 1; blocks. What is longer than the
    /// model reads is cut: the evidence first.
    ///
    /// # Errors
    /// [`crate::error::Error::Tokenizer`] or [`crate::error::Error::Tensor`] when the model fails.
    fn entails(&self, pairs: &[(&str, &str)]) -> Result<Vec<f32>>;
}

/// What there is to read pairs with.
#[derive(Debug)]
pub struct Readers {
    /// Else why there is none.
    reader: std::result::Result<Reader, String>,
    classifier: Option<Classifier>,
}

impl Readers {
    /// Opens what `settings` name, to be computed as `embed` says. A reader that cannot be had on this machine is none, see
    /// [`Self::reader`]; everything that was asked for by name must open.
    ///
    /// # Errors
    /// What is wrong with a file, by its name; [`crate::error::Error::Setting`] for a precision that does not run here.
    pub fn open(settings: &CheckSettings, embed: &EmbedSettings) -> Result<Self> {
        let classifier = settings.model.as_deref().map(|folder| Classifier::open(folder, settings, embed));
        Ok(Self { reader: Reader::open(settings.reader.as_deref(), embed)?, classifier: classifier.transpose()? })
    }

    /// Our own model, for claims and for questions.
    ///
    /// # Errors
    /// Why there is none, for a person.
    pub fn reader(&self) -> std::result::Result<&Reader, &str> {
        self.reader.as_ref().map_err(String::as_str)
    }

    /// What claims are read with: the classifier that was named, else our own model; `None` for the reason that [`Self::reader`] gives.
    #[must_use]
    pub fn entailment(&self) -> Option<&dyn Entailment> {
        match (&self.classifier, &self.reader) {
            (Some(classifier), _) => Some(classifier),
            (None, Ok(reader)) => Some(reader),
            (None, Err(_)) => None,
        }
    }

    /// What claims, and what questions, are read with, in words.
    #[must_use]
    pub fn told(&self) -> String {
        let reader = match &self.reader {
            Ok(reader) => {
                let (set, precision) = (reader.instructions().name(), reader.precision().name());
                format!("{} (native {set} {precision})", reader.name())
            }
            Err(reason) => format!("none: {reason}"),
        };
        match &self.classifier {
            Some(classifier) => {
                let class = classifier.entailment_class();
                format!(
                    "claims by {} (candle f32, class {class} is entailment), questions by {reader}",
                    classifier.name()
                )
            }
            None => reader,
        }
    }
}
