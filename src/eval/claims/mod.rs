//! Judged claims in, how well their verdicts tell support from the rest out: WiCE, pairs with their premises, or claims about documents.

mod documents;
pub mod fit;
mod measures;
mod pairs;
pub mod wice;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::check::CheckSettings;
use crate::check::against::Reading;
use crate::chunk::ChunkSettings;
use crate::cite::check::CheckModels;
use crate::cite::verdict::{Checked, Verdict, VerdictModel};
use crate::error::{Error, Result};
use crate::eval::EvalReport;
use crate::inference::cross_encoder::Readers;
use crate::inference::embedder::Embedder;
use crate::ingest::ReadSettings;
use crate::ingest::walk::WalkSettings;
use measures::{Row, measure};

/// What is measured of a data set, and how claims are checked.
#[derive(Debug, Clone)]
pub struct ClaimsSettings {
    /// Pairs taken of each file.
    pub sample: usize,
    /// Which ones.
    pub seed: u64,
    /// Only pairs of this split.
    pub split: Option<String>,
    /// Whether the report lists what was judged wrongly.
    pub mistakes: bool,
    /// Splitting documents.
    pub chunk: ChunkSettings,
    /// Reading documents.
    pub read: ReadSettings,
    /// Checking.
    pub check: CheckSettings,
}

impl ClaimsSettings {
    fn reading<'a>(&'a self, walk: &'a WalkSettings) -> Reading<'a> {
        Reading { walk, read: &self.read, chunk: &self.chunk, check: &self.check }
    }
}

/// The layouts that are known.
const LAYOUTS: &str = "a folder with oracle_chunks_claim_dev.jsonl (WiCE), a folder with claims.tsv beside its documents, or .jsonl or \
    .jsonl.gz files with premise, claim and label";

/// Measures the check on `dataset`, whichever of the known layouts it has. `progress` is told how many claims of how many are done. Blocks.
///
/// # Errors
/// [`Error::Usage`] when it has none of them, [`Error::Io`] when a file cannot be read, [`Error::Interrupted`] once `stop` is set, and the
/// encoder's own.
pub fn evaluate_claims(
    dataset: &Path,
    embedder: &Arc<Embedder>,
    readers: &Readers,
    settings: &ClaimsSettings,
    stop: &AtomicBool,
    progress: &dyn Fn(usize, usize),
) -> Result<EvalReport> {
    let started = Instant::now();
    let mut report = if dataset.join(wice::FILE).is_file() {
        of_wice(dataset, embedder, readers)?
    } else {
        let work = Work { embedder, readers, settings, stop, progress };
        let (outcomes, evidence) = match documents::table_of(dataset) {
            Some(table) => (documents::judge(&table, work)?, "whole documents"),
            None => (pairs::judge(&pairs::files_of(dataset)?, work)?, "premises"),
        };
        of_outcomes(&outcomes, evidence, embedder, settings)
    };
    report.task = "claims";
    report.dataset = dataset.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// What judging a data set works with.
#[derive(Clone, Copy)]
struct Work<'a> {
    embedder: &'a Arc<Embedder>,
    readers: &'a Readers,
    settings: &'a ClaimsSettings,
    stop: &'a AtomicBool,
    progress: &'a dyn Fn(usize, usize),
}

impl<'a> Work<'a> {
    fn models(self) -> CheckModels<'a> {
        CheckModels { embedder: Some(self.embedder), entailment: self.readers.entailment() }
    }
}

/// A judged claim and what the check made of it.
struct Outcome {
    /// Where it is from: the document, or the file and its line.
    place: String,
    /// Claims that share their evidence have the same number.
    group: usize,
    /// The kinds it counts for.
    kinds: Vec<String>,
    label: String,
    supported: bool,
    claim: String,
    checked: Checked,
}

fn of_wice(dataset: &Path, embedder: &Embedder, readers: &Readers) -> Result<EvalReport> {
    let models = CheckModels { embedder: Some(embedder), entailment: readers.entailment() };
    let measured = wice::evaluate_wice(dataset, models, VerdictModel::shipped())?;
    let metrics = measured.metrics().into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    let mut report = EvalReport { metrics, ..EvalReport::default() };
    report.metrics.insert("claims".into(), measured.claims as f64);
    report.metrics.insert("pairs".into(), measured.pairs as f64);
    report.intervals.insert("auroc".into(), (measured.auroc_low, measured.auroc_high));
    report.settings = serde_json::json!({ "model": embedder.manifest().name, "evidence": "oracle chunks" });
    Ok(report)
}

fn of_outcomes(outcomes: &[Outcome], evidence: &str, embedder: &Embedder, settings: &ClaimsSettings) -> EvalReport {
    let rows: Vec<Row> = outcomes
        .iter()
        .map(|outcome| Row {
            group: outcome.group,
            kinds: &outcome.kinds,
            supported: outcome.supported,
            passed: outcome.checked.verdict == Verdict::Supported,
            score: f64::from(outcome.checked.score),
        })
        .collect();
    let mut report = EvalReport::default();
    measure(&rows, &mut report);
    if settings.mistakes {
        let wrong = |outcome: &&Outcome| (outcome.checked.verdict == Verdict::Supported) != outcome.supported;
        report.items = outcomes.iter().filter(wrong).map(mistake).collect();
    }
    report.settings = serde_json::json!({
        "model": embedder.manifest().name,
        "evidence": evidence,
        "sample": settings.sample,
        "seed": settings.seed,
        "split": settings.split,
        "check": settings.check,
    });
    report
}

fn mistake(outcome: &Outcome) -> serde_json::Value {
    serde_json::json!({
        "document": outcome.place,
        "label": outcome.label,
        "verdict": outcome.checked.verdict,
        "method": outcome.checked.method,
        "score": outcome.checked.score,
        "claim": outcome.claim,
        "kinds": outcome.kinds,
        "reasons": outcome.checked.reasons,
    })
}

fn interrupted(stop: &AtomicBool) -> Result<()> {
    if stop.load(std::sync::atomic::Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
}
