//! Queries in, milliseconds of a search in a running process and of each of its stages out.

use std::time::Instant;

use serde::Serialize;

use super::quantile;
use super::stages::Stages;
use crate::error::{Error, Result};
use crate::retrieve::Searcher;

/// Queries searched before the clock starts.
const WARM_UP: usize = 16;

/// The spans of a search, in the order in which they run. `dense` runs beside `words`, `complete` beside the three after it.
const STAGES: [&str; 11] =
    ["tokenize", "encode", "weights", "dense", "words", "complete", "files", "codes", "max_sim", "labels", "payloads"];

/// Milliseconds over many queries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Half of the queries take no longer.
    pub p50_ms: f64,
    /// 95 of 100 queries take no longer.
    pub p95_ms: f64,
}

impl Spread {
    fn of(values: &mut [f64]) -> Self {
        Self { p50_ms: quantile(values, 0.5), p95_ms: quantile(values, 0.95) }
    }
}

/// One measurement of searching.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchRun {
    /// Queries searched, one after the other.
    #[serde(skip)]
    pub queries: usize,
    /// Chunks in the index.
    pub chunks: u64,
    /// Seconds for all queries.
    pub seconds: f64,
    /// Median milliseconds for one query.
    pub p50_ms: f64,
    /// 95 of 100 queries take no longer.
    pub p95_ms: f64,
    /// The same without encoding the query.
    pub without_encode: Spread,
    /// The same for each stage, in the order in which they run; stages that run side by side add up to more than the whole.
    #[serde(serialize_with = "as_map")]
    pub stages: Vec<(&'static str, Spread)>,
}

impl SearchRun {
    /// Queries a second, one after the other.
    #[must_use]
    pub fn queries_per_second(&self) -> f64 {
        self.queries as f64 / self.seconds
    }
}

fn as_map<S: serde::Serializer>(
    stages: &[(&'static str, Spread)],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_map(stages.iter().copied())
}

/// Searches every query once, after some untimed ones.
///
/// # Errors
/// What searching reports.
pub fn search(searcher: &Searcher, queries: &[String], top_k: usize) -> Result<SearchRun> {
    for query in queries.iter().take(WARM_UP) {
        searcher.search(query, top_k)?;
    }
    let mut took = Vec::with_capacity(queries.len());
    let mut without_encode = Vec::with_capacity(queries.len());
    let mut of_stages = STAGES.map(|_| Vec::with_capacity(queries.len()));
    let listener = Stages::new("ibid::retrieve");
    listener.hear(|| {
        for query in queries {
            let started = Instant::now();
            searcher.search(query, top_k)?;
            let ms = started.elapsed().as_secs_f64() * 1000.0;
            let times = listener.take();
            let of = |name: &str| times.get(name).copied().unwrap_or_default();
            took.push(ms);
            without_encode.push(ms - of("encode"));
            for (values, name) in of_stages.iter_mut().zip(STAGES) {
                values.push(of(name));
            }
        }
        Ok::<_, Error>(())
    })?;
    let seconds = took.iter().sum::<f64>() / 1000.0;
    let Spread { p50_ms, p95_ms } = Spread::of(&mut took);
    let stages = STAGES.into_iter().zip(of_stages.iter_mut().map(|values| Spread::of(values))).collect();
    let without_encode = Spread::of(&mut without_encode);
    let chunks = searcher.chunk_count()?;
    Ok(SearchRun { queries: queries.len(), chunks, seconds, p50_ms, p95_ms, without_encode, stages })
}
