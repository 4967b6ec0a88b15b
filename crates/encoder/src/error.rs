//! What can go wrong with an encoder, in words for the person at the terminal.

use std::path::PathBuf;

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting has a value that cannot be used.
    #[error("setting `{name}` cannot be `{value}`: {reason}")]
    Setting {
        /// The name as written in `ibid.toml` or the environment.
        name: String,
        /// The value as found.
        value: String,
        /// What would be valid.
        reason: String,
    },
    /// A model's configuration is not one that runs here.
    #[error("{path}: {reason}")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A weights file does not hold what its model needs.
    #[error("{path}: tensor `{tensor}` {reason}")]
    Weights {
        /// The file.
        path: PathBuf,
        /// The tensor's full name.
        tensor: String,
        /// What is wrong with it.
        reason: String,
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
}

impl Error {
    /// An [`Error::Tensor`] for `operation`; for `map_err`.
    pub fn tensor(operation: &'static str) -> impl FnOnce(candle_core::Error) -> Self {
        move |source| Self::Tensor { operation, source }
    }
}
