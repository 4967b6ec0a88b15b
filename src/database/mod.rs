//! The one SQLite file beside the vector store: the manifest of documents and the record of runs.

mod documents;
mod lookups;
mod occurrences;
mod packed;
pub mod records;
pub mod runs;
pub mod workflows;

pub use documents::{ChunkRow, FileEntry, FileRow, Terms};

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use crate::error::{Error, Result};

/// Version of the tables below; a file of a later one is refused rather than misread.
const SCHEMA_VERSION: i64 = 4;

const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Every file ever found and not gone since, with what became of it.
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    page INTEGER,
    format TEXT,
    title TEXT,
    pages INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    cut_tokens INTEGER NOT NULL,
    indexed_at TEXT NOT NULL,
    -- Before the long column: what follows a long one takes a walk along its pages to read.
    label BLOB NOT NULL,
    terms BLOB NOT NULL
);

-- The chunks that count: a point of the store that is not here is not part of the index.
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    point BLOB NOT NULL UNIQUE,
    file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    codes BLOB NOT NULL
);
CREATE INDEX chunks_by_file ON chunks (file);

-- In how many chunks each token of the vocabulary occurs.
CREATE TABLE terms (token INTEGER PRIMARY KEY, chunks INTEGER NOT NULL);

-- In how many files' labels each term occurs.
CREATE TABLE label_terms (term INTEGER PRIMARY KEY, files INTEGER NOT NULL);

-- Points that are about to be stored, and points that are about to be deleted: what a crash leaves of them is undone.
CREATE TABLE intents (point BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE removals (point BLOB PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    started_at TEXT NOT NULL,
    question TEXT NOT NULL,
    status TEXT NOT NULL,
    took_ms REAL NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX runs_by_time ON runs (started_at);
";

/// What version 2 adds.
const WORKFLOW_SCHEMA: &str = "
-- One row a run of a workflow; `holder` names the process that works on it.
CREATE TABLE workflow_runs (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL UNIQUE,
    workflow TEXT NOT NULL,
    started_at TEXT NOT NULL,
    status TEXT NOT NULL,
    took_us INTEGER NOT NULL,
    steps INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    usd REAL NOT NULL,
    message TEXT NOT NULL,
    holder TEXT
);

-- What happened, in order. The id is the run's times 2^32 plus the event's number in it, so that events are only ever appended
-- and those of a run lie together without an index.
CREATE TABLE workflow_events (id INTEGER PRIMARY KEY, event BLOB NOT NULL);

-- Answers that may be used again. The key is the SHA-256 of all that decides the answer.
CREATE TABLE workflow_cache (
    key BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    answer BLOB NOT NULL,
    stored_at TEXT NOT NULL,
    uses INTEGER NOT NULL
) WITHOUT ROWID;
";

/// What version 3 adds.
const KEPT_SCHEMA: &str = "
-- The token vectors of a point that is durably stored while other chunks of its file are not: the next run takes them as they are.
ALTER TABLE intents ADD COLUMN codes BLOB;
-- The path of the file that this one is inside; empty for a file on disk.
ALTER TABLE files ADD COLUMN container TEXT NOT NULL DEFAULT '';
-- What decides how a file is read, hashed: what could not be read may be read with other settings.
ALTER TABLE files ADD COLUMN reading TEXT NOT NULL DEFAULT '';
CREATE INDEX files_by_container ON files (container) WHERE container <> '';
";

/// What version 4 adds.
const WORDS_SCHEMA: &str = "
-- How often each word occurs in all documents, and how often of that in lower case.
CREATE TABLE words (word TEXT PRIMARY KEY, count INTEGER NOT NULL, lower INTEGER NOT NULL) WITHOUT ROWID;
-- A file's share of that. A document of an earlier version has none, and its words are not known.
CREATE TABLE file_words (file INTEGER PRIMARY KEY REFERENCES files (id) ON DELETE CASCADE, words BLOB NOT NULL);
";

/// An open database. One writer at a time; the index lock makes sure of it.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
    path: PathBuf,
    counts: Counts,
}

/// Counts that every search asks for and that only this process changes: the index lock keeps others out. Every
/// transaction forgets them.
#[derive(Debug, Default)]
struct Counts {
    chunks: Cell<Option<u64>>,
    files: Cell<Option<u64>>,
}

/// Bytes of the file that are read in place instead of being copied through a buffer. Token vectors are read by the
/// megabyte; where the system maps less, SQLite copies the rest.
const MAPPED_BYTES_MAX: i64 = 1 << 36;

impl Database {
    /// Opens the database at `path`, making it where there is none.
    ///
    /// # Errors
    /// [`Error::IndexDamaged`] when the file is no database of ours; [`Error::Database`] when it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |operation| move |source| Error::Database { operation, path: path.to_path_buf(), source };
        let connection = Connection::open(path).map_err(failed("open"))?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(failed("set up"))?;
        connection.pragma_update(None, "mmap_size", MAPPED_BYTES_MAX).map_err(failed("set up"))?;
        let version: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|source| damage_or(path, "read the version", source))?;
        // Deleted text is overwritten, not only unlinked. FULL: a commit is on disk before the next step of the durable order begins.
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;")
            .map_err(|source| damage_or(path, "set up", source))?;
        if version != SCHEMA_VERSION {
            upgrade(&connection, path)?;
        }
        Ok(Self { connection, path: path.to_path_buf(), counts: Counts::default() })
    }

    /// Maps the file no longer, for a run that writes: it would touch most of the file, and mapped pages count as its memory.
    ///
    /// # Errors
    /// [`Error::Database`] when SQLite refuses.
    pub fn unmap(&self) -> Result<()> {
        self.connection.pragma_update(None, "mmap_size", 0).map_err(self.failed("set up"))
    }

    /// The value stored under `key`.
    ///
    /// # Errors
    /// [`Error::Database`] when the query fails.
    pub fn meta(&self, key: &str) -> Result<Option<String>> {
        use rusqlite::OptionalExtension;
        self.connection
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
            .optional()
            .map_err(self.failed("read a setting"))
    }

    /// Stores `value` under `key`.
    ///
    /// # Errors
    /// [`Error::Database`] when the write fails.
    pub fn set_meta(&self, key: &str, value: &str) -> Result<()> {
        self.connection
            .execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", [key, value])
            .map(drop)
            .map_err(self.failed("store a setting"))
    }

    /// Reads the whole file and checks its structure; what is wrong, in SQLite's words.
    ///
    /// # Errors
    /// [`Error::Database`] when the check cannot run.
    pub fn check(&self) -> Result<Option<String>> {
        let verdict: String =
            self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(self.failed("check"))?;
        Ok((verdict != "ok").then_some(verdict))
    }

    fn failed(&self, operation: &'static str) -> impl FnOnce(rusqlite::Error) -> Error + use<> {
        let path = self.path.clone();
        move |source| damage_or(&path, operation, source)
    }
}

/// The count kept in `kept`, or else what `count` gives.
fn counted(kept: &Cell<Option<u64>>, count: impl FnOnce() -> rusqlite::Result<u64>) -> rusqlite::Result<u64> {
    if let Some(known) = kept.get() {
        return Ok(known);
    }
    let counted = count()?;
    kept.set(Some(counted));
    Ok(counted)
}

/// Brings the tables to the current version in one transaction; another process may be doing the same.
fn upgrade(connection: &Connection, path: &Path) -> Result<()> {
    let failed = |source| damage_or(path, "make the tables", source);
    connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let missing = match version {
        0 => [SCHEMA, WORKFLOW_SCHEMA, KEPT_SCHEMA, WORDS_SCHEMA].concat(),
        1 => [WORKFLOW_SCHEMA, KEPT_SCHEMA, WORDS_SCHEMA].concat(),
        2 => [KEPT_SCHEMA, WORDS_SCHEMA].concat(),
        3 => WORDS_SCHEMA.to_string(),
        SCHEMA_VERSION => String::new(),
        other => {
            let _ = connection.execute_batch("ROLLBACK");
            return Err(Error::IndexDamaged {
                path: path.to_path_buf(),
                reason: format!("its database has version {other}, this program knows {SCHEMA_VERSION}"),
                source: None,
            });
        }
    };
    connection.execute_batch(&format!("{missing} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")).map_err(|source| {
        let _ = connection.execute_batch("ROLLBACK");
        failed(source)
    })
}

/// SQLite tells a damaged file from a failed operation; so do we.
fn damage_or(path: &Path, operation: &'static str, source: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match source.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => Error::IndexDamaged {
            path: path.to_path_buf(),
            reason: "its database cannot be read".into(),
            source: Some(source.into()),
        },
        _ => Error::Database { operation, path: path.to_path_buf(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_database_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ibid.db");
        std::fs::write(
            &path,
            "not a database, but long enough to be taken for a header of one, and then some more text",
        )
        .unwrap();
        let error = Database::open(&path).unwrap_err();
        assert_eq!(error.exit_code(), 6, "{error:?}");
    }

    #[test]
    fn a_database_of_version_1_is_brought_up_and_a_later_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ibid.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(&format!("BEGIN; {SCHEMA} PRAGMA user_version = 1; COMMIT;")).unwrap();
        old.execute("INSERT INTO meta (key, value) VALUES ('identity', 'old')", []).unwrap();
        drop(old);
        let database = Database::open(&path).unwrap();
        assert_eq!(database.meta("identity").unwrap().as_deref(), Some("old"));
        let runs: i64 =
            database.connection.query_row("SELECT count(*) FROM workflow_runs", [], |row| row.get(0)).unwrap();
        assert_eq!(runs, 0);
        database.connection.execute_batch("PRAGMA user_version = 5").unwrap();
        drop(database);
        let error = Database::open(&path).unwrap_err();
        assert!(error.to_string().contains("version 5"), "{error}");
    }

    #[test]
    fn settings_survive_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ibid.db");
        Database::open(&path).unwrap().set_meta("identity", "a").unwrap();
        let database = Database::open(&path).unwrap();
        assert_eq!(database.meta("identity").unwrap().as_deref(), Some("a"));
        assert_eq!(database.meta("other").unwrap(), None);
        assert_eq!(database.check().unwrap(), None);
    }
}
