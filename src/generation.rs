//! A data folder in, the folder of the index that is served from it out, and how another index takes its place.
//!
//! The first index lies in the data folder itself. One that is made otherwise lies in `generations/NAME`, and the file `generation` names
//! the one that is served. That file is replaced in one step, so every reader finds a whole index, the old one or the new.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::data_folder::{generation_path, generations_path};
use crate::error::{Error, Result};
use crate::store::IndexLock;

/// Hexadecimal digits of a name.
const NAME_DIGITS: usize = 12;
/// What the name of a generation ends with that is made as the served one was.
const AGAIN: &str = "-again";

/// The folder of the index that is served from the data folder `home`.
///
/// # Errors
/// [`Error::Io`] when it cannot be told; [`Error::IndexDamaged`] when it is not there.
pub fn served(home: &Path) -> Result<PathBuf> {
    let pointer = generation_path(home);
    let name = match std::fs::read_to_string(&pointer) {
        Ok(name) => name,
        Err(source) if source.kind() == ErrorKind::NotFound => return Ok(home.to_path_buf()),
        Err(source) => return Err(Error::io("read", &pointer)(source)),
    };
    let place = generations_path(home).join(name.trim());
    let is_name = name.trim().chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !name.trim().is_empty();
    if is_name && place.is_dir() {
        return Ok(place);
    }
    let reason = "the generation that it names is gone".into();
    Err(Error::IndexDamaged { path: home.to_path_buf(), reason, source: None })
}

/// Takes the lock of the served index; its folder.
///
/// # Errors
/// As [`served`] and [`IndexLock::take`].
pub fn lock_served(home: &Path, wait: Duration) -> Result<(PathBuf, IndexLock)> {
    loop {
        let place = served(home)?;
        let lock = IndexLock::take(&place, wait)?;
        // Another may have taken its place while this one was waited for.
        if served(home)? == place {
            return Ok((place, lock));
        }
    }
}

/// The folder of the generation that is made with `identity`, beside the served one. The same settings give the same folder, so that an
/// interrupted rebuild is taken up.
#[must_use]
pub fn beside(home: &Path, identity: &str, served: Option<&Path>) -> PathBuf {
    let digest = Sha256::digest(identity);
    let mut name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    name.truncate(NAME_DIGITS);
    let place = generations_path(home).join(&name);
    if served == Some(&place) { generations_path(home).join(name + AGAIN) } else { place }
}

/// Makes the generation in `place` the served one, durably and in one step.
///
/// # Errors
/// [`Error::Io`]; then the old one is still served.
pub fn serve(home: &Path, place: &Path) -> Result<()> {
    let name = place.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (pointer, new) = (generation_path(home), generation_path(home).with_extension("new"));
    let write = || {
        let mut file = File::create(&new)?;
        writeln!(file, "{name}")?;
        file.sync_all()?;
        std::fs::rename(&new, &pointer)?;
        sync_folder(home)
    };
    write().map_err(Error::io("write", &pointer))
}

/// Renames are durable once their folder is.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Removes the generations in folders of their own that are not served and that nobody works on.
///
/// # Errors
/// [`Error::Io`] when one cannot be removed.
pub fn remove_unserved(home: &Path) -> Result<()> {
    let kept = served(home)?;
    for entry in std::fs::read_dir(generations_path(home)).into_iter().flatten().flatten() {
        let place = entry.path();
        if place == kept || !place.is_dir() {
            continue;
        }
        if let Ok(_lock) = IndexLock::take(&place, Duration::ZERO) {
            std::fs::remove_dir_all(&place).map_err(Error::io("remove", &place))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_generation_is_the_data_folder_and_another_takes_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        assert_eq!(served(home).unwrap(), home);
        let place = beside(home, "identity", Some(home));
        assert_eq!(place, beside(home, "identity", Some(home)), "an interrupted rebuild finds its folder");
        std::fs::create_dir_all(&place).unwrap();
        serve(home, &place).unwrap();
        assert_eq!(served(home).unwrap(), place);
        let again = beside(home, "identity", Some(&place));
        assert_ne!(again, place, "never on top of what is served");
        std::fs::create_dir_all(&again).unwrap();
        let held = IndexLock::take(&again, Duration::ZERO).unwrap();
        remove_unserved(home).unwrap();
        assert!(again.exists(), "somebody works on it");
        drop(held);
        remove_unserved(home).unwrap();
        assert!(!again.exists() && place.exists());
        std::fs::remove_dir_all(&place).unwrap();
        assert_eq!(served(home).unwrap_err().exit_code(), 6);
        std::fs::write(generation_path(home), "../elsewhere").unwrap();
        assert!(served(home).is_err(), "no name leads out of the folder");
    }
}
