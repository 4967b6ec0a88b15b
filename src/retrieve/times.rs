//! How long each stage of a search took.

use std::time::Instant;

use serde::Serialize;

/// Milliseconds of each stage. Some stages run side by side, so the whole is less than their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct StageTimes {
    /// Query to token ids.
    pub tokenize_ms: f64,
    /// Token ids to vectors.
    pub encode_ms: f64,
    /// Weights of the query's tokens.
    pub weights_ms: f64,
    /// Nearest vectors; beside `words_ms`.
    pub dense_ms: f64,
    /// Chunks that share words; beside `dense_ms`.
    pub words_ms: f64,
    /// The scores that only one of the two searches gave; beside the next three.
    pub complete_ms: f64,
    /// Files of the candidates.
    pub files_ms: f64,
    /// Packed token vectors read.
    pub codes_ms: f64,
    /// Packed token vectors compared with the query's.
    pub max_sim_ms: f64,
    /// Labels of the files.
    pub labels_ms: f64,
    /// What the hits show.
    pub payloads_ms: f64,
}

impl StageTimes {
    /// Every stage by name, in the order in which they run.
    #[must_use]
    pub fn stages(&self) -> [(&'static str, f64); 11] {
        [
            ("tokenize", self.tokenize_ms),
            ("encode", self.encode_ms),
            ("weights", self.weights_ms),
            ("dense", self.dense_ms),
            ("words", self.words_ms),
            ("complete", self.complete_ms),
            ("files", self.files_ms),
            ("codes", self.codes_ms),
            ("max_sim", self.max_sim_ms),
            ("labels", self.labels_ms),
            ("payloads", self.payloads_ms),
        ]
    }
}

/// What `work` gives; the milliseconds it took are added to `ms`.
pub(super) fn timed<T>(ms: &mut f64, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let value = work();
    *ms += started.elapsed().as_secs_f64() * 1000.0;
    value
}
