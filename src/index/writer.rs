//! Encoded chunks in, a durable index out: points first, flushed, then the manifest, then the old points go.

use std::collections::HashMap;

use uuid::Uuid;

use super::pipeline::{EncodedChunk, Event, Pending};
use super::prepare::Prepared;
use super::report::IndexReport;
use super::{IndexSettings, Progress};
use crate::database::{ChunkRow, Database, FileEntry, FileRow, Terms};
use crate::document::FileStatus;
use crate::error::Result;
use crate::store::{EdgeStore, NewPoint, Payload};

/// A document some of whose chunks are still being embedded.
struct Open {
    pending: Pending,
    prepared: Box<Prepared>,
    rows: Vec<ChunkRow>,
    missing: usize,
    chunk_count: usize,
    tokens: u64,
    cut_tokens: u64,
}

pub(super) struct Writer<'a> {
    store: &'a EdgeStore,
    database: &'a mut Database,
    settings: &'a IndexSettings,
    progress: &'a (dyn Fn(Progress<'_>) + Sync),
    now: String,
    open: HashMap<usize, Open>,
    points: Vec<NewPoint>,
    finished: Vec<FileEntry>,
    /// Points removed since the engine was last flushed.
    removed: Vec<Uuid>,
    /// Whether a commit failed. What it held is lost to this run, so nothing after it may be committed: a file must not be named whose
    /// chunks are not there.
    failed: bool,
    pub(super) report: IndexReport,
    /// Points written or removed by this run.
    pub(super) changed: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        store: &'a EdgeStore,
        database: &'a mut Database,
        settings: &'a IndexSettings,
        progress: &'a (dyn Fn(Progress<'_>) + Sync),
        now: String,
        report: IndexReport,
    ) -> Self {
        Self {
            store,
            database,
            settings,
            progress,
            now,
            open: HashMap::new(),
            points: Vec::new(),
            finished: Vec::new(),
            removed: Vec::new(),
            failed: false,
            report,
            changed: 0,
        }
    }

    pub(super) fn write(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Same { pending } => {
                self.database.touch_file(&pending.key, pending.bytes, pending.modified_ns)?;
                self.report.note(&pending.key, FileStatus::Unchanged, "", None);
                (self.progress)(Progress::File { path: &pending.key, bytes: pending.bytes });
            }
            Event::Failed { pending, sha256, status, reason } => self.fail(&pending, sha256, status, reason),
            Event::Opened { document, pending, prepared, chunk_count } => {
                (self.progress)(Progress::Opened { path: &pending.key });
                let open = Open {
                    pending,
                    prepared,
                    rows: Vec::with_capacity(chunk_count),
                    missing: chunk_count,
                    chunk_count,
                    tokens: 0,
                    cut_tokens: 0,
                };
                self.open.insert(document, open);
            }
            Event::Encoded { document, chunk } => self.take_chunk(document, *chunk),
        }
        let held = self.points.len();
        if held >= self.settings.commit_chunks || (held == 0 && self.finished.len() >= self.settings.commit_chunks) {
            self.commit()?;
        }
        Ok(())
    }

    /// Commits what is left and carries out the last removals.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.commit()
    }

    /// A file that cannot be read takes the place of what was known of its path: its old chunks would be stale.
    fn fail(&mut self, pending: &Pending, sha256: String, status: FileStatus, reason: String) {
        self.report.note(&pending.key, status, &reason, None);
        (self.progress)(Progress::File { path: &pending.key, bytes: pending.bytes });
        let row = FileRow {
            path: pending.key.clone(),
            bytes: pending.bytes,
            modified_ns: pending.modified_ns,
            sha256,
            status,
            reason,
            page: None,
            format: None,
            title: None,
            pages: 0,
            tokens: 0,
            cut_tokens: 0,
            indexed_at: self.now.clone(),
        };
        self.finished.push(FileEntry { row, chunks: Vec::new(), terms: Terms::new(), label: Vec::new() });
    }

    fn take_chunk(&mut self, document: usize, encoded: EncodedChunk) {
        let open = self.open.get_mut(&document).expect("a document is opened before its chunks come");
        let EncodedChunk { prepared: chunk, vector, codes } = encoded;
        open.tokens += chunk.input.ids.len() as u64;
        open.cut_tokens += chunk.input.cut as u64;
        self.report.tokens += chunk.input.ids.len() as u64;
        self.report.cut_tokens += chunk.input.cut as u64;
        let share = open.pending.bytes as f64 / open.chunk_count as f64;
        (self.progress)(Progress::Chunk { bytes: share, tokens: chunk.input.ids.len() as u64 });
        open.rows.push(ChunkRow { point: chunk.id, codes });
        self.points.push(NewPoint {
            id: chunk.id,
            dense: vector,
            words: format!("{}\n{}", chunk.context.words, chunk.text),
            payload: Payload {
                path: open.pending.key.clone(),
                document: open.prepared.sha256.clone(),
                title: open.prepared.document.title.clone(),
                page: chunk.chunk.page,
                start: chunk.chunk.span.start,
                end: chunk.chunk.span.end,
                heading: chunk.chunk.heading,
                text: chunk.text,
            },
        });
        open.missing -= 1;
        if open.missing == 0 {
            let open = self.open.remove(&document).expect("it was there a moment ago");
            self.close(open);
        }
    }

    fn close(&mut self, open: Open) {
        let Open { pending, prepared, rows, tokens, cut_tokens, .. } = open;
        let Prepared { sha256, document, terms, label, status, reason, page, .. } = *prepared;
        self.report.note(&pending.key, status, &reason, page);
        (self.progress)(Progress::Closed { path: &pending.key });
        let row = FileRow {
            path: pending.key,
            bytes: pending.bytes,
            modified_ns: pending.modified_ns,
            sha256,
            status,
            reason,
            page,
            format: Some(document.format.name().into()),
            title: document.title,
            pages: document.pages.len() as u64,
            tokens,
            cut_tokens,
            indexed_at: self.now.clone(),
        };
        self.finished.push(FileEntry { row, chunks: rows, terms, label });
    }

    fn commit(&mut self) -> Result<()> {
        if self.failed {
            return Ok(());
        }
        let committed = self.commit_all();
        self.failed = committed.is_err();
        committed
    }

    /// The durable order. A crash between any two lines leaves notes from which [`recover`] makes the index whole.
    fn commit_all(&mut self) -> Result<()> {
        let points = std::mem::take(&mut self.points);
        if !points.is_empty() {
            self.changed += points.len();
            let ids: Vec<Uuid> = points.iter().map(|point| point.id).collect();
            self.database.note_intents(&ids)?;
            self.store.upsert(points)?;
            self.store.flush()?;
        }
        let finished = std::mem::take(&mut self.finished);
        if !finished.is_empty() {
            self.removed.extend(self.database.commit_files(&finished)?);
        }
        self.carry_out_removals()
    }

    /// Takes files that are gone out of manifest and store.
    pub(super) fn remove(&mut self, paths: &[String]) -> Result<()> {
        if paths.is_empty() {
            return Ok(());
        }
        self.removed.extend(self.database.remove_files(paths)?);
        paths.iter().for_each(|_| self.report.count(FileStatus::Removed));
        self.carry_out_removals()
    }

    fn carry_out_removals(&mut self) -> Result<()> {
        let removed = std::mem::take(&mut self.removed);
        if removed.is_empty() {
            return Ok(());
        }
        self.changed += removed.len();
        self.store.delete(&removed)?;
        self.store.flush()?;
        self.database.clear_removals()
    }
}

/// Undoes what an interrupted run left half done: points that were stored but never committed, and points that were
/// committed as gone but never deleted.
///
/// # Errors
/// When store or database fail.
pub(super) fn recover(store: &EdgeStore, database: &mut Database) -> Result<()> {
    let leftovers = database.leftovers()?;
    if !leftovers.is_empty() {
        store.delete(&leftovers)?;
        store.flush()?;
    }
    database.clear_leftovers()
}
