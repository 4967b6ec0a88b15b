//! The records of asks, runs and kept answers as bytes, to look through and to forget.

use std::collections::HashSet;

use rusqlite::params;

use super::Database;
use super::workflows::EVENTS_MAX;
use crate::error::Result;

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// An ask.
    Ask,
    /// A run of a workflow.
    Run,
    /// A kept answer.
    Answer,
}

/// A piece of a record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// What it is of.
    pub kind: RecordKind,
    /// Which; the same for all pieces of one.
    pub id: &'a [u8],
    /// What it says, JSON for the most part.
    pub bytes: &'a [u8],
}

impl Database {
    /// Hands every piece of every record to `look`.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn each_record(&self, look: &mut dyn FnMut(Record<'_>)) -> Result<()> {
        let queries = [
            (RecordKind::Ask, "SELECT CAST(id AS BLOB), CAST(question AS BLOB) FROM runs".to_string()),
            (RecordKind::Ask, "SELECT CAST(id AS BLOB), CAST(record AS BLOB) FROM runs".to_string()),
            (
                RecordKind::Run,
                "SELECT CAST(CAST(id AS TEXT) AS BLOB), CAST(message AS BLOB) FROM workflow_runs".to_string(),
            ),
            (
                RecordKind::Run,
                format!("SELECT CAST(CAST(id / {EVENTS_MAX} AS TEXT) AS BLOB), event FROM workflow_events ORDER BY id"),
            ),
            (RecordKind::Answer, "SELECT key, answer FROM workflow_cache".to_string()),
        ];
        let mut read = || -> rusqlite::Result<()> {
            for (kind, query) in &queries {
                let mut statement = self.connection.prepare(query)?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let (id, bytes) = (row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
                    look(Record { kind: *kind, id, bytes });
                }
            }
            Ok(())
        };
        read().map_err(self.failed("look through the record of runs"))
    }

    /// Forgets records as a whole.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the write fails; then nothing is forgotten.
    pub fn forget_records(&mut self, records: &HashSet<(RecordKind, Vec<u8>)>) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        self.in_transaction("forget runs", |transaction| {
            for (kind, id) in records {
                match kind {
                    RecordKind::Ask => {
                        let run = "(SELECT id FROM workflow_runs WHERE run = CAST(?1 AS TEXT))";
                        transaction.execute(
                            &format!("DELETE FROM workflow_events WHERE id >= {run} * ?2 AND id < ({run} + 1) * ?2"),
                            params![id, EVENTS_MAX],
                        )?;
                        transaction.execute("DELETE FROM workflow_runs WHERE run = CAST(?1 AS TEXT)", [id])?;
                        transaction.execute("DELETE FROM runs WHERE id = CAST(?1 AS TEXT)", [id])?
                    }
                    RecordKind::Answer => transaction.execute("DELETE FROM workflow_cache WHERE key = ?1", [id])?,
                    RecordKind::Run => {
                        let run = "CAST(CAST(?1 AS TEXT) AS INTEGER)";
                        transaction.execute(
                            &format!("DELETE FROM workflow_events WHERE id >= {run} * ?2 AND id < ({run} + 1) * ?2"),
                            params![id, EVENTS_MAX],
                        )?;
                        // An ask and its run have one id.
                        transaction.execute(
                            &format!("DELETE FROM runs WHERE id = (SELECT run FROM workflow_runs WHERE id = {run})"),
                            [id],
                        )?;
                        transaction.execute(&format!("DELETE FROM workflow_runs WHERE id = {run}"), [id])?
                    }
                };
            }
            Ok(())
        })
    }

    /// Writes what is in the log into the file and empties the log, so that nothing deleted stays in it.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when that fails.
    pub fn empty_log(&self) -> Result<()> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(self.failed("empty the log"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::runs::RunSummary;
    use crate::database::workflows::{RunStore, WorkflowRun};

    #[test]
    fn records_are_looked_through_and_forgotten_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ibid.db");
        let mut runs = RunStore::open(&path).unwrap();
        let run = |id: &str| WorkflowRun {
            number: 0,
            run: id.into(),
            workflow: "ask".into(),
            started_at: "2026-01-01".into(),
            status: "ended".into(),
            took_us: 0,
            steps: 0,
            tokens: 0,
            usd: 0.0,
            message: String::new(),
            holder: None,
        };
        let secret = runs.create(&run("a"), b"{\"question\":\"secret\"}", false).unwrap();
        runs.append(&[(secret, 1, b"more of it".as_slice())], &[], false).unwrap();
        runs.create(&run("b"), b"plain", false).unwrap();
        runs.keep(b"key", "search", "s", b"an answer", "2026-01-01").unwrap();
        let mut database = Database::open(&path).unwrap();
        let summary = RunSummary {
            run: "c".into(),
            started_at: "2026-01-01".into(),
            question: "what?".into(),
            status: "grounded".into(),
            took_ms: 1.0,
        };
        database.store_run(&summary, &serde_json::Value::Null).unwrap();
        let mut seen = Vec::new();
        let mut gone = HashSet::new();
        database
            .each_record(&mut |record| {
                seen.push((record.kind, String::from_utf8_lossy(record.bytes).into_owned()));
                if record.kind == RecordKind::Answer || record.bytes.starts_with(b"more") {
                    gone.insert((record.kind, record.id.to_vec()));
                }
            })
            .unwrap();
        assert!(seen.contains(&(RecordKind::Ask, "what?".into())) && seen.contains(&(RecordKind::Run, "plain".into())));
        database.forget_records(&gone).unwrap();
        database.empty_log().unwrap();
        let mut left = Vec::new();
        database.each_record(&mut |record| left.push(String::from_utf8_lossy(record.bytes).into_owned())).unwrap();
        assert!(!left.iter().any(|text| text.contains("secret") || text.contains("more") || text.contains("answer")));
        assert!(left.contains(&"plain".to_string()));
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"secret"), "deleted bytes are overwritten");
    }
}
