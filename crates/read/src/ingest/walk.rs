//! Paths from the command line go in, the files below them come out in order; opens no file.

use std::collections::BTreeMap;
use std::fs::FileType;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use ignore::WalkBuilder;
use serde::{Deserialize, Serialize};

use crate::data_folder;
use crate::document::FileStatus;
use crate::error::{Error, Result};

/// Which files below a folder count.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WalkSettings {
    /// Whether `.gitignore` (inside git repositories), `.ignore` and git's own exclusions are followed, as ripgrep does.
    pub ignore_rules: bool,
    /// Whether files and folders whose name starts with a dot count.
    pub hidden: bool,
    /// Whether symbolic links below a folder are followed.
    pub follow_links: bool,
    /// Files from which the walk is given up.
    pub files_max: usize,
}

impl Default for WalkSettings {
    fn default() -> Self {
        Self { ignore_rules: true, hidden: false, follow_links: false, files_max: 1_000_000 }
    }
}

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Absolute: the canonical folder and the file's own name.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its last change, in nanoseconds since 1970; negative before.
    pub modified_ns: i128,
}

impl Found {
    /// The regular file at `path`, where there is one.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        let modified_ns = metadata.modified().map_or(0, nanoseconds);
        Some(Self { path: path.to_path_buf(), bytes: metadata.len(), modified_ns })
    }
}

/// Something below a root that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkProblem {
    /// The file or folder.
    pub path: PathBuf,
    /// `denied` or `unsupported`.
    pub status: FileStatus,
    /// Lower case, no full stop.
    pub reason: String,
}

/// What a root is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKind {
    /// One file.
    File,
    /// A folder with everything below it.
    Folder,
}

/// A path that was asked for, absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The canonical folder, or a file as [`Found::path`] has it.
    pub path: PathBuf,
    /// What it is.
    pub kind: RootKind,
}

/// Everything found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walked {
    /// Sorted by path, each once.
    pub files: Vec<Found>,
    /// Sorted by path. Files below a folder that is named here may still exist.
    pub problems: Vec<WalkProblem>,
    /// In the order asked for. A known file below one of them that is neither found nor below a problem is gone.
    pub roots: Vec<Root>,
}

/// Finds the files that `paths` name, and those below the folders among them.
///
/// A file that is named itself counts even if it is hidden or ignored. What an index keeps below a folder does not count. Pipes, sockets
/// and devices are never opened.
///
/// # Errors
/// [`Error::Usage`] for a path that does not exist; [`Error::Io`] when its folder cannot be resolved;
/// [`Error::Limit`] above `files_max` files.
pub fn walk(paths: &[PathBuf], settings: &WalkSettings) -> Result<Walked> {
    walk_until(paths, settings, &AtomicBool::new(false))
}

/// As [`walk`], until `stop` is set.
///
/// # Errors
/// As [`walk`]; [`Error::Interrupted`] once `stop` is set.
pub fn walk_until(paths: &[PathBuf], settings: &WalkSettings, stop: &AtomicBool) -> Result<Walked> {
    let mut files = BTreeMap::new();
    let mut walked = Walked::default();
    for path in paths {
        let metadata = std::fs::metadata(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => missing(path),
            _ => Error::Io { action: "look at", path: path.clone(), source },
        })?;
        if metadata.is_dir() {
            let root = path.canonicalize().map_err(Error::io("resolve", path))?;
            below(&root, settings, stop, &mut files, &mut walked.problems)?;
            walked.roots.push(Root { path: root, kind: RootKind::Folder });
        } else {
            let file = absolute(path).map_err(Error::io("resolve", path))?;
            take(&file, &metadata, &mut files, &mut walked.problems);
            walked.roots.push(Root { path: file, kind: RootKind::File });
        }
        within_limit(&files, settings)?;
    }
    walked.files = files.into_values().collect();
    walked.problems.sort_by(|a, b| a.path.cmp(&b.path));
    walked.problems.dedup();
    Ok(walked)
}

/// Adds every file below the folder `root`.
fn below(
    root: &Path,
    settings: &WalkSettings,
    stop: &AtomicBool,
    files: &mut BTreeMap<PathBuf, Found>,
    problems: &mut Vec<WalkProblem>,
) -> Result<()> {
    let entries = WalkBuilder::new(root)
        .standard_filters(settings.ignore_rules)
        .hidden(!settings.hidden)
        .follow_links(settings.follow_links)
        .filter_entry(|entry| !data_folder::is_own(entry.path()))
        .build();
    for entry in entries {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                problems.extend(problem(root, &error));
                continue;
            }
        };
        let kind = entry.file_type();
        if kind.is_none_or(|kind| kind.is_dir() || kind.is_symlink()) {
            continue;
        }
        // Through a followed link the same file can be reached by two names.
        let path = if settings.follow_links { absolute(entry.path()) } else { Ok(entry.path().to_path_buf()) };
        match path.and_then(|path| std::fs::metadata(&path).map(|metadata| (path, metadata))) {
            Ok((path, metadata)) => take(&path, &metadata, files, problems),
            // Removed between the two looks: as if it had never been there.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => problems.push(denied(entry.path(), &error)),
        }
        within_limit(files, settings)?;
    }
    Ok(())
}

fn within_limit(files: &BTreeMap<PathBuf, Found>, settings: &WalkSettings) -> Result<()> {
    if files.len() > settings.files_max {
        let limit = settings.files_max as u64;
        return Err(Error::Limit { what: "the number of files".into(), setting: "walk.files_max", limit });
    }
    Ok(())
}

/// Adds one file, or says why it is none.
fn take(
    path: &Path,
    metadata: &std::fs::Metadata,
    files: &mut BTreeMap<PathBuf, Found>,
    problems: &mut Vec<WalkProblem>,
) {
    if metadata.is_file() {
        let modified_ns = metadata.modified().map_or(0, nanoseconds);
        let found = Found { path: path.to_path_buf(), bytes: metadata.len(), modified_ns };
        files.insert(found.path.clone(), found);
    } else {
        let reason = format!("{} is not a document and was not opened", special(metadata.file_type()));
        problems.push(WalkProblem { path: path.to_path_buf(), status: FileStatus::Unsupported, reason });
    }
}

/// The plain name of a file that is neither regular, folder nor link.
pub(crate) fn special(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a named pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if kind.is_dir() { "a folder" } else { "a special file" }
}

fn nanoseconds(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}

/// The canonical folder of `path` with the file's own name, so that a link keeps its name.
fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    let Some(name) = path.file_name() else { return path.canonicalize() };
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(folder.canonicalize()?.join(name))
}

fn denied(path: &Path, error: &std::io::Error) -> WalkProblem {
    WalkProblem {
        path: path.to_path_buf(),
        status: FileStatus::Denied,
        reason: format!("cannot be looked at: {error}"),
    }
}

/// What a person should know of a failed step of the walk; none for files that vanished and rules that do not parse.
fn problem(root: &Path, error: &ignore::Error) -> Option<WalkProblem> {
    let mut path = root;
    let mut inner = error;
    loop {
        match inner {
            ignore::Error::WithPath { path: at, err } => {
                path = at;
                inner = err;
            }
            ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => inner = err,
            ignore::Error::Loop { child, .. } => {
                let reason = "the symbolic link leads back to a folder above it, so it was not followed".to_owned();
                return Some(WalkProblem { path: child.clone(), status: FileStatus::Denied, reason });
            }
            ignore::Error::Io(io) if io.kind() == std::io::ErrorKind::NotFound => return None,
            ignore::Error::Io(io) => return Some(denied(path, io)),
            _ => return None,
        }
    }
}

/// The error for a path that does not exist, with the name that was perhaps meant.
#[must_use]
pub fn missing(path: &Path) -> Error {
    if path.is_symlink() {
        return Error::usage(format!("{} is a symbolic link to something that does not exist", path.display()));
    }
    match near(path) {
        Some(near) => Error::usage(format!("{} does not exist; did you mean {}?", path.display(), near.display())),
        None => Error::usage(format!("{} does not exist", path.display())),
    }
}

/// The sibling of `path` whose name differs least, if it differs by little.
fn near(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let allowed = (name.chars().count() / 3).clamp(1, 4);
    let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok().map(|entry| entry.file_name()));
    let (_, best) = names
        .map(|other| (distance(&name, &other.to_string_lossy().to_lowercase()), other))
        .filter(|(distance, _)| *distance <= allowed)
        .min()?;
    Some(path.with_file_name(best))
}

/// Insertions, deletions and substitutions that turn `a` into `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (above + 1).min(row[j] + 1).min(corner + usize::from(left != *right));
            corner = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "*.log\n").unwrap();
        }
        folder
    }

    fn names(walked: &Walked) -> Vec<String> {
        walked.files.iter().map(|file| file.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn rules_hide_files_that_are_not_named_themselves() {
        let folder = folder(&["b.txt", "a/c.txt", ".hidden.txt", "x.log", ".ignore"]);
        let root = folder.path().to_path_buf();
        let walked = walk(std::slice::from_ref(&root), &WalkSettings::default()).unwrap();
        assert_eq!(names(&walked), ["c.txt", "b.txt"]);
        assert_eq!(walked.files[0].bytes, 6);
        assert!(walked.files[0].modified_ns > 0 && walked.files[0].path.is_absolute());
        let all = WalkSettings { ignore_rules: false, hidden: true, ..WalkSettings::default() };
        assert_eq!(walk(std::slice::from_ref(&root), &all).unwrap().files.len(), 5);
        let named = [root.join("x.log"), root.join(".hidden.txt"), root.join("a/../x.log")];
        let walked = walk(&named, &WalkSettings::default()).unwrap();
        assert_eq!(names(&walked), [".hidden.txt", "x.log"]);
        assert!(walked.roots.iter().all(|root| root.kind == RootKind::File));
    }

    #[test]
    fn gitignore_counts_inside_repositories_only() {
        let folder = folder(&["x.log", ".gitignore"]);
        let root = [folder.path().to_path_buf()];
        assert_eq!(walk(&root, &WalkSettings::default()).unwrap().files.len(), 1);
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        assert_eq!(walk(&root, &WalkSettings::default()).unwrap().files.len(), 0);
    }

    #[test]
    fn a_missing_path_is_named_with_its_neighbour() {
        let folder = folder(&["report.txt"]);
        let error = walk(&[folder.path().join("Reprot.txt")], &WalkSettings::default()).unwrap_err();
        assert!(matches!(error, Error::Usage { .. }));
        assert!(error.to_string().contains("did you mean") && error.to_string().contains("report.txt"), "{error}");
        let far = walk(&[folder.path().join("else")], &WalkSettings::default()).unwrap_err();
        assert!(!far.to_string().contains("did you mean"));
    }

    #[test]
    fn the_limit_on_files_is_named() {
        let folder = folder(&["a", "b"]);
        let settings = WalkSettings { files_max: 1, ..WalkSettings::default() };
        let error = walk(&[folder.path().to_path_buf()], &settings).unwrap_err();
        assert!(error.to_string().contains("walk.files_max = 1"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn links_loops_and_sockets_do_no_harm() {
        use std::os::unix::fs::symlink;
        let folder = folder(&["a/b.txt"]);
        let root = folder.path();
        symlink(root.join("a"), root.join("a/loop")).unwrap();
        symlink(root.join("gone"), root.join("broken")).unwrap();
        symlink(root.join("a/b.txt"), root.join("link.txt")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        let walked = walk(&[root.to_path_buf()], &WalkSettings::default()).unwrap();
        assert_eq!(names(&walked), ["b.txt"]);
        assert_eq!(walked.problems.len(), 1);
        assert_eq!(walked.problems[0].status, FileStatus::Unsupported);
        let follow = WalkSettings { follow_links: true, ..WalkSettings::default() };
        let walked = walk(&[root.to_path_buf()], &follow).unwrap();
        assert_eq!(names(&walked), ["b.txt", "link.txt"]);
        assert!(walked.problems.iter().any(|problem| problem.status == FileStatus::Denied));
        let error = walk(&[root.join("broken")], &WalkSettings::default()).unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
        assert_eq!(names(&walk(&[root.join("link.txt")], &WalkSettings::default()).unwrap()), ["link.txt"]);
    }
}
