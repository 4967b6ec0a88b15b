//! One process an index: a lock file taken before the engine touches its data, since loading it already repairs it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::data_folder::lock_path;
use crate::error::{Error, Result};

/// Held while a process uses an index; the system frees it when the process ends, however it ends.
#[derive(Debug)]
pub struct IndexLock {
    _file: File,
}

/// How long between two looks at a lock that another process holds.
const RETRY_EVERY: Duration = Duration::from_millis(20);

impl IndexLock {
    /// Takes the lock of the index in `folder`, waiting up to `wait` for another process to end.
    ///
    /// # Errors
    /// [`Error::IndexLocked`] with the holder's process id when it is still held then; [`Error::Io`] when the lock file
    /// cannot be made.
    pub fn take(folder: &Path, wait: Duration) -> Result<Self> {
        let path = lock_path(folder);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io("open the lock file", &path))?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if started.elapsed() < wait => std::thread::sleep(RETRY_EVERY),
                Err(TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    let _ = file.read_to_string(&mut holder);
                    let holder = if holder.trim().is_empty() { "unknown".into() } else { holder.trim().to_string() };
                    return Err(Error::IndexLocked { path: folder.to_path_buf(), holder });
                }
                Err(TryLockError::Error(source)) => return Err(Error::io("lock", &path)(source)),
            }
        }
        // The id only serves the message that another process prints; a full disk must not stop a search over it.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_learns_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let held = IndexLock::take(folder.path(), Duration::ZERO).unwrap();
        let error = IndexLock::take(folder.path(), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
        drop(held);
        IndexLock::take(folder.path(), Duration::ZERO).unwrap();
    }
}
