//! Values in, frames out, and back: a length of eight bytes and as many bytes.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::document::FileStatus;
use crate::ingest::members::{Outcome, Part};
use crate::ingest::pdf::PagePicture;

/// What a child is asked: this, then the bytes of the file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// Helps to tell the format; it is not opened.
    pub(super) path: PathBuf,
    /// The one part that is wanted; the empty name is that of the file itself.
    pub(super) only: Option<String>,
}

/// What a child says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    /// It is confined, and waits.
    Ready {
        /// How far, in words.
        confined: String,
    },
    /// One document of the file; more may follow.
    Part(Part),
    /// All parts were given.
    Done,
    /// The file itself was not read, and nothing follows.
    Failed {
        /// What the file ends as.
        status: FileStatus,
        /// Why.
        reason: String,
    },
}

/// What comes from a process that met a hostile file is checked as the file is: that `part` keeps the promises of parts.
///
/// # Errors
/// What is broken, in words.
pub(super) fn check(part: &Part) -> std::result::Result<(), String> {
    let is_plain = |name: &str| {
        !name.chars().any(char::is_control) && name.split('/').all(|step| !matches!(step, "" | "." | ".."))
    };
    if !part.name.is_empty() && !is_plain(&part.name) {
        return Err("a name that is no relative path".into());
    }
    if !matches!(part.sha256.len(), 0 | 64) || !part.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("a hash that is none".into());
    }
    match &part.outcome {
        Outcome::Document(document) => document.check(),
        Outcome::Failed { .. } | Outcome::Folder => Ok(()),
    }
}

/// Sends a part: what describes it, then its pictures.
pub(super) fn send_part(to: &mut impl Write, mut part: Part) -> Result<()> {
    let pictures = std::mem::take(&mut part.pictures);
    part.pictures = pictures.iter().map(|picture| PagePicture { bytes: Vec::new(), ..picture.clone() }).collect();
    send_json(to, &Reply::Part(part))?;
    pictures.iter().try_for_each(|picture| send(to, &picture.bytes))
}

pub(super) fn send(to: &mut impl Write, bytes: &[u8]) -> Result<()> {
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(bytes)?;
    to.flush()
}

/// The next frame, of at most `bytes_max`.
pub(super) fn receive(from: &mut impl Read, bytes_max: u64) -> Result<Vec<u8>> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > bytes_max {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("a frame of {length} bytes, over {bytes_max}")));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    from.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

pub(super) fn send_json(to: &mut impl Write, value: &impl Serialize) -> Result<()> {
    send(to, &serde_json::to_vec(value)?)
}

pub(super) fn receive_json<T: DeserializeOwned>(from: &mut impl Read, bytes_max: u64) -> Result<T> {
    Ok(serde_json::from_slice(&receive(from, bytes_max)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_promise_what_they_do_not_hold_are_told() {
        let part = |name: &str, sha256: &str| Part {
            name: name.into(),
            sha256: sha256.into(),
            bytes: 0,
            outcome: Outcome::Folder,
            pictures: Vec::new(),
        };
        for name in ["", "a", "a/b c.txt", "..a/b.."] {
            assert_eq!(check(&part(name, &"0a".repeat(32))), Ok(()), "{name}");
        }
        for name in ["/a", "a/", "a//b", "..", "a/../b", "./a", "a\u{1b}b"] {
            assert!(check(&part(name, "")).is_err(), "{name}");
        }
        assert!(check(&part("a", "0a")).is_err());
    }

    #[test]
    fn frames_come_back_whole_or_not_at_all() {
        let mut pipe = Vec::new();
        send(&mut pipe, b"one").unwrap();
        send(&mut pipe, b"").unwrap();
        let mut from = pipe.as_slice();
        assert_eq!(receive(&mut from, 3).unwrap(), b"one");
        assert_eq!(receive(&mut from, 3).unwrap(), b"");
        assert_eq!(receive(&mut from, 3).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(receive(&mut pipe.as_slice(), 2).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(receive(&mut &pipe[..9], 3).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
