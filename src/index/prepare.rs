//! One file in, a document split into chunks with its tokens out: everything that needs no model and no store.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::context::{Context, context};
use crate::chunk::{Chunk, ChunkSettings, chunk};
use crate::database::Terms;
use crate::document::{Document, FileStatus};
use crate::error::{Error, Result};
use crate::inference::embedder::{Embedder, Input, Role};
use crate::label::label;
use crate::tables::{TablePart, tables, tables_in};
use crate::vocabulary::{self, Words};

/// A chunk with the model's input for it.
#[derive(Debug, Clone)]
pub struct PreparedChunk {
    /// Deterministic id: of path, bytes, span and settings.
    pub id: Uuid,
    /// The chunk itself.
    pub chunk: Chunk,
    /// Its text.
    pub text: String,
    /// The tables of which it holds rows.
    pub tables: Vec<TablePart>,
    /// What is matched besides its text.
    pub context: Context,
    /// The model's input: context, then text.
    pub input: Input,
    /// How many of the input's ids come before the text's own: the input's lead and the context.
    pub lead: usize,
}

/// The file that a document was read from, on disk or inside another.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// Where it lies; inside another file, below the path of that.
    pub path: &'a Path,
    /// SHA-256 of its bytes.
    pub sha256: &'a str,
    /// Whether it has no byte.
    pub is_empty: bool,
}

/// A document ready to be embedded.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The document without its text, which lives on in the chunks.
    pub document: Document,
    /// Its chunks in text order.
    pub chunks: Vec<PreparedChunk>,
    /// In how many chunks each token occurs.
    pub terms: Terms,
    /// Their words and those around them, by which misspelt ones of questions are known.
    pub words: Words,
    /// What the document is known by.
    pub label: Vec<u32>,
    /// What the file ends as once its chunks are stored.
    pub status: FileStatus,
    /// Why, where that is a problem.
    pub reason: String,
    /// The first page with a problem.
    pub page: Option<u32>,
}

/// How a document is prepared.
#[derive(Debug, Clone, Copy)]
pub struct PrepareSettings<'a> {
    /// Splitting.
    pub chunk: &'a ChunkSettings,
    /// What else decides a chunk's vector, in one line; goes into the ids.
    pub identity: &'a str,
}

/// Splits a document.
///
/// # Errors
/// [`Error::Document`] with `no_text` when there is nothing to split.
pub fn prepare(
    mut document: Document,
    content: Content<'_>,
    embedder: &Embedder,
    settings: PrepareSettings<'_>,
) -> Result<Prepared> {
    let chunks = chunk(&document, embedder.tokenizer(), settings.chunk)?;
    if chunks.is_empty() {
        return Err(Error::document(FileStatus::NoText, no_text_reason(&document, content.is_empty)));
    }
    let all_tables = tables(&document);
    let prepared = chunks
        .into_iter()
        .map(|chunk| {
            let tables = tables_in(&all_tables, chunk.span);
            prepare_chunk(content, &document, (chunk, tables), embedder, settings)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut terms = Terms::new();
    for chunk in &prepared {
        for token in chunk.input.ids[chunk.input.own()].iter().collect::<BTreeSet<_>>() {
            *terms.entry(*token).or_default() += 1;
        }
    }
    let texts = prepared.iter().flat_map(|chunk| [chunk.context.words.as_str(), chunk.text.as_str()]);
    let words = vocabulary::count(texts);
    let lossy = document.warnings.iter().find(|warning| warning.lossy);
    let (status, reason, page) = match lossy {
        Some(warning) => (FileStatus::Partial, lossy_reason(&document), warning.page),
        None => (FileStatus::Indexed, String::new(), None),
    };
    let label = label(content.path, &document);
    document.text = String::new();
    document.blocks = Vec::new();
    Ok(Prepared { document, chunks: prepared, terms, words, label, status, reason, page })
}

fn prepare_chunk(
    content: Content<'_>,
    document: &Document,
    (chunk, tables): (Chunk, Vec<TablePart>),
    embedder: &Embedder,
    settings: PrepareSettings<'_>,
) -> Result<PreparedChunk> {
    let context = context(content.path, document, &chunk, &tables);
    let mut ids = embedder.tokenizer().encode(&context.text)?.ids;
    if !context.table.is_empty() {
        let mut table = embedder.tokenizer().encode(&context.table)?.ids;
        // Half of the room is for either, unless the other leaves some.
        let room = settings.chunk.context_tokens_max;
        ids.truncate(room - table.len().min(room / 2));
        table.truncate(room - ids.len());
        ids.extend(table);
    }
    ids.truncate(settings.chunk.context_tokens_max);
    let context_tokens = ids.len();
    ids.extend_from_slice(&chunk.tokens.ids);
    let input = embedder.input(&ids, Role::Passage);
    let lead = (input.lead + context_tokens).min(input.own().end);
    let id = chunk_id(content.path, content.sha256, &chunk, settings.identity);
    let text = chunk.text(document).to_string();
    Ok(PreparedChunk { id, chunk, text, tables, context, input, lead })
}

/// The namespace of chunk ids: a fixed random UUID of this project.
const CHUNKS: Uuid = Uuid::from_u128(0x6d1b_8f5e_3f0a_4c57_9a42_51c1_7e0d_b6f3);

fn chunk_id(path: &Path, sha256: &str, chunk: &Chunk, identity: &str) -> Uuid {
    let name = format!("{}\0{sha256}\0{}\0{}\0{identity}", path_key(path), chunk.span.start, chunk.span.end);
    Uuid::new_v5(&CHUNKS, name.as_bytes())
}

/// The path as the manifest and every output name it: absolute, with bytes that are no UTF-8 escaped as `\xNN`.
#[must_use]
pub fn path_key(path: &Path) -> String {
    use std::fmt::Write as _;
    if let Some(text) = path.to_str() {
        return text.to_string();
    }
    let mut key = String::new();
    for piece in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        key.push_str(piece.valid());
        for byte in piece.invalid() {
            write!(key, "\\x{byte:02x}").expect("writing to a string cannot fail");
        }
    }
    key
}

/// The path that [`path_key`] gave `key` for.
#[must_use]
pub fn path_of(key: &str) -> PathBuf {
    #[cfg(unix)]
    if key.contains("\\x") && !Path::new(key).exists() {
        use std::os::unix::ffi::OsStringExt;
        let mut bytes = Vec::with_capacity(key.len());
        let mut rest = key;
        while let Some(at) = rest.find("\\x") {
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            let byte = rest.get(at + 2..at + 4).and_then(|digits| u8::from_str_radix(digits, 16).ok());
            if let Some(byte) = byte {
                bytes.push(byte);
                rest = &rest[at + 4..];
            } else {
                bytes.extend_from_slice(b"\\x");
                rest = &rest[at + 2..];
            }
        }
        bytes.extend_from_slice(rest.as_bytes());
        return PathBuf::from(std::ffi::OsString::from_vec(bytes));
    }
    PathBuf::from(key)
}

fn no_text_reason(document: &Document, is_empty: bool) -> String {
    if is_empty {
        return "the file is empty".into();
    }
    match document.warnings.first() {
        Some(warning) => warning.message.clone(),
        None => "it holds no text".into(),
    }
}

fn lossy_reason(document: &Document) -> String {
    let lossy: Vec<_> = document.warnings.iter().filter(|warning| warning.lossy).collect();
    match lossy.as_slice() {
        [] => String::new(),
        [only] => only.message.clone(),
        [first, rest @ ..] => format!("{} (and {} more)", first.message, rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn paths_that_are_no_utf8_keep_their_bytes_apart() {
        use std::os::unix::ffi::OsStrExt;
        let one = path_key(Path::new(std::ffi::OsStr::from_bytes(b"/a/\xff.txt")));
        let two = path_key(Path::new(std::ffi::OsStr::from_bytes(b"/a/\xfe.txt")));
        assert_eq!(one, "/a/\\xff.txt");
        assert_ne!(one, two);
        assert_eq!(path_key(&path_of(&one)), one);
        assert_eq!(path_of("/a/\\xg.txt"), Path::new("/a/\\xg.txt"));
    }
}
