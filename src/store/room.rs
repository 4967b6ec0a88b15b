//! A folder and a number of bytes in, whether its disk has that room out; knows nothing of who writes.
//!
//! The engine writes into mapped files with holes in them. Where the disk has no room for such a page, the system ends the
//! process with a signal instead of giving an error, so the room is looked at before.

use std::path::Path;

use crate::error::{Error, Result};

/// Checks that the disk of `folder`, which need not exist yet, has `bytes` to spare. Where nobody can tell, it has.
///
/// # Errors
/// [`Error::Io`] of the kind that [`Error::is_disk_full`] knows.
pub(super) fn check_room(folder: &Path, bytes: u64) -> Result<()> {
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    match fs4::available_space(existing) {
        Ok(free) if free < bytes => {
            Err(Error::io("write to", folder)(std::io::Error::from(std::io::ErrorKind::StorageFull)))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_a_full_disk() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("not/there/yet");
        assert!(check_room(&deep, 1).is_ok());
        assert_eq!(check_room(&deep, u64::MAX).unwrap_err().exit_code(), 5);
    }
}
