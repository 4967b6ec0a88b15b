//! A manifest in, its files in the hub's cache layout out, from the hub or from a mirror; nothing is kept under its final name before its bytes are proven.

mod hub;
mod mirror;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cache::{self, Cache, FileState};
use super::manifest::{Manifest, ModelFile};
use crate::error::{Cause, Error, Result};

/// How models are fetched.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FetchSettings {
    /// The hub's address; by default `HF_ENDPOINT`, else the public hub.
    pub endpoint: Option<String>,
    /// Seconds until a connection must stand. Short, so that a machine without a way to the hub soon asks the mirror.
    pub connect_timeout_s: u64,
    /// Seconds without a byte after which a transfer counts as broken.
    pub read_timeout_s: u64,
    /// Further attempts after a failed request to the hub.
    pub retries: usize,
    /// Bytes asked for in one request; what a broken transfer can lose.
    pub request_bytes: u64,
    /// Seconds that a mirror's package may take to arrive.
    pub mirror_timeout_s: u64,
    /// Open no connection at all.
    #[serde(skip)]
    pub offline: bool,
    /// Set by someone else to end the work early with [`Error::Interrupted`].
    #[serde(skip)]
    pub interrupt: Option<Arc<AtomicBool>>,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            endpoint: None,
            connect_timeout_s: 5,
            read_timeout_s: 30,
            retries: 2,
            request_bytes: 32 << 20,
            mirror_timeout_s: 1_800,
            offline: false,
            interrupt: None,
        }
    }
}

impl FetchSettings {
    fn check_interrupt(&self) -> Result<()> {
        match &self.interrupt {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(Error::Interrupted),
            _ => Ok(()),
        }
    }
}

/// Where bytes came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Everything was there already.
    Cache,
    /// The hub at this address.
    Hub(String),
    /// The package `name==version` of the machine's package index.
    Mirror(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cache => formatter.write_str("the cache"),
            Self::Hub(address) => formatter.write_str(address),
            Self::Mirror(package) => write!(formatter, "the package {package}"),
        }
    }
}

/// How far the transfer of one file is.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The file or package that is on its way.
    pub file: String,
    /// Where from.
    pub source: Source,
    /// Bytes of it that are here.
    pub bytes_done: u64,
    /// Bytes it has.
    pub bytes_total: u64,
}

/// What [`pull`] did.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// Where the bytes came from.
    pub source: Source,
    /// The snapshot folder.
    pub folder: PathBuf,
    /// The files that were fetched; empty when everything was there.
    pub fetched: Vec<String>,
    /// Their size.
    pub bytes: u64,
    /// Why earlier sources failed, in words.
    pub notes: Vec<String>,
}

/// Why a source gave nothing.
enum Failure {
    /// This machine is the reason; no other source can help.
    Here(Error),
    /// The source is; the next one may do better.
    There(String, Option<Cause>),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

/// Fetches what is missing or damaged of a model into this machine's cache. Blocks.
///
/// # Errors
/// As [`pull_into`].
pub fn pull(manifest: &Manifest, settings: &FetchSettings, progress: &mut dyn FnMut(Progress)) -> Result<Pulled> {
    pull_into(&Cache::of_machine(), manifest, settings, progress)
}

/// Fetches what is missing or damaged of a model: from the hub first, then from each mirror. Blocks; two processes that
/// fetch the same model wait for each other.
///
/// # Errors
/// [`Error::Offline`] when something is missing and `offline` is set; [`Error::ModelFetch`] when no source had the right
/// bytes; [`Error::Io`] when this machine cannot keep them; [`Error::Interrupted`].
pub fn pull_into(
    cache: &Cache,
    manifest: &Manifest,
    settings: &FetchSettings,
    progress: &mut dyn FnMut(Progress),
) -> Result<Pulled> {
    let there = |source, folder, notes| Pulled { source, folder, fetched: vec![], bytes: 0, notes };
    if manifest.folder.is_some() {
        // A user's own model comes from nowhere.
        return Ok(there(Source::Cache, cache.locate(manifest)?.folder, vec![]));
    }
    if let Some(folder) = intact(cache, manifest) {
        return Ok(there(Source::Cache, folder, vec![]));
    }
    if settings.offline {
        return Err(Error::Offline { action: format!("fetch model `{}`", manifest.name) });
    }
    let _lock = lock(cache, manifest)?;
    // Another process may have fetched it while this one waited.
    if let Some(folder) = intact(cache, manifest) {
        return Ok(there(Source::Cache, folder, vec![]));
    }
    let install = Install::new(cache, manifest)?;
    let wanted: Vec<&ModelFile> = manifest.files.iter().filter(|file| !install.has(file)).collect();
    let mut done = there(Source::Cache, install.snapshot.clone(), vec![]);
    let mut last = None;
    for source in 0..=manifest.mirrors.len() {
        let fetched = match source.checked_sub(1) {
            None => hub::fetch(&install, manifest, &wanted, settings, progress),
            Some(index) => mirror::fetch(&install, &manifest.mirrors[index], &wanted, settings, progress),
        };
        match fetched {
            Ok(source) => {
                done.source = source;
                done.fetched = wanted.iter().map(|file| file.path.clone()).collect();
                done.bytes = wanted.iter().map(|file| file.bytes).sum();
                return Ok(done);
            }
            Err(Failure::Here(error)) => return Err(error),
            Err(Failure::There(reason, cause)) => {
                tracing::info!(model = manifest.name, reason, "a source failed");
                done.notes.push(reason);
                last = cause.or(last);
            }
        }
    }
    Err(Error::ModelFetch { name: manifest.name.clone(), reason: done.notes.join("; "), source: last })
}

/// The folder that holds the whole model with the right bytes.
fn intact(cache: &Cache, manifest: &Manifest) -> Option<PathBuf> {
    let folder = cache.locate(manifest).ok()?.folder;
    manifest.files.iter().all(|file| cache::check(&folder, file) == FileState::Ok).then_some(folder)
}

fn lock(cache: &Cache, manifest: &Manifest) -> Result<File> {
    let repository = cache.repository(manifest);
    let folder = cache.folder().join(".locks").join(repository.file_name().unwrap_or_default());
    fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    let path = folder.join("ibid.lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(Error::io("open", &path))?;
    file.lock().map_err(Error::io("lock", &path))?;
    Ok(file)
}

/// The places in the cache where one model's files go.
struct Install {
    repository: PathBuf,
    snapshot: PathBuf,
}

impl Install {
    fn new(cache: &Cache, manifest: &Manifest) -> Result<Self> {
        let install = Self { repository: cache.repository(manifest), snapshot: cache.snapshot(manifest) };
        for folder in [install.repository.join("blobs"), install.repository.join("refs"), install.snapshot.clone()] {
            fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        }
        Ok(install)
    }

    fn has(&self, file: &ModelFile) -> bool {
        cache::check(&self.snapshot, file) == FileState::Ok
    }

    fn blob(&self, file: &ModelFile) -> PathBuf {
        self.repository.join("blobs").join(file.blob_name())
    }

    /// Where a file grows until it is whole.
    fn incomplete(&self, file: &ModelFile) -> PathBuf {
        self.repository.join("blobs").join(format!("{}.incomplete", file.blob_name()))
    }

    /// Gives a whole, proven file its final name and its place in the snapshot.
    fn finish(&self, file: &ModelFile) -> Result<()> {
        let (from, blob) = (self.incomplete(file), self.blob(file));
        fs::rename(&from, &blob).map_err(Error::io("rename", &from))?;
        sync_folder(&self.repository.join("blobs"))?;
        let pointer = self.snapshot.join(&file.path);
        let folder = pointer.parent().unwrap_or(&self.snapshot);
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        // Made beside its place and renamed over it: a damaged pointer is replaced in one step.
        let fresh = folder.join(format!(".{}.{}", file.blob_name(), std::process::id()));
        let _ = fs::remove_file(&fresh);
        link(file, &blob, &fresh).map_err(Error::io("create", &fresh))?;
        fs::rename(&fresh, &pointer).map_err(Error::io("create", &pointer))?;
        sync_folder(folder)
    }
}

/// A link from a snapshot to its blob, relative as the hub's tools make it, so that the cache can be moved.
#[cfg(unix)]
fn link(file: &ModelFile, _blob: &Path, at: &Path) -> io::Result<()> {
    let up = "../".repeat(file.path.split('/').count() + 1);
    std::os::unix::fs::symlink(format!("{up}blobs/{}", file.blob_name()), at)
}

#[cfg(not(unix))]
fn link(_file: &ModelFile, blob: &Path, at: &Path) -> io::Result<()> {
    fs::hard_link(blob, at).or_else(|_| fs::copy(blob, at).map(|_| ()))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(Error::io("sync", folder))
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> Result<()> {
    Ok(())
}

/// A file that grows and is hashed while it does.
struct Growing {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    bytes: u64,
}

impl Growing {
    /// A new, empty file at `path`, whatever was there.
    fn fresh(path: PathBuf) -> Result<Self> {
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        Ok(Self { path, file, hasher: Sha256::new(), bytes: 0 })
    }

    /// The file at `path` with what an earlier run left in it, if that is not more than `bytes_max`.
    fn resumed(path: PathBuf, bytes_max: u64) -> Result<Self> {
        let mut earlier = match File::open(&path) {
            Ok(file) if file.metadata().is_ok_and(|data| data.len() <= bytes_max) => file,
            _ => return Self::fresh(path),
        };
        let mut hasher = Sha256::new();
        let bytes = io::copy(&mut earlier, &mut HashWriter(&mut hasher)).map_err(Error::io("read", &path))?;
        let file = OpenOptions::new().append(true).open(&path).map_err(Error::io("open", &path))?;
        Ok(Self { path, file, hasher, bytes })
    }

    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io("write", &self.path))?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Makes the bytes durable and tells whether they are those of `file`; wrong ones are deleted.
    fn prove(self, file: &ModelFile) -> Result<bool> {
        self.file.sync_all().map_err(Error::io("sync", &self.path))?;
        let right = self.bytes == file.bytes && cache::hex(self.hasher) == file.sha256;
        if !right {
            fs::remove_file(&self.path).map_err(Error::io("remove", &self.path))?;
        }
        Ok(right)
    }
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
