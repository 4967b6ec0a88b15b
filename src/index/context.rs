//! What is matched of a chunk besides its own text: where it stands. Never part of a span, a quote or an answer.

use std::path::Path;

use crate::chunk::Chunk;
use crate::document::Document;
use crate::label::file_words;

/// The surroundings of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Put before the text for the model.
    pub text: String,
    /// Put before the text for lexical search.
    pub words: String,
}

/// The context of `chunk`: the file's name, the document's title and the headings above the chunk.
#[must_use]
pub fn context(path: &Path, document: &Document, chunk: &Chunk) -> Context {
    let mut parts: Vec<String> = vec![file_words(path)];
    if let Some(title) = &document.title {
        parts.push(title.clone());
    }
    parts.extend(chunk.heading.iter().cloned());
    parts.dedup();
    parts.retain(|part| !part.is_empty());
    let text = parts.join(". ");
    Context { words: text.clone(), text }
}
