//! Text in, token ids with their byte spans out, by a model's own `tokenizer.json`; knows nothing of models or devices.

use std::path::Path;

use ibid_wordpiece::{Buffers, WordPiece};

use crate::document::ByteSpan;
use crate::error::{Error, Result};

/// The tokens of one text, without the special tokens of a model's input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Vocabulary ids in text order.
    pub ids: Vec<u32>,
    /// Where each token lies in the text; of the same length as `ids`.
    pub spans: Vec<ByteSpan>,
}

impl Tokens {
    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// A WordPiece (or other) tokenizer as its model was trained with, never truncating and never padding.
#[derive(Debug)]
pub struct Tokenizer {
    inner: Inner,
    start: u32,
    end: u32,
}

/// Who does the work: the ids and spans are the same, the first is many times as fast but reads files of the BERT kind only.
#[derive(Debug)]
enum Inner {
    Bert(Box<WordPiece>),
    Any(Box<tokenizers::Tokenizer>),
}

impl Inner {
    fn read(bytes: &[u8]) -> tokenizers::Result<Self> {
        if let Some(bert) = WordPiece::from_json(bytes)? {
            return Ok(Self::Bert(Box::new(bert)));
        }
        let mut any = tokenizers::Tokenizer::from_bytes(bytes)?;
        any.with_padding(None);
        any.with_truncation(None)?;
        Ok(Self::Any(Box::new(any)))
    }

    fn id(&self, token: &str) -> Option<u32> {
        match self {
            Self::Bert(bert) => bert.id(token),
            Self::Any(any) => any.token_to_id(token),
        }
    }
}

/// Longest text handed to the tokenizer in one piece, in bytes: its working memory is about a hundred times its input.
const PIECE_BYTES_MAX: usize = 64 * 1024;

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the file is missing, is no tokenizer, or names no `[CLS]` and `[SEP]`.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::Tokenizer { operation: "open the tokenizer", source };
        let inner = std::fs::read(path).map_err(Into::into).and_then(|bytes| Inner::read(&bytes)).map_err(failed)?;
        let special =
            |name: &str| inner.id(name).ok_or_else(|| failed(format!("{} has no {name} token", path.display()).into()));
        let (start, end) = (special("[CLS]")?, special("[SEP]")?);
        Ok(Self { inner, start, end })
    }

    /// The tokens of `text` in order, each with its byte span in `text`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the tokenizer fails.
    pub fn encode(&self, text: &str) -> Result<Tokens> {
        let mut tokens = Tokens::default();
        let mut buffers = Buffers::default();
        let mut start = 0;
        while start < text.len() {
            let end = piece_end(text, start);
            let mut push = |id: u32, from: usize, to: usize| {
                tokens.ids.push(id);
                tokens.spans.push(ByteSpan::new(start + from, start + to));
            };
            let piece = &text[start..end];
            match &self.inner {
                Inner::Bert(bert) => bert.encode_with(piece, &mut buffers, |id, span| push(id, span.start, span.end)),
                Inner::Any(any) => {
                    let encoding = any
                        .encode(piece, false)
                        .map_err(|source| Error::Tokenizer { operation: "split text into tokens", source })?;
                    for (&id, &(from, to)) in encoding.get_ids().iter().zip(encoding.get_offsets()) {
                        push(id, from, to);
                    }
                }
            }
            start = end;
        }
        Ok(tokens)
    }

    /// A model's input for `ids`: the start token, the ids, the end token.
    #[must_use]
    pub fn framed(&self, ids: &[u32]) -> Vec<u32> {
        let mut framed = Vec::with_capacity(ids.len() + 2);
        framed.push(self.start);
        framed.extend_from_slice(ids);
        framed.push(self.end);
        framed
    }

    /// The vocabulary entry `id` as written; `##` before a piece that continues a word.
    #[must_use]
    pub fn token(&self, id: u32) -> Option<String> {
        match &self.inner {
            Inner::Bert(bert) => bert.token(id).map(str::to_owned),
            Inner::Any(any) => any.id_to_token(id),
        }
    }

    /// Number of entries in the vocabulary.
    #[must_use]
    pub fn vocabulary_size(&self) -> usize {
        match &self.inner {
            Inner::Bert(bert) => bert.vocabulary_size(),
            Inner::Any(any) => any.get_vocab_size(true),
        }
    }
}

/// End of the piece that starts at `start`: the last white space before the limit, else the last char boundary.
fn piece_end(text: &str, start: usize) -> usize {
    if text.len() - start <= PIECE_BYTES_MAX {
        return text.len();
    }
    let mut limit = start + PIECE_BYTES_MAX;
    while !text.is_char_boundary(limit) {
        limit -= 1;
    }
    match text[start..limit].rfind(char::is_whitespace) {
        Some(offset) if offset > 0 => start + offset,
        _ => limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_a_long_text_and_end_at_white_space() {
        let text = "né word ".repeat(40_000);
        let mut start = 0;
        let mut pieces = 0;
        while start < text.len() {
            let end = piece_end(&text, start);
            assert!(end > start && end - start <= PIECE_BYTES_MAX && text.is_char_boundary(end));
            assert!(end == text.len() || text.as_bytes()[end] == b' ');
            start = end;
            pieces += 1;
        }
        assert!(pieces > 4);
    }

    #[test]
    fn a_text_without_white_space_is_still_cut_on_a_char_boundary() {
        let text = "é".repeat(PIECE_BYTES_MAX);
        let end = piece_end(&text, 0);
        assert!(end > 0 && text.is_char_boundary(end));
    }
}
