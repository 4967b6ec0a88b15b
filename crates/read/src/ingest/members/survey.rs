//! An archive goes in, whether it may be read comes out; looks into the archives inside it, one at a time, and reads no document.

use std::io::{Cursor, Read};
use std::path::Path;

use super::MembersSettings;
use crate::document::FileStatus;
use crate::error::{Error, Result};
use crate::ingest::ReadSettings;
use crate::ingest::archive::{self, Archive, Bounds, Content, Entry, Name};

impl MembersSettings {
    /// What holds for one archive before its entries are met.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds { entries_max: self.entries_max, bytes_max: self.bytes_max }
    }
}

/// What archives may still hold.
pub(super) struct Budget<'a> {
    settings: &'a ReadSettings,
    files: usize,
    bytes: u64,
}

impl<'a> Budget<'a> {
    pub(super) fn new(settings: &'a ReadSettings) -> Self {
        Self { settings, files: 0, bytes: 0 }
    }

    /// The same, with so many files and bytes used up.
    pub(super) fn less(self, files: usize, bytes: u64) -> Self {
        Self { files, bytes, ..self }
    }

    fn take(&mut self, files: usize, bytes: u64) -> Result<()> {
        let MembersSettings { members_max, bytes_max, .. } = self.settings.members;
        self.files = self.files.saturating_add(files);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.files > members_max {
            return Err(over(&format!("holds more files than the limit read.members.members_max = {members_max}")));
        }
        if self.bytes > bytes_max {
            return Err(over(&format!("unpacks to more bytes than the limit read.members.bytes_max = {bytes_max}")));
        }
        Ok(())
    }
}

fn over(what: &str) -> Error {
    let reason = format!("the archive {what}, the archives inside it included; nothing in it was read");
    Error::document(FileStatus::LimitExceeded, reason)
}

/// Looks through the archive in `bytes`, which is inside `depth` others.
///
/// # Errors
/// `limit_exceeded` over a limit, `denied` when a name or a link leads outside, `malformed` when the archive cannot be read at all.
pub(super) fn survey(archive: Archive, path: &Path, bytes: &[u8], depth: usize, budget: &mut Budget<'_>) -> Result<()> {
    let MembersSettings { depth_max, .. } = budget.settings.members;
    if depth >= depth_max {
        return Err(over(&format!("nests deeper than the limit read.members.depth_max = {depth_max}")));
    }
    let bounds = budget.settings.members.bounds();
    archive::visit(archive, path, bytes, bounds, &mut |entry| entry_of(entry, path, depth, budget))
}

fn entry_of(entry: Entry<'_>, archive: &Path, depth: usize, budget: &mut Budget<'_>) -> Result<()> {
    let denied = |what: &str| {
        let name = archive::shown(&entry.name);
        Error::document(FileStatus::Denied, format!("{what} {name} leads out of the archive; nothing in it was read"))
    };
    let name = match archive::clean(&entry.name, 0, budget.settings.members.hidden) {
        Name::Outside => return Err(denied("the entry")),
        Name::Hidden => None,
        Name::Inside(name) => Some(name),
    };
    let content = match entry.content {
        Content::Link { target, from_top } if escapes(&entry.name, &target, from_top) => {
            return Err(denied("the link"));
        }
        Content::Folder => return Ok(()),
        Content::File(content) => Some(content),
        Content::Link { .. } | Content::Unreadable(..) => None,
    };
    let Some(name) = name else { return Ok(()) };
    budget.take(1, entry.bytes.unwrap_or_default())?;
    let Some(content) = content else { return Ok(()) };
    inside(&archive.join(name), content, entry.bytes, depth, budget)
}

/// Looks into an entry that is an archive, and counts what the archive around it does not state.
fn inside(
    path: &Path,
    content: &mut dyn Read,
    stated: Option<u64>,
    depth: usize,
    budget: &mut Budget<'_>,
) -> Result<()> {
    let most = budget.settings.file_bytes_max;
    let mut head = Vec::with_capacity(archive::HEAD_BYTES);
    // Damage is told when the entry is read.
    if content.take(archive::HEAD_BYTES as u64).read_to_end(&mut head).is_err() {
        return Ok(());
    }
    if archive::may_be_archive(&head) {
        let mut whole = Cursor::new(head).chain(content);
        let Ok(bytes) = archive::unpack(&mut whole, stated, most) else {
            return stated.map_or_else(|| count(&mut whole, most, budget), |_| Ok(()));
        };
        if stated.is_none() {
            budget.take(0, bytes.len() as u64)?;
        }
        let Some(archive) = archive::kind_of(path, &bytes) else { return Ok(()) };
        return match survey(archive, path, &bytes, depth + 1, budget) {
            // An archive that cannot be read is one bad member.
            Err(Error::Document { status: FileStatus::Malformed, .. }) => Ok(()),
            surveyed => surveyed,
        };
    }
    match stated {
        Some(_) => Ok(()),
        None => count(content, head.len() as u64, budget),
    }
}

/// Counts the bytes of `content`, `before` of which were read.
fn count(content: &mut dyn Read, before: u64, budget: &mut Budget<'_>) -> Result<()> {
    budget.take(0, before)?;
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = content.read(&mut buffer) {
        budget.take(0, read as u64)?;
    }
    Ok(())
}

/// Whether the link `name` to `target` leads out of the archive.
fn escapes(name: &str, target: &str, from_top: bool) -> bool {
    let target = target.replace('\\', "/");
    if target.starts_with('/')
        || (target.as_bytes().get(1) == Some(&b':') && target.as_bytes()[0].is_ascii_alphabetic())
    {
        return true;
    }
    let says = |part: &&str| !matches!(*part, "" | ".");
    let mut depth = if from_top { 0 } else { name.split(['/', '\\']).filter(says).count().saturating_sub(1) };
    for part in target.split('/').filter(says) {
        match (part.trim(), depth.checked_sub(1)) {
            ("..", None) => return true,
            ("..", Some(above)) => depth = above,
            _ => depth += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_in_thought() {
        for (name, target, from_top, outside) in [
            ("a/b", "../c", false, false),
            ("a/b", "../../c", false, true),
            ("a/b", "../c", true, true),
            ("b", "/etc/passwd", false, true),
            ("b", "c:\\x", false, true),
            ("./a/b", "./c/../../d", false, false),
            ("a/b", "..\\..\\c", false, true),
            ("b", "", false, false),
        ] {
            assert_eq!(escapes(name, target, from_top), outside, "{name} {target}");
        }
    }
}
