//! A folder with a user's own sequence classifier in, how likely evidence entails a claim out; runs on Candle.
//!
//! Such models were trained on premise and hypothesis in this order, so the evidence stands before the claim.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::debertav2::{Config as DebertaConfig, DebertaV2SeqClassificationModel};
use ibid_encoder::bert::map_weights;
use ibid_encoder::pair::Pair;
use ibid_encoder::text_encoder::SequenceClassifier;
use serde_json::Value;

use super::pairs::{PairForm, PairInput};
use super::{Entailment, ReaderSettings, labels};
use crate::error::{Error, Result};
use crate::inference::embedder::{EmbedSettings, plan_batches, thread_count};
use crate::inference::tokenizer::Tokenizer;

/// The architectures that run here, as `config.json` names them.
const ARCHITECTURES: [&str; 5] = [
    "BertForSequenceClassification",
    "RobertaForSequenceClassification",
    "XLMRobertaForSequenceClassification",
    "CamembertForSequenceClassification",
    DEBERTA,
];

/// Versions 2 and 3 of DeBERTa; the first has other weights.
const DEBERTA: &str = "DebertaV2ForSequenceClassification";

/// Tokens of a pair at most, special tokens counted, where the model reads more: what such models were trained on.
const TOKENS_MAX: usize = 512;

/// Of what a classifier reads, this part is always the evidence's; a claim may have the rest.
const EVIDENCE_PART: usize = 8;

/// A sequence classifier with its tokenizer.
pub struct Classifier {
    name: String,
    model: Model,
    tokenizer: Tokenizer,
    form: PairForm,
    /// The class that means entailment.
    entailment: usize,
    batch_tokens_max: usize,
    threads: rayon::ThreadPool,
}

enum Model {
    /// BERT and RoBERTa.
    Bert(Box<SequenceClassifier>),
    Deberta(Box<DebertaV2SeqClassificationModel>),
}

impl std::fmt::Debug for Classifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Classifier")
            .field("name", &self.name)
            .field("form", &self.form)
            .field("entailment", &self.entailment)
            .finish_non_exhaustive()
    }
}

/// The files of such a folder.
struct Files {
    config: PathBuf,
    weights: PathBuf,
    tokenizer: PathBuf,
}

/// What of a model the other files must fit.
struct Shape {
    classes: usize,
    words: usize,
    tokens_max: usize,
}

impl Classifier {
    /// Opens the classifier in `folder`: `config.json`, `model.safetensors` and `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that is missing, [`Error::ModelFile`] or the encoder's own for one that is not what it should be,
    /// [`Error::Setting`] where the classes do not say which one is entailment; each names the file or the tensor, and what to do.
    pub fn open(folder: &Path, settings: &ReaderSettings, embed: &EmbedSettings) -> Result<Self> {
        let [config, weights, tokenizer] =
            ["config.json", "model.safetensors", "tokenizer.json"].map(|name| folder.join(name));
        let files = Files { config, weights, tokenizer };
        let bytes = std::fs::read(&files.config).map_err(Error::io("read", &files.config))?;
        let wrong = |reason: String| Error::ModelFile { path: files.config.clone(), reason };
        let config: Value = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        for path in [&files.weights, &files.tokenizer] {
            std::fs::metadata(path).map_err(Error::io("open", path))?;
        }
        let (model, shape) = match architecture(&config).map_err(&wrong)? {
            DEBERTA => open_deberta(&files, &config)?,
            _ => open_bert(&files)?,
        };
        let tokenizer = Tokenizer::open(&files.tokenizer)?;
        check_vocabulary(&tokenizer, &files, shape.words)?;
        let entailment = labels::entailment(&config, shape.classes, settings.entailment).map_err(|reason| {
            let value = folder.display().to_string();
            Error::Setting { name: "check.model".into(), value, reason }
        })?;
        let tokens_max = shape.tokens_max.min(TOKENS_MAX);
        let frame = tokenizer.pair_frame()?.clone();
        let form = PairForm {
            frame,
            tokens_max,
            claim_tokens_max: tokens_max - tokens_max / EVIDENCE_PART,
            evidence_first: true,
        };
        let threads = rayon::ThreadPoolBuilder::new().num_threads(thread_count(embed.threads)).build();
        let threads = threads.map_err(|source| Error::Io {
            action: "start threads for",
            path: folder.to_path_buf(),
            source: std::io::Error::other(source),
        })?;
        let name = std::path::absolute(folder).map_err(Error::io("resolve", folder))?;
        let name = name.file_name().map_or_else(|| "classifier".into(), |name| name.to_string_lossy().into_owned());
        Ok(Self { name, model, tokenizer, form, entailment, batch_tokens_max: embed.batch_tokens_max, threads })
    }

    /// The class that means entailment, counted from 0.
    pub fn entailment_class(&self) -> usize {
        self.entailment
    }

    /// The logits of some pairs, `[pairs][classes]`.
    fn logits(&self, batch: &[Pair<'_>]) -> Result<Vec<Vec<f32>>> {
        match &self.model {
            Model::Bert(model) => Ok(model.logits(batch)?),
            Model::Deberta(model) => {
                let one = |pair: &Pair<'_>| deberta_logits(model, *pair).map_err(Error::tensor("run the classifier"));
                batch.iter().map(one).collect()
            }
        }
    }
}

impl Entailment for Classifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn entails(&self, pairs: &[(&str, &str)]) -> Result<Vec<f32>> {
        let inputs = self.form.inputs(&self.tokenizer, pairs)?;
        let lengths: Vec<usize> = inputs.iter().map(|input| input.ids.len()).collect();
        let mut scores = vec![0.0; inputs.len()];
        for batch in plan_batches(&lengths, self.batch_tokens_max) {
            let pairs: Vec<Pair<'_>> = batch.iter().map(|index| as_pair(&inputs[*index])).collect();
            let logits = self.threads.install(|| self.logits(&pairs))?;
            for (index, logits) in batch.into_iter().zip(logits) {
                scores[index] = share(&logits, self.entailment);
            }
        }
        if scores.iter().any(|score| !score.is_finite()) {
            let reason = format!("the weights of `{}` give scores that are no numbers", self.name);
            return Err(Error::tensor("read a pair")(candle_core::Error::msg(reason)));
        }
        Ok(scores)
    }
}

fn as_pair(input: &PairInput) -> Pair<'_> {
    Pair { ids: &input.ids, first: input.first }
}

/// The softmax of `logits` at `class`.
fn share(logits: &[f32], class: usize) -> f32 {
    1.0 / logits.iter().map(|logit| (logit - logits[class]).exp()).sum::<f32>()
}

/// The one architecture of a configuration, which must be known here.
fn architecture(config: &Value) -> std::result::Result<&'static str, String> {
    let named: Vec<&str> =
        config.get("architectures").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    ARCHITECTURES.into_iter().find(|known| named.contains(known)).ok_or_else(|| {
        format!(
            "its architectures are [{}], of which none is a classifier that runs here; known are {}",
            named.join(", "),
            ARCHITECTURES.join(", ")
        )
    })
}

fn open_bert(files: &Files) -> Result<(Model, Shape)> {
    let model = SequenceClassifier::open(&files.config, &files.weights, &Device::Cpu)?;
    let encoder = model.encoder();
    let shape = Shape {
        classes: model.classes(),
        words: encoder.vocabulary_size(),
        tokens_max: encoder.tokens_max().unwrap_or(TOKENS_MAX),
    };
    Ok((Model::Bert(Box::new(model)), shape))
}

fn open_deberta(files: &Files, config: &Value) -> Result<(Model, Shape)> {
    let wrong = |path: &Path, reason: String| Error::ModelFile { path: path.to_path_buf(), reason };
    // Candle stops the program there.
    if config["conv_kernel_size"].as_u64().is_some_and(|size| size > 0) {
        let reason = "it has a convolution (conv_kernel_size), which does not run here; take a DeBERTa without one, such as version 3";
        return Err(wrong(&files.config, reason.into()));
    }
    let mut parsed: DebertaConfig =
        serde_json::from_value(config.clone()).map_err(|error| wrong(&files.config, error.to_string()))?;
    let weights = map_weights(&files.weights)?;
    let refused = |reason: String| wrong(&files.weights, reason);
    let rows_of = |name: &str| match weights.get(name) {
        Ok(tensor) => Ok(tensor.shape().first().copied().unwrap_or_default()),
        Err(_) => Err(refused(format!("tensor `{name}` is missing"))),
    };
    let (classes, words) = (rows_of("classifier.weight")?, rows_of("deberta.embeddings.word_embeddings.weight")?);
    let shape = Shape { classes, words, tokens_max: parsed.max_position_embeddings };
    let builder = VarBuilder::from_backend(Box::new(weights), DType::F32, Device::Cpu);
    // Their number alone is taken from the names, and must be that of the weights.
    parsed.id2label = None;
    let names = (0..classes as u32).map(|class| (class, class.to_string())).collect();
    let model = DebertaV2SeqClassificationModel::load(builder.set_prefix("deberta"), &parsed, Some(names))
        .map_err(|error| wrong(&files.weights, first_line(&error)))?;
    Ok((Model::Deberta(Box::new(model)), shape))
}

fn deberta_logits(model: &DebertaV2SeqClassificationModel, pair: Pair<'_>) -> candle_core::Result<Vec<f32>> {
    let ids = Tensor::new(pair.ids, &Device::Cpu)?.unsqueeze(0)?;
    let types: Vec<u32> = (0..pair.ids.len()).map(|position| u32::from(position >= pair.first)).collect();
    let types = Tensor::from_vec(types, (1, pair.ids.len()), &Device::Cpu)?;
    model.forward(&ids, Some(types), None)?.squeeze(0)?.to_vec1()
}

/// Whether tokenizer and word table belong together. Tables are often padded a little, for the sake of fast products.
fn check_vocabulary(tokenizer: &Tokenizer, files: &Files, rows: usize) -> Result<()> {
    let entries = tokenizer.vocabulary_size();
    if entries <= rows && entries >= rows - rows / 10 {
        return Ok(());
    }
    let reason = format!(
        "it has {entries} entries, and the word table in {} has {rows} rows: it is another model's; take the tokenizer.json that \
         came with the weights",
        files.weights.display()
    );
    Err(Error::ModelFile { path: files.tokenizer.clone(), reason })
}

/// An error's first line: behind it may come where in a library it was made.
fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
