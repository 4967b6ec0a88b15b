//! Every way an operation can fail, by stage, with what a person can do about it; `main` turns one into an exit code.

use std::path::{Path, PathBuf};

pub use ibid_read::error::Error as ReadError;

use crate::document::FileStatus;

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A cause from a library whose own type stays inside the module that uses it.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong, on what, and what to do next where that is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line asks for something that makes no sense.
    #[error("{message}")]
    Usage {
        /// What is wrong and what would be right.
        message: String,
    },
    /// A setting has a value that cannot be used.
    #[error("setting `{name}` cannot be `{value}`: {reason}")]
    Setting {
        /// The name as written in `ibid.toml`.
        name: String,
        /// The value as found.
        value: String,
        /// What would be valid.
        reason: String,
    },
    /// A configuration file is not valid TOML or has unknown keys.
    #[error("cannot use the configuration file {path}")]
    Config {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}")]
    Io {
        /// A verb: `read`, `create`, `lock` ….
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A document could not be read; the file's status says which kind of failure it was.
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
    /// No manifest has this model name.
    #[error("no model is called `{name}`; known are {known}")]
    ModelUnknown {
        /// As asked for.
        name: String,
        /// The names there are, comma-separated.
        known: String,
    },
    /// A model's manifest cannot be used.
    #[error("the manifest of model `{name}` is wrong: {reason}")]
    ModelManifest {
        /// The model or the file.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A file of a model does not hold what is needed of it.
    #[error("cannot use the model file {path}: {reason}")]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A model's files are not on this machine.
    #[error("model `{name}` is not on this machine; fetch it with: ibid model pull {name}")]
    ModelMissing {
        /// The model.
        name: String,
    },
    /// A model's file has other bytes than its manifest says.
    #[error("model `{name}`: {file} does not have the expected bytes; fetch it again with: ibid model pull {name}")]
    ModelDamaged {
        /// The model.
        name: String,
        /// The file inside the model.
        file: String,
    },
    /// A model could not be fetched from any of its sources.
    #[error("cannot fetch model `{name}`: {reason}")]
    ModelFetch {
        /// The model.
        name: String,
        /// What was tried, source by source.
        reason: String,
        /// The last source's answer.
        #[source]
        source: Option<Cause>,
    },
    /// Something needed the network while `--offline` was set.
    #[error("cannot {action} while offline; leave out --offline to allow it")]
    Offline {
        /// What was about to be done.
        action: String,
    },
    /// A tensor operation failed.
    #[error("cannot {operation}")]
    Tensor {
        /// What was computed.
        operation: &'static str,
        /// Candle's answer.
        #[source]
        source: candle_core::Error,
    },
    /// A tokenizer failed.
    #[error("cannot {operation}")]
    Tokenizer {
        /// What was attempted.
        operation: &'static str,
        /// The tokenizer's answer.
        #[source]
        source: Cause,
    },
    /// A language model answered with something that is no answer.
    #[error("the language model `{model}` failed: {reason}")]
    Generation {
        /// The model.
        model: String,
        /// Why.
        reason: String,
    },
    /// A model server answered, but not as it should.
    #[error("the language model `{model}` failed: {reason}")]
    ModelServer {
        /// The model.
        model: String,
        /// In what way.
        fault: ServerFault,
        /// In words, the server's own where it gave some.
        reason: String,
    },
    /// A tool failed, or did not keep to its own schema or to a limit.
    #[error("the tool `{tool}` failed: {reason}")]
    Tool {
        /// The tool.
        tool: String,
        /// Why.
        reason: String,
    },
    /// A model server cannot be reached.
    #[error("cannot reach the model server {url}; check that it runs and that llm.url is right")]
    ServerUnreachable {
        /// Its address.
        url: String,
        /// The connection's answer.
        #[source]
        source: Cause,
    },
    /// There is no index yet.
    #[error("there is no index in {path}; make one with: ibid index {}PATH", collection_option(path))]
    IndexMissing {
        /// The data folder.
        path: PathBuf,
    },
    /// Another process uses the index.
    #[error("the index in {path} is in use by process {holder}; wait for it to end, or give another --home")]
    IndexLocked {
        /// The data folder.
        path: PathBuf,
        /// Its process id, or `unknown`.
        holder: String,
    },
    /// The index was made with other settings than those asked for.
    #[error(
        "the index in {path} was made with {made_with}, not {asked}; use the same, or rebuild it with: ibid index --rebuild PATH"
    )]
    IndexMismatch {
        /// The data folder.
        path: PathBuf,
        /// The identity stored in the index.
        made_with: String,
        /// The identity asked for.
        asked: String,
    },
    /// The index cannot be read.
    #[error("the index in {path} is damaged ({reason}); rebuild it from the documents with: ibid index --rebuild PATH")]
    IndexDamaged {
        /// The data folder.
        path: PathBuf,
        /// What was found.
        reason: String,
        /// The engine's answer.
        #[source]
        source: Option<Cause>,
    },
    /// The vector store failed.
    #[error("cannot {operation} in the vector store")]
    Store {
        /// What was attempted.
        operation: &'static str,
        /// The engine's answer.
        #[source]
        source: Cause,
    },
    /// The database of manifest and runs failed.
    #[error("cannot {operation} in the database {path}")]
    Database {
        /// What was attempted.
        operation: &'static str,
        /// The database file.
        path: PathBuf,
        /// SQLite's answer.
        #[source]
        source: rusqlite::Error,
    },
    /// The record of a run could not be written.
    #[error(
        "the run {run} stopped, because its record could not be written; it stands as it was last written, go on with: ibid resume {run}"
    )]
    Unrecorded {
        /// The run.
        run: String,
        /// What the record says.
        #[source]
        source: Box<Self>,
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
    /// The user pressed Ctrl-C or the system asked to stop.
    #[error("interrupted; what was finished is kept, and the next run goes on from there")]
    Interrupted,
}

/// In what way a model server failed; decides who is asked next, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerFault {
    /// It wants fewer requests.
    Busy {
        /// Milliseconds after which it wants to be asked again, where it says so.
        retry_after_ms: Option<u64>,
    },
    /// Something failed inside it.
    Failed,
    /// It does not do what was asked: a wrong key, an unknown model.
    Refused,
    /// The connection broke off in the middle of the answer.
    BrokeOff,
    /// It stopped sending.
    Silent,
    /// What it sent is not in the protocol, or is no text.
    Garbled,
}

/// `SQLITE_IOERR_SHMSIZE`: the file beside the database that its readers share cannot grow, which only a full disk does.
const SHARED_MEMORY_FULL: i32 = 4874;

/// The option that names the collection whose folder this is, with a space after it; nothing for the data folder itself.
fn collection_option(path: &Path) -> String {
    let is_collection =
        path.parent().and_then(Path::file_name).is_some_and(|folder| folder == crate::data_folder::COLLECTIONS);
    let name = path.file_name().filter(|_| is_collection);
    name.map(|name| format!("--collection {} ", name.to_string_lossy())).unwrap_or_default()
}

impl From<ibid_encoder::error::Error> for Error {
    fn from(error: ibid_encoder::error::Error) -> Self {
        use ibid_encoder::error::Error as Encoding;
        match error {
            Encoding::Setting { name, value, reason } => Self::Setting { name, value, reason },
            Encoding::Config { path, reason } => Self::ModelFile { path, reason },
            Encoding::Weights { path, tensor, reason } => {
                Self::ModelFile { path, reason: format!("tensor `{tensor}` {reason}") }
            }
            Encoding::Tensor { operation, source } => Self::Tensor { operation, source },
        }
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Usage { message } => Self::Usage { message },
            ReadError::Io { action, path, source } => Self::Io { action, path, source },
            ReadError::Document { status, reason, source } => Self::Document { status, reason, source },
            ReadError::Limit { what, setting, limit } => Self::Limit { what, setting, limit },
            ReadError::Interrupted => Self::Interrupted,
        }
    }
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

    /// An [`Error::Tensor`] for `operation`; for `map_err`.
    pub fn tensor(operation: &'static str) -> impl FnOnce(candle_core::Error) -> Self {
        move |source| Self::Tensor { operation, source }
    }

    /// Whether the cause, at any depth, is a full disk.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if let Some(io) = error.downcast_ref::<std::io::Error>()
                && matches!(io.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
            {
                return true;
            }
            if let Some(rusqlite::Error::SqliteFailure(code, _)) = error.downcast_ref::<rusqlite::Error>()
                && (code.code == rusqlite::ErrorCode::DiskFull || code.extended_code == SHARED_MEMORY_FULL)
            {
                return true;
            }
            // The engine hands on the system's answer as text only.
            let words = error.to_string();
            if words.contains("No space left on device") || words.contains("Not enough space available") {
                return true;
            }
            cause = error.source();
        }
        false
    }

    /// Whether another process keeps the database, so that the same may go well a little later.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        match self {
            Self::Database { source, .. } => {
                matches!(source.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
            }
            _ => false,
        }
    }

    /// The process exit code of this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.is_disk_full() {
            return 5;
        }
        match self {
            Self::ServerUnreachable { .. } | Self::ModelServer { fault: ServerFault::Silent, .. } => 4,
            Self::Limit { .. } => 5,
            Self::IndexDamaged { .. } => 6,
            Self::Interrupted => 130,
            Self::Unrecorded { source, .. } => source.exit_code(),
            _ => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_found_under_any_error() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = Error::Store { operation: "write points", source: Box::new(full) };
        assert!(error.is_disk_full());
        assert_eq!(error.exit_code(), 5);
        assert_eq!(Error::Interrupted.exit_code(), 130);
        assert_eq!(Error::usage("x").exit_code(), 2);
    }
}
