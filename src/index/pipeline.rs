//! Files in, encoded chunks out to one writer: readers, a batcher and embedding workers joined by bounded channels.
//!
//! Whoever loses its receiver ends, so an error or an interrupt anywhere stops everything upstream.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::IndexSettings;
use super::prepare::{PrepareSettings, Prepared, PreparedChunk, prepare};
use crate::document::FileStatus;
use crate::error::{Error, Result};
use crate::inference::embedder::{Embedder, Want, plan_batches};
use crate::ingest;
use crate::ingest::isolated::Reader;
use crate::late_interaction::pack;

/// A file that has to be looked into.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) path: PathBuf,
    pub(super) key: String,
    pub(super) bytes: u64,
    pub(super) modified_ns: i64,
    /// The hash the manifest knows, where the file is already stored with these settings.
    pub(super) known_sha256: Option<String>,
}

/// What the writer hears, in this order for each document: opened, then its chunks in any order.
#[derive(Debug)]
pub(super) enum Event {
    /// The file's bytes are the known ones after all.
    Same { pending: Pending },
    /// The file ends with this status and without chunks.
    Failed { pending: Pending, sha256: String, status: FileStatus, reason: String },
    /// A document whose chunks follow.
    Opened { document: usize, pending: Pending, prepared: Box<Prepared>, chunk_count: usize },
    /// One chunk with its vectors.
    Encoded { document: usize, chunk: Box<EncodedChunk> },
}

#[derive(Debug)]
pub(super) struct EncodedChunk {
    pub(super) prepared: PreparedChunk,
    pub(super) vector: Vec<f32>,
    pub(super) codes: Vec<u8>,
}

/// What flows from the batcher to the workers: the document's number and its chunk.
type Job = (usize, PreparedChunk);

/// What the run cost in the embedding stage.
#[derive(Debug, Default)]
pub(super) struct Cost {
    /// Nanoseconds that workers computed, summed.
    pub(super) busy_ns: AtomicU64,
}

/// Runs the stages over `files` and hands every event to `write` on the calling thread; blocks until all is written.
///
/// # Errors
/// The first error of a stage or of `write`; [`Error::Interrupted`] once `stop` is set.
pub(super) fn run(
    files: &[Pending],
    embedder: &Embedder,
    settings: &IndexSettings,
    identity: &str,
    stop: &AtomicBool,
    cost: &Cost,
    mut write: impl FnMut(Event) -> Result<()>,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let reader = Reader::new(settings.read.clone());
    let prepare_settings = PrepareSettings { reader: &reader, stop, chunk: &settings.chunk, identity };
    std::thread::scope(|scope| {
        let (event_sender, events) = sync_channel::<Result<Event>>(settings.queue_chunks_max);
        let (document_sender, documents) = sync_channel::<(Pending, Box<Prepared>)>(settings.queue_documents_max);
        let (batch_sender, batches) = sync_channel::<Vec<Job>>(2 * embedder.worker_count());
        let batches = Arc::new(Mutex::new(batches));
        for _ in 0..settings.readers.max(1) {
            let (documents, events, next) = (document_sender.clone(), event_sender.clone(), &next);
            scope.spawn(move || read_files(files, next, embedder, prepare_settings, stop, &documents, &events));
        }
        drop(document_sender);
        {
            let events = event_sender.clone();
            scope.spawn(move || batch_chunks(&documents, settings, &batch_sender, &events));
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

/// Takes files in turn, reads them, and sends documents on; ends when there are none left or nobody listens.
fn read_files(
    files: &[Pending],
    next: &AtomicUsize,
    embedder: &Embedder,
    settings: PrepareSettings<'_>,
    stop: &AtomicBool,
    documents: &SyncSender<(Pending, Box<Prepared>)>,
    events: &SyncSender<Result<Event>>,
) {
    while !stop.load(Ordering::Relaxed) {
        let Some(pending) = files.get(next.fetch_add(1, Ordering::Relaxed)).cloned() else { return };
        let heard = match read_file(&pending, embedder, settings) {
            Ok(Read::Same) => events.send(Ok(Event::Same { pending })).is_ok(),
            Ok(Read::Document(prepared)) => documents.send((pending, prepared)).is_ok(),
            Ok(Read::Failed { sha256, status, reason }) => {
                events.send(Ok(Event::Failed { pending, sha256, status, reason })).is_ok()
            }
            Err(error) => {
                let _ = events.send(Err(error));
                false
            }
        };
        if !heard {
            return;
        }
    }
}

enum Read {
    Same,
    Document(Box<Prepared>),
    Failed { sha256: String, status: FileStatus, reason: String },
}

/// A document's own failure is its status; only a failure of the machinery is an error.
fn read_file(pending: &Pending, embedder: &Embedder, settings: PrepareSettings<'_>) -> Result<Read> {
    let failed = |sha256: &str, error: Error| match error {
        Error::Document { status, reason, .. } => Ok(Read::Failed { sha256: sha256.into(), status, reason }),
        other => Err(other),
    };
    let source = match ingest::load(&pending.path, settings.reader.settings()) {
        Ok(source) => source,
        Err(error) => return failed("", error),
    };
    if pending.known_sha256.as_deref() == Some(&source.sha256) {
        return Ok(Read::Same);
    }
    match prepare(&source, embedder, settings) {
        Ok(prepared) => Ok(Read::Document(Box::new(prepared))),
        Err(error) => failed(&source.sha256, error),
    }
}

/// Announces documents, gathers their chunks into windows, and cuts each window into batches of similar length.
fn batch_chunks(
    documents: &Receiver<(Pending, Box<Prepared>)>,
    settings: &IndexSettings,
    batches: &SyncSender<Vec<Job>>,
    events: &SyncSender<Result<Event>>,
) {
    let mut window: Vec<Job> = Vec::new();
    for (document, (pending, mut prepared)) in documents.iter().enumerate() {
        let chunks = std::mem::take(&mut prepared.chunks);
        let opened = Event::Opened { document, pending, prepared, chunk_count: chunks.len() };
        if events.send(Ok(opened)).is_err() {
            return;
        }
        for chunk in chunks {
            window.push((document, chunk));
            if window.len() >= settings.window_chunks && !send_window(&mut window, settings, batches) {
                return;
            }
        }
    }
    send_window(&mut window, settings, batches);
}

/// Whether somebody still listens.
fn send_window(window: &mut Vec<Job>, settings: &IndexSettings, batches: &SyncSender<Vec<Job>>) -> bool {
    let lengths: Vec<usize> = window.iter().map(|(_, chunk)| chunk.input.ids.len()).collect();
    let mut jobs: Vec<Option<Job>> = window.drain(..).map(Some).collect();
    plan_batches(&lengths, settings.embed.batch_tokens_max).into_iter().all(|batch| {
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
        // The text's own tokens: neither the context before them nor the end token.
        let own = prepared.lead * width..encoded.tokens.len() - width;
        let kept = embedder.content_tokens();
        let ids = &prepared.input.ids[prepared.lead..prepared.input.ids.len() - 1];
        let codes = pack(&encoded.tokens[own], width, |index| kept.contains(ids[index]));
        (document, EncodedChunk { prepared, vector: encoded.vector, codes })
    });
    Ok(chunks.collect())
}
