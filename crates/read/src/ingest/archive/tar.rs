//! A tar archive goes in, its entries come out in order (POSIX ustar and pax, GNU names and links, the older form without a mark).

use std::io::{ErrorKind, Read};

use tar::{EntryType, Header, PaxExtensions};

use super::{Bounds, Content, Entry, malformed, too_many};
use crate::document::FileStatus;
use crate::error::{Error, Result};

/// Bytes of a header (POSIX.1-2017, pax, ustar interchange format).
const HEADER_BYTES: usize = 512;
/// Bytes of what stands before an entry and says more of it, such as a long name.
const EXTENSION_BYTES_MAX: u64 = 64 * 1024;

/// Whether `bytes` start with a header: its checksum is right, whether or not the mark of ustar is there.
pub(super) fn is_tar(bytes: &[u8]) -> bool {
    let Some(head) = bytes.get(..HEADER_BYTES) else { return false };
    let header = Header::from_byte_slice(head);
    let sum: u32 =
        head.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
    head[0] != 0 && header.cksum().is_ok_and(|stated| stated == sum)
}

/// What entries of their own say of the entry after them.
#[derive(Default)]
struct Extension {
    name: Option<String>,
    target: Option<String>,
}

impl Extension {
    /// Takes the content of an entry of this kind.
    fn take(&mut self, kind: EntryType, bytes: &[u8]) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        match kind {
            EntryType::GNULongName => self.name = Some(text(bytes)),
            EntryType::GNULongLink => self.target = Some(text(bytes)),
            _ => {
                for record in PaxExtensions::new(bytes).flatten() {
                    match record.key_bytes() {
                        b"path" => self.name = Some(text(record.value_bytes())),
                        b"linkpath" => self.target = Some(text(record.value_bytes())),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// Hands on the entries. A damaged header is the last of them.
pub(super) fn visit(from: impl Read, bounds: Bounds, each: &mut dyn FnMut(Entry<'_>) -> Result<()>) -> Result<()> {
    let mut archive = ::tar::Archive::new(from);
    // The library reads names of any length into memory, so they are read here.
    let entries = archive.entries().map_err(|error| malformed("its start", error))?.raw(true);
    let mut extension = Extension::default();
    let mut number = 1;
    for (index, entry) in entries.enumerate() {
        if index >= bounds.entries_max {
            return Err(too_many(index + 1, bounds));
        }
        let read = entry.and_then(|mut entry| extension_of(&mut entry).map(|bytes| (entry, bytes)));
        let mut entry = match read {
            Ok((entry, None)) => entry,
            Ok((entry, Some(bytes))) => {
                extension.take(entry.header().entry_type(), &bytes);
                continue;
            }
            Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                let limit = bounds.bytes_max;
                let reason =
                    format!("the archive unpacks to more bytes than the limit read.members.bytes_max = {limit}");
                return Err(Error::document(FileStatus::LimitExceeded, reason));
            }
            Err(error) if number == 1 => return Err(malformed("its first entry", error)),
            Err(error) => {
                let reason =
                    format!("the archive is damaged here ({error}); this entry and those after it were not read");
                let content = Content::Unreadable(FileStatus::Malformed, reason);
                return each(Entry { name: format!("damaged entry {number}"), bytes: None, content });
            }
        };
        let kind = entry.header().entry_type();
        // It speaks of all entries, and of none that is read here.
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let Extension { name, target } = std::mem::take(&mut extension);
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let name = name.unwrap_or_else(|| lossy(&entry.path_bytes()));
        let target = target.or_else(|| entry.link_name_bytes().map(|target| lossy(&target))).unwrap_or_default();
        let bytes = Some(entry.size());
        let content = match special(kind) {
            Some(what) => Content::Unreadable(FileStatus::Unsupported, format!("{what}, which is not read")),
            None => match kind {
                EntryType::Directory => Content::Folder,
                // Older archives mark folders by their names alone.
                EntryType::Regular if name.ends_with('/') => Content::Folder,
                EntryType::Symlink | EntryType::Link => Content::Link { target, from_top: kind == EntryType::Link },
                _ => Content::File(&mut entry),
            },
        };
        each(Entry { name, bytes, content })?;
        number += 1;
    }
    Ok(())
}

/// The bytes of an entry that says more of the one after it; none for all others.
fn extension_of(entry: &mut tar::Entry<'_, impl Read>) -> std::io::Result<Option<Vec<u8>>> {
    let kind = entry.header().entry_type();
    if !matches!(kind, EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    entry.take(EXTENSION_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > EXTENSION_BYTES_MAX {
        true => Err(std::io::Error::other("a name of more bytes than any system takes")),
        false => Ok(Some(bytes)),
    }
}

/// What an entry is that is neither file, folder nor link.
fn special(kind: EntryType) -> Option<&'static str> {
    match kind {
        EntryType::Fifo => Some("a named pipe"),
        EntryType::Char | EntryType::Block => Some("a device"),
        EntryType::GNUSparse => Some("a file that is stored without its gaps"),
        _ => None,
    }
}
