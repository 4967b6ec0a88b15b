//! A zip archive goes in, its entries come out in the order of its directory (APPNOTE 6.3.10).

use std::io::{Cursor, Read as _};

use zip::ZipArchive;
use zip::result::ZipError;

use super::{Bounds, Content, Entry, malformed, too_many};
use crate::document::FileStatus;
use crate::error::Result;

/// The signature of an entry in the directory at the end of an archive (APPNOTE 4.3.12).
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";
/// The signature of the end of the directory (APPNOTE 4.3.16), and how far from the end of the file it can stand.
const DIRECTORY_END: &[u8] = b"PK\x05\x06";
const DIRECTORY_END_BYTES_MAX: usize = 22 + 65_535;
/// Bytes of a symbolic link's target that are looked at.
const TARGET_BYTES_MAX: u64 = 4096;

/// Hands on the entries.
pub(super) fn visit(bytes: &[u8], bounds: Bounds, each: &mut dyn FnMut(Entry<'_>) -> Result<()>) -> Result<()> {
    // Counted before the directory is read, which takes memory for every entry.
    let entries = entries(bytes);
    if entries > bounds.entries_max {
        return Err(too_many(entries, bounds));
    }
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|error| malformed("its directory of entries", error))?;
    for at in 0..archive.len() {
        let Ok(entry) = archive.by_index_data(at) else { continue };
        let name = name(entry.name_raw(), entry.name().ok().as_deref());
        let (size, is_folder, is_link) = (entry.size(), entry.is_dir() || name.ends_with('\\'), entry.is_symlink());
        let (is_encrypted, method) = (entry.encrypted(), entry.compression());
        drop(entry);
        let mut opened = None;
        let content = match () {
            () if is_folder => Content::Folder,
            () if is_encrypted => Content::Unreadable(
                FileStatus::Encrypted,
                "it is protected by a password; unpack the archive with the password to index it".into(),
            ),
            () => match archive.by_index(at) {
                Ok(mut file) if is_link => {
                    let mut target = Vec::new();
                    let _ = file.by_ref().take(TARGET_BYTES_MAX).read_to_end(&mut target);
                    Content::Link { target: String::from_utf8_lossy(&target).into_owned(), from_top: false }
                }
                Ok(file) => Content::File(opened.insert(file)),
                Err(error) => {
                    let (status, reason) = refused(&error, &method.to_string());
                    Content::Unreadable(status, reason)
                }
            },
        };
        each(Entry { name, bytes: Some(size), content })?;
    }
    Ok(())
}

/// Why an entry cannot be opened.
fn refused(error: &ZipError, method: &str) -> (FileStatus, String) {
    match error {
        ZipError::CompressionMethodNotSupported(_) | ZipError::UnsupportedArchive(_) => {
            let reason =
                format!("it is packed by a method that is not read ({method}); unpack the archive to index it");
            (FileStatus::Unsupported, reason)
        }
        _ => (FileStatus::Malformed, format!("it cannot be unpacked: {error}")),
    }
}

/// The name of an entry. Many programs write UTF-8 without saying so; what is no UTF-8 is read as the archive says.
fn name(raw: &[u8], told: Option<&str>) -> String {
    match (std::str::from_utf8(raw), told) {
        (Ok(name), _) | (Err(_), Some(name)) => name.to_owned(),
        (Err(_), None) => String::from_utf8_lossy(raw).into_owned(),
    }
}

/// How many entries reading the directory can meet at most: as many as have a signature, where that many are stated.
fn entries(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(DIRECTORY_END_BYTES_MAX)..];
    let end = tail.windows(DIRECTORY_END.len()).rposition(|window| window == DIRECTORY_END);
    let stated = end.and_then(|end| tail.get(end + 10..end + 12)).map(|two| u16::from_le_bytes([two[0], two[1]]));
    match stated {
        // The greatest number says that the real one stands elsewhere. Archives stored inside this one count too, then.
        None | Some(u16::MAX) => signatures(bytes),
        Some(stated) => usize::from(stated),
    }
}

fn signatures(bytes: &[u8]) -> usize {
    bytes.windows(DIRECTORY_ENTRY.len()).filter(|window| *window == DIRECTORY_ENTRY).count()
}
