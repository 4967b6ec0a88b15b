//! Text in, unit vectors out: one for a whole text, and one a token for late interaction; knows nothing of documents.
//!
//! A text's vector is pooled from its last hidden states as the model's manifest says. Batches are sorted by length and bounded
//! by a token budget; on the CPU each core runs its own batches on one thread, which beats sharing one product between cores.
//! The CPU runs the native encoder and GPUs kernels of our own; a model that they do not know runs on Candle.

mod batches;
mod content;
mod model;
mod pooling;

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use ibid_encoder::native::GROUP_TOKENS;
use serde::{Deserialize, Serialize};

use super::cache::ModelFiles;
use super::device::{self, DeviceChoice, OpenedDevice};
use super::manifest::Manifest;
use super::precision::Precision;
use super::tokenizer::{Tokenizer, Tokens};
use crate::document::ByteSpan;
use crate::error::{Error, Result};
pub use batches::plan_batches;
pub use content::ContentTokens;
pub use model::Engine;
use model::{Model, Opened};
use pooling::Pool;

/// How embedding runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbedSettings {
    /// Name of the model's manifest, the path of one, or the folder of a model.
    pub model: String,
    /// Width of the vectors, one that the model was trained to be cut to; unset takes all of it. Part of an index's identity.
    pub dimensions: Option<usize>,
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
            dimensions: None,
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
    /// Token ids: what the model wants before a text, the role's prefix, the text, what the model wants after it; never more
    /// than the model reads.
    pub ids: Vec<u32>,
    /// How many ids come before the text's own.
    pub lead: usize,
    /// How many come after them.
    pub tail: usize,
    /// Tokens left out because the text is longer than the model reads.
    pub cut: usize,
}

impl Input {
    /// Which of the ids are the text's own.
    #[must_use]
    pub fn own(&self) -> Range<usize> {
        self.lead..self.ids.len() - self.tail
    }
}

/// The model's output for one text of a batch, where it was computed.
#[derive(Debug)]
pub struct Output<'a> {
    /// The text's place in the batch.
    pub index: usize,
    /// Its unit vector, `[dimensions]`.
    pub vector: Vec<f32>,
    /// As [`Encoded::tokens`].
    pub tokens: &'a [f32],
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
    engine_reason: String,
    pool: Pool,
    /// The prefixes of queries and passages that stand alone.
    prefixes: [Vec<u32>; 2],
    device: OpenedDevice,
    settings: EmbedSettings,
    worker_count: usize,
    content: OnceLock<ContentTokens>,
    tokenizing_ns: AtomicU64,
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
    /// When a file is missing or is not what an encoder here runs, they do not fit each other, or the device, the precision or
    /// the width of vectors cannot be had.
    pub fn open(manifest: Manifest, files: &ModelFiles, settings: EmbedSettings) -> Result<Self> {
        let dimensions = manifest.width(settings.dimensions)?;
        let Some(pooling) = manifest.pooling else {
            let reason = "it is no embedder: it names no pooling".into();
            return Err(Error::ModelManifest { name: manifest.name, reason });
        };
        let device = device::open(settings.device)?;
        // A GPU is fed by one worker; more would only take turns.
        let worker_count = if device.name == "cpu" { thread_count(settings.threads) } else { 1 };
        let Opened { model, tokenizer, reason } = model::open(&manifest, files, &settings, &device, worker_count)?;
        #[cfg(feature = "cuda")]
        let worker_count = match &model {
            Model::Cuda(encoder) => super::gpu::worker_count(encoder),
            _ => worker_count,
        };
        let pool = Pool { hidden: model.hidden_size(), dimensions, pooling, center: manifest.center };
        let prefix = |text: &str| tokenizer.encode(text.trim_end()).map(|tokens| tokens.ids);
        let prefixes = [prefix(&manifest.query_prefix)?, prefix(&manifest.passage_prefix)?];
        let opened = Self {
            manifest,
            tokenizer,
            model,
            engine_reason: reason,
            pool,
            prefixes,
            device,
            settings,
            worker_count,
            content: OnceLock::new(),
            tokenizing_ns: AtomicU64::new(0),
        };
        if [Role::Query, Role::Passage].into_iter().any(|role| opened.content_tokens_max(role) == 0) {
            let reason = format!("tokens_max is {}, which leaves no room for a text", opened.manifest.tokens_max);
            return Err(Error::ModelManifest { name: opened.manifest.name, reason });
        }
        Ok(opened)
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
        self.pool.dimensions
    }

    /// Which implementation computes.
    pub fn engine(&self) -> Engine {
        self.model.engine()
    }

    /// Why that one, for a person.
    pub fn engine_reason(&self) -> &str {
        &self.engine_reason
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
            // More would go through its layers in turn anyway, and only keep the last worker busy for longer.
            Model::Native(_) => self.settings.batch_tokens_max.min(GROUP_TOKENS),
            Model::Candle { .. } => self.settings.batch_tokens_max,
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

    /// Tokens of content that one input holds, what the model wants around a text and the role's prefix taken off.
    pub fn content_tokens_max(&self, role: Role) -> usize {
        let (start, end) = self.tokenizer.frame();
        self.manifest.tokens_max.saturating_sub(start.len() + self.prefix_ids(role).len() + end.len())
    }

    /// The input for content tokens that are already known, cut to what the model reads.
    pub fn input(&self, ids: &[u32], role: Role) -> Input {
        let prefix = self.prefix_ids(role);
        self.framed(prefix.len(), prefix, ids)
    }

    /// The input for a text.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the tokenizer fails.
    pub fn tokenize(&self, text: &str, role: Role) -> Result<Input> {
        let prefix = self.prefix(role);
        if prefix.is_empty() {
            return Ok(self.input(&self.tokenizer.encode(text)?.ids, role));
        }
        // Together, since a tokenizer may draw the prefix's end and the first word into one token.
        let tokens = self.tokenizer.encode(&format!("{prefix}{text}"))?;
        let lead = tokens.spans.partition_point(|span| span.end <= prefix.len());
        Ok(self.framed(lead, &[], &tokens.ids))
    }

    /// What the model wants around `first` and `then`, of which `lead` ids come before the text's own; of too many the last go.
    fn framed(&self, lead: usize, first: &[u32], then: &[u32]) -> Input {
        let (start, end) = self.tokenizer.frame();
        let room = self.manifest.tokens_max.saturating_sub(start.len() + end.len());
        let count = first.len() + then.len();
        let mut ids = Vec::with_capacity(start.len() + count.min(room) + end.len());
        ids.extend_from_slice(start);
        ids.extend(first.iter().chain(then).take(room));
        let lead = (start.len() + lead).min(ids.len());
        ids.extend_from_slice(end);
        Input { ids, lead, tail: end.len(), cut: count.saturating_sub(room) }
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
        // Which cores there are the system says from files, each time.
        if texts.len() < TEXTS_TOGETHER_MIN {
            return tokenize(texts);
        }
        let threads = thread_count(self.settings.threads);
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
        let tokens = texts.iter().map(|text| self.tokenizer.encode(text)).collect::<Result<Vec<Tokens>>>()?;
        let inputs: Vec<Input> = tokens.iter().map(|tokens| self.input(&tokens.ids, Role::Passage)).collect();
        let encoded = self.encode(&inputs, Want::VectorAndTokens)?;
        let width = self.dimensions();
        let strip = |((tokens, input), encoded): ((Tokens, &Input), Encoded)| {
            let own = input.own();
            TokenEmbeddings {
                dimensions: width,
                vectors: encoded.tokens[own.start * width..own.end * width].to_vec(),
                ids: tokens.ids[..own.len()].to_vec(),
                spans: tokens.spans[..own.len()].to_vec(),
            }
        };
        Ok(tokens.into_iter().zip(&inputs).zip(encoded).map(strip).collect())
    }

    fn prefix(&self, role: Role) -> &str {
        match role {
            Role::Query => &self.manifest.query_prefix,
            Role::Passage => &self.manifest.passage_prefix,
        }
    }

    fn prefix_ids(&self, role: Role) -> &[u32] {
        match role {
            Role::Query => &self.prefixes[0],
            Role::Passage => &self.prefixes[1],
        }
    }
}

/// Fewer texts are tokenized sooner than threads are started.
const TEXTS_TOGETHER_MIN: usize = 64;

/// `threads`, or the number of cores for 0.
#[must_use]
pub fn thread_count(threads: usize) -> usize {
    match threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        given => given,
    }
}
