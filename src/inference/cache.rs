//! A manifest in, the model's files in the Hugging Face cache layout out, with proof that their bytes are right; never fetches anything.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::manifest::{Manifest, ModelFile};
use crate::error::{Error, Result};

/// Bytes read at once while hashing.
const READ_BYTES: usize = 1 << 20;
/// Snapshots of one repository looked at, against a folder with endless entries.
const SNAPSHOTS_MAX: usize = 1_000;
/// The folder beside `blobs` that remembers which files were hashed and found right.
const MARKERS: &str = ".ibid";

/// The hub's cache folder: `models--owner--name/{blobs,refs,snapshots/REVISION/…}` below it.
#[derive(Debug, Clone)]
pub struct Cache {
    hub: PathBuf,
}

/// Where the files of one model lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    /// The model's name.
    pub name: String,
    /// The revision that was found: the pinned one, or another with the same files.
    pub revision: String,
    /// The snapshot folder.
    pub folder: PathBuf,
    /// The files' paths in the repository, as in the manifest.
    pub paths: Vec<String>,
}

impl ModelFiles {
    /// The file at `path` in the repository.
    ///
    /// # Errors
    /// [`Error::ModelManifest`] when the manifest has no such file.
    pub fn path(&self, path: &str) -> Result<PathBuf> {
        if self.paths.iter().any(|known| known == path) {
            return Ok(self.folder.join(path));
        }
        Err(Error::ModelManifest { name: self.name.clone(), reason: format!("it has no file `{path}`") })
    }

    /// The first file whose name ends with `suffix`, like `.gguf`.
    ///
    /// # Errors
    /// [`Error::ModelManifest`] when the manifest has none.
    pub fn with_suffix(&self, suffix: &str) -> Result<PathBuf> {
        match self.paths.iter().find(|path| path.ends_with(suffix)) {
            Some(path) => Ok(self.folder.join(path)),
            None => Err(Error::ModelManifest { name: self.name.clone(), reason: format!("it has no `{suffix}` file") }),
        }
    }
}

/// What is known of one file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// The right bytes.
    Ok,
    /// Not there.
    Missing,
    /// There, with another size.
    WrongSize,
    /// The right size with other bytes, or unreadable.
    WrongHash,
}

impl FileState {
    /// The name used in JSON and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::WrongSize => "wrong_size",
            Self::WrongHash => "wrong_hash",
        }
    }
}

/// One file of a model and the state it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCheck {
    /// The path in the repository.
    pub path: String,
    /// What was found.
    pub state: FileState,
}

/// The files of `manifest` in this machine's cache, by size only.
///
/// # Errors
/// [`Error::ModelMissing`] as [`Cache::locate`].
pub fn locate(manifest: &Manifest) -> Result<ModelFiles> {
    Cache::of_machine().locate(manifest)
}

/// The files of `manifest` in this machine's cache, with the right bytes.
///
/// # Errors
/// As [`Cache::open`].
pub fn open(manifest: &Manifest) -> Result<ModelFiles> {
    Cache::of_machine().open(manifest)
}

/// The state of every file of `manifest` in this machine's cache, all bytes read.
#[must_use]
pub fn verify(manifest: &Manifest) -> Vec<FileCheck> {
    Cache::of_machine().verify(manifest)
}

impl Cache {
    /// The cache that the hub's own tools use on this machine: `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, `HF_HOME/hub`,
    /// `XDG_CACHE_HOME/huggingface/hub` or `~/.cache/huggingface/hub`.
    #[must_use]
    pub fn of_machine() -> Self {
        Self::of(
            |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from),
            std::env::home_dir(),
        )
    }

    fn of(variable: impl Fn(&str) -> Option<PathBuf>, home: Option<PathBuf>) -> Self {
        let home = home.unwrap_or_else(std::env::temp_dir);
        let hub = variable("HF_HUB_CACHE")
            .or_else(|| variable("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| variable("HF_HOME").map(|folder| folder.join("hub")))
            .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("huggingface/hub")))
            .unwrap_or_else(|| home.join(".cache/huggingface/hub"));
        // The hub's tools expand `~` in these variables, and a folder called `~` is never meant.
        let hub = hub.strip_prefix("~").map(|rest| home.join(rest)).unwrap_or(hub);
        Self { hub }
    }

    /// The cache in the folder `hub`.
    #[must_use]
    pub fn at(hub: impl Into<PathBuf>) -> Self {
        Self { hub: hub.into() }
    }

    /// The cache's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.hub
    }

    /// The folder of the manifest's repository, there or not.
    #[must_use]
    pub fn repository(&self, manifest: &Manifest) -> PathBuf {
        self.hub.join(format!("models--{}", manifest.repository.replace('/', "--")))
    }

    /// The snapshot folder of the pinned revision, there or not.
    #[must_use]
    pub fn snapshot(&self, manifest: &Manifest) -> PathBuf {
        self.repository(manifest).join("snapshots").join(&manifest.revision)
    }

    /// The model's files: the pinned revision, or any other snapshot that has all files in the right size, so that a model
    /// fetched by another tool is found. Reads no file.
    ///
    /// # Errors
    /// [`Error::ModelMissing`] when no snapshot has them all.
    pub fn locate(&self, manifest: &Manifest) -> Result<ModelFiles> {
        if let Some(folder) = &manifest.folder {
            return own_files(manifest, folder);
        }
        let found = self.snapshots(manifest).into_iter().find(|folder| has_all(folder, manifest));
        found.map(|folder| files(manifest, folder)).ok_or_else(|| Error::ModelMissing { name: manifest.name.clone() })
    }

    /// The model's files with the right bytes. Sizes are compared each time; a file is hashed when it is new or was changed
    /// since it was last found right, so that the usual start does not read the weights twice.
    ///
    /// # Errors
    /// [`Error::ModelMissing`] when no snapshot has all files, [`Error::ModelDamaged`] when none has the right bytes,
    /// [`Error::Io`] when a file cannot be read.
    pub fn open(&self, manifest: &Manifest) -> Result<ModelFiles> {
        if let Some(folder) = &manifest.folder {
            return own_files(manifest, folder);
        }
        let mut damaged = None;
        for folder in self.snapshots(manifest).into_iter().filter(|folder| has_all(folder, manifest)) {
            match self.first_wrong(manifest, &folder)? {
                None => return Ok(files(manifest, folder)),
                Some(file) => damaged = damaged.or(Some(file)),
            }
        }
        Err(match damaged {
            Some(file) => Error::ModelDamaged { name: manifest.name.clone(), file },
            None => Error::ModelMissing { name: manifest.name.clone() },
        })
    }

    fn first_wrong(&self, manifest: &Manifest, folder: &Path) -> Result<Option<String>> {
        for file in &manifest.files {
            let path = folder.join(&file.path);
            let marker = self.repository(manifest).join(MARKERS).join(&file.sha256);
            let known = fingerprint(&path).map_err(Error::io("read", &path))?;
            if fs::read_to_string(&marker).is_ok_and(|text| text == known) {
                continue;
            }
            if sha256_of(&path).map_err(Error::io("read", &path))? != file.sha256 {
                return Ok(Some(file.path.clone()));
            }
            remember(&marker, &known);
        }
        Ok(None)
    }

    /// The state of every file, all bytes read, in the snapshot that [`Self::locate`] finds, else in the pinned one.
    #[must_use]
    pub fn verify(&self, manifest: &Manifest) -> Vec<FileCheck> {
        if let Some(folder) = &manifest.folder {
            return manifest.files.iter().map(|file| check_own(folder, file)).collect();
        }
        let folder = self.locate(manifest).map_or_else(|_| self.snapshot(manifest), |files| files.folder);
        manifest.files.iter().map(|file| FileCheck { path: file.path.clone(), state: check(&folder, file) }).collect()
    }

    /// The pinned snapshot first, then the others in order of name.
    fn snapshots(&self, manifest: &Manifest) -> Vec<PathBuf> {
        let pinned = self.snapshot(manifest);
        let mut others: Vec<PathBuf> = fs::read_dir(self.repository(manifest).join("snapshots"))
            .into_iter()
            .flatten()
            .take(SNAPSHOTS_MAX)
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|folder| *folder != pinned)
            .collect();
        others.sort();
        std::iter::once(pinned).chain(others).collect()
    }
}

/// The state of one file below a snapshot folder, all bytes read.
pub(super) fn check(folder: &Path, file: &ModelFile) -> FileState {
    let path = folder.join(&file.path);
    match fs::metadata(&path) {
        Err(_) => FileState::Missing,
        Ok(data) if !data.is_file() => FileState::Missing,
        Ok(data) if data.len() != file.bytes => FileState::WrongSize,
        Ok(_) if sha256_of(&path).is_ok_and(|sum| sum == file.sha256) => FileState::Ok,
        Ok(_) => FileState::WrongHash,
    }
}

/// The files of a user's own model, which has no sums: they must be those that its manifest found.
fn own_files(manifest: &Manifest, folder: &Path) -> Result<ModelFiles> {
    if !has_all(folder, manifest) {
        return Err(Error::ModelMissing { name: manifest.name.clone() });
    }
    let paths = manifest.files.iter().map(|file| file.path.clone()).collect();
    let (name, revision) = (manifest.name.clone(), manifest.revision.clone());
    Ok(ModelFiles { name, revision, folder: folder.to_path_buf(), paths })
}

fn check_own(folder: &Path, file: &ModelFile) -> FileCheck {
    let state = match fs::metadata(folder.join(&file.path)) {
        Ok(data) if data.is_file() && data.len() == file.bytes => FileState::Ok,
        Ok(data) if data.is_file() => FileState::WrongSize,
        _ => FileState::Missing,
    };
    FileCheck { path: file.path.clone(), state }
}

fn has_all(folder: &Path, manifest: &Manifest) -> bool {
    let fits = |file: &ModelFile| {
        fs::metadata(folder.join(&file.path)).is_ok_and(|data| data.is_file() && data.len() == file.bytes)
    };
    manifest.files.iter().all(fits)
}

fn files(manifest: &Manifest, folder: PathBuf) -> ModelFiles {
    let revision = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let paths = manifest.files.iter().map(|file| file.path.clone()).collect();
    ModelFiles { name: manifest.name.clone(), revision, folder, paths }
}

/// What changes when a file's bytes do: where it really lies, its size and its times.
fn fingerprint(path: &Path) -> io::Result<String> {
    let real = path.canonicalize()?;
    let data = fs::metadata(&real)?;
    let modified = data.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    // The time of the last change of the inode cannot be set back by a program, unlike the time of modification.
    #[cfg(unix)]
    let changed = {
        use std::os::unix::fs::MetadataExt;
        format!("{}.{:09} {}", data.ctime(), data.ctime_nsec(), data.ino())
    };
    #[cfg(not(unix))]
    let changed = "";
    Ok(format!("{} {modified} {changed} {}", data.len(), real.display()))
}

/// Notes that a file was found right. A cache that cannot be written to only costs the hash again next time.
fn remember(marker: &Path, known: &str) {
    let temporary = marker.with_extension(format!("{}.tmp", std::process::id()));
    let written = marker
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&temporary, known))
        .and_then(|()| fs::rename(&temporary, marker));
    if let Err(error) = written {
        tracing::debug!(marker = %marker.display(), %error, "cannot remember that a model file is intact");
    }
}

/// The SHA-256 of a file, in lower-case hexadecimal digits.
pub(super) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(hasher));
        }
        hasher.update(&buffer[..read]);
    }
}

/// The digest in lower-case hexadecimal digits.
pub(super) fn hex(hasher: Sha256) -> String {
    use std::fmt::Write;
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::manifest;

    /// A manifest of two small files, and a cache folder.
    fn tiny() -> (tempfile::TempDir, Cache, Manifest) {
        let folder = tempfile::tempdir().unwrap();
        let mut manifest = manifest::find("all-minilm-l6-v2", None).unwrap();
        manifest.files.truncate(2);
        for (file, text) in manifest.files.iter_mut().zip(["one", "three"]) {
            file.bytes = text.len() as u64;
            file.sha256 = {
                let mut hasher = Sha256::new();
                hasher.update(text);
                hex(hasher)
            };
        }
        let cache = Cache::at(folder.path());
        (folder, cache, manifest)
    }

    fn write(cache: &Cache, manifest: &Manifest, revision: &str, texts: [&str; 2]) {
        for (file, text) in manifest.files.iter().zip(texts) {
            let path = cache.repository(manifest).join("snapshots").join(revision).join(&file.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn the_hubs_own_variables_decide_the_folder() {
        let of = |pairs: &[(&str, &str)]| {
            let find = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value));
            Cache::of(find, Some("/h".into())).hub
        };
        assert_eq!(of(&[]), Path::new("/h/.cache/huggingface/hub"));
        assert_eq!(of(&[("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
        assert_eq!(of(&[("HF_HOME", "/a"), ("XDG_CACHE_HOME", "/x")]), Path::new("/a/hub"));
        assert_eq!(of(&[("HF_HOME", "~/models")]), Path::new("/h/models/hub"));
        assert_eq!(of(&[("HF_HOME", "/a"), ("HF_HUB_CACHE", "/b")]), Path::new("/b"));
    }

    #[test]
    fn a_model_of_the_user_is_taken_where_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let text =
            "name = \"mine\"\nkind = \"embedder\"\nfolder = \".\"\ntokens_max = 8\ndimensions = 4\npooling = \"cls\"\n";
        let path = folder.path().join("mine.toml");
        fs::write(&path, text).unwrap();
        for name in ["config.json", "tokenizer.json", "model.safetensors"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let manifest = Manifest::read(&path).unwrap();
        let cache = Cache::at(folder.path().join("hub"));
        let files = cache.open(&manifest).unwrap();
        assert_eq!((&files, &files.revision), (&cache.locate(&manifest).unwrap(), &manifest.revision));
        assert_eq!(fs::read_to_string(files.path("config.json").unwrap()).unwrap(), "config.json");
        assert!(cache.verify(&manifest).iter().all(|check| check.state == FileState::Ok));

        fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
        fs::write(folder.path().join("config.json"), "longer than before").unwrap();
        let states: Vec<_> = cache.verify(&manifest).iter().map(|check| check.state).collect();
        assert_eq!(states, [FileState::WrongSize, FileState::Missing, FileState::Ok]);
        assert!(matches!(cache.open(&manifest), Err(Error::ModelMissing { .. })));
    }

    #[test]
    fn a_missing_model_names_the_command_that_fetches_it() {
        let (_folder, cache, manifest) = tiny();
        let error = cache.open(&manifest).unwrap_err().to_string();
        assert!(error.contains("ibid model pull all-minilm-l6-v2"), "{error}");
        assert!(cache.verify(&manifest).iter().all(|check| check.state == FileState::Missing));
    }

    #[test]
    fn another_revision_counts_when_its_files_fit_and_the_pinned_one_goes_first() {
        let (_folder, cache, manifest) = tiny();
        write(&cache, &manifest, "abc", ["one", "three"]);
        assert_eq!(cache.open(&manifest).unwrap().revision, "abc");
        write(&cache, &manifest, &manifest.revision, ["one", "three"]);
        assert_eq!(cache.open(&manifest).unwrap().revision, manifest.revision);
        // A damaged pinned snapshot does not hide a good one.
        write(&cache, &manifest, &manifest.revision, ["0ne", "three"]);
        assert_eq!(cache.open(&manifest).unwrap().revision, "abc");
    }

    #[test]
    fn wrong_bytes_are_found_though_the_size_is_right() {
        let (_folder, cache, manifest) = tiny();
        write(&cache, &manifest, &manifest.revision, ["one", "three"]);
        assert!(cache.open(&manifest).is_ok());
        assert!(cache.open(&manifest).is_ok(), "the second time from the marker");
        write(&cache, &manifest, &manifest.revision, ["one", "threE"]);
        assert!(cache.locate(&manifest).is_ok());
        assert!(
            matches!(cache.open(&manifest), Err(Error::ModelDamaged { file, .. }) if file == "1_Pooling/config.json")
        );
        let states: Vec<_> = cache.verify(&manifest).iter().map(|check| check.state).collect();
        assert_eq!(states, [FileState::Ok, FileState::WrongHash]);
        write(&cache, &manifest, &manifest.revision, ["one", "thre"]);
        assert_eq!(cache.verify(&manifest)[1].state, FileState::WrongSize);
    }

    #[test]
    fn a_file_found_right_is_not_read_again_until_it_changes() {
        let (_folder, cache, manifest) = tiny();
        write(&cache, &manifest, &manifest.revision, ["one", "three"]);
        let opened = cache.open(&manifest).unwrap();
        let marker = cache.repository(&manifest).join(MARKERS).join(&manifest.files[0].sha256);
        let path = opened.path("config.json").unwrap();
        assert_eq!(fs::read_to_string(&marker).unwrap(), fingerprint(&path).unwrap());
        // With the marker of the changed file forged, the bytes are not read: this is what the marker is for.
        fs::write(&path, "0ne").unwrap();
        assert!(cache.open(&manifest).is_err());
        fs::write(&marker, fingerprint(&path).unwrap()).unwrap();
        assert!(cache.open(&manifest).is_ok());
    }
}
