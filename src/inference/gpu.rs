//! The embedder's encoder on CUDA devices: which precision it takes, and its outputs in the embedder's form.

use std::path::Path;
use std::sync::Arc;

use ibid_encoder::bert::BertConfig;
use ibid_encoder::cuda::half::Half;
use ibid_encoder::cuda::{Encoder, Options, Pooling, Say, Wanted};

use super::device::OpenedDevice;
use super::embedder::{EmbedSettings, Encoded, Want};
use super::manifest::{self, Manifest};
use super::precision::Precision;
use crate::error::Result;

/// A GPU's batch for one of a core: `embed.batch_tokens_max` is made for caches of a core, and eight times as many tokens
/// keep a large device at work.
pub(super) const BATCHES_TOGETHER: usize = 8;

/// Opens the encoder on the devices of `device`; `None` where there are none, another precision than bf16 was asked for, or no
/// kernel fits the model and the vectors asked for, all of which Candle sees to.
///
/// # Errors
/// When the weights are not what `config` says.
pub(super) fn open(
    config: &Path,
    weights: &Path,
    device: &OpenedDevice,
    settings: &EmbedSettings,
    manifest: &Manifest,
) -> Result<Option<Encoder>> {
    if device.gpus.is_empty() || !matches!(settings.precision, Precision::Auto | Precision::Bf16) {
        return Ok(None);
    }
    let pooling = match manifest.pooling {
        Some(manifest::Pooling::Mean) => Pooling::Mean,
        Some(manifest::Pooling::Cls) => Pooling::First,
        Some(manifest::Pooling::Last) | None => return Ok(None),
    };
    // What is no BERT is another encoder's.
    let Ok(config) = BertConfig::open(config) else { return Ok(None) };
    let is_cut = settings.dimensions.is_some_and(|dimensions| dimensions != config.hidden_size);
    if is_cut || !ibid_encoder::cuda::Shape::has_kernels(&config) {
        tracing::warn!(hidden = config.hidden_size, "no kernel fits this model and its vectors; Candle runs it in f32");
        return Ok(None);
    }
    let options = Options {
        half: Half::Bf16,
        pooling,
        devices: device.gpus.clone(),
        tokens_max: settings.batch_tokens_max.saturating_mul(BATCHES_TOGETHER),
    };
    let say: Say = Arc::new(|line: &str| tracing::warn!("{line}"));
    Ok(Some(Encoder::open(config, weights, &options, &say)?))
}

/// Runs `batch`.
///
/// # Errors
/// When a device fails.
pub(super) fn run(encoder: &Encoder, batch: &[&[u32]], want: Want) -> Result<Vec<Encoded>> {
    let wanted = match want {
        Want::Vector => Wanted::Vectors,
        Want::VectorAndTokens => Wanted::VectorsAndTokens,
    };
    let outputs = encoder.encode(batch, wanted)?;
    Ok(outputs.into_iter().map(|output| Encoded { vector: output.vector, tokens: output.tokens }).collect())
}

/// Batches that callers may have under way: one at work in each lane, and one that waits for it.
pub(super) fn worker_count(encoder: &Encoder) -> usize {
    2 * encoder.lane_count()
}
