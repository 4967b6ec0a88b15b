//! What became of a file, as one word; knows nothing of what was read.

use serde::{Deserialize, Serialize};

/// What became of one file. Every file found ends with exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    /// Read in full and stored.
    Indexed,
    /// Stored, but some of its text could not be read.
    Partial,
    /// The same bytes and settings as at the last run: nothing to do.
    Unchanged,
    /// Gone from disk, so gone from the index.
    Removed,
    /// Readable but without text: an empty file, or pages that are only images.
    NoText,
    /// Protected by a password that is not known.
    Encrypted,
    /// Broken beyond reading.
    Malformed,
    /// Larger, deeper or longer than a named limit allows.
    LimitExceeded,
    /// A format that is not read.
    Unsupported,
    /// The system or the rules forbid reading it.
    Denied,
}

impl FileStatus {
    /// Every status, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Indexed,
        Self::Unchanged,
        Self::Removed,
        Self::Partial,
        Self::NoText,
        Self::Encrypted,
        Self::Malformed,
        Self::LimitExceeded,
        Self::Unsupported,
        Self::Denied,
    ];

    /// The name used in JSON and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Indexed => "indexed",
            Self::Partial => "partial",
            Self::Unchanged => "unchanged",
            Self::Removed => "removed",
            Self::NoText => "no_text",
            Self::Encrypted => "encrypted",
            Self::Malformed => "malformed",
            Self::LimitExceeded => "limit_exceeded",
            Self::Unsupported => "unsupported",
            Self::Denied => "denied",
        }
    }

    /// Whether a person should look at the file.
    #[must_use]
    pub fn is_problem(self) -> bool {
        !matches!(self, Self::Indexed | Self::Unchanged | Self::Removed)
    }
}
