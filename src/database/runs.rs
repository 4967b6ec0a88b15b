//! Asks in lists: the question and what became of it. All else is in the record of the run; asks of earlier versions have theirs here.

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::Database;
use crate::error::Result;

/// One run in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// Sortable id.
    pub run: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// The question as asked.
    pub question: String,
    /// The answer's status.
    pub status: String,
    /// Milliseconds from question to answer.
    pub took_ms: f64,
}

impl Database {
    /// Stores a run; `record` is the whole of it as JSON.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the write fails.
    pub fn store_run(&self, summary: &RunSummary, record: &serde_json::Value) -> Result<()> {
        self.connection
            .execute(
                "INSERT OR REPLACE INTO runs (id, started_at, question, status, took_ms, record)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    summary.run,
                    summary.started_at,
                    summary.question,
                    summary.status,
                    summary.took_ms,
                    record.to_string()
                ],
            )
            .map(drop)
            .map_err(self.failed("store a run"))
    }

    /// The latest `limit` runs, newest first.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunSummary>> {
        let read = || -> rusqlite::Result<Vec<RunSummary>> {
            let mut statement = self.connection.prepare(
                "SELECT id, started_at, question, status, took_ms FROM runs ORDER BY started_at DESC, id DESC LIMIT ?1",
            )?;
            let rows = statement.query_map([limit], |row| {
                Ok(RunSummary {
                    run: row.get(0)?,
                    started_at: row.get(1)?,
                    question: row.get(2)?,
                    status: row.get(3)?,
                    took_ms: row.get(4)?,
                })
            })?;
            rows.collect()
        };
        read().map_err(self.failed("list the runs"))
    }

    /// The record of the run whose id is, or alone begins with, `run`.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn run(&self, run: &str) -> Result<Option<serde_json::Value>> {
        let text: Option<String> = self
            .connection
            .query_row(
                "SELECT record FROM runs WHERE id = ?1
                 UNION ALL SELECT record FROM runs WHERE substr(id, 1, length(?1)) = ?1
                     AND (SELECT count(*) FROM runs WHERE substr(id, 1, length(?1)) = ?1) = 1
                 LIMIT 1",
                [run],
                |row| row.get(0),
            )
            .optional()
            .map_err(self.failed("read a run"))?;
        Ok(text.map(|text| serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_the_start_of_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("ibid.db")).unwrap();
        for id in ["0199-a", "0199-b", "0200-c"] {
            let summary = RunSummary {
                run: id.into(),
                started_at: format!("2026-01-01T00:00:00Z {id}"),
                question: "q".into(),
                status: "grounded".into(),
                took_ms: 1.5,
            };
            database.store_run(&summary, &serde_json::json!({ "run": id })).unwrap();
        }
        assert_eq!(database.runs(2).unwrap()[0].run, "0200-c");
        assert_eq!(database.run("02").unwrap().unwrap()["run"], "0200-c");
        assert_eq!(database.run("0199-a").unwrap().unwrap()["run"], "0199-a");
        assert!(database.run("0199").unwrap().is_none(), "two runs begin so");
    }
}
