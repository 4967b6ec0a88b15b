//! The bytes of a zip package go in, its parts come out in memory and within limits; nothing is ever unpacked to disk or fetched.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};

use zip::ZipArchive;
use zip::result::ZipError;

use super::{OfficeSettings, malformed, over};
use crate::document::{FileStatus, Warning};
use crate::error::{Error, Result};
use crate::ingest::encoding;

/// Bytes that a part may always unpack to, however well it is packed.
const RATIO_FREE_BYTES: u64 = 1 << 20;
/// The signature of an entry in the directory at the end of an archive (APPNOTE 4.3.12).
const DIRECTORY_ENTRY: &[u8] = b"PK\x01\x02";

/// A package that is open for reading.
pub(super) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// Where each part is, by its name in lower case.
    index: HashMap<String, usize>,
    settings: OfficeSettings,
    /// Bytes unpacked so far; a part that is read twice counts twice.
    unpacked: u64,
    /// What was odd about the archive or its parts.
    pub(super) warnings: Vec<Warning>,
}

/// What one part points to.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// Its id in the part.
    pub(super) id: String,
    /// The last word of its type: `slide`, `hyperlink`.
    pub(super) kind: String,
    /// The part's name; none for what lies outside the package and is never fetched.
    pub(super) target: Option<String>,
}

impl<'a> Package<'a> {
    /// Opens the archive in `bytes`; reads its directory only.
    ///
    /// # Errors
    /// `malformed` when this is no archive, `limit_exceeded` when it has more than `entries_max` entries.
    pub(super) fn open(bytes: &'a [u8], settings: &OfficeSettings) -> Result<Self> {
        // Counted before the directory is read, which takes memory for every entry.
        let entries = count(bytes, DIRECTORY_ENTRY);
        if entries > settings.entries_max {
            return Err(over("entries in the package: more than", "entries_max", settings.entries_max));
        }
        let broken = |source: ZipError| Error::Document {
            status: FileStatus::Malformed,
            reason: "the package is damaged: its directory of parts cannot be read; open and save the file again"
                .into(),
            source: Some(Box::new(source)),
        };
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
        let mut package =
            Self { archive, index: HashMap::new(), settings: settings.clone(), unpacked: 0, warnings: Vec::new() };
        package.list();
        Ok(package)
    }

    /// Fills the list of parts, telling names that lead elsewhere or come twice.
    fn list(&mut self) {
        let (mut outside, mut twice) = (0_usize, usize::from(self.archive.has_duplicate_names()));
        for at in 0..self.archive.len() {
            let Some(Ok(name)) = self.archive.name_for_index(at) else { continue };
            let name = name.replace('\\', "/").to_lowercase();
            let is_drive = name.as_bytes().get(1) == Some(&b':');
            if name.starts_with('/') || is_drive || name.split('/').any(|segment| segment == "..") {
                outside += 1;
            } else if !name.ends_with('/') && self.index.insert(name, at).is_some() {
                twice += 1;
            }
        }
        if outside > 0 {
            let message = format!("{outside} entries have names that lead out of the package; they were left out");
            self.warnings.push(Warning { page: None, lossy: false, message });
        }
        if twice > 0 {
            let message = "parts of the package have the same name; of each the last was read, another program may show the first";
            self.warnings.push(Warning { page: None, lossy: true, message: message.into() });
        }
    }

    /// The names of the parts in lower case.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.index.keys().map(String::as_str)
    }

    /// Whether there is a part called `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.index.contains_key(&name.to_lowercase())
    }

    /// How deep the XML of a part may nest.
    pub(super) fn depth_max(&self) -> usize {
        self.settings.xml_depth_max
    }

    /// How many names of parts start with `prefix`.
    pub(super) fn count_under(&self, prefix: &str) -> usize {
        self.index.keys().filter(|name| name.starts_with(prefix)).count()
    }

    /// The bytes of the part `name`; none where there is no such part. A damaged part gives what could be unpacked, and a warning.
    ///
    /// # Errors
    /// `encrypted` when the part has a password, `limit_exceeded` when it unpacks to more than the limits allow.
    pub(super) fn bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(at) = self.index.get(&name.to_lowercase()).copied() else { return Ok(None) };
        let settings = &self.settings;
        let mut part = match self.archive.by_index(at) {
            Ok(part) => part,
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
                let reason = "the parts of the package are protected by a password";
                return Err(Error::document(FileStatus::Encrypted, reason));
            }
            Err(error) => {
                let message = format!("the part {} cannot be unpacked ({error}); its text is missing", shown(name));
                self.warnings.push(Warning { page: None, lossy: true, message });
                return Ok(None);
            }
        };
        let packed = part.compressed_size();
        let by_ratio = packed.saturating_mul(settings.ratio_max).max(RATIO_FREE_BYTES);
        let left = settings.unpacked_bytes_max.saturating_sub(self.unpacked);
        let most = settings.entry_bytes_max.min(left).min(by_ratio);
        // The size that the archive states is only a hint, and an attacker's one.
        let mut bytes = Vec::with_capacity(part.size().min(most).min(RATIO_FREE_BYTES) as usize);
        let outcome = part.by_ref().take(most.saturating_add(1)).read_to_end(&mut bytes);
        drop(part);
        self.unpacked = self.unpacked.saturating_add(bytes.len() as u64);
        if bytes.len() as u64 > most {
            return Err(if most == left {
                over(
                    "the parts of the package unpack to more bytes than",
                    "unpacked_bytes_max",
                    settings.unpacked_bytes_max,
                )
            } else if most == settings.entry_bytes_max {
                over("a part of the package unpacks to more bytes than", "entry_bytes_max", settings.entry_bytes_max)
            } else {
                over("a part of the package unpacks to more times its size than", "ratio_max", settings.ratio_max)
            });
        }
        if let Err(error) = outcome {
            let message = format!("the part {} is damaged ({error}); its text may be incomplete or wrong", shown(name));
            self.warnings.push(Warning { page: None, lossy: true, message });
        }
        Ok(Some(bytes))
    }

    /// The text of the XML part `name`; none where there is no such part.
    ///
    /// # Errors
    /// As [`Package::bytes`].
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>> {
        let Some(bytes) = self.bytes(name)? else { return Ok(None) };
        let label = encoding::declared(&bytes);
        let is_plain = label.as_deref().is_none_or(|label| label.eq_ignore_ascii_case("utf-8"));
        if !is_plain || encoding::has_mark(&bytes) {
            return Ok(Some(encoding::decode(&bytes, label.as_deref()).text));
        }
        // Nearly always; it saves a copy.
        Ok(Some(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => encoding::decode(error.as_bytes(), label.as_deref()).text,
        }))
    }
}

/// How often `needle` stands in `bytes`.
fn count(bytes: &[u8], needle: &[u8]) -> usize {
    let mut found = 0;
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
        rest = &rest[at..];
        if rest.starts_with(needle) {
            found += 1;
        }
        rest = &rest[1..];
    }
    found
}

/// A part's name as a message shows it.
pub(super) fn shown(name: &str) -> String {
    let name: String = name.chars().filter(|character| !character.is_control()).take(80).collect();
    format!("`{name}`")
}

/// The name of the part that `target`, written in the part `from`, leads to.
pub(super) fn resolve(from: &str, target: &str) -> String {
    let target = target.split(['#', '?']).next().unwrap_or_default().replace('\\', "/");
    let mut segments: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => from.split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev().collect(),
    };
    for segment in target.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    unescaped(&segments.join("/"))
}

/// `path` with its percent escapes resolved, where they give text.
fn unescaped(path: &str) -> String {
    if !path.contains('%') {
        return path.to_owned();
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (*first, digit(0), digit(1)) {
            bytes.push((high * 16 + low) as u8);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| path.to_owned())
}

/// The error of a package without the part that holds its text.
pub(super) fn without_main(what: &str) -> Error {
    malformed(format!("the package has no {what}, so there is nothing to read; open and save the file again"))
}
