//! A tar archive goes in, its entries come out in order (POSIX ustar and pax, GNU names and links, the older form without a mark).

use std::io::{ErrorKind, Read};

use tar::{EntryType, Header};

use super::{Bounds, Content, Entry, malformed, too_many};
use crate::document::FileStatus;
use crate::error::{Error, Result};

/// Bytes of a header (POSIX.1-2017, pax, ustar interchange format).
const HEADER_BYTES: usize = 512;

/// Whether `bytes` start with a header: its checksum is right, whether or not the mark of ustar is there.
pub(super) fn is_tar(bytes: &[u8]) -> bool {
    let Some(head) = bytes.get(..HEADER_BYTES) else { return false };
    let header = Header::from_byte_slice(head);
    let sum: u32 =
        head.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
    head[0] != 0 && header.cksum().is_ok_and(|stated| stated == sum)
}

/// Hands on the entries. A damaged header is the last of them.
pub(super) fn visit(from: impl Read, bounds: Bounds, each: &mut dyn FnMut(Entry<'_>) -> Result<()>) -> Result<()> {
    let mut archive = ::tar::Archive::new(from);
    let entries = archive.entries().map_err(|error| malformed("its start", error))?;
    for (index, entry) in entries.enumerate() {
        if index >= bounds.entries_max {
            return Err(too_many(index + 1, bounds));
        }
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                let limit = bounds.bytes_max;
                let reason =
                    format!("the archive unpacks to more bytes than the limit read.members.bytes_max = {limit}");
                return Err(Error::document(FileStatus::LimitExceeded, reason));
            }
            Err(error) if index == 0 => return Err(malformed("its first entry", error)),
            Err(error) => {
                let reason =
                    format!("the archive is damaged here ({error}); this entry and those after it were not read");
                let content = Content::Unreadable(FileStatus::Malformed, reason);
                return each(Entry { name: format!("damaged entry {}", index + 1), bytes: None, content });
            }
        };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let bytes = Some(entry.size());
        let link = |from_top| {
            let target = entry.link_name_bytes().map(|target| String::from_utf8_lossy(&target).into_owned());
            Content::Link { target: target.unwrap_or_default(), from_top }
        };
        let special = |what: &str| Content::Unreadable(FileStatus::Unsupported, format!("{what} is not a document"));
        let content = match entry.header().entry_type() {
            EntryType::Directory => Content::Folder,
            // Older archives mark folders by their names alone.
            EntryType::Regular if name.ends_with('/') => Content::Folder,
            EntryType::Symlink => link(false),
            EntryType::Link => link(true),
            EntryType::Fifo => special("a named pipe"),
            EntryType::Char | EntryType::Block => special("a device"),
            // What is said of all entries is none.
            EntryType::XGlobalHeader => continue,
            _ => Content::File(&mut entry),
        };
        each(Entry { name, bytes, content })?;
    }
    Ok(())
}
