//! Settings in, the engine's own configuration out; knows of no chunk.

use qdrant_edge::bm25_embed::{EdgeBm25, EdgeBm25Config, EdgeBm25Error};
use qdrant_edge::external::ordered_float::NotNan;
use qdrant_edge::{
    Distance, EdgeConfigBuilder, EdgeOptimizersConfig, EdgeSparseVectorParams, EdgeVectorParams, HnswIndexConfig,
    Memory, Modifier, WalOptions,
};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Bytes of a piece of the engine's log. Two pieces are overwritten when documents are removed.
const LOG_BYTES: usize = 4 << 20;

/// Segments that small ones are merged into.
const SEGMENTS: usize = 2;

/// Kilobytes of vectors from which a segment is packed: mapped from disk as it is searched, without what writing to it needs. Only a packed
/// segment can have a graph.
const PACK_KILOBYTES: usize = 20_000;

pub(super) const DENSE: &str = "dense";
pub(super) const BM25: &str = "bm25";

/// How chunks are stored and matched. Part of the identity of an index, except for `search_effort` and `scan_kilobytes_max`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// BM25 term-frequency saturation, at least 0.
    pub bm25_k1: f64,
    /// BM25 length normalisation, 0 to 1.
    pub bm25_b: f64,
    /// Length in words that BM25 takes as average; fixed, so that a chunk's vector never depends on the others.
    pub bm25_average_words: f64,
    /// Language of stemming and stop words.
    pub language: String,
    /// Candidates that the graph search keeps in view; more is slower and finds more.
    pub search_effort: usize,
    /// Kilobytes of vectors up to which an index is searched by looking at each of them, which is exact; a larger one is given a graph,
    /// and keeps it when chunks are removed.
    pub scan_kilobytes_max: usize,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            bm25_k1: 1.2,
            bm25_b: 0.75,
            bm25_average_words: 128.0,
            language: "english".into(),
            search_effort: 128,
            scan_kilobytes_max: 48_000,
        }
    }
}

/// How the engine merges and packs segments.
pub(super) fn optimizers(settings: &StoreSettings) -> EdgeOptimizersConfig {
    EdgeOptimizersConfig {
        default_segment_number: Some(SEGMENTS),
        // What is too much to scan may lie in as many segments, each of which must then be packed. The engine takes 0 for never.
        indexing_threshold: Some((settings.scan_kilobytes_max / SEGMENTS).clamp(1, PACK_KILOBYTES)),
        ..EdgeOptimizersConfig::default()
    }
}

/// What a new store is made with.
pub(super) fn config(dimensions: usize, settings: &StoreSettings) -> qdrant_edge::EdgeConfig {
    let dense = EdgeVectorParams::builder(dimensions, Distance::Dot).memory(Memory::Cold).build();
    let sparse = EdgeSparseVectorParams::builder().modifier(Modifier::Idf).memory(Memory::Cold).build();
    let log = WalOptions { segment_capacity: LOG_BYTES, ..WalOptions::default() };
    EdgeConfigBuilder::new()
        .vector(DENSE, dense)
        .sparse_vector(BM25, sparse)
        .payload_memory(Memory::Cold)
        .optimizers(optimizers(settings))
        .hnsw_config(HnswIndexConfig { m: 0, ..graph() })
        .wal_options(log)
        // The engine would take four threads a core, to wait for disks.
        .max_search_threads(std::thread::available_parallelism().map_or(1, usize::from))
        .build()
}

/// The graph of a store that is too large to scan; without links it is none.
pub(super) fn graph() -> HnswIndexConfig {
    HnswIndexConfig::default()
}

/// How words are weighed.
///
/// # Errors
/// [`Error::Setting`] for a language without stop words and for a weight that is no number.
pub(super) fn bm25(settings: &StoreSettings) -> Result<EdgeBm25> {
    let number = |name: &str, value: f64| {
        NotNan::new(value).map_err(|_| Error::Setting {
            name: name.into(),
            value: value.to_string(),
            reason: "it must be a number".into(),
        })
    };
    let config = EdgeBm25Config {
        k: number("store.bm25_k1", settings.bm25_k1)?,
        b: number("store.bm25_b", settings.bm25_b)?,
        avg_len: number("store.bm25_average_words", settings.bm25_average_words)?,
        language: Some(settings.language.clone()),
        ascii_folding: Some(true),
        ..EdgeBm25Config::default()
    };
    EdgeBm25::new(config).map_err(|error| match error {
        EdgeBm25Error::UnsupportedLanguage(value) => Error::Setting {
            name: "store.language".into(),
            value,
            reason: "no stop words are known for it; a language is named as in `english` or `german`".into(),
        },
        // Settings are checked where they are read; these were not, or were stored by another version.
        source @ EdgeBm25Error::Bm25(_) => Error::Store { operation: "weigh words", source: source.into() },
    })
}
