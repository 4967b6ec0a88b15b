//! Values in, frames out, and back: a length of eight bytes and as many bytes.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::document::{Document, FileStatus};

/// What a child is asked: this, then the bytes of the file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// Helps to tell the format; it is not opened.
    pub(super) path: PathBuf,
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
    /// A file as it was read.
    Document(Box<Document>),
    /// A file that was not.
    Failed {
        /// What the file ends as.
        status: FileStatus,
        /// Why.
        reason: String,
    },
}

impl Reply {
    pub(super) fn into_document(self) -> crate::error::Result<Document> {
        use crate::error::Error;
        match self {
            Self::Document(document) => {
                // What comes from a process that met a hostile file is checked as the file is.
                document.check().map_err(|broken| {
                    Error::document(FileStatus::Malformed, format!("the reader gave what it cannot: {broken}"))
                })?;
                Ok(*document)
            }
            Self::Failed { status, reason } => Err(Error::document(status, reason)),
            Self::Ready { .. } => Err(Error::document(FileStatus::Malformed, "the reader began anew on it")),
        }
    }
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
