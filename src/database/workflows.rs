//! Runs of workflows as rows: their events, appended and never changed, who works on them, and answers that are kept.
//!
//! It knows nothing of what an event says; it stores bytes in order.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::Serialize;

use super::{Database, damage_or};
use crate::error::{Error, Result};

/// One run of a workflow in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkflowRun {
    /// Its number in this database.
    #[serde(skip)]
    pub number: i64,
    /// Sortable id.
    pub run: String,
    /// The workflow's name.
    pub workflow: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// How it stands, in one word.
    pub status: String,
    /// Microseconds at work.
    pub took_us: u64,
    /// Step visits that ran.
    pub steps: u64,
    /// Tokens that language models read and wrote.
    pub tokens: u64,
    /// US dollars.
    pub usd: f64,
    /// What it waits for, or why it did not end well.
    pub message: String,
    /// Who works on it, as the one who claimed it wrote it.
    #[serde(skip)]
    pub holder: Option<String>,
}

const RUN_COLUMNS: &str = "id, run, workflow, started_at, status, took_us, steps, tokens, usd, message, holder";

fn run_row(row: &Row<'_>) -> rusqlite::Result<WorkflowRun> {
    Ok(WorkflowRun {
        number: row.get(0)?,
        run: row.get(1)?,
        workflow: row.get(2)?,
        started_at: row.get(3)?,
        status: row.get(4)?,
        took_us: row.get(5)?,
        steps: row.get(6)?,
        tokens: row.get(7)?,
        usd: row.get(8)?,
        message: row.get(9)?,
        holder: row.get(10)?,
    })
}

/// An event to be appended: the run's number, the event's number in the run, its bytes.
pub type EventRow<'a> = (i64, u64, &'a [u8]);

/// What is kept of one kind of answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CacheStats {
    /// The kind of call.
    pub kind: String,
    /// The model or whatever else answered.
    pub name: String,
    /// Answers kept.
    pub answers: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How often they were used again.
    pub uses: u64,
}

/// Events of one run take numbers below this.
pub(super) const EVENTS_MAX: i64 = 1 << 32;

/// Seconds to wait while another process writes.
const BUSY: Duration = Duration::from_secs(5);

/// A connection of its own to the database, for runs of workflows. Several processes may write; each commit waits its turn.
#[derive(Debug)]
pub struct RunStore {
    connection: Connection,
    path: PathBuf,
    synced: bool,
}

impl RunStore {
    /// Opens the database at `path`, making it where there is none.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open(path: &Path) -> Result<Self> {
        drop(Database::open(path)?);
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY)?;
            // NORMAL: a commit survives the end of this process; `sync` makes it survive a power cut.
            connection
                .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;")?;
            connection.set_prepared_statement_cache_capacity(32);
            Ok(connection)
        };
        let connection = open().map_err(|source| damage_or(path, "open", source))?;
        Ok(Self { connection, path: path.to_path_buf(), synced: false })
    }

    fn failed(&self, operation: &'static str) -> impl FnOnce(rusqlite::Error) -> Error + use<> {
        let path = self.path.clone();
        move |source| damage_or(&path, operation, source)
    }

    /// From now on, commits are on the disk when they return, or only in the system's hands.
    fn set_synced(&mut self, synced: bool) -> rusqlite::Result<()> {
        if self.synced != synced {
            self.connection.execute_batch(match synced {
                true => "PRAGMA synchronous = FULL",
                false => "PRAGMA synchronous = NORMAL",
            })?;
            self.synced = synced;
        }
        Ok(())
    }

    /// Adds a run with its first event; gives its number.
    ///
    /// # Errors
    /// [`Error::Database`] when the write fails.
    pub fn create(&mut self, run: &WorkflowRun, event: &[u8], synced: bool) -> Result<i64> {
        let failed = self.failed("store a run");
        let mut write = || -> rusqlite::Result<i64> {
            self.set_synced(synced)?;
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction
                .prepare_cached(
                    "INSERT INTO workflow_runs (run, workflow, started_at, status, took_us, steps, tokens, usd, message, holder)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                )?
                .execute(params![
                    run.run,
                    run.workflow,
                    run.started_at,
                    run.status,
                    run.took_us,
                    run.steps,
                    run.tokens,
                    run.usd,
                    run.message,
                    run.holder
                ])?;
            let number = transaction.last_insert_rowid();
            insert_event(&transaction, (number, 0, event))?;
            transaction.commit()?;
            Ok(number)
        };
        write().map_err(failed)
    }

    /// Appends events, and brings the rows of runs that stopped or ended up to date and frees them, in one commit.
    ///
    /// # Errors
    /// [`Error::Database`] when the write fails; nothing of it is stored then.
    pub fn append(&mut self, events: &[EventRow<'_>], stopped: &[WorkflowRun], synced: bool) -> Result<()> {
        let failed = self.failed("record a step");
        let mut write = || -> rusqlite::Result<()> {
            self.set_synced(synced)?;
            if let ([event], []) = (events, stopped) {
                // One statement is a transaction by itself.
                return insert_event(&self.connection, *event);
            }
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for event in events {
                insert_event(&transaction, *event)?;
            }
            for run in stopped {
                transaction
                    .prepare_cached(
                        "UPDATE workflow_runs SET status = ?2, took_us = ?3, steps = ?4, tokens = ?5, usd = ?6, message = ?7,
                         holder = NULL WHERE id = ?1",
                    )?
                    .execute(params![
                        run.number,
                        run.status,
                        run.took_us,
                        run.steps,
                        run.tokens,
                        run.usd,
                        run.message
                    ])?;
            }
            transaction.commit()
        };
        write().map_err(failed)
    }

    /// Makes `holder` the one who works on a run, unless `is_alive` says that its present holder still does. Gives the present
    /// holder when it was refused.
    ///
    /// # Errors
    /// [`Error::Database`] when the write fails.
    pub fn claim(&mut self, number: i64, holder: &str, is_alive: &dyn Fn(&str) -> bool) -> Result<Option<String>> {
        let failed = self.failed("claim a run");
        let mut write = || -> rusqlite::Result<Option<String>> {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let present: Option<String> =
                transaction.query_row("SELECT holder FROM workflow_runs WHERE id = ?1", [number], |row| row.get(0))?;
            if let Some(present) = present.filter(|present| is_alive(present)) {
                return Ok(Some(present));
            }
            transaction.execute(
                "UPDATE workflow_runs SET holder = ?2, status = 'running' WHERE id = ?1",
                params![number, holder],
            )?;
            transaction.commit()?;
            Ok(None)
        };
        write().map_err(failed)
    }

    /// Lets go of a run without changing what is known of it.
    ///
    /// # Errors
    /// [`Error::Database`] when the write fails.
    pub fn release(&mut self, number: i64, status: &str) -> Result<()> {
        self.connection
            .execute("UPDATE workflow_runs SET holder = NULL, status = ?2 WHERE id = ?1", params![number, status])
            .map(drop)
            .map_err(self.failed("free a run"))
    }

    /// The latest `limit` runs, newest first.
    ///
    /// # Errors
    /// [`Error::Database`] when the query fails.
    pub fn runs(&self, limit: usize) -> Result<Vec<WorkflowRun>> {
        let read = || -> rusqlite::Result<Vec<WorkflowRun>> {
            let mut statement = self
                .connection
                .prepare(&format!("SELECT {RUN_COLUMNS} FROM workflow_runs ORDER BY run DESC LIMIT ?1"))?;
            statement.query_map([limit], run_row)?.collect()
        };
        read().map_err(self.failed("list the runs"))
    }

    /// The runs whose ids begin with `start`, at most two: one is found, two are too many.
    ///
    /// # Errors
    /// [`Error::Database`] when the query fails.
    pub fn find(&self, start: &str) -> Result<Vec<WorkflowRun>> {
        let read = || -> rusqlite::Result<Vec<WorkflowRun>> {
            let mut statement = self.connection.prepare(&format!(
                "SELECT {RUN_COLUMNS} FROM workflow_runs WHERE substr(run, 1, length(?1)) = ?1 LIMIT 2"
            ))?;
            statement.query_map([start], run_row)?.collect()
        };
        read().map_err(self.failed("find a run"))
    }

    /// The events of a run, in order.
    ///
    /// # Errors
    /// [`Error::Database`] when the query fails.
    pub fn events(&self, number: i64) -> Result<Vec<Vec<u8>>> {
        let read = || -> rusqlite::Result<Vec<Vec<u8>>> {
            let mut statement =
                self.connection.prepare("SELECT event FROM workflow_events WHERE id >= ?1 AND id < ?2 ORDER BY id")?;
            statement.query_map([number * EVENTS_MAX, (number + 1) * EVENTS_MAX], |row| row.get(0))?.collect()
        };
        read().map_err(self.failed("read a run"))
    }

    /// A kept answer; its use is counted.
    ///
    /// # Errors
    /// [`Error::Database`] when the query fails.
    pub fn cached(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let read = || -> rusqlite::Result<Option<Vec<u8>>> {
            self.connection
                .prepare_cached("UPDATE workflow_cache SET uses = uses + 1 WHERE key = ?1 RETURNING answer")?
                .query_row([key], |row| row.get(0))
                .optional()
        };
        read().map_err(self.failed("look up a kept answer"))
    }

    /// Keeps an answer.
    ///
    /// # Errors
    /// [`Error::Database`] when the write fails.
    pub fn keep(&mut self, key: &[u8], kind: &str, name: &str, answer: &[u8], at: &str) -> Result<()> {
        let write = || -> rusqlite::Result<usize> {
            self.connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO workflow_cache (key, kind, name, answer, stored_at, uses)
                     VALUES (?1, ?2, ?3, ?4, ?5, 0)",
                )?
                .execute(params![key, kind, name, answer, at])
        };
        write().map(drop).map_err(self.failed("keep an answer"))
    }

    /// What is kept, by kind and name.
    ///
    /// # Errors
    /// [`Error::Database`] when the query fails.
    pub fn cache_stats(&self) -> Result<Vec<CacheStats>> {
        let read = || -> rusqlite::Result<Vec<CacheStats>> {
            let mut statement = self.connection.prepare(
                "SELECT kind, name, count(*), sum(length(answer)), sum(uses) FROM workflow_cache
                 GROUP BY kind, name ORDER BY kind, name",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(CacheStats {
                    kind: row.get(0)?,
                    name: row.get(1)?,
                    answers: row.get(2)?,
                    bytes: row.get(3)?,
                    uses: row.get(4)?,
                })
            })?;
            rows.collect()
        };
        read().map_err(self.failed("look at the kept answers"))
    }

    /// Forgets every kept answer; gives how many there were.
    ///
    /// # Errors
    /// [`Error::Database`] when the write fails.
    pub fn clear_cache(&mut self) -> Result<u64> {
        self.connection
            .execute("DELETE FROM workflow_cache", [])
            .map(|count| count as u64)
            .map_err(self.failed("forget the kept answers"))
    }
}

fn insert_event(connection: &Connection, (run, number, bytes): EventRow<'_>) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO workflow_events (id, event) VALUES (?1, ?2)")?
        .execute(params![run * EVENTS_MAX + number as i64, bytes])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> WorkflowRun {
        WorkflowRun {
            number: 0,
            run: id.into(),
            workflow: "w".into(),
            started_at: "2026-01-01T00:00:00Z".into(),
            status: "running".into(),
            took_us: 0,
            steps: 0,
            tokens: 0,
            usd: 0.0,
            message: String::new(),
            holder: Some("me".into()),
        }
    }

    #[test]
    fn events_come_back_in_order_and_belong_to_their_run() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = RunStore::open(&folder.path().join("ibid.db")).unwrap();
        let first = store.create(&run("0199-a"), b"a0", false).unwrap();
        let second = store.create(&run("0199-b"), b"b0", true).unwrap();
        store.append(&[(first, 1, b"a1"), (second, 1, b"b1"), (first, 2, b"a2")], &[], false).unwrap();
        store.append(&[(second, 2, b"b2")], &[], true).unwrap();
        assert_eq!(store.events(first).unwrap(), [b"a0", b"a1", b"a2"]);
        assert_eq!(store.events(second).unwrap(), [b"b0", b"b1", b"b2"]);
        assert!(store.append(&[(first, 2, b"again")], &[], false).is_err(), "an event is never written over");
        assert_eq!(store.find("0199-").unwrap().len(), 2);
        assert_eq!(store.runs(1).unwrap()[0].run, "0199-b");
    }

    #[test]
    fn a_run_is_claimed_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = RunStore::open(&folder.path().join("ibid.db")).unwrap();
        let number = store.create(&run("r"), b"0", false).unwrap();
        assert_eq!(store.claim(number, "you", &|holder| holder == "me").unwrap().as_deref(), Some("me"));
        assert_eq!(store.claim(number, "you", &|_| false).unwrap(), None, "the dead hold nothing");
        let ended = WorkflowRun { number, status: "done".into(), steps: 3, ..run("r") };
        store.append(&[(number, 1, b"1")], &[ended], false).unwrap();
        let known = store.find("r").unwrap().remove(0);
        assert_eq!((known.status.as_str(), known.steps, known.holder), ("done", 3, None));
    }

    #[test]
    fn answers_are_kept_counted_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = RunStore::open(&folder.path().join("ibid.db")).unwrap();
        assert_eq!(store.cached(b"k").unwrap(), None);
        store.keep(b"k", "model", "m", b"answer", "2026-01-01T00:00:00Z").unwrap();
        assert_eq!(store.cached(b"k").unwrap().as_deref(), Some(&b"answer"[..]));
        let stats = store.cache_stats().unwrap();
        assert_eq!((stats[0].answers, stats[0].bytes, stats[0].uses), (1, 6, 1));
        assert_eq!(store.clear_cache().unwrap(), 1);
        assert_eq!(store.cached(b"k").unwrap(), None);
    }
}
