//! Paths in, an up-to-date index out: which files changed, what becomes of each, and the durable order of writing.

mod backlog;
pub mod context;
pub mod export;
pub mod forget;
mod gathered;
mod pipeline;
pub mod prepare;
pub mod purge;
pub mod report;
pub mod verify_deleted;
pub mod watch;
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
use crate::failpoint::failpoint;
use crate::inference::embedder::{EmbedSettings, Embedder};
use crate::ingest::walk::{Found, WalkSettings, Walked, walk_until};
use crate::ingest::{ReadSettings, load};
use crate::store::EdgeStore;
use forget::Forgotten;
use pipeline::{Cost, Pending, Work};
use prepare::{path_key, path_of};
pub use report::{Change, IndexReport, Planned, Problem};
use writer::{Writer, recover};

/// How an index run works.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IndexSettings {
    /// Threads that read and split files.
    pub readers: usize,
    /// Encoded chunks waiting for the writer at most, rounded up to sixteens.
    pub queue_chunks_max: usize,
    /// Chunks that are sorted by length together before they are cut into batches; readers stop at twice as many.
    pub window_chunks: usize,
    /// Chunks written and made durable together; a crash costs at most this many, and those that had not come to the writer.
    pub commit_chunks: usize,
    /// With `--watch`: seconds without a change after which what has changed is indexed.
    pub watch_quiet_s: f64,
    /// With `--watch`: seconds after which changes are indexed although there are more and more of them.
    pub watch_longest_s: f64,
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
            queue_chunks_max: 1024,
            window_chunks: 256,
            commit_chunks: 256,
            watch_quiet_s: 0.5,
            watch_longest_s: 10.0,
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
    /// Files to look into beside those that are asked for, as far as they exist: those of an index that this one takes the place of.
    pub inherited: &'a [String],
    /// Databases with records of runs that may quote documents of this index.
    pub records: &'a [PathBuf],
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
    let walked = with_inherited(walked, services.inherited);
    let mut report = IndexReport { device: services.embedder.device().name.into(), ..IndexReport::default() };
    report.dry_run = mode == Mode::DryRun;
    let plan = plan(&walked, &gone_roots, &known, &settings.read.fingerprint(), &mut report);
    let on_disk = |path: &&String| known[*path].container.is_empty();
    plan.removed.iter().filter(on_disk).for_each(|_| report.count(FileStatus::Removed));
    progress(Progress::Planned {
        files: plan.pending.len() as u64,
        bytes: plan.pending.iter().map(|pending| pending.bytes).sum(),
    });
    let cost = Cost::default();
    let mut report = match mode {
        Mode::DryRun => {
            let unchanged = walked.files.iter().map(|found| (path_key(&found.path), found.bytes));
            report.plan = told(unchanged, &plan, &known, settings);
            for planned in &report.plan {
                match planned.change {
                    Change::New | Change::Changed => report.files.entry(FileStatus::Indexed),
                    Change::Unchanged if plan.is_pending(&planned.path) => report.files.entry(FileStatus::Unchanged),
                    Change::Unchanged | Change::Removed => continue,
                }
                .and_modify(|count| *count += 1)
                .or_insert(1);
            }
            report
        }
        Mode::Sync => {
            services.database.unmap()?;
            recover(services.store, services.database)?;
            let kept = services.database.kept()?;
            let mut writer =
                Writer::new(services.store, services.database, settings, progress, services.now.clone(), report);
            // The gone go first: under a full disk that frees room.
            writer.remove(&plan.removed, services.records)?;
            let (embedder, identity) = (services.embedder, services.identity);
            let work = Work { files: &plan.pending, embedder, settings, identity, kept: &kept };
            let run = pipeline::run(work, stop, &cost, |event| writer.write(event));
            // What is finished is kept, whatever ended the run.
            let finished = writer.finish();
            run.and(finished)?;
            writer.give_up_kept()?;
            let changed = writer.changed;
            let report = writer.report;
            let is_purged = purge::is_due(services.database)?;
            if is_purged {
                progress(Progress::Optimizing);
                purge::purge(services.store, services.database)?;
            }
            if changed > 0 {
                progress(Progress::Optimizing);
            }
            // Without a change, too: an earlier run may have been stopped before this, or the settings say something else now.
            let is_merged = services.store.optimize()?;
            if changed > 0 || is_merged {
                failpoint("segments-merged");
                services.store.flush()?;
            }
            report
        }
    };
    let stored = services.database.files()?;
    report.documents = stored.values().filter(|file| file.is_document()).count() as u64;
    report.chunks = services.database.chunk_count()?;
    report.problems.sort_by(|a, b| a.path.cmp(&b.path));
    report.seconds = started.elapsed().as_secs_f64();
    let workers = services.embedder.worker_count() as f64;
    report.embedding_seconds = cost.busy_ns.load(Ordering::Relaxed) as f64 / 1e9 / workers;
    Ok(report)
}

/// Adds files that are known by their paths and lie below nothing that was asked for.
fn with_inherited(mut walked: Walked, inherited: &[String]) -> Walked {
    let is_asked_for = |path: &Path| walked.roots.iter().any(|root| path.starts_with(&root.path));
    let files: Vec<_> = inherited.iter().map(|key| path_of(key)).filter(|path| !is_asked_for(path)).collect();
    for path in files {
        walked.files.extend(Found::at(&path));
    }
    walked.files.sort_by(|a, b| a.path.cmp(&b.path));
    walked.files.dedup_by(|a, b| a.path == b.path);
    walked
}

/// Takes files or folders out of the index, whether or not they still exist, and what the record of runs holds of them. The number of
/// files removed, and what was forgotten.
///
/// # Errors
/// [`Error::Usage`] for a path that is not in the index; otherwise what store or database report.
pub fn remove(paths: &[PathBuf], services: &mut Services<'_>, settings: &IndexSettings) -> Result<(u64, Forgotten)> {
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
    writer.give_up_kept()?;
    writer.remove(&removed, services.records)?;
    let forgotten = writer.report.forgotten;
    purge::purge(services.store, services.database)?;
    let files = removed.iter().filter(|path| known[*path].container.is_empty()).count() as u64;
    Ok((files, forgotten))
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
///
/// # Errors
/// [`Error::Io`] when there is no current folder to start from.
pub fn absolute(path: &Path) -> Result<PathBuf> {
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
    let itself = known.contains_key(key).then(|| key.to_string());
    let inside = known.range(folder.clone()..).map(|(path, _)| path).take_while(|path| path.starts_with(&folder));
    itself.into_iter().chain(inside.cloned()).collect()
}

impl Plan {
    /// Whether a file has to be looked into.
    fn is_pending(&self, key: &str) -> bool {
        self.pending.binary_search_by(|pending| pending.key.as_str().cmp(key)).is_ok()
    }
}

/// What would be done with each file. Those with a new time are read, to see whether their bytes are new.
fn told(
    present: impl Iterator<Item = (String, u64)>,
    plan: &Plan,
    known: &BTreeMap<String, FileRow>,
    settings: &IndexSettings,
) -> Vec<Planned> {
    let pending: BTreeMap<&str, &Pending> = plan.pending.iter().map(|file| (file.key.as_str(), file)).collect();
    let is_same = |file: &Pending| {
        let known = file.known_sha256.as_ref();
        known.is_some_and(|known| load(&file.path, &settings.read).is_ok_and(|source| source.sha256 == *known))
    };
    let change = |key: &str| match pending.get(key) {
        None => Change::Unchanged,
        Some(file) if is_same(file) => Change::Unchanged,
        Some(_) if known.contains_key(key) => Change::Changed,
        Some(_) => Change::New,
    };
    let present = present.map(|(path, bytes)| Planned { change: change(&path), path, bytes });
    let on_disk = plan.removed.iter().filter(|path| known[*path].container.is_empty());
    let removed = on_disk.map(|path| Planned { path: path.clone(), change: Change::Removed, bytes: known[path].bytes });
    let mut planned: Vec<Planned> = present.chain(removed).collect();
    planned.sort_by(|a, b| a.path.cmp(&b.path));
    planned
}

/// The hashes of the files that are inside the file `key` and wholly in the index, by their names in it.
fn members_of(known: &BTreeMap<String, FileRow>, key: &str) -> BTreeMap<String, String> {
    let folder = format!("{key}/");
    let inside = known.range(folder.clone()..).take_while(|(path, _)| path.starts_with(&folder));
    inside
        .filter(|(_, row)| row.container == key && row.status == FileStatus::Indexed)
        .map(|(path, row)| (path[folder.len()..].to_string(), row.sha256.clone()))
        .collect()
}

struct Plan {
    pending: Vec<Pending>,
    removed: Vec<String>,
}

/// Whether nothing new is to be expected of a file. What could not be read before may be with other settings or other readers.
fn is_unchanged(row: &FileRow, found: &Found, reading: &str) -> bool {
    let is_same = row.bytes == found.bytes && i128::from(row.modified_ns) == found.modified_ns;
    is_same && !row.sha256.is_empty() && (row.reading == reading || !row.status.is_problem())
}

/// Sorts what the walk found into unchanged, to be looked into, and gone.
fn plan(
    walked: &Walked,
    gone_roots: &[String],
    known: &BTreeMap<String, FileRow>,
    reading: &str,
    report: &mut IndexReport,
) -> Plan {
    let mut seen = std::collections::HashSet::new();
    let mut pending = Vec::new();
    for found in &walked.files {
        let key = path_key(&found.path);
        let modified_ns = i64::try_from(found.modified_ns).unwrap_or_default();
        match known.get(&key) {
            Some(row) if is_unchanged(row, found, reading) => {
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
                known_members: members_of(known, &key),
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
        // What is inside a file goes when the file does, or when it was looked into.
        let is_gone = |path: &String| match known[path].container.as_str() {
            "" => !seen.contains(path),
            container => !seen.contains(container),
        };
        removed.extend(known_below(known, &root).into_iter().filter(is_gone));
    }
    removed.sort();
    removed.dedup();
    pending.sort_by(|a, b| a.key.cmp(&b.key));
    Plan { pending, removed }
}
