//! Who works on a run: a file that this process keeps locked as long as it lives, whose name stands in the run's row.
//!
//! The system frees the lock however the process ends, so a dead holder is told from a living one without guessing by process ids.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::error::{Error, Result};

/// A process's sign of life.
#[derive(Debug)]
pub(super) struct Lease {
    folder: PathBuf,
    name: String,
    _file: File,
}

/// How often a file that another process swept away is made again.
const TRIES: u32 = 16;

impl Lease {
    /// Makes and locks a file in `folder`, and removes those of dead processes.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be made or locked.
    pub(super) fn take(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
        sweep(folder);
        let mut failed = None;
        for _ in 0..TRIES {
            let name = format!("{}-{}", std::process::id(), Uuid::new_v4().simple());
            let path = folder.join(&name);
            let made = OpenOptions::new().write(true).create_new(true).open(&path);
            let mut file = made.map_err(Error::io("create", &path))?;
            file.lock().map_err(Error::io("lock", &path))?;
            // Between the two lines above another process may have taken it for a dead one's.
            if path.exists() {
                let _ = write!(file, "{}", std::process::id());
                return Ok(Self { folder: folder.to_path_buf(), name, _file: file });
            }
            failed = Some(path);
        }
        let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
        Err(Error::io("keep", failed.unwrap_or_default())(gone))
    }

    /// What is written beside a run.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the holder of that name still lives; this one does.
    pub(super) fn is_alive(&self, name: &str) -> bool {
        name == self.name || is_locked(&self.folder.join(name))
    }

    /// The process id in a holder's name.
    pub(super) fn process(name: &str) -> &str {
        name.split('-').next().unwrap_or(name)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.folder.join(&self.name));
    }
}

fn is_locked(path: &Path) -> bool {
    match File::open(path).map(|file| file.try_lock()) {
        // Where the system cannot say, it counts as locked: to do something twice is worse than to ask for a look.
        Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) => true,
        Ok(Ok(())) | Err(_) => false,
    }
}

fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if let Ok(file) = File::open(&path)
            && file.try_lock().is_ok()
        {
            // Still locked while it goes, so that nobody can take it in between.
            let _ = std::fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_lives_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (Lease::take(folder.path()).unwrap(), Lease::take(folder.path()).unwrap());
        assert!(one.is_alive(other.name()) && other.is_alive(one.name()) && one.is_alive(one.name()));
        let name = other.name().to_string();
        assert_eq!(Lease::process(&name), std::process::id().to_string());
        drop(other);
        assert!(!one.is_alive(&name));
        // What a killed process leaves behind is a file that nobody locks.
        std::fs::write(folder.path().join("1-dead"), "1").unwrap();
        assert!(!one.is_alive("1-dead"));
        let _third = Lease::take(folder.path()).unwrap();
        assert!(!folder.path().join("1-dead").exists(), "swept away");
        assert!(folder.path().join(one.name()).exists());
    }
}
