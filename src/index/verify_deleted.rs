//! A path that left the index in, what is still there of it out, with what was looked through.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use regex::bytes::{Regex, RegexBuilder};
use serde::Serialize;

use super::forget::Marks;
use super::purge;
use crate::database::Database;
use crate::database::records::{Record, RecordKind};
use crate::error::{Error, Result};
use crate::store::EdgeStore;

/// Bytes of a piece of text that is looked for in files, at least and at most.
const PIECE_BYTES: std::ops::Range<usize> = 24..48;
/// Pieces that are looked for, spread over the text.
const PIECES_MAX: usize = 2_000;
/// Values at the start of a vector that are looked for in files, as bytes.
const VECTOR_VALUES: usize = 8;
/// Bytes of a file that are looked through at once, and how much of them the next look sees again.
const READ_BYTES: usize = 8 << 20;
const OVERLAP_BYTES: usize = 256;

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The path as the index named it; what was inside it counts too.
    pub path: String,
    /// What the document said, where a copy is at hand.
    pub texts: Vec<String>,
    /// The vectors that its chunks had, where they could be made again.
    pub vectors: Vec<Vec<f32>>,
}

/// One place that was looked through.
#[derive(Debug, Clone, Serialize)]
pub struct Looked {
    /// Which.
    pub place: &'static str,
    /// How much of what it holds.
    pub count: u64,
    /// Of what that is a count.
    pub unit: &'static str,
    /// What was found, in words; empty when nothing was.
    pub found: Vec<String>,
}

/// The places that are looked through.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// The vector store.
    pub store: &'a EdgeStore,
    /// The manifest.
    pub database: &'a Database,
    /// Databases with records of runs.
    pub records: &'a [PathBuf],
    /// The data folder, every byte of whose files is looked at.
    pub home: &'a Path,
}

/// Looks for what is left of a document. Text that another document of the index has too is not counted.
///
/// # Errors
/// What store or database report, and [`Error::Io`] for a file that cannot be read.
pub fn verify_deleted(wanted: &Wanted, places: Places<'_>) -> Result<Vec<Looked>> {
    let mut marks = Marks::default();
    marks.add_path(&wanted.path);
    wanted.texts.iter().for_each(|text| marks.add_text(text));
    Ok(vec![
        in_manifest(wanted, places)?,
        in_store(wanted, &marks, places)?,
        in_records(&marks, places)?,
        in_files(wanted, places)?,
    ])
}

fn is_of(wanted: &Wanted, path: &str) -> bool {
    path.strip_prefix(&wanted.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn in_manifest(wanted: &Wanted, places: Places<'_>) -> Result<Looked> {
    let files = places.database.files()?;
    let mut found: Vec<String> = files.keys().filter(|path| is_of(wanted, path)).cloned().collect();
    if purge::is_due(places.database)? {
        found.push("bytes of removed chunks wait to be overwritten: the next ibid index does it".into());
    }
    Ok(Looked { place: "manifest", count: files.len() as u64, unit: "file", found })
}

/// Vectors, words and texts of chunks; those that are stored and not named count as found.
fn in_store(wanted: &Wanted, marks: &Marks, places: Places<'_>) -> Result<Looked> {
    let ids = places.store.ids()?;
    let mut found = Vec::new();
    for some in ids.chunks(1024) {
        let named = places.database.codes(some)?;
        for (id, chunk) in places.store.fetch(some)? {
            if is_of(wanted, &chunk.path) {
                found.push(format!("chunk {id} of {}", chunk.path));
            } else if !named.contains_key(&id) && !marks.in_text(&chunk.text).is_empty() {
                found.push(format!("chunk {id}, which is no part of the index"));
            }
        }
    }
    Ok(Looked { place: "vectors and texts", count: ids.len() as u64, unit: "chunk", found })
}

fn in_records(marks: &Marks, places: Places<'_>) -> Result<Looked> {
    let (mut count, mut found) = (HashSet::new(), Vec::new());
    for path in places.records.iter().filter(|path| path.exists()) {
        let mut hits = Vec::new();
        Database::open(path)?.each_record(&mut |record: Record<'_>| {
            let id = String::from_utf8_lossy(record.id).into_owned();
            let id = if record.kind == RecordKind::Answer { "a kept answer".into() } else { format!("run {id}") };
            count.insert((record.kind, record.id.to_vec()));
            let (has_path, windows) = marks.in_record(record.bytes);
            if has_path || !windows.is_empty() {
                hits.push((id, has_path, windows));
            }
        })?;
        let asked = hits.iter().flat_map(|(.., windows)| windows).copied().collect();
        let shared = marks.shared(&asked, places.store)?;
        let hits = hits.into_iter().filter(|(_, has_path, windows)| *has_path || !windows.is_subset(&shared));
        found.extend(hits.map(|(id, ..)| id));
    }
    found.sort();
    found.dedup();
    Ok(Looked { place: "runs and kept answers", count: count.len() as u64, unit: "record", found })
}

/// Every byte of every file: what was overwritten is gone, what was only unlinked from a structure is not.
fn in_files(wanted: &Wanted, places: Places<'_>) -> Result<Looked> {
    let pieces = own_pieces(wanted, places.store)?;
    let vectors = wanted.vectors.iter().filter(|vector| vector.len() >= VECTOR_VALUES);
    let vectors = vectors.map(|vector| vector[..VECTOR_VALUES].iter().flat_map(|value| value.to_le_bytes()).collect());
    let pieces = pieces.into_iter().map(String::into_bytes);
    let path = std::iter::once(wanted.path.clone().into_bytes());
    let pattern = pattern(&path.chain(pieces).chain(vectors).collect::<Vec<Vec<u8>>>())?;
    let mut files = Vec::new();
    files_below(places.home, &mut files);
    let (mut count, mut found) = (0, Vec::new());
    for file in files {
        // A file that is gone by now holds nothing.
        let Ok(mut opened) = std::fs::File::open(&file) else { continue };
        if let Some(at) = first_match(&mut opened, &pattern, &mut count).map_err(Error::io("read", &file))? {
            let name = file.strip_prefix(places.home).unwrap_or(&file).display();
            found.push(format!("byte {at} of {name}"));
        }
    }
    Ok(Looked { place: "files of the index", count, unit: "byte", found })
}

/// Pieces of the texts that no other document has.
fn own_pieces(wanted: &Wanted, store: &EdgeStore) -> Result<Vec<String>> {
    let all: Vec<&str> = wanted.texts.iter().flat_map(|text| pieces(text)).collect();
    let every = all.len().div_ceil(PIECES_MAX).max(1);
    let mut own: HashSet<&str> = all.into_iter().step_by(every).collect();
    for ids in store.ids()?.chunks(1024) {
        for (_, chunk) in store.fetch(ids)? {
            if !is_of(wanted, &chunk.path) {
                own.retain(|piece| !chunk.text.contains(piece));
            }
        }
    }
    Ok(own.into_iter().map(str::to_owned).collect())
}

/// Pieces of a text that are stored as they are, whatever structure they are in.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let plain = text.split(|c: char| c.is_control() || matches!(c, '"' | '\\'));
    plain.flat_map(|line| {
        let mut rest = line.trim();
        std::iter::from_fn(move || {
            let end = rest
                .char_indices()
                .map(|(at, c)| at + c.len_utf8())
                .take_while(|end| *end <= PIECE_BYTES.end)
                .last()?;
            let (piece, after) = rest.split_at(end);
            rest = after;
            Some(piece)
        })
        .filter(|piece| piece.len() >= PIECE_BYTES.start)
    })
}

fn pattern(literals: &[Vec<u8>]) -> Result<Regex> {
    let hex = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let any = literals.iter().filter(|bytes| !bytes.is_empty()).map(hex).collect::<Vec<_>>().join("|");
    RegexBuilder::new(&any)
        .unicode(false)
        .size_limit(1 << 28)
        .build()
        .map_err(|source| Error::usage(format!("the text cannot be looked for: {source}")))
}

/// Where the pattern first matches; `count` grows by the bytes read.
fn first_match(file: &mut impl std::io::Read, pattern: &Regex, count: &mut u64) -> std::io::Result<Option<u64>> {
    let mut window = Vec::new();
    let mut start = 0;
    loop {
        let before = window.len();
        let read = file.by_ref().take(READ_BYTES as u64).read_to_end(&mut window)?;
        *count += read as u64;
        if let Some(found) = pattern.find(&window) {
            return Ok(Some(start + found.start() as u64));
        }
        if read == 0 {
            return Ok(None);
        }
        let cut = window.len().saturating_sub(OVERLAP_BYTES).min(before + read);
        window.drain(..cut);
        start += cut as u64;
    }
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path(), files),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_found_across_two_reads() {
        let pattern = pattern(&[b"needle in the hay".to_vec()]).unwrap();
        let mut bytes = vec![b'.'; READ_BYTES - 5];
        bytes.extend_from_slice(b"needle in the hay");
        let mut count = 0;
        let at = first_match(&mut bytes.as_slice(), &pattern, &mut count).unwrap();
        assert_eq!(at, Some(READ_BYTES as u64 - 5));
        assert_eq!(first_match(&mut &bytes[..READ_BYTES], &pattern, &mut count).unwrap(), None);
    }

    #[test]
    fn pieces_are_cut_where_a_structure_would_change_them() {
        let text =
            "short\nThis line is long enough to be told from others, and then some \"quoted\" words éééééééééééééééé";
        let found: Vec<&str> = pieces(text).collect();
        assert!(found.iter().all(|piece| PIECE_BYTES.contains(&piece.len()) || piece.len() == PIECE_BYTES.end));
        assert!(found[0].starts_with("This line is long enough"));
        assert!(!found.iter().any(|piece| piece.contains('"')));
    }
}
