//! Text in, token ids with their byte spans out, by a model's own `tokenizer.json`; knows nothing of models or devices.

mod frame;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use ibid_wordpiece::{Buffers, WordPiece};

use crate::document::ByteSpan;
use crate::error::{Error, Result};
pub use frame::PairFrame;
use frame::{Frame, FramingFile};

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
    path: PathBuf,
    frame: Frame,
    /// Else why two texts cannot be one input.
    pair: std::result::Result<PairFrame, String>,
    special: HashSet<u32>,
    unknown: Option<u32>,
    is_byte_level: bool,
    /// Left out of every text.
    left_out: Option<u32>,
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
    /// [`Error::Io`] when the file cannot be read, [`Error::ModelFile`] when it is no tokenizer, or what it puts around texts
    /// is not known here.
    pub fn open(path: &Path) -> Result<Self> {
        let wrong = |reason: String| Error::ModelFile { path: path.to_path_buf(), reason };
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let inner = Inner::read(&bytes).map_err(|error| wrong(format!("it is no tokenizer: {error}")))?;
        let file: FramingFile = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        let frame = file.frame().map_err(wrong)?;
        let pair = file.pair();
        let special = file.special().filter_map(|token| inner.id(token)).collect();
        let unknown = file.unknown(|token| inner.id(token));
        let (path, is_byte_level) = (path.to_path_buf(), file.is_byte_level());
        let mut tokenizer = Self { inner, path, frame, pair, special, unknown, is_byte_level, left_out: None };
        let size = tokenizer.vocabulary_size();
        let of_pairs = tokenizer.pair.iter().flat_map(|pair| [&pair.start, &pair.middle, &pair.end]).flatten();
        let outside = of_pairs.copied().find(|id| *id as usize >= size);
        // Only models that read pairs are the worse for it.
        if let Some(id) = outside {
            tokenizer.pair =
                Err(format!("it puts token {id} around pairs, which its vocabulary of {size} does not have"));
        }
        match tokenizer.frame.start.iter().chain(&tokenizer.frame.end).find(|id| **id as usize >= size) {
            Some(id) => {
                Err(wrong(format!("it puts token {id} around texts, which its vocabulary of {size} does not have")))
            }
            None => Ok(tokenizer),
        }
    }

    /// The tokenizer as static embeddings want it: nothing around a text, and unknown words left out.
    #[must_use]
    pub fn without_frame(self) -> Self {
        Self { frame: Frame::default(), left_out: self.unknown, ..self }
    }

    /// The file that it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
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
                if self.left_out != Some(id) {
                    tokens.ids.push(id);
                    tokens.spans.push(ByteSpan::new(start + from, start + to));
                }
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

    /// The ids that a model's input begins and ends with.
    #[must_use]
    pub fn frame(&self) -> (&[u32], &[u32]) {
        (&self.frame.start, &self.frame.end)
    }

    /// What stands around and between two texts that are one input.
    ///
    /// # Errors
    /// [`Error::ModelFile`] when its file does not say so.
    pub fn pair_frame(&self) -> Result<&PairFrame> {
        self.pair.as_ref().map_err(|reason| Error::ModelFile { path: self.path.clone(), reason: reason.clone() })
    }

    /// Whether `id` stands for no text: it frames, pads or masks.
    #[must_use]
    pub fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
    }

    /// The letters of vocabulary entry `id`, without what marks the beginning or the middle of a word. Letters outside of
    /// ASCII may be written as bytes.
    #[must_use]
    pub fn word(&self, id: u32) -> Option<String> {
        let token = self.token(id)?;
        let word = match &self.inner {
            Inner::Bert(_) => token.as_str(),
            Inner::Any(_) if self.is_byte_level => token.trim_start_matches(SPACES_AS_BYTES),
            Inner::Any(_) => token.trim_start_matches(SPACE_OF_PIECES),
        };
        Some(word.to_owned())
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

/// How tokenizers of bytes write a space, a line feed and a tab.
const SPACES_AS_BYTES: [char; 3] = ['\u{120}', '\u{10a}', '\u{109}'];
/// How tokenizers of pieces write a space.
const SPACE_OF_PIECES: char = '\u{2581}';

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
mod tests;
