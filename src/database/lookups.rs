//! What a search asks of the manifest about its candidates: their files, labels, token vectors, and how often tokens occur.

use std::collections::{HashMap, HashSet};

use rusqlite::OptionalExtension;
use uuid::Uuid;

use super::packed::unpack_label;
use super::{Database, counted};
use crate::error::Result;
use crate::vocabulary::WordCount;

impl Database {
    /// The packed token vectors of chunks; points that are not part of the index are missing from the map.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn codes(&self, points: &[Uuid]) -> Result<HashMap<Uuid, Vec<u8>>> {
        let mut found = HashMap::with_capacity(points.len());
        self.each_chunk(points, |index, _, codes| drop(found.insert(points[index], codes.to_vec())))?;
        Ok(found)
    }

    /// Hands each chunk's position in `points`, the number of its file and its packed token vectors to `take`; points that
    /// are not part of the index are passed over.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn each_chunk(&self, points: &[Uuid], mut take: impl FnMut(usize, i64, &[u8])) -> Result<()> {
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare_cached("SELECT file, codes FROM chunks WHERE point = ?1")?;
            for (index, point) in points.iter().enumerate() {
                let mut rows = statement.query([point.as_bytes()])?;
                if let Some(row) = rows.next()? {
                    take(index, row.get(0)?, row.get_ref(1)?.as_blob()?);
                }
            }
            Ok(())
        };
        read().map_err(self.failed("read token vectors"))
    }

    /// In how many chunks each of `tokens` occurs, in their order.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn term_counts(&self, tokens: &[u32]) -> Result<Vec<u64>> {
        let read = || -> rusqlite::Result<Vec<u64>> {
            let mut statement = self.connection.prepare_cached("SELECT chunks FROM terms WHERE token = ?1")?;
            tokens
                .iter()
                .map(|token| statement.query_row([token], |row| row.get(0)).optional().map(Option::unwrap_or_default))
                .collect()
        };
        read().map_err(self.failed("read token counts"))
    }

    /// Whether the words of every document are counted; those of documents of an earlier version are not.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn has_all_words(&self) -> Result<bool> {
        let missing = "SELECT EXISTS (SELECT 1 FROM files WHERE status IN ('indexed', 'partial') AND format IS NOT NULL
                       AND id NOT IN (SELECT file FROM file_words))";
        let missing = self.connection.prepare_cached(missing).and_then(|mut it| it.query_row([], |row| row.get(0)));
        missing.map(|missing: bool| !missing).map_err(self.failed("look for documents without words"))
    }

    /// How often a word, in lower case, occurs in the documents; `None` where it does not.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn word(&self, word: &str) -> Result<Option<WordCount>> {
        self.connection
            .prepare_cached("SELECT count, lower FROM words WHERE word = ?1")
            .and_then(|mut it| {
                it.query_row([word], |row| Ok(WordCount { all: row.get(0)?, lower: row.get(1)? })).optional()
            })
            .map_err(self.failed("look up a word"))
    }

    /// Hands every word of the documents that begins with `first` to `take`, in order.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn each_word(&self, first: char, mut take: impl FnMut(&str, WordCount)) -> Result<()> {
        let mut read = || -> rusqlite::Result<()> {
            // No character is above the last one, so that nothing that begins with `first` is behind it.
            let (from, to) = (first.to_string(), format!("{first}{}", char::MAX));
            let mut statement =
                self.connection.prepare_cached("SELECT word, count, lower FROM words WHERE word BETWEEN ?1 AND ?2")?;
            let mut rows = statement.query([from, to])?;
            while let Some(row) = rows.next()? {
                let count = WordCount { all: row.get(1)?, lower: row.get(2)? };
                take(row.get_ref(0)?.as_str()?, count);
            }
            Ok(())
        };
        read().map_err(self.failed("look through the words"))
    }

    /// Makes a document one of an earlier version, whose words nobody counted.
    #[cfg(test)]
    pub(crate) fn forget_words_of(&self, path: &str) {
        let forget = "DELETE FROM file_words WHERE file = (SELECT id FROM files WHERE path = ?1)";
        self.connection.execute(forget, [path]).unwrap();
    }

    /// Which file each chunk belongs to, as a number; points that are not part of the index are missing.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn files_of(&self, points: &[Uuid]) -> Result<HashMap<Uuid, i64>> {
        let read = || -> rusqlite::Result<HashMap<Uuid, i64>> {
            let mut statement = self.connection.prepare_cached("SELECT file FROM chunks WHERE point = ?1")?;
            let mut found = HashMap::with_capacity(points.len());
            for point in points {
                if let Some(file) = statement.query_row([point.as_bytes()], |row| row.get(0)).optional()? {
                    found.insert(*point, file);
                }
            }
            Ok(found)
        };
        read().map_err(self.failed("look up the files of chunks"))
    }

    /// The labels of files by the numbers that [`Self::files_of`] gives, for files of more than one chunk.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn labels(&self, files: &HashSet<i64>) -> Result<HashMap<i64, Vec<u32>>> {
        let read = || -> rusqlite::Result<HashMap<i64, Vec<u32>>> {
            let mut statement = self.connection.prepare_cached(
                "SELECT label FROM files
                 WHERE id = ?1 AND EXISTS (SELECT 1 FROM chunks WHERE file = ?1 LIMIT 1 OFFSET 1)",
            )?;
            let mut found = HashMap::with_capacity(files.len());
            for file in files {
                let label: Option<Vec<u8>> = statement.query_row([file], |row| row.get(0)).optional()?;
                if let Some(label) = label {
                    found.insert(*file, unpack_label(&label).collect());
                }
            }
            Ok(found)
        };
        read().map_err(self.failed("read labels"))
    }

    /// In how many files' labels each of `terms` occurs, in their order, and the number of files with chunks.
    ///
    /// # Errors
    /// [`Error::Database`](crate::error::Error::Database) when the query fails.
    pub fn label_counts(&self, terms: &[u32]) -> Result<(Vec<u64>, u64)> {
        let read = || -> rusqlite::Result<(Vec<u64>, u64)> {
            let mut statement = self.connection.prepare_cached("SELECT files FROM label_terms WHERE term = ?1")?;
            let counts = terms
                .iter()
                .map(|term| statement.query_row([term], |row| row.get(0)).optional().map(Option::unwrap_or_default))
                .collect::<rusqlite::Result<_>>()?;
            let files = counted(&self.counts.files, || {
                let indexed = "SELECT count(*) FROM files WHERE status IN ('indexed', 'partial')";
                self.connection.prepare_cached(indexed)?.query_row([], |row| row.get(0))
            })?;
            Ok((counts, files))
        };
        read().map_err(self.failed("read label counts"))
    }
}
