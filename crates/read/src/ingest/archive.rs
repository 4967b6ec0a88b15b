//! The bytes of an archive go in, its entries come out one after the other, in memory; nothing is ever written to disk or followed.
//!
//! What an entry unpacks to is for the caller to bound: an entry gives a reader, and the size that the archive states for it, which may
//! be a lie.

mod gzip;
mod name;
mod tar;
mod zip;

use std::io::{self, Read};
use std::path::Path;

use super::detect;
use crate::document::FileStatus;
use crate::error::{Error, Result};

pub(super) use name::{Name, clean, shown};

/// A kind of archive that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Archive {
    /// Entries that are packed each on its own.
    Zip,
    /// Entries one after the other, not packed.
    Tar,
    /// A tar archive that was packed as a whole.
    TarGzip,
    /// One packed file.
    Gzip,
}

/// Something in an archive.
pub(super) struct Entry<'a> {
    /// As the archive has it: not cleaned, and maybe meant to lead elsewhere.
    pub(super) name: String,
    /// Bytes that it unpacks to by what the archive says, where it says so.
    pub(super) bytes: Option<u64>,
    pub(super) content: Content<'a>,
}

/// What an entry is.
pub(super) enum Content<'a> {
    File(&'a mut dyn Read),
    Folder,
    /// A link of some kind.
    Link {
        /// Where it leads; empty where that is not known.
        target: String,
        /// Whether the target counts from the top of the archive rather than from the link.
        from_top: bool,
    },
    /// Nothing that can be read, for this reason.
    Unreadable(FileStatus, String),
}

/// Bounds that hold before an entry is met.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Entries that an archive may have, folders and hidden ones included.
    pub(super) entries_max: usize,
    /// Bytes that an archive that is packed as a whole may unpack to.
    pub(super) bytes_max: u64,
}

/// The kind of archive that `bytes` are; none for documents, those that are zip packages included.
pub(super) fn kind_of(path: &Path, bytes: &[u8]) -> Option<Archive> {
    match bytes {
        _ if detect::is_zip_archive(path, bytes) => Some(Archive::Zip),
        _ if gzip::is_gzip(bytes) && tar::is_tar(&gzip::head(bytes)) => Some(Archive::TarGzip),
        _ if gzip::is_gzip(bytes) => Some(Archive::Gzip),
        _ if tar::is_tar(bytes) => Some(Archive::Tar),
        _ => None,
    }
}

/// Whether something that starts with `head` may be an archive.
pub(super) fn may_be_archive(head: &[u8]) -> bool {
    detect::is_zip(head) || gzip::is_gzip(head) || tar::is_tar(head)
}

/// Bytes that a tar archive has for each entry beside its content: headers, names, the rest of a block.
const BESIDE_BYTES: u64 = 4096;

/// Bytes at the start of a file that [`may_be_archive`] wants to see.
pub(super) const HEAD_BYTES: usize = 512;

/// Hands the entries of the archive in `bytes` to `each`, in order. `path` names what a packed file is called.
///
/// # Errors
/// `malformed` when the archive cannot be read at all (from the first damage on, the entry that could not be read is the last), and
/// `limit_exceeded` over `bounds`; else what `each` says.
pub(super) fn visit(
    archive: Archive,
    path: &Path,
    bytes: &[u8],
    bounds: Bounds,
    each: &mut dyn FnMut(Entry<'_>) -> Result<()>,
) -> Result<()> {
    match archive {
        Archive::Zip => zip::visit(bytes, bounds, each),
        Archive::Tar => tar::visit(bytes, bounds, each),
        Archive::TarGzip => {
            let beside = (bounds.entries_max as u64).saturating_mul(BESIDE_BYTES);
            let left = bounds.bytes_max.saturating_add(beside);
            tar::visit(Bounded { inner: gzip::reader(bytes), left }, bounds, each)
        }
        Archive::Gzip => gzip::visit(path, bytes, each),
    }
}

/// Reads all of an entry: at most `bytes_max`, and exactly what the archive states.
///
/// # Errors
/// `limit_exceeded` and `malformed`.
pub(super) fn unpack(content: &mut dyn Read, stated: Option<u64>, bytes_max: u64) -> Result<Vec<u8>> {
    let over = || {
        let reason = format!("the file has more bytes than the limit read.file_bytes_max = {bytes_max}");
        Error::document(FileStatus::LimitExceeded, reason)
    };
    let damaged = |reason: String| Error::document(FileStatus::Malformed, reason);
    if stated.is_some_and(|stated| stated > bytes_max) {
        return Err(over());
    }
    let mut bytes = Vec::new();
    let most = stated.unwrap_or(bytes_max);
    content
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| damaged(format!("it cannot be unpacked: {error}")))?;
    match stated {
        None if bytes.len() as u64 > most => Err(over()),
        Some(stated) if bytes.len() as u64 != stated => {
            Err(damaged(format!("it unpacks to another size than the {stated} bytes that the archive states")))
        }
        _ => Ok(bytes),
    }
}

/// The error of an archive with more entries than are looked at.
fn too_many(entries: usize, bounds: Bounds) -> Error {
    let limit = bounds.entries_max;
    let reason =
        format!("the archive has {entries} entries or more, over the limit read.members.entries_max = {limit}");
    Error::document(FileStatus::LimitExceeded, reason)
}

fn malformed(what: &str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    let reason = format!("the archive is damaged: {what} cannot be read; unpack it with another program");
    Error::Document { status: FileStatus::Malformed, reason, source: Some(Box::new(source)) }
}

/// A reader that fails, rather than ends, after so many bytes.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.left = self.left.checked_sub(count as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}

#[cfg(test)]
pub(super) mod tests;
