//! What can go wrong while a file is found and read, in words for the person at the terminal.

use std::path::{Path, PathBuf};

use crate::document::FileStatus;

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A cause from a library.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something was asked for that makes no sense.
    #[error("{message}")]
    Usage {
        /// What.
        message: String,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}")]
    Io {
        /// A verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A document could not be read.
    #[error("{reason}")]
    Document {
        /// The status that the file ends with.
        status: FileStatus,
        /// What is wrong with the file and what to do about it.
        reason: String,
        /// The parser's answer.
        #[source]
        source: Option<Cause>,
    },
    /// A named limit ended the work.
    #[error("{what} is over the limit {setting} = {limit}")]
    Limit {
        /// What grew too large.
        what: String,
        /// The setting's name.
        setting: &'static str,
        /// Its value.
        limit: u64,
    },
    /// The work was to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// An [`Error::Io`] for `action` on `path`; for `map_err`.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// An [`Error::Usage`] with this message.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into() }
    }

    /// An [`Error::Document`] without a deeper cause.
    pub fn document(status: FileStatus, reason: impl Into<String>) -> Self {
        Self::Document { status, reason: reason.into(), source: None }
    }
}
