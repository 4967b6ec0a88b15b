//! Judged data in, figures out: retrieval, sentence similarity, claims, answers, each by the parts that users run.

pub mod answers;
pub mod claims;
pub mod filings;
pub mod metrics;
pub mod pdf;
pub mod retrieval;
pub mod sts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The outcome of an evaluation, in the form `ibid.eval/1`.
#[derive(Debug, Clone, Default)]
pub struct EvalReport {
    /// What was measured.
    pub task: &'static str,
    /// On what.
    pub dataset: String,
    /// Figures by name.
    pub metrics: BTreeMap<String, f64>,
    /// 95% bootstrap intervals of some of them.
    pub intervals: BTreeMap<String, (f64, f64)>,
    /// What the figures depend on.
    pub settings: serde_json::Value,
    /// Seconds it took.
    pub seconds: f64,
    /// Things to know about the run, such as texts that were cut.
    pub notes: Vec<String>,
    /// Single results, where a later step wants them.
    pub items: Vec<serde_json::Value>,
}

impl EvalReport {
    /// The report as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let intervals: BTreeMap<&String, [f64; 2]> =
            self.intervals.iter().map(|(name, &(low, high))| (name, [low, high])).collect();
        serde_json::json!({
            "schema": "ibid.eval/1",
            "task": self.task,
            "dataset": self.dataset,
            "metrics": self.metrics,
            "intervals": intervals,
            "settings": self.settings,
            "seconds": self.seconds,
            "notes": self.notes,
            "items": self.items,
        })
    }
}

/// Reads a text file of judged data.
fn read_data(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(Error::io("read", path))
}

/// The lines of a JSON Lines file as values.
fn read_json_lines(path: &Path) -> Result<Vec<serde_json::Value>> {
    let text = read_data(path)?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|error| wrong(path, &format!("line {}: {error}", index + 1)))
        })
        .collect()
}

fn wrong(path: &Path, what: &str) -> Error {
    Error::usage(format!("{} is not the judged data expected here: {what}", path.display()))
}

/// Where evaluation indexes are kept, so that a second run need not embed again.
#[derive(Debug, Clone)]
pub struct EvalCache {
    /// The folder for all of them.
    pub folder: PathBuf,
}

impl EvalCache {
    /// In the XDG cache folder, or in the system's temporary folder where there is none.
    #[must_use]
    pub fn of_user() -> Self {
        use etcetera::BaseStrategy;
        let base = etcetera::choose_base_strategy().map_or_else(|_| std::env::temp_dir(), |dirs| dirs.cache_dir());
        Self { folder: base.join("ibid").join("eval") }
    }

    /// The folder for data with this fingerprint under these settings.
    fn place(&self, name: &str, fingerprint: &str) -> PathBuf {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(fingerprint.as_bytes());
        let short: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{name}-{short}"))
    }
}
