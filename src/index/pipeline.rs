//! Files in, encoded chunks out to one writer: readers and embedding workers with a backlog of chunks between them.
//!
//! Whoever loses those it works for ends, so an error or an interrupt anywhere stops everything upstream.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Instant;

use uuid::Uuid;

use super::IndexSettings;
use super::backlog::{Backlog, Feeder, Taker};
use super::prepare::{Content, PrepareSettings, Prepared, PreparedChunk, prepare};
use crate::document::FileStatus;
use crate::error::{Error, ReadError, Result};
use crate::inference::embedder::{Embedder, Output, Want};
use crate::ingest;
use crate::ingest::isolated::Reader;
use crate::ingest::members::{Outcome, Part};
use crate::late_interaction::pack;

/// Encoded chunks in one event at most.
const EVENT_CHUNKS: usize = 16;

/// A file that has to be looked into.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) path: PathBuf,
    pub(super) key: String,
    pub(super) bytes: u64,
    pub(super) modified_ns: i64,
    /// The hash the manifest knows, where the file is already stored with these settings.
    pub(super) known_sha256: Option<String>,
    /// The same of the files inside it, by name.
    pub(super) known_members: BTreeMap<String, String>,
}

/// One of the files that a file on disk stands for: itself, or one inside it.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// The file on disk.
    pub(super) file: Arc<Pending>,
    /// Its path below the file's; empty for the file itself.
    pub(super) name: String,
    pub(super) sha256: String,
    pub(super) bytes: u64,
}

impl Piece {
    /// The path as the manifest names it.
    pub(super) fn key(&self) -> String {
        member_key(&self.file.key, &self.name)
    }
}

/// The manifest's path of what is called `name` inside the file `container`.
pub(super) fn member_key(container: &str, name: &str) -> String {
    if name.is_empty() { container.to_string() } else { format!("{container}/{name}") }
}

/// What the writer hears of each file: its pieces in any order, then its end; of each document: opened, then its chunks in any order,
/// some of them after the end of the file.
#[derive(Debug)]
pub(super) enum Event {
    /// The file's bytes are the known ones after all; it has no pieces and no end.
    Same { file: Arc<Pending> },
    /// The bytes of a file inside the file are the known ones.
    SameMember { piece: Piece },
    /// A piece without chunks, and why.
    Failed { piece: Piece, status: FileStatus, reason: String },
    /// The file itself has no text, only files inside it.
    Folder { piece: Piece },
    /// A document whose chunks follow.
    Opened { document: usize, piece: Piece, prepared: Box<Prepared>, chunk_count: usize },
    /// Chunks of any documents with their vectors.
    Encoded { chunks: Vec<EncodedChunk> },
    /// One chunk that an interrupted run has stored with its vectors.
    Kept { document: usize, chunk: Box<PreparedChunk> },
    /// The file has no more pieces.
    End { file: Arc<Pending> },
}

#[derive(Debug)]
pub(super) struct EncodedChunk {
    pub(super) document: usize,
    pub(super) prepared: PreparedChunk,
    pub(super) vector: Vec<f32>,
    pub(super) codes: Vec<u8>,
}

/// What waits for a worker: the document's number and its chunk.
type Job = (usize, PreparedChunk);

/// What the run cost in the embedding stage.
#[derive(Debug, Default)]
pub(super) struct Cost {
    /// Nanoseconds that workers computed, summed.
    pub(super) busy_ns: AtomicU64,
}

/// What the stages work on and with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) files: &'a [Pending],
    pub(super) embedder: &'a Embedder,
    pub(super) settings: &'a IndexSettings,
    /// What decides a chunk's vectors besides its text, in one line.
    pub(super) identity: &'a str,
    /// Chunks that an interrupted run has made durable.
    pub(super) kept: &'a HashSet<Uuid>,
}

/// Runs the stages over the files and hands every event to `write` on the calling thread; blocks until all is written.
///
/// # Errors
/// The first error of a stage or of `write`; [`Error::Interrupted`] once `stop` is set.
pub(super) fn run(
    work: Work<'_>,
    stop: &AtomicBool,
    cost: &Cost,
    mut write: impl FnMut(Event) -> Result<()>,
) -> Result<()> {
    let Work { files, embedder, settings, identity, kept } = work;
    let reader = Reader::new(settings.read.clone());
    let length = |(_, chunk): &Job| chunk.input.ids.len();
    let backlog = Backlog::new(settings.window_chunks, embedder.batch_tokens_max(), length);
    let (next_file, next_document) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (events, received) = sync_channel(settings.queue_chunks_max.div_ceil(EVENT_CHUNKS));
    let readings = (0..settings.readers.max(1)).map(|_| Reading {
        files,
        next_file: &next_file,
        next_document: &next_document,
        reader: &reader,
        embedder,
        prepare: PrepareSettings { chunk: &settings.chunk, identity },
        kept,
        stop,
        events: events.clone(),
        jobs: backlog.feeder(),
    });
    let embeddings = (0..embedder.worker_count()).map(|worker| Embedding {
        worker,
        embedder,
        stop,
        cost,
        events: events.clone(),
        batches: backlog.taker(),
    });
    // All of them before the first one works, and might find nobody else.
    let (readings, embeddings): (Vec<_>, Vec<_>) = (readings.collect(), embeddings.collect());
    drop(events);
    std::thread::scope(|scope| {
        for reading in readings {
            scope.spawn(move || reading.run());
        }
        for embedding in embeddings {
            scope.spawn(move || embedding.run());
        }
        // Gone with the loop, so that after an error nobody waits to be heard.
        for event in received {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            write(event?)?;
        }
        if stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    })
}

/// What a reading thread works with.
struct Reading<'a> {
    files: &'a [Pending],
    next_file: &'a AtomicUsize,
    next_document: &'a AtomicUsize,
    reader: &'a Reader,
    embedder: &'a Embedder,
    prepare: PrepareSettings<'a>,
    kept: &'a HashSet<Uuid>,
    stop: &'a AtomicBool,
    events: SyncSender<Result<Event>>,
    jobs: Feeder<'a, Job>,
}

impl Reading<'_> {
    /// Takes files in turn, reads them, and sends on what they hold; ends when there are none left or nobody listens.
    fn run(self) {
        while !self.stop.load(Ordering::Relaxed) {
            let Some(file) = self.files.get(self.next_file.fetch_add(1, Ordering::Relaxed)) else { return };
            match self.file(&Arc::new(file.clone())) {
                Ok(()) => {}
                // Nobody listens any more, and whoever ended says why.
                Err(Error::Interrupted) => return,
                Err(error) => {
                    let _ = self.events.send(Err(error));
                    return;
                }
            }
        }
    }

    /// Reads one file with all that is inside it. A document's own failure is its status; only a failure of the machinery is an error.
    fn file(&self, file: &Arc<Pending>) -> Result<()> {
        let itself = |sha256: &str| Piece {
            file: Arc::clone(file),
            name: String::new(),
            sha256: sha256.into(),
            bytes: file.bytes,
        };
        let source = match ingest::load(&file.path, self.reader.settings()) {
            Ok(source) => source,
            Err(error) => return self.fail(itself(""), error.into()).and_then(|()| self.end(file)),
        };
        if file.known_sha256.as_deref() == Some(&source.sha256) {
            return self.send(Event::Same { file: Arc::clone(file) });
        }
        // Reading is told to stop where a part cannot be handed on; why is kept here.
        let mut halted = None;
        let mut take = |part| {
            self.part(file, part).map_err(|error| {
                halted = Some(error);
                ReadError::Interrupted
            })
        };
        let read = self.reader.read_all(&source.path, &source.bytes, self.stop, &mut take);
        if let Some(error) = halted {
            return Err(error);
        }
        match read.map_err(Error::from) {
            Ok(()) => {}
            Err(error @ Error::Document { .. }) => self.fail(itself(&source.sha256), error)?,
            Err(error) => return Err(error),
        }
        self.end(file)
    }

    fn part(&self, file: &Arc<Pending>, part: Part) -> Result<()> {
        let Part { name, sha256, bytes, outcome, .. } = part;
        let is_known = !name.is_empty() && file.known_members.get(&name) == Some(&sha256);
        let piece = Piece { file: Arc::clone(file), name, sha256, bytes };
        if is_known {
            return self.send(Event::SameMember { piece });
        }
        match outcome {
            Outcome::Folder => self.send(Event::Folder { piece }),
            Outcome::Failed { status, reason } => self.send(Event::Failed { piece, status, reason }),
            Outcome::Document(document) => {
                let path = if piece.name.is_empty() { file.path.clone() } else { file.path.join(&piece.name) };
                let content = Content { path: Path::new(&path), sha256: &piece.sha256, is_empty: bytes == 0 };
                match prepare(*document, content, self.embedder, self.prepare) {
                    Ok(prepared) => self.document(piece, Box::new(prepared)),
                    Err(error) => self.fail(piece, error),
                }
            }
        }
    }

    fn fail(&self, piece: Piece, error: Error) -> Result<()> {
        match error {
            Error::Document { status, reason, .. } => self.send(Event::Failed { piece, status, reason }),
            other => Err(other),
        }
    }

    fn end(&self, file: &Arc<Pending>) -> Result<()> {
        self.send(Event::End { file: Arc::clone(file) })
    }

    /// Announces a document and puts its chunks into the backlog; those that are kept go straight to the writer.
    fn document(&self, piece: Piece, mut prepared: Box<Prepared>) -> Result<()> {
        let document = self.next_document.fetch_add(1, Ordering::Relaxed);
        let chunks = std::mem::take(&mut prepared.chunks);
        self.send(Event::Opened { document, piece, prepared, chunk_count: chunks.len() })?;
        let (kept, new): (Vec<_>, Vec<_>) = chunks.into_iter().partition(|chunk| self.kept.contains(&chunk.id));
        for chunk in kept {
            self.send(Event::Kept { document, chunk: Box::new(chunk) })?;
        }
        let is_taken = self.jobs.put(new.into_iter().map(|chunk| (document, chunk)));
        if is_taken { Ok(()) } else { Err(Error::Interrupted) }
    }

    fn send(&self, event: Event) -> Result<()> {
        self.events.send(Ok(event)).map_err(|_| Error::Interrupted)
    }
}

/// What an embedding thread works with.
struct Embedding<'a> {
    worker: usize,
    embedder: &'a Embedder,
    stop: &'a AtomicBool,
    cost: &'a Cost,
    events: SyncSender<Result<Event>>,
    batches: Taker<'a, Job>,
}

impl Embedding<'_> {
    /// Encodes batches until there are none left or nobody listens.
    fn run(self) {
        while !self.stop.load(Ordering::Relaxed) {
            let Some(batch) = self.batches.take() else { return };
            let started = Instant::now();
            let encoded = encode(self.worker, self.embedder, batch);
            self.cost.busy_ns.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
            let mut chunks = match encoded {
                Ok(chunks) => chunks.into_iter().peekable(),
                Err(error) => {
                    let _ = self.events.send(Err(error));
                    return;
                }
            };
            while chunks.peek().is_some() {
                let chunks = chunks.by_ref().take(EVENT_CHUNKS).collect();
                if self.events.send(Ok(Event::Encoded { chunks })).is_err() {
                    return;
                }
            }
        }
    }
}

fn encode(worker: usize, embedder: &Embedder, batch: Vec<Job>) -> Result<Vec<EncodedChunk>> {
    let ids: Vec<&[u32]> = batch.iter().map(|(_, chunk)| chunk.input.ids.as_slice()).collect();
    let (width, kept) = (embedder.dimensions(), embedder.content_tokens());
    let mut encoded = vec![(Vec::new(), Vec::new()); batch.len()];
    embedder.encode_batch_into(worker, &ids, Want::VectorAndTokens, |Output { index, vector, tokens }| {
        // The text's own tokens: neither the context before them nor what frames them.
        let (_, chunk) = &batch[index];
        let own = chunk.lead..chunk.input.own().end;
        let ids = &chunk.input.ids[own.clone()];
        let codes = pack(&tokens[own.start * width..own.end * width], width, |index| kept.contains(ids[index]));
        encoded[index] = (vector, codes);
    })?;
    let chunks = batch.into_iter().zip(encoded);
    let chunks =
        chunks.map(|((document, prepared), (vector, codes))| EncodedChunk { document, prepared, vector, codes });
    Ok(chunks.collect())
}
