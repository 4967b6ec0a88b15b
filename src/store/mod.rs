//! Chunks with their vectors in, scored ids and chunks out; the only place that knows Qdrant.

mod edge;
mod lock;
mod room;
mod settings;
mod words;

pub use edge::EdgeStore;
pub use lock::IndexLock;
pub use settings::StoreSettings;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::document::ByteSpan;
use crate::tables::TablePart;

/// What is stored beside a chunk's vectors: all that a hit or a citation shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// Absolute path of the file.
    pub path: String,
    /// SHA-256 of the file's bytes, lower-case hex.
    pub document: String,
    /// The document's title, where it has one.
    pub title: Option<String>,
    /// Page of the chunk's first byte, where the format has pages.
    pub page: Option<u32>,
    /// First byte in the document's text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Headings above the chunk, outermost first.
    pub heading: Vec<String>,
    /// The chunk's text, byte for byte.
    pub text: String,
    /// The tables of which it holds rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TablePart>,
}

impl Payload {
    /// Where the chunk lies in its document's text.
    #[must_use]
    pub fn span(&self) -> ByteSpan {
        ByteSpan::new(self.start, self.end)
    }
}

/// A chunk ready to be stored.
#[derive(Debug, Clone)]
pub struct NewPoint {
    /// Deterministic id: storing the same chunk twice is storing it once.
    pub id: Uuid,
    /// Unit vector, `[dimensions]`.
    pub dense: Vec<f32>,
    /// The words that lexical search sees: the chunk's context and its text.
    pub words: String,
    /// What is shown.
    pub payload: Payload,
}

/// What lexical search looks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wording<'a> {
    /// The words of the query, which weigh 1.
    pub text: &'a str,
    /// Words beside them; those that the query has itself count nothing more.
    pub wider: &'a str,
    /// What each of these weighs, 0 to 1.
    pub wider_weight: f32,
}

impl<'a> From<&'a str> for Wording<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, wider: "", wider_weight: 0.0 }
    }
}

/// A chunk found by one of the searches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The chunk's id.
    pub id: Uuid,
    /// Cosine for a dense search, BM25 for a lexical one; higher is better, comparable within one search only.
    pub score: f32,
}

/// Counts of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StoreInfo {
    /// Stored chunks.
    pub points: usize,
    /// Segments on disk.
    pub segments: usize,
    /// Vectors in a graph, at least: chunks that were added since the last merge count as none of it. The rest is scanned.
    pub indexed_vectors: usize,
}
