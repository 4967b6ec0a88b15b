//! The manifest: which files are in the index, with which bytes, and which points of the store are theirs.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{OptionalExtension, Transaction, params};
use uuid::Uuid;

use super::occurrences::{Occurrences, Share};
use super::packed::{pack_label, pack_terms, pack_words, unpack_label, unpack_terms, unpack_words};
use super::{Counts, Database, counted};
use crate::document::FileStatus;
use crate::error::Result;
use crate::vocabulary::Words;

/// In how many of a file's chunks each vocabulary token occurs.
pub type Terms = BTreeMap<u32, u32>;

/// Everything that makes a file part of the index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileEntry {
    /// The file.
    pub row: FileRow,
    /// Its chunks.
    pub chunks: Vec<ChunkRow>,
    /// Their token counts.
    pub terms: Terms,
    /// Their words.
    pub words: Words,
    /// What the document is known by: terms, each once.
    pub label: Vec<u32>,
    /// Paths of the files inside it, if it is a file on disk; others that were inside it leave the index.
    pub members: Vec<String>,
}

/// What the manifest knows of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Absolute path; bytes that are no UTF-8 are escaped. Of a file inside another, its path below that of the other.
    pub path: String,
    /// The file on disk that this one is inside, empty for one on disk.
    pub container: String,
    /// Size in bytes when it was read.
    pub bytes: u64,
    /// Time of its last change, nanoseconds since 1970.
    pub modified_ns: i64,
    /// SHA-256 of its bytes, lower-case hex; empty when it could not be read.
    pub sha256: String,
    /// What became of it.
    pub status: FileStatus,
    /// Why, where it is a problem.
    pub reason: String,
    /// The first page with a problem.
    pub page: Option<u32>,
    /// What it was read as; none for what is no document, such as an archive.
    pub format: Option<String>,
    /// Its own title.
    pub title: Option<String>,
    /// Number of pages; 0 for formats without.
    pub pages: u64,
    /// Tokens embedded.
    pub tokens: u64,
    /// Tokens that did not fit the model's input.
    pub cut_tokens: u64,
    /// When it was read, RFC 3339.
    pub indexed_at: String,
    /// What decided how it was read, hashed.
    pub reading: String,
}

/// A stored chunk as the manifest knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkRow {
    /// Its point in the store.
    pub point: Uuid,
    /// Its token vectors, packed for the rerank.
    pub codes: Vec<u8>,
}

const FILE_COLUMNS: &str = "path, bytes, modified_ns, sha256, status, reason, page, format, title, pages, tokens, cut_tokens, indexed_at, \
     container, reading";

fn file_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<FileRow> {
    let status: String = row.get(4)?;
    let status = FileStatus::ALL.into_iter().find(|known| known.name() == status).unwrap_or(FileStatus::Malformed);
    Ok(FileRow {
        path: row.get(0)?,
        bytes: row.get(1)?,
        modified_ns: row.get(2)?,
        sha256: row.get(3)?,
        status,
        reason: row.get(5)?,
        page: row.get(6)?,
        format: row.get(7)?,
        title: row.get(8)?,
        pages: row.get(9)?,
        tokens: row.get(10)?,
        cut_tokens: row.get(11)?,
        indexed_at: row.get(12)?,
        container: row.get(13)?,
        reading: row.get(14)?,
    })
}

/// Paths inside the file `?1`; the second condition lets the index of files that are inside others be used.
const MEMBERS: &str = "SELECT path FROM files WHERE container = ?1 AND container <> '' ORDER BY id";

impl Default for FileRow {
    fn default() -> Self {
        Self {
            path: String::new(),
            container: String::new(),
            bytes: 0,
            modified_ns: 0,
            sha256: String::new(),
            status: FileStatus::Indexed,
            reason: String::new(),
            page: None,
            format: None,
            title: None,
            pages: 0,
            tokens: 0,
            cut_tokens: 0,
            indexed_at: String::new(),
            reading: String::new(),
        }
    }
}

impl FileRow {
    /// Whether the file is a document whose chunks are in the index.
    #[must_use]
    pub fn is_document(&self) -> bool {
        matches!(self.status, FileStatus::Indexed | FileStatus::Partial) && self.format.is_some()
    }
}

impl Database {
    /// Every known file, by path.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn files(&self) -> Result<BTreeMap<String, FileRow>> {
        let read = || -> rusqlite::Result<BTreeMap<String, FileRow>> {
            let mut statement = self.connection.prepare(&format!("SELECT {FILE_COLUMNS} FROM files"))?;
            let rows = statement.query_map([], file_row)?;
            rows.map(|row| row.map(|row| (row.path.clone(), row))).collect()
        };
        read().map_err(self.failed("list the files"))
    }

    /// Paths of the files inside the file at `path`, in the order in which they came.
    fn members(&self, path: &str) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare_cached(MEMBERS)?;
        statement.query_map([path], |row| row.get(0))?.collect()
    }

    /// The number of stored chunks.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn chunk_count(&self) -> Result<u64> {
        let count = || self.connection.query_row("SELECT count(*) FROM chunks", [], |row| row.get(0));
        let chunks = counted(&self.counts.chunks, count);
        chunks.map_err(self.failed("count the chunks"))
    }

    /// The points of one file.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn points_of(&self, path: &str) -> Result<Vec<Uuid>> {
        let read = || -> rusqlite::Result<Vec<Uuid>> {
            let mut statement = self
                .connection
                .prepare_cached("SELECT point FROM chunks JOIN files ON files.id = chunks.file WHERE path = ?1")?;
            statement.query_map([path], |row| row.get::<_, [u8; 16]>(0).map(Uuid::from_bytes))?.collect()
        };
        read().map_err(self.failed("list the chunks of a file"))
    }

    /// All that makes the file at `path` part of the index; `None` for a path that is not known.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn entry(&self, path: &str) -> Result<Option<FileEntry>> {
        let read = || -> rusqlite::Result<Option<FileEntry>> {
            let columns = format!("SELECT {FILE_COLUMNS}, id, terms, label FROM files WHERE path = ?1");
            let mut statement = self.connection.prepare_cached(&columns)?;
            let known = statement.query_row([path], |row| {
                Ok((file_row(row)?, row.get::<_, i64>(15)?, row.get::<_, Vec<u8>>(16)?, row.get::<_, Vec<u8>>(17)?))
            });
            let Some((row, id, terms, label)) = known.optional()? else { return Ok(None) };
            let mut statement =
                self.connection.prepare_cached("SELECT point, codes FROM chunks WHERE file = ?1 ORDER BY id")?;
            let chunks = statement
                .query_map([id], |row| Ok(ChunkRow { point: Uuid::from_bytes(row.get(0)?), codes: row.get(1)? }))?
                .collect::<rusqlite::Result<_>>()?;
            let (terms, label) = (unpack_terms(&terms).collect(), unpack_label(&label).collect());
            let mut statement = self.connection.prepare_cached("SELECT words FROM file_words WHERE file = ?1")?;
            let words: Option<Vec<u8>> = statement.query_row([id], |row| row.get(0)).optional()?;
            let words = unpack_words(&words.unwrap_or_default()).map(|(word, count)| (word.into(), count)).collect();
            let members = self.members(&row.path)?;
            Ok(Some(FileEntry { row, chunks, terms, words, label, members }))
        };
        read().map_err(self.failed("read a file's entry"))
    }

    /// Notes points that are about to be stored, so that a crash before [`Self::commit_files`] leaves nothing behind.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the write fails.
    pub fn note_intents(&mut self, points: &[Uuid]) -> Result<()> {
        self.in_transaction("note what is about to be stored", |transaction| {
            let mut statement = transaction.prepare_cached("INSERT OR IGNORE INTO intents (point) VALUES (?1)")?;
            points.iter().try_for_each(|point| statement.execute([point.as_bytes()]).map(drop))
        })
    }

    /// Makes files with their chunks part of the index in place of what was known of their paths, in one transaction. The
    /// points that are no longer part of it are noted as removals and returned. The chunks, and those of `kept`, which belong to files
    /// that are not wholly stored yet, must be durable in the store.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the write fails; then nothing has changed.
    pub fn commit_files(&mut self, files: &[FileEntry], kept: &[ChunkRow]) -> Result<Vec<Uuid>> {
        self.in_transaction("commit files", |transaction| {
            let mut removed = Vec::new();
            let mut keep = transaction.prepare_cached("UPDATE intents SET codes = ?2 WHERE point = ?1")?;
            kept.iter().try_for_each(|chunk| keep.execute(params![chunk.point.as_bytes(), chunk.codes]).map(drop))?;
            let mut counts = Occurrences::default();
            for entry in files {
                let kept: HashSet<Uuid> = entry.chunks.iter().map(|chunk| chunk.point).collect();
                counts.before_taking_out(transaction, &entry.row.path)?;
                let old = take_out(transaction, &entry.row.path)?;
                removed.extend(old.into_iter().filter(|point| !kept.contains(point)));
                if entry.row.container.is_empty() {
                    for gone in no_longer_inside(transaction, entry)? {
                        counts.before_taking_out(transaction, &gone)?;
                        removed.extend(take_out(transaction, &gone)?);
                    }
                }
                put_in(transaction, entry)?;
                counts.add(entry);
            }
            counts.write(transaction)?;
            note_removals(transaction, &removed)?;
            Ok(removed)
        })
    }

    /// Takes files out of the index in one transaction; their points are noted as removals and returned.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the write fails; then nothing has changed.
    pub fn remove_files(&mut self, paths: &[String]) -> Result<Vec<Uuid>> {
        self.in_transaction("remove files", |transaction| {
            let mut removed = Vec::new();
            for path in paths {
                removed.extend(take_out(transaction, path)?);
            }
            note_removals(transaction, &removed)?;
            Ok(removed)
        })
    }

    /// Notes that a file was touched without its bytes changing.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the write fails.
    pub fn touch_file(&mut self, path: &str, bytes: u64, modified_ns: i64) -> Result<()> {
        self.connection
            .execute("UPDATE files SET bytes = ?2, modified_ns = ?3 WHERE path = ?1", params![path, bytes, modified_ns])
            .map(drop)
            .map_err(self.failed("note a file's new time"))
    }

    /// Points of files that are not wholly stored yet, which are themselves durably stored with their token vectors.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn kept(&self) -> Result<HashSet<Uuid>> {
        let read = || -> rusqlite::Result<HashSet<Uuid>> {
            let mut statement = self.connection.prepare(
                "SELECT point FROM intents WHERE codes IS NOT NULL AND point NOT IN (SELECT point FROM chunks)",
            )?;
            statement.query_map([], |row| row.get::<_, [u8; 16]>(0).map(Uuid::from_bytes))?.collect()
        };
        read().map_err(self.failed("look for kept chunks"))
    }

    /// The token vectors of a kept point.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails or the point is not kept.
    pub fn kept_codes(&self, point: Uuid) -> Result<Vec<u8>> {
        self.connection
            .prepare_cached("SELECT codes FROM intents WHERE point = ?1 AND codes IS NOT NULL")
            .and_then(|mut statement| statement.query_row([point.as_bytes()], |row| row.get(0)))
            .map_err(self.failed("read a kept chunk"))
    }

    /// Points that a crash may have left in the store although they are no part of the index; kept ones are not among them.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn leftovers(&self) -> Result<Vec<Uuid>> {
        let read = || -> rusqlite::Result<Vec<Uuid>> {
            let mut statement = self.connection.prepare(
                "SELECT point FROM (SELECT point FROM intents WHERE codes IS NULL UNION SELECT point FROM removals)
                 WHERE point NOT IN (SELECT point FROM chunks)",
            )?;
            statement.query_map([], |row| row.get::<_, [u8; 16]>(0).map(Uuid::from_bytes))?.collect()
        };
        read().map_err(self.failed("look for leftovers"))
    }

    /// Gives up kept points: from now on they are leftovers.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the write fails.
    pub fn give_up_kept(&mut self) -> Result<()> {
        self.in_transaction("give up kept chunks", |transaction| {
            transaction.execute("UPDATE intents SET codes = NULL WHERE codes IS NOT NULL", []).map(drop)
        })
    }

    /// Forgets intents and removals, but for kept points: the store has been put right, durably.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the write fails.
    pub fn clear_leftovers(&mut self) -> Result<()> {
        self.in_transaction("clear leftovers", |transaction| {
            transaction.execute_batch("DELETE FROM intents WHERE codes IS NULL; DELETE FROM removals;")
        })
    }

    /// Forgets every document and setting; the runs stay.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the write fails.
    pub fn forget_documents(&mut self) -> Result<()> {
        self.in_transaction("forget the documents", |transaction| {
            transaction.execute_batch(
                "DELETE FROM chunks; DELETE FROM files; DELETE FROM terms; DELETE FROM label_terms; DELETE FROM words;
                 DELETE FROM intents; DELETE FROM removals; DELETE FROM meta;",
            )
        })
    }

    /// Forgets removals that the store has carried out, durably.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the write fails.
    pub fn clear_removals(&mut self) -> Result<()> {
        self.connection.execute("DELETE FROM removals", []).map(drop).map_err(self.failed("clear removals"))
    }

    pub(super) fn in_transaction<T>(
        &mut self,
        operation: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let failed = self.failed(operation);
        self.counts = Counts::default();
        let run = || {
            let transaction = self.connection.transaction()?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(failed)
    }
}

/// Paths that the manifest has inside a file, and that are not inside it any more.
fn no_longer_inside(transaction: &Transaction<'_>, entry: &FileEntry) -> rusqlite::Result<Vec<String>> {
    let current: HashSet<&str> = entry.members.iter().map(String::as_str).collect();
    let mut statement = transaction.prepare_cached(MEMBERS)?;
    let known = statement.query_map([&entry.row.path], |row| row.get::<_, String>(0))?;
    known.filter(|path| path.as_ref().map_or(true, |path| !current.contains(path.as_str()))).collect()
}

/// Removes a file's rows and its share of the token counts; its points.
fn take_out(transaction: &Transaction<'_>, path: &str) -> rusqlite::Result<Vec<Uuid>> {
    let known: Option<(i64, Vec<u8>, Vec<u8>)> = transaction
        .prepare_cached("SELECT id, terms, label FROM files WHERE path = ?1")?
        .query_row([path], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((id, terms, label)) = known else { return Ok(Vec::new()) };
    let points = transaction
        .prepare_cached("SELECT point FROM chunks WHERE file = ?1")?
        .query_map([id], |row| row.get::<_, [u8; 16]>(0).map(Uuid::from_bytes))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let share = Share::of(transaction, id, (terms, label))?;
    share.take_off(transaction)?;
    transaction.prepare_cached("DELETE FROM files WHERE id = ?1")?.execute([id])?;
    Ok(points)
}

fn put_in(transaction: &Transaction<'_>, entry: &FileEntry) -> rusqlite::Result<()> {
    let FileEntry { row: file, chunks, terms, words, label, .. } = entry;
    let id: i64 = transaction
        .prepare_cached(&format!(
            "INSERT INTO files ({FILE_COLUMNS}, terms, label)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
             RETURNING id"
        ))?
        .query_row(
            params![
                file.path,
                file.bytes,
                file.modified_ns,
                file.sha256,
                file.status.name(),
                file.reason,
                file.page,
                file.format,
                file.title,
                file.pages,
                file.tokens,
                file.cut_tokens,
                file.indexed_at,
                file.container,
                file.reading,
                pack_terms(terms),
                pack_label(label)
            ],
            |row| row.get(0),
        )?;
    if file.is_document() {
        transaction
            .prepare_cached("INSERT INTO file_words (file, words) VALUES (?1, ?2)")?
            .execute(params![id, pack_words(words)])?;
    }
    let mut insert = transaction.prepare_cached("INSERT INTO chunks (point, file, codes) VALUES (?1, ?2, ?3)")?;
    let mut settle = transaction.prepare_cached("DELETE FROM intents WHERE point = ?1")?;
    for chunk in chunks {
        insert.execute(params![chunk.point.as_bytes(), id, chunk.codes])?;
        settle.execute([chunk.point.as_bytes()])?;
    }
    Ok(())
}

fn note_removals(transaction: &Transaction<'_>, points: &[Uuid]) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("INSERT OR IGNORE INTO removals (point) VALUES (?1)")?;
    points.iter().try_for_each(|point| statement.execute([point.as_bytes()]).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{WordCount, count};

    fn file(path: &str, sha256: &str) -> FileRow {
        FileRow {
            path: path.into(),
            bytes: 3,
            modified_ns: 7,
            sha256: sha256.into(),
            format: Some("text".into()),
            tokens: 5,
            indexed_at: "2026-01-01T00:00:00Z".into(),
            ..FileRow::default()
        }
    }

    fn chunk(seed: u8) -> ChunkRow {
        ChunkRow { point: Uuid::from_bytes([seed; 16]), codes: vec![seed] }
    }

    fn entry(sha256: &str, chunks: Vec<ChunkRow>, terms: Terms) -> FileEntry {
        FileEntry {
            row: file("/a", sha256),
            chunks,
            terms,
            words: count(["covenant Orion"]),
            label: vec![77],
            members: vec![],
        }
    }

    fn database() -> (tempfile::TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("ibid.db")).unwrap();
        (folder, database)
    }

    #[test]
    fn a_changed_file_replaces_its_chunks_and_its_token_counts() {
        let (_folder, mut database) = database();
        let first = Terms::from([(10, 2), (11, 1)]);
        database.commit_files(&[entry("1", vec![chunk(1), chunk(2)], first)], &[]).unwrap();
        assert_eq!(database.term_counts(&[10, 11, 12]).unwrap(), [2, 1, 0]);

        let second = Terms::from([(11, 1)]);
        let removed = database.commit_files(&[entry("2", vec![chunk(2), chunk(3)], second)], &[]).unwrap();
        assert_eq!(database.label_counts(&[77, 78]).unwrap(), (vec![1, 0], 1));
        assert_eq!(removed, [Uuid::from_bytes([1; 16])], "a chunk that stays is no removal");
        assert_eq!(database.term_counts(&[10, 11, 12]).unwrap(), [0, 1, 0]);
        assert_eq!(database.files().unwrap()["/a"].sha256, "2");
        let stored = database.entry("/a").unwrap().unwrap();
        assert_eq!(stored, entry("2", vec![chunk(2), chunk(3)], Terms::from([(11, 1)])));
        assert_eq!(database.entry("/b").unwrap(), None);
        assert_eq!(database.chunk_count().unwrap(), 2);
        assert_eq!(database.leftovers().unwrap(), removed);
        database.clear_removals().unwrap();
        assert!(database.leftovers().unwrap().is_empty());
    }

    #[test]
    fn files_of_one_commit_are_counted_together_and_the_last_of_a_path_alone() {
        let (_folder, mut database) = database();
        let other = FileEntry { row: file("/b", "1"), ..entry("1", vec![chunk(2)], Terms::from([(10, 1), (12, 4)])) };
        let first = entry("1", vec![chunk(1)], Terms::from([(10, 2), (11, 1)]));
        let last = entry("2", vec![chunk(3)], Terms::from([(10, 5)]));
        let removed = database.commit_files(&[first, other, last], &[]).unwrap();
        assert_eq!(removed, [Uuid::from_bytes([1; 16])]);
        assert_eq!(database.term_counts(&[10, 11, 12]).unwrap(), [6, 0, 4]);
        assert_eq!(database.label_counts(&[77]).unwrap(), (vec![2], 2));
        assert_eq!(database.word("covenant").unwrap(), Some(WordCount { all: 2, lower: 2 }));
        assert_eq!(database.word("orion").unwrap(), Some(WordCount { all: 2, lower: 0 }));
        database.remove_files(&["/a".into()]).unwrap();
        assert_eq!(database.word("orion").unwrap(), Some(WordCount { all: 1, lower: 0 }));
    }

    #[test]
    fn what_was_only_intended_is_left_over() {
        let (_folder, mut database) = database();
        database.note_intents(&[Uuid::from_bytes([1; 16]), Uuid::from_bytes([2; 16])]).unwrap();
        database.commit_files(&[entry("1", vec![chunk(1)], Terms::new())], &[]).unwrap();
        assert_eq!(database.leftovers().unwrap(), [Uuid::from_bytes([2; 16])]);
        database.clear_leftovers().unwrap();
        assert!(database.leftovers().unwrap().is_empty());
    }

    #[test]
    fn removed_files_give_back_their_points() {
        let (_folder, mut database) = database();
        database.commit_files(&[entry("1", vec![chunk(1)], Terms::from([(5, 1)]))], &[]).unwrap();
        assert_eq!(database.remove_files(&["/a".into(), "/b".into()]).unwrap(), [Uuid::from_bytes([1; 16])]);
        assert!(database.files().unwrap().is_empty());
        assert_eq!(database.term_counts(&[5]).unwrap(), [0]);
        assert_eq!(database.word("covenant").unwrap(), None, "words that no document has any more are gone");
        assert!(database.codes(&[Uuid::from_bytes([1; 16])]).unwrap().is_empty());
    }
}
