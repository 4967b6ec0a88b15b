//! What an index run did, as a person and a script read it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::forget::Forgotten;
use crate::document::FileStatus;

/// One file that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Absolute path.
    pub path: String,
    /// What became of the file.
    #[serde(serialize_with = "status_name")]
    pub status: FileStatus,
    /// Why, and what to do about it.
    pub reason: String,
    /// The first page concerned.
    pub page: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn status_name<S: serde::Serializer>(status: &FileStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.name())
}

/// What a run would do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is not in the index yet.
    New,
    /// Its bytes are others than those in the index, or it was not wholly read.
    Changed,
    /// It is in the index and gone from disk.
    Removed,
    /// It is in the index as it is on disk.
    Unchanged,
}

impl Change {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 4] = [Self::New, Self::Changed, Self::Removed, Self::Unchanged];

    /// The name used in JSON and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// A file as a run would treat it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// Absolute path.
    pub path: String,
    /// What would be done.
    pub change: Change,
    /// Its size; that of the indexed file where it is gone.
    pub bytes: u64,
}

/// The outcome of an index run.
#[derive(Debug, Clone, Default)]
pub struct IndexReport {
    /// Files by status. Every file found, or known and gone, has exactly one.
    pub files: BTreeMap<FileStatus, u64>,
    /// Documents in the index afterwards.
    pub documents: u64,
    /// Chunks in the index afterwards.
    pub chunks: u64,
    /// Chunks embedded by this run. Those that an interrupted run had made durable are not among them.
    pub embedded_chunks: u64,
    /// Tokens embedded by this run.
    pub tokens: u64,
    /// Tokens left out of this run's chunks because the model reads no longer input.
    pub cut_tokens: u64,
    /// Seconds from start to end.
    pub seconds: f64,
    /// Seconds in which the embedding workers computed, summed over workers and divided by their number.
    pub embedding_seconds: f64,
    /// The device really used.
    pub device: String,
    /// Files to look at, by path.
    pub problems: Vec<Problem>,
    /// Runs and kept answers that held something of removed documents.
    pub forgotten: Forgotten,
    /// What would be done with each file, by path; only for a run that only looked.
    pub plan: Vec<Planned>,
    /// Whether the run only looked.
    pub dry_run: bool,
}

impl IndexReport {
    /// Counts one file.
    pub fn count(&mut self, status: FileStatus) {
        *self.files.entry(status).or_default() += 1;
    }

    /// Counts one file and, where it is a problem, notes it.
    pub fn note(&mut self, path: &str, status: FileStatus, reason: &str, page: Option<u32>) {
        self.count(status);
        if status.is_problem() {
            self.problems.push(Problem { path: path.into(), status, reason: reason.into(), page });
        }
    }

    /// Files with this status.
    #[must_use]
    pub fn of(&self, status: FileStatus) -> u64 {
        self.files.get(&status).copied().unwrap_or_default()
    }

    /// Files looked at: those on disk and those that are gone since the last run.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.files.values().sum()
    }

    /// Files and bytes of a kind of change in the plan.
    #[must_use]
    pub fn planned(&self, change: Change) -> (u64, u64) {
        let of_kind = self.plan.iter().filter(|file| file.change == change);
        of_kind.fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.bytes))
    }

    /// The report in the form `ibid.index/1`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut report = self.outcome_to_json();
        if self.dry_run {
            let mut sums = serde_json::Map::new();
            for change in Change::ALL {
                let (files, bytes) = self.planned(change);
                sums.insert(change.name().into(), serde_json::json!({ "files": files, "bytes": bytes }));
            }
            sums.insert("list".into(), serde_json::json!(self.plan));
            report["plan"] = sums.into();
        }
        report
    }

    fn outcome_to_json(&self) -> serde_json::Value {
        let mut files = serde_json::Map::new();
        files.insert("found".into(), self.found().into());
        for status in FileStatus::ALL {
            files.insert(status.name().into(), self.of(status).into());
        }
        serde_json::json!({
            "schema": "ibid.index/1",
            "files": files,
            "documents": self.documents,
            "chunks": self.chunks,
            "embedded_chunks": self.embedded_chunks,
            "tokens": self.tokens,
            "cut_tokens": self.cut_tokens,
            "seconds": self.seconds,
            "embedding_seconds": self.embedding_seconds,
            "device": self.device,
            "dry_run": self.dry_run,
            "forgotten": { "runs": self.forgotten.runs, "answers": self.forgotten.answers },
            "problems": self.problems,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_add_up_and_problems_are_named() {
        let mut report = IndexReport::default();
        report.note("/a", FileStatus::Indexed, "", None);
        report.note("/b", FileStatus::Encrypted, "a password protects it", Some(1));
        report.count(FileStatus::Removed);
        let json = report.to_json();
        assert_eq!(json["files"]["found"], 3);
        let sum: u64 = FileStatus::ALL.iter().map(|s| json["files"][s.name()].as_u64().unwrap()).sum();
        assert_eq!(sum, 3);
        assert_eq!(json["problems"][0]["status"], "encrypted");
        assert_eq!(report.problems.len(), 1);
    }
}
