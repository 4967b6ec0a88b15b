//! Files in, encoded chunks out to one writer: readers, a batcher and embedding workers joined by bounded channels.
//!
//! Whoever loses its receiver ends, so an error or an interrupt anywhere stops everything upstream.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use uuid::Uuid;

use super::IndexSettings;
use super::prepare::{Content, PrepareSettings, Prepared, PreparedChunk, prepare};
use crate::document::FileStatus;
use crate::error::{Error, ReadError, Result};
use crate::inference::embedder::{Embedder, Want, plan_batches};
use crate::ingest;
use crate::ingest::isolated::Reader;
use crate::ingest::members::{Outcome, Part};
use crate::late_interaction::pack;

/// Batches that wait for each worker at most: they last while the next window is gathered.
const BATCHES_AHEAD: usize = 8;

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
    /// One chunk with its vectors.
    Encoded { document: usize, chunk: Box<EncodedChunk> },
    /// One chunk that an interrupted run has stored with its vectors.
    Kept { document: usize, chunk: Box<PreparedChunk> },
    /// The file has no more pieces.
    End { file: Arc<Pending> },
}

#[derive(Debug)]
pub(super) struct EncodedChunk {
    pub(super) prepared: PreparedChunk,
    pub(super) vector: Vec<f32>,
    pub(super) codes: Vec<u8>,
}

/// What flows from the readers to the batcher.
enum Item {
    /// A document with its chunks.
    Document(Piece, Box<Prepared>),
    /// What needs no embedding.
    Event(Event),
}

/// What flows from the batcher to the workers: the document's number and its chunk.
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
    let batch_tokens_max = embedder.batch_tokens_max();
    let next = AtomicUsize::new(0);
    let reader = Reader::new(settings.read.clone());
    let prepare_settings = PrepareSettings { chunk: &settings.chunk, identity };
    std::thread::scope(|scope| {
        let (event_sender, events) = sync_channel::<Result<Event>>(settings.queue_chunks_max);
        let (item_sender, items) = sync_channel::<Item>(settings.queue_documents_max);
        let (batch_sender, batches) = sync_channel::<Vec<Job>>(BATCHES_AHEAD * embedder.worker_count());
        let batches = Arc::new(Mutex::new(batches));
        for _ in 0..settings.readers.max(1) {
            let (items, events) = (item_sender.clone(), event_sender.clone());
            let (reader, next) = (&reader, &next);
            let reading = Reading { reader, embedder, prepare: prepare_settings, stop, items };
            scope.spawn(move || read_files(files, next, &reading, &events));
        }
        drop(item_sender);
        {
            let events = event_sender.clone();
            scope.spawn(move || batch_chunks(&items, settings, batch_tokens_max, kept, &batch_sender, &events));
        }
        for worker in 0..embedder.worker_count() {
            let (batches, events) = (Arc::clone(&batches), event_sender.clone());
            scope.spawn(move || embed_batches(worker, embedder, &batches, stop, cost, &events));
        }
        drop(event_sender);
        // The workers hold the only other handle: when they end, the batcher's next send fails and ends it too.
        drop(batches);
        for event in events {
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
    reader: &'a Reader,
    embedder: &'a Embedder,
    prepare: PrepareSettings<'a>,
    stop: &'a AtomicBool,
    items: SyncSender<Item>,
}

/// Takes files in turn, reads them, and sends on what they hold; ends when there are none left or nobody listens.
fn read_files(files: &[Pending], next: &AtomicUsize, reading: &Reading<'_>, events: &SyncSender<Result<Event>>) {
    while !reading.stop.load(Ordering::Relaxed) {
        let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
        match reading.file(&Arc::new(file.clone())) {
            Ok(()) => {}
            // Nobody listens any more, and whoever ended says why.
            Err(Error::Interrupted) => return,
            Err(error) => {
                let _ = events.send(Err(error));
                return;
            }
        }
    }
}

impl Reading<'_> {
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
                    Ok(prepared) => self.send_item(Item::Document(piece, Box::new(prepared))),
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

    fn send(&self, event: Event) -> Result<()> {
        self.send_item(Item::Event(event))
    }

    fn send_item(&self, item: Item) -> Result<()> {
        self.items.send(item).map_err(|_| Error::Interrupted)
    }
}

/// Announces documents, gathers their chunks into windows, and cuts each window into batches of similar length. Chunks that are `kept`
/// go straight to the writer.
fn batch_chunks(
    items: &Receiver<Item>,
    settings: &IndexSettings,
    batch_tokens_max: usize,
    kept: &HashSet<Uuid>,
    batches: &SyncSender<Vec<Job>>,
    events: &SyncSender<Result<Event>>,
) {
    let mut window: Vec<Job> = Vec::new();
    for (document, item) in items.iter().enumerate() {
        let (piece, mut prepared) = match item {
            Item::Document(piece, prepared) => (piece, prepared),
            Item::Event(event) => match events.send(Ok(event)) {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let chunks = std::mem::take(&mut prepared.chunks);
        let opened = Event::Opened { document, piece, prepared, chunk_count: chunks.len() };
        if events.send(Ok(opened)).is_err() {
            return;
        }
        for chunk in chunks {
            if kept.contains(&chunk.id) {
                if events.send(Ok(Event::Kept { document, chunk: Box::new(chunk) })).is_err() {
                    return;
                }
                continue;
            }
            window.push((document, chunk));
            if window.len() >= settings.window_chunks && !send_window(&mut window, batch_tokens_max, batches) {
                return;
            }
        }
    }
    send_window(&mut window, batch_tokens_max, batches);
}

/// Whether somebody still listens.
fn send_window(window: &mut Vec<Job>, batch_tokens_max: usize, batches: &SyncSender<Vec<Job>>) -> bool {
    let lengths: Vec<usize> = window.iter().map(|(_, chunk)| chunk.input.ids.len()).collect();
    let mut jobs: Vec<Option<Job>> = window.drain(..).map(Some).collect();
    plan_batches(&lengths, batch_tokens_max).into_iter().all(|batch| {
        let batch = batch.into_iter().map(|index| jobs[index].take().expect("a job is in one batch only")).collect();
        batches.send(batch).is_ok()
    })
}

/// Encodes batches until there are none left or nobody listens.
fn embed_batches(
    worker: usize,
    embedder: &Embedder,
    batches: &Mutex<Receiver<Vec<Job>>>,
    stop: &AtomicBool,
    cost: &Cost,
    events: &SyncSender<Result<Event>>,
) {
    while !stop.load(Ordering::Relaxed) {
        let batch = batches.lock().expect("no worker panics holding the queue").recv();
        let Ok(batch) = batch else { return };
        let started = Instant::now();
        let encoded = encode(worker, embedder, batch);
        cost.busy_ns.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
        match encoded {
            Ok(chunks) => {
                for (document, chunk) in chunks {
                    if events.send(Ok(Event::Encoded { document, chunk: Box::new(chunk) })).is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                let _ = events.send(Err(error));
                return;
            }
        }
    }
}

fn encode(worker: usize, embedder: &Embedder, batch: Vec<Job>) -> Result<Vec<(usize, EncodedChunk)>> {
    let ids: Vec<&[u32]> = batch.iter().map(|(_, chunk)| chunk.input.ids.as_slice()).collect();
    let encoded = embedder.encode_batch(worker, &ids, Want::VectorAndTokens)?;
    let width = embedder.dimensions();
    let chunks = batch.into_iter().zip(encoded).map(|((document, prepared), encoded)| {
        // The text's own tokens: neither the context before them nor what frames them.
        let own = prepared.lead..prepared.input.own().end;
        let kept = embedder.content_tokens();
        let ids = &prepared.input.ids[own.clone()];
        let vectors = &encoded.tokens[own.start * width..own.end * width];
        let codes = pack(vectors, width, |index| kept.contains(ids[index]));
        (document, EncodedChunk { prepared, vector: encoded.vector, codes })
    });
    Ok(chunks.collect())
}
