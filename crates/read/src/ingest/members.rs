//! The bytes of a file go in, its document and those of the files inside it come out one by one; nothing is ever written to disk.
//!
//! Archives are surveyed before anything in them is read: how many files, how many bytes, how deep, and where names and links lead, in
//! them and in the archives inside them. An archive that goes over a limit or reaches outside is refused as a whole. What is wrong with
//! one member costs that member.

mod survey;

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::archive::{self, Archive, Content, Entry, Name};
use super::pdf::PagePicture;
use super::{ReadSettings, Reading, mail, read_whole, sha256_of};
use crate::document::{Document, FileStatus, Format, Warning};
use crate::error::{Error, Result};
use survey::survey;

/// How much inside a file is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MembersSettings {
    /// Archives and documents that hold a member, one inside the other.
    pub depth_max: usize,
    /// Files inside one file, at all depths.
    pub members_max: usize,
    /// Bytes of the files inside one file, at all depths, unpacked.
    pub bytes_max: u64,
    /// Entries of one archive, folders and hidden files included.
    pub entries_max: usize,
    /// Whether members whose name or folder starts with a dot count, and what macOS adds to archives.
    pub hidden: bool,
}

impl Default for MembersSettings {
    fn default() -> Self {
        Self { depth_max: 4, members_max: 10_000, bytes_max: 1 << 30, entries_max: 100_000, hidden: false }
    }
}

/// One document of a file: the file itself, or a file inside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Empty for the file itself; else the path below it, such as `inner.zip/a/report.pdf`.
    pub name: String,
    /// SHA-256 of its bytes in lower-case hexadecimal; empty where they could not be had.
    pub sha256: String,
    /// How many bytes it has; what the archive states where they could not be had.
    pub bytes: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// The pictures that pages without text consist of, where their text is to be recognised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<PagePicture>,
}

/// What became of one document of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was read.
    Document(Box<Document>),
    /// It was not.
    Failed {
        /// What it ends as.
        status: FileStatus,
        /// Why.
        reason: String,
    },
    /// An archive, which has no text of its own.
    Folder,
}

/// Reads `bytes` and the files inside them; `path` only helps to tell formats. The file itself comes first, then its members, depth
/// first and in the order in which the file has them.
///
/// # Errors
/// [`Error::Document`] when the file itself is not read: as [`super::read`], and for archives `limit_exceeded` over `settings.members` and
/// `denied` when a name or a link in it leads outside. Else what `each` says, which ends the reading. A member that is not read is no
/// error.
pub fn read_all(
    path: &Path,
    bytes: &[u8],
    settings: &ReadSettings,
    each: &mut dyn FnMut(Part) -> Result<()>,
) -> Result<()> {
    read_parts(path, bytes, settings, None, each)
}

/// As [`read_all`], or the part called `only` alone. Of the file itself, whose name is empty, no member is looked at.
pub(super) fn read_parts(
    path: &Path,
    bytes: &[u8],
    settings: &ReadSettings,
    only: Option<&str>,
    each: &mut dyn FnMut(Part) -> Result<()>,
) -> Result<()> {
    let mut walk = Walk { settings, only, each, names: HashSet::new(), files: 0, bytes: 0 };
    match archive::kind_of(path, bytes) {
        Some(_) if only == Some("") => walk.emit("", bytes, Outcome::Folder),
        Some(archive) => {
            survey(archive, path, bytes, 0, &mut survey::Budget::new(settings))?;
            walk.archive(archive, path, bytes, Place { name: "", depth: 0, is_surveyed: true })
        }
        None => {
            let reading = read_whole(path, bytes, settings)?;
            walk.document(reading, bytes, Place { name: "", depth: 0, is_surveyed: false })
        }
    }
}

/// The name below `path` of the member `name` of `parent`.
fn below(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
}

/// Where a file is.
#[derive(Clone, Copy)]
struct Place<'n> {
    /// As [`Part::name`].
    name: &'n str,
    /// How many files it is inside of.
    depth: usize,
    /// Whether a survey has looked into it and found it within the limits.
    is_surveyed: bool,
}

struct Walk<'a> {
    settings: &'a ReadSettings,
    only: Option<&'a str>,
    each: &'a mut dyn FnMut(Part) -> Result<()>,
    /// The names of parts so far.
    names: HashSet<String>,
    /// Members so far, and their bytes.
    files: usize,
    bytes: u64,
}

impl Walk<'_> {
    /// Whether the part `name` is asked for.
    fn wants(&self, name: &str) -> bool {
        self.only.is_none_or(|only| only == name)
    }

    /// Whether the part `name` or one inside it is asked for.
    fn wants_below(&self, name: &str) -> bool {
        let is_inside =
            |only: &str| only.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        name.is_empty() || self.only.is_none_or(is_inside)
    }

    fn emit(&mut self, name: &str, bytes: &[u8], outcome: Outcome) -> Result<()> {
        self.emit_with(name, bytes, outcome, Vec::new())
    }

    fn emit_with(&mut self, name: &str, bytes: &[u8], outcome: Outcome, pictures: Vec<PagePicture>) -> Result<()> {
        if !self.wants(name) {
            return Ok(());
        }
        let (sha256, bytes) = (sha256_of(bytes), bytes.len() as u64);
        (self.each)(Part { name: name.to_owned(), sha256, bytes, outcome, pictures })
    }

    /// Hands on a member whose bytes are not to be had.
    fn emit_unreadable(&mut self, name: String, bytes: u64, status: FileStatus, reason: String) -> Result<()> {
        if !self.wants(&name) {
            return Ok(());
        }
        (self.each)(Part {
            name,
            sha256: String::new(),
            bytes,
            outcome: Outcome::Failed { status, reason },
            pictures: vec![],
        })
    }

    /// Hands on an archive and what is in it.
    fn archive(&mut self, archive: Archive, path: &Path, bytes: &[u8], place: Place<'_>) -> Result<()> {
        let mut is_told = false;
        let mut number = 0;
        let bounds = self.settings.members.bounds();
        let read = archive::visit(archive, path, bytes, bounds, &mut |entry| {
            if !std::mem::replace(&mut is_told, true) {
                self.emit(place.name, bytes, Outcome::Folder)?;
            }
            number += 1;
            self.entry(entry, number, place)
        });
        match read {
            Ok(()) if !is_told => self.emit(place.name, bytes, Outcome::Folder),
            // Before the first entry the archive itself is at fault, after it a receiver of parts.
            Err(Error::Document { status, reason, .. }) if !is_told && !place.name.is_empty() => {
                self.emit(place.name, bytes, Outcome::Failed { status, reason })
            }
            read => read,
        }
    }

    fn entry(&mut self, entry: Entry<'_>, number: usize, archive: Place<'_>) -> Result<()> {
        let settings = self.settings;
        let Name::Inside(name) = archive::clean(&entry.name, number, settings.members.hidden) else { return Ok(()) };
        if matches!(entry.content, Content::Folder) {
            return Ok(());
        }
        let name = self.unique(&below(archive.name, &name));
        if !self.wants_below(&name) {
            return Ok(());
        }
        let stated = entry.bytes.unwrap_or_default();
        let (status, reason) = match entry.content {
            Content::File(content) => match archive::unpack(content, entry.bytes, settings.file_bytes_max) {
                Ok(bytes) => return self.member(&name, &bytes, archive),
                Err(Error::Document { status, reason, .. }) => (status, reason),
                Err(error) => return Err(error),
            },
            Content::Link { .. } => {
                let reason = "a link, which is not followed; the file that it leads to is read by its own name";
                (FileStatus::Denied, reason.to_owned())
            }
            Content::Unreadable(status, reason) => (status, reason),
            Content::Folder => return Ok(()),
        };
        self.emit_unreadable(name, stated, status, reason)
    }

    /// Hands on the member `name` of `parent`, and what is in it.
    fn member(&mut self, name: &str, bytes: &[u8], parent: Place<'_>) -> Result<()> {
        let members = &self.settings.members;
        let place = Place { name, depth: parent.depth + 1, is_surveyed: parent.is_surveyed };
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let over = match () {
            () if self.files > members.members_max => Some(("members_max", members.members_max as u64)),
            () if self.bytes > members.bytes_max => Some(("bytes_max", members.bytes_max)),
            () if place.depth > members.depth_max => Some(("depth_max", members.depth_max as u64)),
            () => None,
        };
        if let Some((setting, limit)) = over {
            let reason = format!("it is over the limit read.members.{setting} = {limit} of the file that holds it");
            return self.emit(name, bytes, Outcome::Failed { status: FileStatus::LimitExceeded, reason });
        }
        let path = Path::new(name);
        let outcome = match archive::kind_of(path, bytes) {
            Some(archive) if place.is_surveyed => return self.archive(archive, path, bytes, place),
            Some(archive) => {
                let mut budget = survey::Budget::new(self.settings).less(self.files, self.bytes);
                survey(archive, path, bytes, place.depth, &mut budget).map(|()| archive).map_err(Some)
            }
            None => Err(None),
        };
        let failed = match outcome {
            Ok(archive) => return self.archive(archive, path, bytes, Place { is_surveyed: true, ..place }),
            Err(Some(error)) => error,
            Err(None) => match read_whole(path, bytes, self.settings) {
                Ok(reading) => return self.document(reading, bytes, Place { is_surveyed: false, ..place }),
                Err(error) => error,
            },
        };
        let (status, reason) = match failed {
            Error::Document { status, reason, .. } => (status, reason),
            other => (FileStatus::Malformed, other.to_string()),
        };
        self.emit(name, bytes, Outcome::Failed { status, reason })
    }

    /// Hands on a document and its members.
    fn document(&mut self, reading: Reading, bytes: &[u8], place: Place<'_>) -> Result<()> {
        let Reading { mut document, members, pictures } = reading;
        let is_mailbox = document.format == Format::Mbox;
        let count = if is_mailbox { mail::count(bytes, &self.settings.mail) } else { members.len() };
        let left = self.settings.members.members_max.saturating_sub(self.files);
        if count > left {
            let limit = self.settings.members.members_max;
            let message = format!(
                "{} files inside it were left out, over the limit read.members.members_max = {limit}",
                count - left
            );
            document.warnings.push(Warning { page: None, lossy: true, message });
        }
        self.emit_with(place.name, bytes, Outcome::Document(Box::new(document)), pictures)?;
        if self.only == Some(place.name) {
            return Ok(());
        }
        let settings = self.settings;
        let mut hand_on = |name: &str, bytes: &[u8]| {
            let name = self.unique(&below(place.name, name));
            if self.wants_below(&name) { self.member(&name, bytes, place) } else { Ok(()) }
        };
        if is_mailbox {
            let mut messages = mail::members(bytes, &settings.mail).take(left);
            return messages.try_for_each(|member| hand_on(&member.name, &member.bytes));
        }
        members.into_iter().take(left).try_for_each(|member| hand_on(&member.name, &member.bytes))
    }

    /// `name`, with a number before its last part where another part has it already.
    fn unique(&mut self, name: &str) -> String {
        let mut found = name.to_owned();
        let mut number = 2_usize;
        while !self.names.insert(found.clone()) {
            found = match name.rsplit_once('/') {
                Some((folder, last)) => format!("{folder}/{number}-{last}"),
                None => format!("{number}-{name}"),
            };
            number += 1;
        }
        found
    }
}

#[cfg(test)]
mod tests;
