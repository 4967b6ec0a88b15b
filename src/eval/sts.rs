//! Sentence pairs with human scores in, the rank correlation of the model's cosines with them out.

use std::path::Path;
use std::time::Instant;

use super::metrics::spearman;
use super::{EvalReport, read_data, wrong};
use crate::error::Result;
use crate::inference::embedder::{Embedder, Role};
use crate::vector::dot;

/// Measures the model on an STS benchmark file (tab-separated: genre, file, year, id, score, two sentences) or on the
/// `sts-test.csv` of a folder.
///
/// # Errors
/// [`Error::Usage`](crate::error::Error::Usage) when the file is laid out otherwise; what the model reports.
pub fn evaluate_sts(path: &Path, embedder: &Embedder) -> Result<EvalReport> {
    let started = Instant::now();
    let path = if path.is_dir() { path.join("sts-test.csv") } else { path.to_path_buf() };
    let text = read_data(&path)?;
    let mut gold = Vec::new();
    let mut sentences: Vec<&str> = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split('\t').collect();
        let score = cells.get(4).and_then(|cell| cell.parse::<f64>().ok());
        let (Some(score), Some(first), Some(second)) = (score, cells.get(5), cells.get(6)) else {
            return Err(wrong(&path, &format!("line {} has no score and two sentences", index + 1)));
        };
        gold.push(score);
        sentences.extend([*first, *second]);
    }
    let embedded = embedder.embed(&sentences, Role::Query)?;
    let cosines: Vec<f64> = embedded.vectors.chunks_exact(2).map(|pair| f64::from(dot(&pair[0], &pair[1]))).collect();
    let dataset = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut report = EvalReport { task: "sts", dataset, ..EvalReport::default() };
    report.metrics.insert("spearman".into(), spearman(&gold, &cosines));
    report.metrics.insert("pairs".into(), gold.len() as f64);
    report.settings = serde_json::json!({ "model": embedder.manifest().name, "engine": embedder.engine() });
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}
