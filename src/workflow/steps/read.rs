//! `read`: paths in, the documents' text with pages out.
//!
//! ```toml
//! [[step]]
//! id = "agreements"
//! kind = "read"
//! paths = "input.agreements"
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::workflow::expression::Expression;

/// What a file says about a `read` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// A path or a list of paths, of files or folders; relative ones from where the program was started.
    pub paths: Expression,
    /// Most characters kept of one document; 0 keeps all.
    #[serde(default)]
    pub chars_max: usize,
}

/// What a `read` step gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadOutput {
    /// The documents in the order of the paths.
    pub documents: Vec<ReadDocument>,
}

/// A document that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadDocument {
    /// Its path, absolute.
    pub path: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub document: String,
    /// Its title, where it has one.
    pub title: Option<String>,
    /// Its text; citations are byte spans of it.
    pub text: String,
    /// Byte spans of its pages; empty for formats without pages.
    pub pages: Vec<ReadPage>,
    /// What could not be read.
    pub warnings: Vec<String>,
}

/// A page's place in the text of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadPage {
    /// From 1.
    pub number: u32,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}
