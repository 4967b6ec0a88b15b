//! Paths in, an up-to-date index out: which files changed, what becomes of each, and the durable order of writing.

pub mod context;
mod pipeline;
pub mod prepare;
pub mod report;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::chunk::ChunkSettings;
use crate::database::{Database, FileRow};
use crate::document::FileStatus;
use crate::error::{Error, Result};
use crate::inference::embedder::{EmbedSettings, Embedder};
use crate::ingest::ReadSettings;
use crate::ingest::walk::{WalkSettings, Walked, walk_until};
use crate::store::EdgeStore;
use pipeline::{Cost, Pending};
use prepare::path_key;
pub use report::{IndexReport, Problem};
use writer::{Writer, recover};

/// How an index run works.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IndexSettings {
    /// Threads that read and split files.
    pub readers: usize,
    /// Documents read ahead of the embedder at most.
    pub queue_documents_max: usize,
    /// Encoded chunks waiting for the writer at most.
    pub queue_chunks_max: usize,
    /// Chunks that are sorted by length together before they are cut into batches.
    pub window_chunks: usize,
    /// Chunks written and made durable together; a crash costs at most this many.
    pub commit_chunks: usize,
    /// Reading.
    #[serde(skip)]
    pub read: ReadSettings,
    /// Walking.
    #[serde(skip)]
    pub walk: WalkSettings,
    /// Splitting.
    #[serde(skip)]
    pub chunk: ChunkSettings,
    /// Embedding.
    #[serde(skip)]
    pub embed: EmbedSettings,
}

impl Default for IndexSettings {
    fn default() -> Self {
        Self {
            readers: 2,
            queue_documents_max: 4,
            queue_chunks_max: 256,
            window_chunks: 256,
            commit_chunks: 256,
            read: ReadSettings::default(),
            walk: WalkSettings::default(),
            chunk: ChunkSettings::default(),
            embed: EmbedSettings::default(),
        }
    }
}

/// What a run tells while it works.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// The walk has ended.
    Planned {
        /// Files to be looked into.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// A document was read; its chunks follow.
    Opened {
        /// Which.
        path: &'a str,
    },
    /// A chunk was embedded.
    Chunk {
        /// The share of its file's bytes that it stands for.
        bytes: f64,
        /// Tokens computed.
        tokens: u64,
    },
    /// A document's last chunk was embedded.
    Closed {
        /// Which.
        path: &'a str,
    },
    /// A file was done without embedding.
    File {
        /// Which.
        path: &'a str,
        /// Its bytes.
        bytes: u64,
    },
    /// Everything is stored; segments are merged and graphs are built.
    Optimizing,
}

/// Whether a run writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Bring the index up to date.
    Sync,
    /// Only tell what would be done.
    DryRun,
}

/// The opened parts that an index run works on. The caller holds the index lock.
pub struct Services<'a> {
    /// The vector store.
    pub store: &'a EdgeStore,
    /// The manifest.
    pub database: &'a mut Database,
    /// The embedder.
    pub embedder: &'a Embedder,
    /// What besides the bytes decides a chunk's vectors, in one line.
    pub identity: &'a str,
    /// The time of the run, RFC 3339.
    pub now: String,
}

/// Brings the index up to date with the files below `paths`: new and changed files are read, embedded and stored, files
/// below `paths` that are gone leave the index. Blocks until everything is durable.
///
/// # Errors
/// [`Error::Usage`] for a path that does not exist and never was indexed; [`Error::Interrupted`] once `stop` is set, with
/// every finished document kept; otherwise what store, database or embedder report.
pub fn sync(
    paths: &[PathBuf],
    mode: Mode,
    services: &mut Services<'_>,
    settings: &IndexSettings,
    stop: &AtomicBool,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<IndexReport> {
    let started = Instant::now();
    let known = services.database.files()?;
    let (present, gone_roots) = split_gone(paths, &known)?;
    let walked = if present.is_empty() { Walked::default() } else { walk_until(&present, &settings.walk, stop)? };
    let mut report = IndexReport { device: services.embedder.device().name.into(), ..IndexReport::default() };
    report.dry_run = mode == Mode::DryRun;
    let plan = plan(&walked, &gone_roots, &known, &mut report);
    progress(Progress::Planned {
        files: plan.pending.len() as u64,
        bytes: plan.pending.iter().map(|pending| pending.bytes).sum(),
    });
    let cost = Cost::default();
    let mut report = match mode {
        Mode::DryRun => {
            plan.pending.iter().for_each(|pending| report.note(&pending.key, FileStatus::Indexed, "", None));
            plan.removed.iter().for_each(|_| report.count(FileStatus::Removed));
            report
        }
        Mode::Sync => {
            recover(services.store, services.database)?;
            let mut writer =
                Writer::new(services.store, services.database, settings, progress, services.now.clone(), report);
            // The gone go first: under a full disk that frees room.
            writer.remove(&plan.removed)?;
            let run =
                pipeline::run(&plan.pending, services.embedder, settings, services.identity, stop, &cost, |event| {
                    writer.write(event)
                });
            // What is finished is kept, whatever ended the run.
            let finished = writer.finish();
            run.and(finished)?;
            let changed = writer.changed;
            let report = writer.report;
            if changed > 0 {
                progress(Progress::Optimizing);
                services.store.optimize()?;
                services.store.flush()?;
            }
            report
        }
    };
    let stored = services.database.files()?;
    report.documents = stored.values().filter(|file| is_stored(file.status)).count() as u64;
    report.chunks = services.database.chunk_count()?;
    report.problems.sort_by(|a, b| a.path.cmp(&b.path));
    report.seconds = started.elapsed().as_secs_f64();
    let workers = services.embedder.worker_count() as f64;
    report.embedding_seconds = cost.busy_ns.load(Ordering::Relaxed) as f64 / 1e9 / workers;
    Ok(report)
}

/// Whether a file of this status has chunks in the index.
#[must_use]
pub fn is_stored(status: FileStatus) -> bool {
    matches!(status, FileStatus::Indexed | FileStatus::Partial)
}

/// Takes files or folders out of the index, whether or not they still exist. The number of files removed.
///
/// # Errors
/// [`Error::Usage`] for a path that is not in the index; otherwise what store or database report.
pub fn remove(paths: &[PathBuf], services: &mut Services<'_>, settings: &IndexSettings) -> Result<u64> {
    let known = services.database.files()?;
    let mut removed = Vec::new();
    for path in paths {
        let key = path_key(&absolute(path)?);
        let below = known_below(&known, &key);
        if below.is_empty() {
            return Err(Error::usage(format!("{} is not in the index; see what is with: ibid status", path.display())));
        }
        removed.extend(below);
    }
    removed.sort();
    removed.dedup();
    recover(services.store, services.database)?;
    let report = IndexReport::default();
    let quiet = |_: Progress<'_>| {};
    let mut writer = Writer::new(services.store, services.database, settings, &quiet, services.now.clone(), report);
    writer.remove(&removed)?;
    Ok(removed.len() as u64)
}

/// Paths that are there, and keys of known files or folders that were asked for and are gone.
fn split_gone(paths: &[PathBuf], known: &BTreeMap<String, FileRow>) -> Result<(Vec<PathBuf>, Vec<String>)> {
    let (mut present, mut gone) = (Vec::new(), Vec::new());
    for path in paths {
        if path.symlink_metadata().is_ok() {
            present.push(path.clone());
            continue;
        }
        let key = path_key(&absolute(path)?);
        if known_below(known, &key).is_empty() {
            // Let the walk word the error: it knows the neighbours.
            present.push(path.clone());
        } else {
            gone.push(key);
        }
    }
    Ok((present, gone))
}

/// The path made absolute without asking for the file itself, which may be gone; its nearest folder that exists is
/// resolved as the walk resolves it.
fn absolute(path: &Path) -> Result<PathBuf> {
    let full = std::path::absolute(path).map_err(Error::io("resolve", path))?;
    let mut rest = Vec::new();
    let mut at = full.as_path();
    loop {
        if let Ok(resolved) = at.canonicalize() {
            return Ok(rest.iter().rev().fold(resolved, |path: PathBuf, part| path.join(part)));
        }
        match (at.parent(), at.file_name()) {
            (Some(parent), Some(name)) => {
                rest.push(name.to_os_string());
                at = parent;
            }
            _ => return Ok(full),
        }
    }
}

fn known_below(known: &BTreeMap<String, FileRow>, key: &str) -> Vec<String> {
    let folder = format!("{}/", key.trim_end_matches('/'));
    known.keys().filter(|path| *path == key || path.starts_with(&folder)).cloned().collect()
}

struct Plan {
    pending: Vec<Pending>,
    removed: Vec<String>,
}

/// Sorts what the walk found into unchanged, to be looked into, and gone.
fn plan(walked: &Walked, gone_roots: &[String], known: &BTreeMap<String, FileRow>, report: &mut IndexReport) -> Plan {
    let mut seen = std::collections::HashSet::new();
    let mut pending = Vec::new();
    for found in &walked.files {
        let key = path_key(&found.path);
        let modified_ns = i64::try_from(found.modified_ns).unwrap_or_default();
        match known.get(&key) {
            Some(row) if row.bytes == found.bytes && row.modified_ns == modified_ns && !row.sha256.is_empty() => {
                if row.status.is_problem() {
                    report.note(&key, row.status, &row.reason, row.page);
                } else {
                    report.count(FileStatus::Unchanged);
                }
            }
            row => pending.push(Pending {
                path: found.path.clone(),
                key: key.clone(),
                bytes: found.bytes,
                modified_ns,
                known_sha256: row.filter(|row| row.status == FileStatus::Indexed).map(|row| row.sha256.clone()),
            }),
        }
        seen.insert(key);
    }
    for problem in &walked.problems {
        let key = path_key(&problem.path);
        report.note(&key, problem.status, &problem.reason, None);
        seen.insert(key);
    }
    // What lies below a folder that could not be read is not known to be gone.
    let hidden: Vec<String> =
        walked.problems.iter().flat_map(|problem| known_below(known, &path_key(&problem.path))).collect();
    seen.extend(hidden);
    let mut removed: Vec<String> = Vec::new();
    let roots = walked.roots.iter().map(|root| path_key(&root.path)).chain(gone_roots.iter().cloned());
    for root in roots {
        removed.extend(known_below(known, &root).into_iter().filter(|path| !seen.contains(path)));
    }
    removed.sort();
    removed.dedup();
    Plan { pending, removed }
}
