//! Files in, the passages of them that a claim is best held against out: read and split as the index does it, and kept in memory only.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::CheckSettings;
use crate::answer::{Hit, Scores};
use crate::chunk::ChunkSettings;
use crate::cite::lexical::words;
use crate::document::FileStatus;
use crate::error::{Error, ReadError, Result};
use crate::index::prepare::{Content, PrepareSettings, Prepared, path_key, prepare};
use crate::inference::embedder::{Embedder, Input, Role, Want};
use crate::ingest::isolated::Reader;
use crate::ingest::members::{Outcome, Part};
use crate::ingest::walk::{WalkSettings, walk_until};
use crate::ingest::{ReadSettings, load};
use crate::vector::dot;

/// Weight of the embedding against shared words, as a search fuses them.
const DENSE_WEIGHT: f32 = 0.45;

/// How files are read and split.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Walking folders.
    pub walk: &'a WalkSettings,
    /// Reading files.
    pub read: &'a ReadSettings,
    /// Splitting.
    pub chunk: &'a ChunkSettings,
    /// How much of it.
    pub check: &'a CheckSettings,
}

/// A file that gave nothing to check against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Absolute path; of a file inside another, below that of the other.
    pub path: String,
    /// Lower case, no full stop.
    pub reason: String,
}

/// The passages of some files.
#[derive(Debug)]
pub struct Against {
    embedder: Arc<Embedder>,
    passages: Vec<Passage>,
    /// Files that were not read, in order.
    pub unread: Vec<Unread>,
}

#[derive(Debug)]
struct Passage {
    hit: Hit,
    input: Input,
    /// Hashes of the stems of its words, sorted.
    stems: Box<[u64]>,
    /// Computed once it is first needed.
    vector: Option<Vec<f32>>,
}

impl Against {
    /// Reads the files that `paths` name and those below the folders among them.
    ///
    /// # Errors
    /// [`Error::Usage`] for a path that does not exist; [`Error::Limit`] above `check.against_bytes_max`; [`Error::Interrupted`] once `stop`
    /// is set. That a file cannot be read is no error.
    pub fn read(paths: &[PathBuf], reading: Reading<'_>, embedder: Arc<Embedder>, stop: &AtomicBool) -> Result<Self> {
        let walked = walk_until(paths, reading.walk, stop)?;
        let mut against = Self { embedder, passages: Vec::new(), unread: Vec::new() };
        for problem in walked.problems {
            against.unread.push(Unread { path: path_key(&problem.path), reason: problem.reason });
        }
        let reader = Reader::new(reading.read.clone());
        let mut bytes = 0;
        for file in &walked.files {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            match against.file(&file.path, &reader, reading, &mut bytes, stop) {
                Err(Error::Document { reason, .. }) => against.unread(&file.path, reason),
                other => other?,
            }
        }
        Ok(against)
    }

    /// The embedder that knows their meaning.
    #[must_use]
    pub fn embedder(&self) -> &Arc<Embedder> {
        &self.embedder
    }

    /// Whether there is nothing to check against.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.passages.is_empty()
    }

    fn unread(&mut self, path: &Path, reason: String) {
        self.unread.push(Unread { path: path_key(path), reason });
    }

    fn file(
        &mut self,
        path: &Path,
        reader: &Reader,
        reading: Reading<'_>,
        bytes: &mut usize,
        stop: &AtomicBool,
    ) -> Result<()> {
        let source = load(path, reading.read)?;
        // Reading is told to stop where a part cannot be taken; why is kept here.
        let mut halted = None;
        let read = reader.read_all(path, &source.bytes, stop, &mut |part| {
            self.part(path, part, reading, bytes).map_err(|error| {
                halted = Some(error);
                ReadError::Interrupted
            })
        });
        match halted {
            Some(error) => Err(error),
            None => Ok(read?),
        }
    }

    fn part(&mut self, path: &Path, part: Part, reading: Reading<'_>, bytes: &mut usize) -> Result<()> {
        let path = if part.name.is_empty() { path.to_path_buf() } else { path.join(&part.name) };
        let document = match part.outcome {
            Outcome::Folder => return Ok(()),
            Outcome::Failed { reason, .. } => {
                self.unread(&path, reason);
                return Ok(());
            }
            Outcome::Document(document) => document,
        };
        *bytes += document.text.len();
        let limit = reading.check.against_bytes_max;
        if *bytes > limit {
            let what = "the text of the files to check against".into();
            return Err(Error::Limit { what, setting: "check.against_bytes_max", limit: limit as u64 });
        }
        let content = Content { path: &path, sha256: &part.sha256, is_empty: part.bytes == 0 };
        let settings = PrepareSettings { chunk: reading.chunk, identity: "" };
        match prepare(*document, content, &self.embedder, settings) {
            Ok(prepared) => self.take(&path, &part.sha256, prepared),
            // Of a file with files inside it, those may have the text.
            Err(Error::Document { status: FileStatus::NoText, reason, .. }) => self.unread(&path, reason),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, sha256: &str, prepared: Prepared) {
        let path = path_key(path);
        for chunk in prepared.chunks {
            let mut stems: Vec<u64> = words(&chunk.text).iter().map(|word| hashed(&word.stem)).collect();
            stems.sort_unstable();
            stems.dedup();
            let hit = Hit {
                chunk: chunk.id,
                rank: self.passages.len() + 1,
                score: 0.0,
                path: path.clone(),
                document: sha256.into(),
                page: chunk.chunk.page,
                start: chunk.chunk.span.start,
                end: chunk.chunk.span.end,
                heading: chunk.chunk.heading,
                text: chunk.text,
                title: prepared.document.title.clone(),
                tables: chunk.tables,
                scores: Scores::default(),
            };
            self.passages.push(Passage { hit, input: chunk.input, stems: stems.into(), vector: None });
        }
    }

    /// The passages to hold `claim` against: all of them where they are few, else those nearest by words and meaning, best first.
    ///
    /// # Errors
    /// What the embedder reports.
    pub fn nearest(&mut self, claim: &str, settings: &CheckSettings) -> Result<Vec<Hit>> {
        if self.passages.len() <= settings.whole_passages_max {
            return Ok(self.passages.iter().map(|passage| passage.hit.clone()).collect());
        }
        let mut candidates = self.by_words(claim);
        candidates.truncate(settings.candidates.max(settings.passages));
        self.embed(&candidates)?;
        let claim = self.embedder.embed(&[claim], Role::Query)?.vectors.remove(0);
        let near = |&(at, _): &(usize, f32)| self.passages[at].vector.as_ref().map_or(0.0, |own| dot(&claim, own));
        let near: Vec<f32> = candidates.iter().map(near).collect();
        let (lowest, highest) =
            near.iter().fold((f32::MAX, f32::MIN), |(low, high), &value| (low.min(value), high.max(value)));
        let scaled = |value: f32| (value - lowest) / (highest - lowest).max(f32::EPSILON);
        let most = candidates.first().map_or(1.0, |first| first.1.max(f32::EPSILON));
        let mut ranked: Vec<(usize, f32)> = candidates
            .iter()
            .zip(near)
            .map(|(&(at, shared), near)| (at, DENSE_WEIGHT * scaled(near) + (1.0 - DENSE_WEIGHT) * shared / most))
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked.truncate(settings.passages);
        let hit =
            |(rank, (at, score)): (usize, (usize, f32))| Hit { rank: rank + 1, score, ..self.passages[at].hit.clone() };
        Ok(ranked.into_iter().enumerate().map(hit).collect())
    }

    /// The passages that hold words of `claim`, by the weighted share that they hold, the most first.
    fn by_words(&self, claim: &str) -> Vec<(usize, f32)> {
        let mut stems: Vec<u64> =
            words(claim).iter().filter(|word| !word.stop).map(|word| hashed(&word.stem)).collect();
        stems.sort_unstable();
        stems.dedup();
        let holds = |passage: &Passage, stem: &u64| passage.stems.binary_search(stem).is_ok();
        let all = self.passages.len() as f32;
        let weights: HashMap<u64, f32> = stems
            .iter()
            .map(|stem| {
                let holding = self.passages.iter().filter(|passage| holds(passage, stem)).count() as f32;
                (*stem, (1.0 + all / (holding + 1.0)).ln())
            })
            .collect();
        let whole: f32 = weights.values().sum::<f32>().max(f32::EPSILON);
        let shared = |passage: &Passage| {
            stems.iter().filter(|stem| holds(passage, stem)).map(|stem| weights[stem]).sum::<f32>() / whole
        };
        let mut found: Vec<(usize, f32)> =
            self.passages.iter().map(shared).enumerate().filter(|found| found.1 > 0.0).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found
    }

    /// Gives those of `candidates` a vector that have none.
    fn embed(&mut self, candidates: &[(usize, f32)]) -> Result<()> {
        let missing: Vec<usize> =
            candidates.iter().map(|&(at, _)| at).filter(|&at| self.passages[at].vector.is_none()).collect();
        let inputs: Vec<Input> = missing.iter().map(|&at| self.passages[at].input.clone()).collect();
        for (at, encoded) in missing.into_iter().zip(self.embedder.encode(&inputs, Want::Vector)?) {
            self.passages[at].vector = Some(encoded.vector);
        }
        Ok(())
    }
}

fn hashed(stem: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    stem.hash(&mut hasher);
    hasher.finish()
}
