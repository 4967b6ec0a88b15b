//! Documents leave the index, and with them what the record of runs and the kept answers hold of them.
//!
//! A run that quoted a document keeps the passages that its steps saw. Such a run is forgotten as a whole: a record with holes would say
//! something that never happened. What belongs to a document is told by its path and by runs of words that no other document has.

use std::collections::HashSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::database::Database;
use crate::database::records::{Record, RecordKind};
use crate::error::Result;
use crate::store::EdgeStore;

/// Words in a row that make a passage recognisable.
const WINDOW_WORDS: usize = 8;
/// Words of a passage that is shorter; fewer say nothing of where they come from.
const WINDOW_WORDS_MIN: usize = 3;
/// Chunks looked at together.
const CHUNKS_AT_ONCE: usize = 1024;

/// What is known of documents: their paths and the words in them.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    paths: HashSet<String>,
    windows: HashSet<u64>,
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Asks and runs.
    pub runs: u64,
    /// Kept answers.
    pub answers: u64,
}

impl Marks {
    /// Adds a document by its path.
    pub fn add_path(&mut self, path: &str) {
        self.paths.insert(path.to_owned());
    }

    /// Adds what a document says.
    pub fn add_text(&mut self, text: &str) {
        let words = words(text);
        let width = WINDOW_WORDS.min(words.len());
        if width >= WINDOW_WORDS_MIN {
            self.windows.extend(windows(&words, width));
        }
    }

    /// The windows of `text` that are among these.
    #[must_use]
    pub fn in_text(&self, text: &str) -> HashSet<u64> {
        let words = words(text);
        let mut found = HashSet::new();
        for width in WINDOW_WORDS_MIN..=WINDOW_WORDS.min(words.len()) {
            found.extend(windows(&words, width).filter(|window| self.windows.contains(window)));
        }
        found
    }

    /// What of these a record holds: whether a path, and which windows.
    #[must_use]
    pub fn in_record(&self, bytes: &[u8]) -> (bool, HashSet<u64>) {
        let (mut has_path, mut found) = (false, HashSet::new());
        let mut look = |text: &str| {
            has_path |= self.paths.iter().any(|path| text.contains(path.as_str()));
            found.extend(self.in_text(text));
        };
        match serde_json::from_slice::<Value>(bytes) {
            Ok(value) => each_text(&value, &mut look),
            Err(_) => look(&String::from_utf8_lossy(bytes)),
        }
        (has_path, found)
    }

    /// Those of `windows` that a document of the index, other than these, has too.
    ///
    /// # Errors
    /// What the store reports.
    pub fn shared(&self, windows: &HashSet<u64>, store: &EdgeStore) -> Result<HashSet<u64>> {
        let asked = Self { paths: HashSet::new(), windows: windows.clone() };
        let mut shared = HashSet::new();
        for ids in store.ids()?.chunks(CHUNKS_AT_ONCE) {
            for (_, chunk) in store.fetch(ids)? {
                if !self.paths.contains(&chunk.path) {
                    shared.extend(asked.in_text(&chunk.text));
                }
            }
        }
        Ok(shared)
    }
}

/// Forgets the runs and kept answers that hold something of the documents that `marks` tells of, while the store still has them.
///
/// # Errors
/// What store or database report.
pub fn forget(marks: &Marks, records: &[PathBuf], store: &EdgeStore) -> Result<Forgotten> {
    let mut forgotten = Forgotten::default();
    for path in records.iter().filter(|path| path.exists()) {
        let mut database = Database::open(path)?;
        let mut found = Vec::new();
        database.each_record(&mut |record: Record<'_>| {
            let (has_path, windows) = marks.in_record(record.bytes);
            if has_path || !windows.is_empty() {
                found.push((record.kind, record.id.to_vec(), has_path, windows));
            }
        })?;
        let asked: HashSet<u64> = found.iter().flat_map(|(.., windows)| windows).copied().collect();
        let shared = if asked.is_empty() { HashSet::new() } else { marks.shared(&asked, store)? };
        let gone: Vec<(RecordKind, Vec<u8>)> = found
            .into_iter()
            .filter(|(.., has_path, windows)| *has_path || !windows.is_subset(&shared))
            .map(|(kind, id, ..)| (kind, id))
            .collect();
        let gone: HashSet<_> = gone.into_iter().collect();
        forgotten.answers += gone.iter().filter(|(kind, _)| *kind == RecordKind::Answer).count() as u64;
        forgotten.runs += gone.iter().filter(|(kind, _)| *kind != RecordKind::Answer).count() as u64;
        database.forget_records(&gone)?;
    }
    Ok(forgotten)
}

fn each_text(value: &Value, look: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => look(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, look)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            look(name);
            each_text(field, look);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The words of a text as they are compared: letters and digits, lower case.
fn words(text: &str) -> Vec<u64> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words
        .map(|word| word.chars().flat_map(char::to_lowercase).fold(FNV_START, |hash, c| step(hash, u64::from(c))))
        .collect()
}

/// The hashes of all runs of `width` words.
fn windows(words: &[u64], width: usize) -> impl Iterator<Item = u64> + '_ {
    words.windows(width.max(1)).map(|window| window.iter().fold(FNV_START, |hash, word| step(hash, *word)))
}

/// The constants of FNV-1a.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

fn step(hash: u64, value: u64) -> u64 {
    (hash ^ value).wrapping_mul(FNV_PRIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_by_a_path_or_by_words_in_a_row() {
        let mut marks = Marks::default();
        marks.add_path("/a/secret.md");
        marks.add_text("The zanzibar turbine of hall nine was sold to the quixotic consortium.");
        let cited = serde_json::json!({ "hits": [{ "path": "/a/secret.md" }] }).to_string();
        assert!(marks.in_record(cited.as_bytes()).0);
        let quoted =
            serde_json::json!({ "text": "It says:\n“of hall nine was\nsold to the QUIXOTIC consortium”" }).to_string();
        let (has_path, windows) = marks.in_record(quoted.as_bytes());
        assert!(!has_path && !windows.is_empty());
        let other = serde_json::json!({ "text": "The turbine of hall nine is cold." }).to_string();
        assert_eq!(marks.in_record(other.as_bytes()), (false, HashSet::new()));
        let mut short = Marks::default();
        short.add_text("Pay Ms Ardley.");
        assert_eq!(short.in_text("please pay ms ardley today, she said").len(), 1);
    }
}
