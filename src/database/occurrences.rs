//! How often words occur, in how many chunks tokens, in how many labels terms: what files add to these counts, and what they take off.

use std::collections::{HashMap, HashSet};

use rusqlite::{OptionalExtension, Transaction, params};

use super::documents::FileEntry;
use super::packed::{unpack_label, unpack_terms, unpack_words};
use crate::vocabulary::WordCount;

/// What files that were just put in add: most of it in many of them, and each written once.
#[derive(Default)]
pub(super) struct Occurrences<'a> {
    tokens: HashMap<u32, u32>,
    labels: HashMap<u32, u32>,
    words: HashMap<&'a str, WordCount>,
    paths: HashSet<&'a str>,
}

impl<'a> Occurrences<'a> {
    /// Counts a file.
    pub(super) fn add(&mut self, entry: &'a FileEntry) {
        entry.terms.iter().for_each(|(token, chunks)| *self.tokens.entry(*token).or_default() += chunks);
        entry.label.iter().for_each(|term| *self.labels.entry(*term).or_default() += 1);
        entry.words.iter().for_each(|(word, count)| *self.words.entry(word).or_default() += *count);
        self.paths.insert(&entry.row.path);
    }

    /// What is about to be taken out must have been counted.
    pub(super) fn before_taking_out(&mut self, transaction: &Transaction<'_>, path: &str) -> rusqlite::Result<()> {
        if self.paths.contains(path) { self.write(transaction) } else { Ok(()) }
    }

    /// Writes what was counted.
    pub(super) fn write(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let write = |sql, counts: &mut HashMap<u32, u32>| {
            let mut counts: Vec<_> = counts.drain().collect();
            // In the order in which they lie.
            counts.sort_unstable();
            let mut statement = transaction.prepare_cached(sql)?;
            counts.into_iter().try_for_each(|(key, count)| statement.execute([key, count]).map(drop))
        };
        self.paths.clear();
        write(
            "INSERT INTO terms (token, chunks) VALUES (?1, ?2) ON CONFLICT (token) DO UPDATE SET chunks = chunks + ?2",
            &mut self.tokens,
        )?;
        write(
            "INSERT INTO label_terms (term, files) VALUES (?1, ?2) ON CONFLICT (term) DO UPDATE SET files = files + ?2",
            &mut self.labels,
        )?;
        let mut words: Vec<(&str, WordCount)> = self.words.drain().collect();
        words.sort_unstable_by_key(|(word, _)| *word);
        let mut statement = transaction.prepare_cached(
            "INSERT INTO words (word, count, lower) VALUES (?1, ?2, ?3)
             ON CONFLICT (word) DO UPDATE SET count = count + ?2, lower = lower + ?3",
        )?;
        words
            .into_iter()
            .try_for_each(|(word, count)| statement.execute(params![word, count.all, count.lower]).map(drop))
    }
}

/// A file's share of the counts, as its rows hold it.
pub(super) struct Share {
    terms: Vec<u8>,
    label: Vec<u8>,
    words: Vec<u8>,
}

impl Share {
    /// That of the file `id`, of whose row `terms` and `label` are.
    pub(super) fn of(
        transaction: &Transaction<'_>,
        id: i64,
        (terms, label): (Vec<u8>, Vec<u8>),
    ) -> rusqlite::Result<Self> {
        let words = transaction
            .prepare_cached("SELECT words FROM file_words WHERE file = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        Ok(Self { terms, label, words: words.unwrap_or_default() })
    }

    /// Takes it off the counts. What no document has any more would say what a removed one was about, and goes.
    pub(super) fn take_off(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut less = transaction.prepare_cached("UPDATE terms SET chunks = chunks - ?2 WHERE token = ?1")?;
        let mut none = transaction.prepare_cached("DELETE FROM terms WHERE token = ?1 AND chunks <= 0")?;
        for (token, count) in unpack_terms(&self.terms) {
            less.execute([token, count])?;
            none.execute([token])?;
        }
        let mut less = transaction.prepare_cached("UPDATE label_terms SET files = files - 1 WHERE term = ?1")?;
        let mut none = transaction.prepare_cached("DELETE FROM label_terms WHERE term = ?1 AND files <= 0")?;
        for term in unpack_label(&self.label) {
            less.execute([term])?;
            none.execute([term])?;
        }
        let mut less =
            transaction.prepare_cached("UPDATE words SET count = count - ?2, lower = lower - ?3 WHERE word = ?1")?;
        let mut none = transaction.prepare_cached("DELETE FROM words WHERE word = ?1 AND count <= 0")?;
        for (word, count) in unpack_words(&self.words) {
            less.execute(params![word, count.all, count.lower])?;
            none.execute([word])?;
        }
        Ok(())
    }
}
