//! Encoded chunks in, a durable index out: points first, flushed, then the manifest, then the old points go.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use uuid::Uuid;

use super::forget::{Marks, forget};
use super::gathered::{Gathered, Own};
use super::pipeline::{EncodedChunk, Event, Pending, Piece};
use super::prepare::{Prepared, PreparedChunk};
use super::purge::note_due;
use super::report::IndexReport;
use super::{IndexSettings, Progress};
use crate::database::{ChunkRow, Database, FileEntry, FileRow};
use crate::document::FileStatus;
use crate::error::Result;
use crate::failpoint::failpoint;
use crate::store::{EdgeStore, NewPoint, Payload};

/// A document some of whose chunks are still being embedded.
struct Open {
    piece: Piece,
    prepared: Box<Prepared>,
    rows: Vec<ChunkRow>,
    /// How many of the rows the database knows.
    noted: usize,
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
    /// What decides how files are read, hashed.
    reading: String,
    open: HashMap<usize, Open>,
    /// Files of which pieces are missing, by path.
    gathered: HashMap<String, Gathered>,
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
            reading: settings.read.fingerprint(),
            open: HashMap::new(),
            gathered: HashMap::new(),
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
            Event::Same { file } => {
                self.database.touch_file(&file.key, file.bytes, file.modified_ns)?;
                self.report.note(&file.key, FileStatus::Unchanged, "", None);
                (self.progress)(Progress::File { path: &file.key, bytes: file.bytes });
            }
            Event::SameMember { piece } => self.gathered(&piece.file).same(piece.key()),
            Event::Failed { piece, status, reason } => self.fail(piece, status, reason),
            Event::Folder { piece } if piece.name.is_empty() => {
                self.gathered(&piece.file).own = Some(Own::Folder { sha256: piece.sha256 });
            }
            // An archive in an archive is a folder in a folder.
            Event::Folder { .. } => {}
            Event::Opened { document, piece, prepared, chunk_count } => {
                (self.progress)(Progress::Opened { path: &piece.key() });
                self.gathered(&piece.file).open += 1;
                let open = Open {
                    piece,
                    prepared,
                    rows: Vec::with_capacity(chunk_count),
                    noted: 0,
                    missing: chunk_count,
                    chunk_count,
                    tokens: 0,
                    cut_tokens: 0,
                };
                self.open.insert(document, open);
            }
            Event::Encoded { chunks } => {
                for chunk in chunks {
                    self.take_chunk(chunk);
                    self.commit_when_due()?;
                }
            }
            Event::Kept { document, chunk } => self.take_kept(document, &chunk)?,
            Event::End { file } => {
                self.gathered(&file).has_ended = true;
                self.settle(&file);
            }
        }
        self.commit_when_due()
    }

    fn commit_when_due(&mut self) -> Result<()> {
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

    fn gathered(&mut self, file: &Arc<Pending>) -> &mut Gathered {
        self.gathered.entry(file.key.clone()).or_default()
    }

    /// A file that cannot be read takes the place of what was known of its path: its old chunks would be stale.
    fn fail(&mut self, piece: Piece, status: FileStatus, reason: String) {
        let gathered = self.gathered.entry(piece.file.key.clone()).or_default();
        if piece.name.is_empty() {
            gathered.own = Some(Own::Failed { sha256: piece.sha256, status, reason });
            return;
        }
        gathered.lost(piece.key(), piece.name.clone(), status, reason.clone());
        let row = FileRow { status, reason, ..self.row(&piece) };
        self.finished.push(FileEntry { row, ..FileEntry::default() });
    }

    /// The row of a piece of which nothing is known but where it is.
    fn row(&self, piece: &Piece) -> FileRow {
        FileRow {
            path: piece.key(),
            container: if piece.name.is_empty() { String::new() } else { piece.file.key.clone() },
            bytes: piece.bytes,
            modified_ns: piece.file.modified_ns,
            sha256: piece.sha256.clone(),
            indexed_at: self.now.clone(),
            reading: self.reading.clone(),
            ..FileRow::default()
        }
    }

    fn take_chunk(&mut self, encoded: EncodedChunk) {
        let EncodedChunk { document, prepared: chunk, vector, codes } = encoded;
        let open = self.open.get_mut(&document).expect("a document is opened before its chunks come");
        self.report.embedded_chunks += 1;
        self.report.tokens += chunk.input.ids.len() as u64;
        self.report.cut_tokens += chunk.input.cut as u64;
        let id = chunk.id;
        self.points.push(NewPoint {
            id,
            dense: vector,
            words: format!("{}\n{}", chunk.context.words, chunk.text),
            payload: Payload {
                path: open.piece.key(),
                document: open.piece.sha256.clone(),
                title: open.prepared.document.title.clone(),
                page: chunk.chunk.page,
                start: chunk.chunk.span.start,
                end: chunk.chunk.span.end,
                heading: chunk.chunk.heading,
                text: chunk.text,
                tables: chunk.tables,
            },
        });
        let tokens = (chunk.input.ids.len() as u64, chunk.input.cut as u64);
        self.add_row(document, ChunkRow { point: id, codes }, tokens);
    }

    /// A chunk that an interrupted run has made durable.
    fn take_kept(&mut self, document: usize, chunk: &PreparedChunk) -> Result<()> {
        let codes = self.database.kept_codes(chunk.id)?;
        let tokens = (chunk.input.ids.len() as u64, chunk.input.cut as u64);
        self.add_row(document, ChunkRow { point: chunk.id, codes }, tokens);
        Ok(())
    }

    fn add_row(&mut self, document: usize, row: ChunkRow, (tokens, cut_tokens): (u64, u64)) {
        let open = self.open.get_mut(&document).expect("a document is opened before its chunks come");
        open.rows.push(row);
        open.tokens += tokens;
        open.cut_tokens += cut_tokens;
        open.missing -= 1;
        // What lies inside a file has other sizes than the file: its share is told when the file ends.
        let share = if open.piece.name.is_empty() { open.piece.bytes as f64 / open.chunk_count as f64 } else { 0.0 };
        (self.progress)(Progress::Chunk { bytes: share, tokens });
        if open.missing == 0 {
            let open = self.open.remove(&document).expect("it was there a moment ago");
            self.close(open);
        }
    }

    fn close(&mut self, open: Open) {
        let Open { piece, prepared, rows, tokens, cut_tokens, .. } = open;
        let Prepared { document, terms, words, label, status, reason, page, .. } = *prepared;
        (self.progress)(Progress::Closed { path: &piece.key() });
        let row = FileRow {
            status,
            reason,
            page,
            format: Some(document.format.name().into()),
            title: document.title,
            pages: document.pages.len() as u64,
            tokens,
            cut_tokens,
            ..self.row(&piece)
        };
        let entry = FileEntry { row, chunks: rows, terms, words, label, members: Vec::new() };
        let gathered = self.gathered.entry(piece.file.key.clone()).or_default();
        gathered.open -= 1;
        if piece.name.is_empty() {
            gathered.own = Some(Own::Document(Box::new(entry)));
        } else {
            gathered.stored(&entry.row, &piece.name);
            self.finished.push(entry);
        }
        self.settle(&piece.file);
    }

    /// Once all pieces of a file are there, its own row follows them: a crash in between leaves a file that is looked into again.
    fn settle(&mut self, file: &Arc<Pending>) {
        if !self.gathered.get(&file.key).is_some_and(Gathered::is_whole) {
            return;
        }
        let gathered = self.gathered.remove(&file.key).expect("it was there a moment ago");
        let itself = Piece { file: Arc::clone(file), name: String::new(), sha256: String::new(), bytes: file.bytes };
        let entry = gathered.into_entry(self.row(&itself));
        self.report.note(&file.key, entry.row.status, &entry.row.reason, entry.row.page);
        if entry.row.format.is_none() {
            (self.progress)(Progress::File { path: &file.key, bytes: file.bytes });
        }
        self.finished.push(entry);
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
            failpoint("intents-noted");
            self.store.upsert(points)?;
            failpoint("points-written");
            self.store.flush()?;
            failpoint("points-flushed");
        }
        let finished = std::mem::take(&mut self.finished);
        let kept: Vec<ChunkRow> = self.open.values_mut().flat_map(Open::newly_stored).collect();
        if !finished.is_empty() || !kept.is_empty() {
            self.removed.extend(self.database.commit_files(&finished, &kept)?);
            failpoint("files-committed");
        }
        self.carry_out_removals()
    }

    /// Takes files that are gone, and what was inside them, out of manifest and store.
    pub(super) fn remove(&mut self, paths: &[String], records: &[PathBuf]) -> Result<()> {
        if paths.is_empty() {
            return Ok(());
        }
        // First, as long as it is known what they say.
        let mut marks = Marks::default();
        for path in paths {
            marks.add_path(path);
            for (_, chunk) in self.store.fetch(&self.database.points_of(path)?)? {
                marks.add_text(&chunk.text);
            }
        }
        self.report.forgotten = forget(&marks, records, self.store)?;
        failpoint("runs-forgotten");
        note_due(self.database)?;
        self.removed.extend(self.database.remove_files(paths)?);
        self.carry_out_removals()
    }

    /// Takes out of the store what an interrupted run had stored of files that were not taken up again.
    pub(super) fn give_up_kept(&mut self) -> Result<()> {
        if self.database.kept()?.is_empty() {
            return Ok(());
        }
        self.database.give_up_kept()?;
        recover(self.store, self.database)
    }

    fn carry_out_removals(&mut self) -> Result<()> {
        let removed = std::mem::take(&mut self.removed);
        if removed.is_empty() {
            return Ok(());
        }
        self.changed += removed.len();
        self.store.delete(&removed)?;
        self.store.flush()?;
        failpoint("removed-points-deleted");
        self.database.clear_removals()?;
        failpoint("removals-cleared");
        Ok(())
    }
}

impl Open {
    /// The rows since the last call, whose points are durable by now.
    fn newly_stored(&mut self) -> Vec<ChunkRow> {
        let rows = self.rows[self.noted..].to_vec();
        self.noted = self.rows.len();
        rows
    }
}

/// Undoes what an interrupted run left half done: points that were stored but never committed, and points that were
/// committed as gone but never deleted. Points of files that were not wholly stored stay, as far as they are durable.
///
/// # Errors
/// When store or database fail.
pub(super) fn recover(store: &EdgeStore, database: &mut Database) -> Result<()> {
    let leftovers = database.leftovers()?;
    failpoint("leftovers-listed");
    if !leftovers.is_empty() {
        store.delete(&leftovers)?;
        store.flush()?;
        failpoint("leftovers-deleted");
    }
    database.clear_leftovers()
}
