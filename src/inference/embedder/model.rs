//! A model's files in, an opened encoder out, the native one where it can run them; knows nothing of text and pooling.

use std::path::{Path, PathBuf};

use candle_core::DType;
use ibid_encoder::bert::BertConfig;
use ibid_encoder::instructions::Instructions;
use ibid_encoder::native::Encoder;
use ibid_encoder::text_encoder::{Family, TextEncoder};
use serde::Serialize;

use super::pooling::Pool;
use super::{EmbedSettings, Output, Want};
use crate::error::{Error, Result};
use crate::inference::cache::ModelFiles;
use crate::inference::device::OpenedDevice;
#[cfg(feature = "cuda")]
use crate::inference::gpu;
use crate::inference::manifest::Manifest;
use crate::inference::precision::Computed;
use crate::inference::tokenizer::Tokenizer;

/// What computes.
pub(super) enum Model {
    /// The native encoder, on whichever thread calls.
    Native(Box<Encoder>),
    /// Candle splits its products over the pool it is called from: one of one thread for each worker, and one of all
    /// threads for lone queries.
    Candle { encoder: Box<TextEncoder>, workers: Vec<rayon::ThreadPool>, together: rayon::ThreadPool },
    /// Kernels of our own on CUDA devices, each with threads of its own.
    #[cfg(feature = "cuda")]
    Cuda(Box<ibid_encoder::cuda::Encoder>),
}

/// Which of Candle's thread pools computes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Runner {
    /// That of one worker, beside others.
    Worker(usize),
    /// That of all threads.
    Together,
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

/// An encoder with what is said of it.
pub(super) struct Opened {
    pub(super) model: Model,
    pub(super) tokenizer: Tokenizer,
    /// Why this engine, for a person.
    pub(super) reason: String,
}

/// The files that decide.
struct Files {
    config: PathBuf,
    weights: PathBuf,
    tokenizer: PathBuf,
}

/// Opens the encoder and the tokenizer of `manifest`. The files of a user's own folder, which no sums vouch for, are read and
/// checked as a whole first.
///
/// # Errors
/// What is wrong with a file, by its name; [`Error::Setting`] for a precision that does not run here.
pub(super) fn open(
    manifest: &Manifest,
    files: &ModelFiles,
    settings: &EmbedSettings,
    device: &OpenedDevice,
    worker_count: usize,
) -> Result<Opened> {
    let files = Files {
        config: files.path("config.json")?,
        weights: files.path("model.safetensors")?,
        tokenizer: files.path("tokenizer.json")?,
    };
    let candle = || TextEncoder::open(&files.config, &files.weights, &device.device, DType::F32).map_err(Error::from);
    let (mut kept, mut tokenizer) = (None, None);
    if manifest.folder.is_some() {
        let encoder = candle()?;
        tokenizer = Some(checked(&encoder, manifest, &files)?);
        // These are likely to be opened natively, and need not be held twice.
        kept = Some(encoder).filter(|encoder| !matches!(encoder.family(), Family::Bert | Family::Roberta));
    }
    #[cfg(feature = "cuda")]
    if let Some(encoder) = gpu::open(&files.config, &files.weights, device, settings, manifest)? {
        let tokenizer = tokenizer.map_or_else(|| pinned(encoder.config(), manifest, &files), Ok)?;
        let reason = "of the BERT family, which kernels of our own run on GPUs".to_owned();
        return Ok(Opened { model: Model::Cuda(Box::new(encoder)), tokenizer, reason });
    }
    let instructions = Instructions::of_environment()?;
    let reason = match (instructions, device.name) {
        (None, _) => "IBID_SIMD says so".to_owned(),
        (_, name) if name != "cpu" => format!("the native encoder runs on CPUs, this is {name}"),
        (Some(instructions), _) => match open_native(&files, settings, instructions) {
            Ok(encoder) => {
                let tokenizer = tokenizer.map_or_else(|| pinned(encoder.config(), manifest, &files), Ok)?;
                let reason = "of the BERT family, which the native encoder runs".to_owned();
                return Ok(Opened { model: Model::Native(Box::new(encoder)), tokenizer, reason });
            }
            Err(setting @ Error::Setting { .. }) => return Err(setting),
            Err(error) => refused(&error),
        },
    };
    let encoder = kept.map_or_else(candle, Ok)?;
    let tokenizer = tokenizer.map_or_else(|| checked(&encoder, manifest, &files), Ok)?;
    if let Err(Error::Setting { name, value, .. }) = settings.precision.with(None) {
        let reason = format!("{} runs on Candle, in f32; use f32 or auto", manifest.name);
        return Err(Error::Setting { name, value, reason });
    }
    let reason = match encoder.family() {
        Family::Bert | Family::Roberta => reason,
        family => format!("{}, which the native encoder does not run", family.name()),
    };
    let model = Model::Candle {
        encoder: Box::new(encoder),
        workers: (0..worker_count).map(|_| pool(1)).collect::<Result<_>>()?,
        together: pool(super::thread_count(settings.threads))?,
    };
    Ok(Opened { model, tokenizer, reason })
}

fn open_native(files: &Files, settings: &EmbedSettings, instructions: Instructions) -> Result<Encoder> {
    let config = BertConfig::open(&files.config)?;
    let precision = settings.precision.with(Some(instructions))?;
    Ok(Encoder::open(config, &files.weights, instructions, precision)?)
}

/// The tokenizer of a model whose files are proven, so that they fit each other.
fn pinned(config: &BertConfig, manifest: &Manifest, files: &Files) -> Result<Tokenizer> {
    check_sizes(manifest, &files.config, config.hidden_size, Some(config.tokens_max()))?;
    Tokenizer::open(&files.tokenizer)
}

/// Why the native encoder did not open a model, in words.
fn refused(error: &Error) -> String {
    let cause = match error {
        Error::ModelFile { reason, .. } => reason.clone(),
        error => std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string),
    };
    format!("the native encoder does not run it: {}", cause.lines().next().unwrap_or_default())
}

/// The tokenizer, once encoder, manifest and tokenizer are known to fit each other.
fn checked(encoder: &TextEncoder, manifest: &Manifest, files: &Files) -> Result<Tokenizer> {
    check_sizes(manifest, &files.config, encoder.hidden_size(), encoder.tokens_max())?;
    if manifest.folder.is_some() {
        encoder.check_words()?;
    }
    let tokenizer = Tokenizer::open(&files.tokenizer)?;
    let (entries, rows) = (tokenizer.vocabulary_size(), encoder.vocabulary_size());
    // Tables are often padded a little, for the sake of fast products.
    if entries > rows || entries < rows - rows / 10 {
        let reason = format!(
            "it has {entries} entries, and tensor `{}` of {} has {rows} rows: it is another model's",
            encoder.word_table(),
            files.weights.display()
        );
        return Err(Error::ModelFile { path: files.tokenizer.clone(), reason });
    }
    Ok(match encoder.family() {
        Family::Static => tokenizer.without_frame(),
        _ => tokenizer,
    })
}

fn check_sizes(manifest: &Manifest, config: &Path, width: usize, tokens_max: Option<usize>) -> Result<()> {
    let wrong = |key: &str, asked: usize, found: usize| Error::ModelManifest {
        name: manifest.name.clone(),
        reason: format!("{key} is {asked}, and {} says {found}", config.display()),
    };
    let dimensions = manifest.dimensions.unwrap_or_default();
    if dimensions != width {
        return Err(wrong("dimensions", dimensions, width));
    }
    match tokens_max {
        Some(tokens_max) if manifest.tokens_max > tokens_max => {
            Err(wrong("tokens_max", manifest.tokens_max, tokens_max))
        }
        _ => Ok(()),
    }
}

impl Model {
    /// Width of the hidden states.
    pub(super) fn hidden_size(&self) -> usize {
        match self {
            Self::Native(encoder) => encoder.config().hidden_size,
            Self::Candle { encoder, .. } => encoder.hidden_size(),
            #[cfg(feature = "cuda")]
            Self::Cuda(encoder) => encoder.config().hidden_size,
        }
    }

    pub(super) fn engine(&self) -> Engine {
        match self {
            Self::Native(encoder) => {
                Engine { name: "native", instructions: encoder.instructions().name(), precision: encoder.precision() }
            }
            Self::Candle { .. } => Engine { name: "candle", instructions: "candle", precision: Computed::F32 },
            #[cfg(feature = "cuda")]
            Self::Cuda(_) => Engine { name: "cuda", instructions: "cuda", precision: Computed::Bf16 },
        }
    }

    /// Runs `batch` and hands the output of each text to `take`, in any order.
    ///
    /// # Errors
    /// [`Error::Tensor`] when the model fails.
    pub(super) fn run(
        &self,
        runner: Runner,
        batch: &[&[u32]],
        want: Want,
        pool: Pool,
        mut take: impl FnMut(Output<'_>) + Send,
    ) -> Result<()> {
        let (places, empty): (Vec<usize>, Vec<usize>) = (0..batch.len()).partition(|index| !batch[*index].is_empty());
        for index in empty {
            take(Output { index, vector: pool.nothing(), tokens: &[] });
        }
        let texts: Vec<&[u32]> = places.iter().map(|index| batch[*index]).collect();
        if texts.is_empty() {
            return Ok(());
        }
        let take_rows = |at: usize, rows: &mut [f32]| {
            let (vector, tokens) = pool.apply(rows, want);
            take(Output { index: places[at], vector, tokens });
        };
        match self {
            Self::Native(encoder) => Ok(encoder.forward(&texts, take_rows)?),
            Self::Candle { encoder, workers, together } => {
                let pool = match runner {
                    Runner::Worker(worker) => &workers[worker % workers.len()],
                    Runner::Together => together,
                };
                pool.install(|| run_candle(encoder, &texts, take_rows))
            }
            // Pooled on the device.
            #[cfg(feature = "cuda")]
            Self::Cuda(encoder) => {
                for (index, output) in places.into_iter().zip(gpu::run(encoder, &texts, want)?) {
                    take(Output { index, vector: output.vector, tokens: &output.tokens });
                }
                Ok(())
            }
        }
    }
}

fn run_candle(encoder: &TextEncoder, batch: &[&[u32]], mut take: impl FnMut(usize, &mut [f32])) -> Result<()> {
    let hidden = encoder.forward(batch)?;
    let rows = hidden.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
    let mut rows = rows.map_err(Error::tensor("fetch the hidden states"))?;
    let mut rest = rows.as_mut_slice();
    for (index, ids) in batch.iter().enumerate() {
        let (own, after) = rest.split_at_mut(ids.len() * encoder.hidden_size());
        take(index, own);
        rest = after;
    }
    Ok(())
}

fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|_| "embed".into()).build().map_err(|source| {
        Error::Io { action: "start threads for", path: "the embedder".into(), source: std::io::Error::other(source) }
    })
}
