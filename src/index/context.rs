//! What is matched of a chunk besides its own text: where it stands. Never part of a span, a quote or an answer.

use std::path::Path;

use crate::chunk::Chunk;
use crate::document::Document;

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
    let mut parts: Vec<String> = vec![name_words(path)];
    if let Some(title) = &document.title {
        parts.push(title.clone());
    }
    parts.extend(chunk.heading.iter().cloned());
    parts.dedup();
    parts.retain(|part| !part.is_empty());
    let text = parts.join(". ");
    Context { words: text.clone(), text }
}

/// The file's name without its extension, split into words at punctuation and where a digit meets a letter.
#[must_use]
pub fn name_words(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let words: Vec<&str> = stem.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_becomes_words() {
        assert_eq!(name_words(Path::new("/x/2023_Q2-loan.agreement.pdf")), "2023 Q2 loan agreement");
        assert_eq!(name_words(Path::new("/x/.hidden")), "hidden");
    }
}
