//! Our own cross-encoder: pairs of texts in, how likely the second entails, or answers, the first out.
//!
//! Its layers are all-MiniLM-L6-v2's in shape, trained on by `scripts/train-check`; its word table is that model's own, so that the file
//! holds the layers only, in 8 bits. Two linear heads read the last state of the first token.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;

use candle_core::safetensors::SliceSafetensors;
use candle_core::{DType, Device};
use ibid_encoder::bert::BertConfig;
use ibid_encoder::instructions::Instructions;
use ibid_encoder::native::{Encoder, GROUP_TOKENS};
use ibid_encoder::pair::Pair;
use serde::Deserialize;

use super::Entailment;
use super::pairs::{PairForm, PairInput};
use crate::error::{Error, Result};
use crate::inference::embedder::{EmbedSettings, plan_batches, thread_count};
use crate::inference::precision::Computed;
use crate::inference::tokenizer::Tokenizer;
use crate::inference::{cache, manifest};
use crate::vector::dot;

/// The weights and the manifest that come with the program.
const BUILTIN: Option<(&[u8], &str)> = None;

/// The model whose word table and tokenizer are used.
const WORDS: &str = "all-minilm-l6-v2";

/// The file of the layers in a reader's folder.
const LAYERS_FILE: &str = "reader.safetensors";
/// What is said of them.
const MANIFEST_FILE: &str = "manifest.toml";

/// Tokens of a pair at most, special tokens counted, and of its first text: what the model was trained with.
const TOKENS_MAX: usize = 192;
const CLAIM_TOKENS_MAX: usize = 72;

/// What is asked of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// Whether the second text, evidence, says what the first, a claim, says.
    Entails,
    /// Whether the second text, a passage, answers the first, a question.
    Answers,
}

/// How many heads there are.
const HEADS: usize = 2;

/// A reader's own words about itself; what else its manifest says is for people.
#[derive(Debug, Deserialize)]
struct ReaderManifest {
    name: String,
}

/// Our own cross-encoder on the CPU, with its tokenizer.
pub struct Reader {
    name: String,
    encoder: Encoder,
    tokenizer: Tokenizer,
    form: PairForm,
    /// `[HEADS, hidden]`.
    weights: Vec<f32>,
    biases: [f32; HEADS],
    workers: usize,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("name", &self.name).field("encoder", &self.encoder).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens the reader in `folder`, or the one that comes with the program, to be computed on the CPU in the precision and on as many
    /// threads as `embed` says. Where there is none to be had on this machine: why, for a person.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::ModelFile`] for a file that is missing or not what it should be, [`Error::Setting`] for a precision that
    /// does not run here.
    pub(super) fn open(folder: Option<&Path>, embed: &EmbedSettings) -> Result<std::result::Result<Self, String>> {
        let (place, layers, described) = match (folder, BUILTIN) {
            (Some(folder), _) => {
                let (layers, manifest) = (folder.join(LAYERS_FILE), folder.join(MANIFEST_FILE));
                let bytes = std::fs::read(&layers).map_err(Error::io("read", &layers))?;
                let text = std::fs::read_to_string(&manifest).map_err(Error::io("read", &manifest))?;
                (layers, Cow::Owned(bytes), Cow::Owned(text))
            }
            (None, Some((layers, text))) => (LAYERS_FILE.into(), Cow::Borrowed(layers), Cow::Borrowed(text)),
            (None, None) => return Ok(Err("this build has none; name the folder of one with check.reader".into())),
        };
        let files = match cache::open(&manifest::find(WORDS, None)?) {
            Ok(files) => files,
            Err(error @ (Error::ModelMissing { .. } | Error::ModelDamaged { .. })) => {
                return Ok(Err(format!("its words are those of {WORDS}: {error}")));
            }
            Err(error) => return Err(error),
        };
        let Some(instructions) = Instructions::of_environment()? else {
            return Ok(Err("IBID_SIMD says candle, which does not run it".into()));
        };
        let wrong = |reason: String| Error::ModelFile { path: place.clone(), reason };
        let ReaderManifest { name } = toml::from_str(&described)
            .map_err(|error| wrong(format!("its {MANIFEST_FILE} is wrong: {}", error.message())))?;
        let config = BertConfig::open(&files.path("config.json")?)?;
        let (weights, biases) = heads(&layers, config.hidden_size).map_err(&wrong)?;
        let precision = embed.precision.with(Some(instructions))?;
        let words = files.path("model.safetensors")?;
        let encoder = Encoder::open_parts(config, &words, &layers, instructions, precision)
            .map_err(|error| wrong(std::error::Error::source(&error).map_or_else(|| error.to_string(), first_line)))?;
        let tokenizer = Tokenizer::open(&files.path("tokenizer.json")?)?;
        let frame = tokenizer.pair_frame()?.clone();
        let form =
            PairForm { frame, tokens_max: TOKENS_MAX, claim_tokens_max: CLAIM_TOKENS_MAX, evidence_first: false };
        Ok(Ok(Self { name, encoder, tokenizer, form, weights, biases, workers: thread_count(embed.threads) }))
    }

    /// What products are computed in.
    pub fn precision(&self) -> Computed {
        self.encoder.precision()
    }

    /// The vector instructions in use.
    pub fn instructions(&self) -> Instructions {
        self.encoder.instructions()
    }

    /// How likely what `head` asks is so for each pair (claim, evidence) or (question, passage), 0 to 1, in their order; blocks. The
    /// figures of one head may be compared with each other. The end of a long first text is left out, and of the second what then does
    /// not fit. Few pairs share all cores, too.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] or [`Error::Tensor`] when the model fails.
    ///
    /// # Panics
    /// When a worker panicked.
    pub fn scores(&self, head: Head, pairs: &[(&str, &str)]) -> Result<Vec<f32>> {
        let inputs = self.form.inputs(&self.tokenizer, pairs)?;
        let lengths: Vec<usize> = inputs.iter().map(|input| input.ids.len()).collect();
        let workers = self.workers.min(inputs.len()).max(1);
        // Every worker has something to do, and none more at once than goes through the layers together.
        let share = lengths.iter().sum::<usize>().div_ceil(workers);
        let queue = Mutex::new(VecDeque::from(plan_batches(&lengths, share.min(GROUP_TOKENS))));
        let done = Mutex::new(vec![0.0; inputs.len()]);
        let work = || -> Result<()> {
            loop {
                let next = queue.lock().expect("no worker panics holding the queue").pop_front();
                let Some(batch) = next else { return Ok(()) };
                let scores = self.run(head, batch.iter().map(|index| &inputs[*index]))?;
                let mut done = done.lock().expect("no worker panics holding the results");
                batch.into_iter().zip(scores).for_each(|(index, score)| done[index] = score);
            }
        };
        if workers == 1 {
            work()?;
        } else {
            std::thread::scope(|scope| {
                let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
                let own = work();
                others.into_iter().try_for_each(|worker| worker.join().expect("a reading worker panicked")).and(own)
            })?;
        }
        Ok(done.into_inner().expect("every worker has ended"))
    }

    fn run<'a>(&self, head: Head, batch: impl Iterator<Item = &'a PairInput>) -> Result<Vec<f32>> {
        let batch: Vec<Pair<'_>> = batch.map(|input| Pair { ids: &input.ids, first: input.first }).collect();
        let hidden = self.encoder.config().hidden_size;
        let weight = &self.weights[head as usize * hidden..][..hidden];
        let mut scores = vec![0.0; batch.len()];
        self.encoder.forward_pairs(&batch, |index, state| {
            scores[index] = 1.0 / (1.0 + (-dot(weight, state) - self.biases[head as usize]).exp());
        })?;
        if scores.iter().any(|score: &f32| !score.is_finite()) {
            let reason = format!("the weights of `{}` give scores that are no numbers", self.name);
            return Err(Error::tensor("read a pair")(candle_core::Error::msg(reason)));
        }
        Ok(scores)
    }
}

impl Entailment for Reader {
    fn name(&self) -> &str {
        &self.name
    }

    fn entails(&self, pairs: &[(&str, &str)]) -> Result<Vec<f32>> {
        self.scores(Head::Entails, pairs)
    }
}

/// The heads' weights, `[HEADS, hidden]`, and biases in the file `layers`.
fn heads(layers: &[u8], hidden: usize) -> std::result::Result<(Vec<f32>, [f32; HEADS]), String> {
    let file = SliceSafetensors::new(layers).map_err(|error| first_line(&error))?;
    let load = |name: &str, shape: &[usize]| -> std::result::Result<Vec<f32>, String> {
        let tensor = file.load(name, &Device::Cpu).map_err(|_| format!("tensor `{name}` is missing"))?;
        if tensor.dims() != shape {
            return Err(format!("tensor `{name}` has shape {:?}, not {shape:?}", tensor.dims()));
        }
        let values = tensor.to_dtype(DType::F32).and_then(|tensor| tensor.flatten_all()?.to_vec1());
        values.map_err(|error| first_line(&error))
    };
    let weights = load("heads.weight", &[HEADS, hidden])?;
    let biases = load("heads.bias", &[HEADS])?;
    Ok((weights, [biases[0], biases[1]]))
}

/// An error's first line: behind it may come where in a library it was made.
fn first_line(error: &(impl std::fmt::Display + ?Sized)) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
