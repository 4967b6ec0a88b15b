//! Text in, unit vectors out: one for a whole text, and one a token for late interaction; knows nothing of documents.
//!
//! A text's vector is the mean of its last hidden states, scaled to length 1. Batches are sorted by length and bounded by
//! a token budget; on the CPU each core runs its own batches on one thread, which beats sharing one product between cores.
//! The CPU runs the native encoder; another device, or a model that it does not know, runs on Candle.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use ibid_encoder::bert::{Bert, BertConfig};
use ibid_encoder::instructions::Instructions;
use ibid_encoder::native::Encoder;
use serde::{Deserialize, Serialize};

use super::cache::ModelFiles;
use super::device::{self, DeviceChoice, OpenedDevice};
use super::manifest::{Manifest, Pooling};
use super::precision::{Computed, Precision};
use super::tokenizer::{Tokenizer, Tokens};
use crate::document::ByteSpan;
use crate::error::{Error, Result};
use crate::stop_words::is_stop_word;
use crate::vector::normalize;

/// How embedding runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbedSettings {
    /// Name of the model's manifest.
    pub model: String,
    /// Where to compute.
    pub device: DeviceChoice,
    /// What to compute in.
    pub precision: Precision,
    /// Tokens a batch at most; a single longer text is a batch of its own.
    pub batch_tokens_max: usize,
    /// CPU threads; 0 takes every core.
    pub threads: usize,
}

impl Default for EmbedSettings {
    fn default() -> Self {
        Self {
            model: "all-minilm-l6-v2".into(),
            device: DeviceChoice::Auto,
            precision: Precision::Auto,
            batch_tokens_max: 2048,
            threads: 0,
        }
    }
}

/// What a text is to the model; some models want another prefix for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A question or search query.
    Query,
    /// A text to be found.
    Passage,
}

/// A text ready for the model.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// Token ids, special tokens included; never more than the model reads.
    pub ids: Vec<u32>,
    /// Tokens left out because the text is longer than the model reads.
    pub cut: usize,
}

/// The model's output for one text.
#[derive(Debug, Clone, Default)]
pub struct Encoded {
    /// The text's unit vector, `[dimensions]`.
    pub vector: Vec<f32>,
    /// One unit vector an input token, special tokens included, `[tokens, dimensions]` row-major; empty unless asked for.
    pub tokens: Vec<f32>,
}

/// The token vectors of one text, without special tokens.
#[derive(Debug, Clone, Default)]
pub struct TokenEmbeddings {
    /// Width of a vector.
    pub dimensions: usize,
    /// `[tokens, dimensions]` row-major, each row of length 1.
    pub vectors: Vec<f32>,
    /// Vocabulary ids, one a token.
    pub ids: Vec<u32>,
    /// Byte span of each token in the text.
    pub spans: Vec<ByteSpan>,
}

impl TokenEmbeddings {
    /// The vector of token `index`.
    #[must_use]
    pub fn vector(&self, index: usize) -> &[f32] {
        &self.vectors[index * self.dimensions..(index + 1) * self.dimensions]
    }
}

/// Whether token vectors are wanted besides the text's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// The text's vector only.
    Vector,
    /// The text's vector and one a token.
    VectorAndTokens,
}

/// The vectors of several texts, in their order.
#[derive(Debug, Clone, Default)]
pub struct Embedded {
    /// One unit vector a text.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens computed, special tokens included.
    pub tokens: u64,
    /// Tokens left out of texts that are longer than the model reads.
    pub cut_tokens: u64,
}

/// A bi-encoder with its tokenizer, on one device.
pub struct Embedder {
    manifest: Manifest,
    tokenizer: Tokenizer,
    model: Model,
    device: OpenedDevice,
    settings: EmbedSettings,
    worker_count: usize,
    content: OnceLock<ContentTokens>,
    tokenizing_ns: AtomicU64,
}

/// What computes.
enum Model {
    /// The native encoder, on whichever thread calls.
    Native(Box<Encoder>),
    /// Candle splits its products over the pool it is called from: one of one thread for each worker, and one of all
    /// threads for lone queries.
    Candle { bert: Box<Bert>, workers: Vec<rayon::ThreadPool>, together: rayon::ThreadPool },
    /// Kernels of our own on CUDA devices, each with threads of its own.
    #[cfg(feature = "cuda")]
    Cuda(Box<ibid_encoder::cuda::Encoder>),
}

impl Model {
    fn config(&self) -> &BertConfig {
        match self {
            Self::Native(encoder) => encoder.config(),
            Self::Candle { bert, .. } => bert.config(),
            #[cfg(feature = "cuda")]
            Self::Cuda(encoder) => encoder.config(),
        }
    }
}

/// Which implementation computes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Engine {
    /// `native`, `cuda` or `candle`.
    pub name: &'static str,
    /// Vector instructions: `amx`, `avx512`, `avx2` or `portable`; else the name again.
    pub instructions: &'static str,
    /// What products are computed in.
    pub precision: Computed,
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name == self.instructions {
            true => write!(f, "{} {}", self.name, self.precision.name()),
            false => write!(f, "{} {} {}", self.name, self.instructions, self.precision.name()),
        }
    }
}

/// Which entries of a vocabulary carry meaning: neither punctuation nor stop words nor special tokens.
#[derive(Debug)]
pub struct ContentTokens(Vec<bool>);

impl ContentTokens {
    fn of(tokenizer: &Tokenizer) -> Self {
        let carries = |id: u32| {
            let token = tokenizer.token(id).unwrap_or_default();
            let is_special = token.starts_with('[') && token.ends_with(']') && token.len() > 2;
            !is_special && token.chars().any(char::is_alphanumeric) && !is_stop_word(&token)
        };
        Self((0..tokenizer.vocabulary_size() as u32).map(carries).collect())
    }

    /// Whether token `id` carries meaning.
    #[must_use]
    pub fn contains(&self, id: u32) -> bool {
        self.0.get(id as usize).copied().unwrap_or(false)
    }
}

impl std::fmt::Debug for Embedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedder")
            .field("model", &self.manifest.name)
            .field("device", &self.device.name)
            .finish_non_exhaustive()
    }
}

impl Embedder {
    /// Opens the model described by `manifest` from its files.
    ///
    /// # Errors
    /// When a file is missing or is not what this encoder runs, or the device cannot be used.
    pub fn open(manifest: Manifest, files: &ModelFiles, settings: EmbedSettings) -> Result<Self> {
        if manifest.pooling != Some(Pooling::Mean) {
            let reason = "only mean pooling runs here".to_string();
            return Err(Error::ModelManifest { name: manifest.name, reason });
        }
        let file = |name: &str| -> Result<PathBuf> { files.path(name) };
        let config = BertConfig::open(&file("config.json")?)?;
        if manifest.tokens_max > config.max_position_embeddings || manifest.dimensions != Some(config.hidden_size) {
            let reason = "tokens_max or dimensions contradict its config.json".to_string();
            return Err(Error::ModelManifest { name: manifest.name, reason });
        }
        let device = device::open(settings.device)?;
        let tokenizer = Tokenizer::open(&file("tokenizer.json")?)?;
        let weights = file("model.safetensors")?;
        let threads = thread_count(settings.threads);
        // A GPU is fed by one worker; more would only take turns.
        let worker_count = if device.name == "cpu" { threads } else { 1 };
        let instructions = Instructions::of_environment()?.filter(|_| device.name == "cpu");
        #[cfg(feature = "cuda")]
        if let Some(encoder) = super::gpu::open(&config, &weights, &device, &settings)? {
            let worker_count = super::gpu::worker_count(&encoder);
            let model = Model::Cuda(Box::new(encoder));
            let (content, tokenizing_ns) = (OnceLock::new(), AtomicU64::new(0));
            return Ok(Self { manifest, tokenizer, model, device, settings, worker_count, content, tokenizing_ns });
        }
        let precision = settings.precision.with(instructions)?;
        let model = match instructions {
            Some(instructions) => Model::Native(Box::new(Encoder::open(config, &weights, instructions, precision)?)),
            None => Model::Candle {
                bert: Box::new(Bert::open(config, &weights, &device.device)?),
                workers: (0..worker_count).map(|_| pool(1)).collect::<Result<_>>()?,
                together: pool(threads)?,
            },
        };
        let (content, tokenizing_ns) = (OnceLock::new(), AtomicU64::new(0));
        Ok(Self { manifest, tokenizer, model, device, settings, worker_count, content, tokenizing_ns })
    }

    /// The model's manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The device really used.
    pub fn device(&self) -> &OpenedDevice {
        &self.device
    }

    /// Width of the vectors.
    pub fn dimensions(&self) -> usize {
        self.model.config().hidden_size
    }

    /// Which implementation computes.
    pub fn engine(&self) -> Engine {
        match &self.model {
            Model::Native(encoder) => {
                Engine { name: "native", instructions: encoder.instructions().name(), precision: encoder.precision() }
            }
            Model::Candle { .. } => Engine { name: "candle", instructions: "candle", precision: Computed::F32 },
            #[cfg(feature = "cuda")]
            Model::Cuda(_) => Engine { name: "cuda", instructions: "cuda", precision: Computed::Bf16 },
        }
    }

    /// Which vocabulary entries carry meaning.
    pub fn content_tokens(&self) -> &ContentTokens {
        self.content.get_or_init(|| ContentTokens::of(&self.tokenizer))
    }

    /// Tokens a batch at most, for the device really used.
    pub fn batch_tokens_max(&self) -> usize {
        match &self.model {
            #[cfg(feature = "cuda")]
            Model::Cuda(_) => self.settings.batch_tokens_max.saturating_mul(super::gpu::BATCHES_TOGETHER),
            _ => self.settings.batch_tokens_max,
        }
    }

    /// Seconds that tokenizers which ran ahead of a GPU have taken so far, summed over threads.
    pub fn tokenizing_seconds(&self) -> f64 {
        self.tokenizing_ns.load(Ordering::Relaxed) as f64 / 1e9
    }

    /// The encoder on CUDA devices, where that computes.
    #[cfg(feature = "cuda")]
    pub fn cuda(&self) -> Option<&ibid_encoder::cuda::Encoder> {
        match &self.model {
            Model::Cuda(encoder) => Some(encoder),
            _ => None,
        }
    }

    /// Batches that can run at once.
    pub fn worker_count(&self) -> usize {
        self.worker_count
    }

    /// Tokens of content that one input holds, special tokens and the role's prefix taken off.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the prefix cannot be tokenized.
    pub fn content_tokens_max(&self, role: Role) -> Result<usize> {
        let prefix = self.tokenizer.encode(self.prefix(role))?.len();
        Ok(self.manifest.tokens_max.saturating_sub(2 + prefix))
    }

    /// The input for content tokens that are already known, cut to what the model reads.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the role's prefix cannot be tokenized.
    pub fn input(&self, ids: &[u32], role: Role) -> Result<Input> {
        let room = self.manifest.tokens_max.saturating_sub(2);
        let prefix = self.prefix(role);
        let mut all = if prefix.is_empty() { Vec::new() } else { self.tokenizer.encode(prefix)?.ids };
        all.extend_from_slice(ids);
        let cut = all.len().saturating_sub(room);
        all.truncate(room);
        Ok(Input { ids: self.tokenizer.framed(&all), cut })
    }

    /// The input for a text.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the tokenizer fails.
    pub fn tokenize(&self, text: &str, role: Role) -> Result<Input> {
        self.input(&self.tokenizer.encode(text)?.ids, role)
    }

    /// The inputs for `texts`, in their order; many are tokenized on as many threads as there are workers.
    ///
    /// # Errors
    /// As [`Self::tokenize`].
    ///
    /// # Panics
    /// When a tokenizer panicked.
    pub fn tokenize_all(&self, texts: &[&str], role: Role) -> Result<Vec<Input>> {
        let tokenize = |texts: &[&str]| texts.iter().map(|text| self.tokenize(text, role)).collect::<Result<Vec<_>>>();
        let threads = thread_count(self.settings.threads);
        if texts.len() < TEXTS_TOGETHER_MIN || threads == 1 {
            return tokenize(texts);
        }
        std::thread::scope(|scope| {
            let parts = texts.chunks(texts.len().div_ceil(threads));
            let parts: Vec<_> = parts.map(|part| scope.spawn(move || tokenize(part))).collect();
            let mut inputs = Vec::with_capacity(texts.len());
            for part in parts {
                inputs.extend(part.join().expect("a tokenizer panicked")?);
            }
            Ok(inputs)
        })
    }

    /// Runs one batch as worker `worker`; blocks. The outputs keep the order of `batch`.
    ///
    /// # Errors
    /// [`Error::Tensor`] when the model fails.
    pub fn encode_batch(&self, worker: usize, batch: &[&[u32]], want: Want) -> Result<Vec<Encoded>> {
        let mut encoded = vec![Encoded::default(); batch.len()];
        let take = |index: usize, rows: &mut [f32]| encoded[index] = self.finish(rows, want);
        match &self.model {
            Model::Native(encoder) => encoder.forward(batch, take)?,
            Model::Candle { bert, workers, .. } => {
                workers[worker % workers.len()].install(|| run_candle(bert, batch, take))?;
            }
            #[cfg(feature = "cuda")]
            Model::Cuda(encoder) => encoded = super::gpu::run(encoder, batch, want)?,
        }
        Ok(encoded)
    }

    /// The outputs for one text, of its last hidden states.
    fn finish(&self, rows: &mut [f32], want: Want) -> Encoded {
        let width = self.dimensions();
        let mut vector = vec![0.0; width];
        for row in rows.chunks_exact(width) {
            for (sum, value) in vector.iter_mut().zip(row) {
                *sum += value;
            }
        }
        normalize(&mut vector);
        let tokens = match want {
            Want::Vector => Vec::new(),
            Want::VectorAndTokens => {
                rows.chunks_exact_mut(width).for_each(normalize);
                rows.to_vec()
            }
        };
        Encoded { vector, tokens }
    }

    /// Encodes inputs on every worker, in batches sorted by length; blocks. The outputs keep the order of `inputs`.
    ///
    /// # Errors
    /// [`Error::Tensor`] when the model fails.
    ///
    /// # Panics
    /// When a worker panicked.
    pub fn encode(&self, inputs: &[Input], want: Want) -> Result<Vec<Encoded>> {
        if let [only] = inputs {
            return self.encode_alone(&only.ids, want).map(|encoded| vec![encoded]);
        }
        let lengths: Vec<usize> = inputs.iter().map(|input| input.ids.len()).collect();
        let batches = plan_batches(&lengths, self.batch_tokens_max());
        let count = batches.len();
        let queue = Mutex::new(VecDeque::from(batches));
        let done = Mutex::new(vec![Encoded::default(); inputs.len()]);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.worker_count.min(count))
                .map(|worker| {
                    let (queue, done) = (&queue, &done);
                    scope.spawn(move || -> Result<()> {
                        loop {
                            let next = queue.lock().expect("no worker panics holding the queue").pop_front();
                            let Some(batch) = next else { return Ok(()) };
                            let ids: Vec<&[u32]> = batch.iter().map(|&index| inputs[index].ids.as_slice()).collect();
                            let encoded = self.encode_batch(worker, &ids, want)?;
                            let mut done = done.lock().expect("no worker panics holding the results");
                            for (index, output) in batch.into_iter().zip(encoded) {
                                done[index] = output;
                            }
                        }
                    })
                })
                .collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("an embedding worker panicked"))
        })?;
        Ok(done.into_inner().expect("every worker has ended"))
    }

    /// One text alone, with nothing to run beside it.
    fn encode_alone(&self, ids: &[u32], want: Want) -> Result<Encoded> {
        let mut encoded = Encoded::default();
        let take = |_: usize, rows: &mut [f32]| encoded = self.finish(rows, want);
        match &self.model {
            Model::Native(encoder) => encoder.forward(&[ids], take)?,
            Model::Candle { bert, together, .. } => together.install(|| run_candle(bert, &[ids], take))?,
            #[cfg(feature = "cuda")]
            Model::Cuda(encoder) => encoded = super::gpu::run(encoder, &[ids], want)?.pop().unwrap_or_default(),
        }
        Ok(encoded)
    }

    /// The vectors of `texts`, in their order; blocks.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] or [`Error::Tensor`] when the model fails.
    pub fn embed(&self, texts: &[&str], role: Role) -> Result<Embedded> {
        #[cfg(feature = "cuda")]
        if matches!(self.model, Model::Cuda(_)) && texts.len() > 1 {
            let tokenizers = thread_count(self.settings.threads);
            let (workers, batch_tokens_max) = (self.worker_count, self.batch_tokens_max());
            let ahead = super::ahead::Ahead { tokenizers, workers, batch_tokens_max };
            return super::ahead::embed(self, texts, role, ahead, &self.tokenizing_ns);
        }
        let inputs = self.tokenize_all(texts, role)?;
        let tokens = inputs.iter().map(|input| input.ids.len() as u64).sum();
        let cut_tokens = inputs.iter().map(|input| input.cut as u64).sum();
        let vectors = self.encode(&inputs, Want::Vector)?.into_iter().map(|encoded| encoded.vector).collect();
        Ok(Embedded { vectors, tokens, cut_tokens })
    }

    /// The token vectors of `texts` as passages, in their order; blocks. Tokens beyond what the model reads are left out.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] or [`Error::Tensor`] when the model fails.
    pub fn embed_tokens(&self, texts: &[&str]) -> Result<Vec<TokenEmbeddings>> {
        let prefix = self.tokenizer.encode(self.prefix(Role::Passage))?.len();
        let tokens = texts.iter().map(|text| self.tokenizer.encode(text)).collect::<Result<Vec<Tokens>>>()?;
        let inputs = tokens.iter().map(|tokens| self.input(&tokens.ids, Role::Passage)).collect::<Result<Vec<_>>>()?;
        let encoded = self.encode(&inputs, Want::VectorAndTokens)?;
        let width = self.dimensions();
        let strip = |(tokens, encoded): (Tokens, Encoded)| {
            let rows = encoded.tokens.len() / width;
            let kept = rows.saturating_sub(2 + prefix);
            let first = (1 + prefix) * width;
            TokenEmbeddings {
                dimensions: width,
                vectors: encoded.tokens.get(first..first + kept * width).unwrap_or_default().to_vec(),
                ids: tokens.ids[..kept].to_vec(),
                spans: tokens.spans[..kept].to_vec(),
            }
        };
        Ok(tokens.into_iter().zip(encoded).map(strip).collect())
    }

    fn prefix(&self, role: Role) -> &str {
        match role {
            Role::Query => &self.manifest.query_prefix,
            Role::Passage => &self.manifest.passage_prefix,
        }
    }
}

/// Fewer texts are tokenized sooner than threads are started.
const TEXTS_TOGETHER_MIN: usize = 64;

/// Indices of `lengths` in batches of at most `tokens_max` tokens, longest first so that no long batch is left for last.
///
/// # Panics
/// Never: a batch is opened before it is filled.
#[must_use]
pub fn plan_batches(lengths: &[usize], tokens_max: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| (std::cmp::Reverse(lengths[index]), index));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut filled = usize::MAX;
    for index in order {
        if filled.saturating_add(lengths[index]) > tokens_max {
            batches.push(Vec::new());
            filled = 0;
        }
        filled += lengths[index];
        batches.last_mut().expect("a batch was just opened").push(index);
    }
    batches
}

/// Runs `batch` on Candle; `take` gets each text's index and last hidden states.
fn run_candle(bert: &Bert, batch: &[&[u32]], mut take: impl FnMut(usize, &mut [f32])) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let hidden = bert.forward(batch)?;
    let rows = hidden.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
    let mut rows = rows.map_err(Error::tensor("fetch the hidden states"))?;
    let mut rest = rows.as_mut_slice();
    for (index, ids) in batch.iter().enumerate() {
        let (own, after) = rest.split_at_mut(ids.len() * bert.config().hidden_size);
        take(index, own);
        rest = after;
    }
    Ok(())
}

/// `threads`, or the number of cores for 0.
#[must_use]
pub fn thread_count(threads: usize) -> usize {
    match threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        given => given,
    }
}

fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|_| "embed".into()).build().map_err(|source| {
        Error::Io { action: "start threads for", path: "the embedder".into(), source: std::io::Error::other(source) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_to_the_budget_and_cover_every_text_once() {
        let lengths = [5, 300, 7, 7, 100, 1, 90];
        let batches = plan_batches(&lengths, 120);
        for batch in &batches {
            let tokens: usize = batch.iter().map(|&index| lengths[index]).sum();
            assert!(tokens <= 120 || batch.len() == 1);
        }
        let mut all: Vec<usize> = batches.concat();
        all.sort_unstable();
        assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
        assert_eq!(batches[0], [1], "the longest text comes first");
        assert!(plan_batches(&[], 10).is_empty());
    }
}
