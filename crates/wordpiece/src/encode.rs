//! Text in, tokens out: ASCII words at speed, everything else through normalization; knows nothing of files.

use std::ops::Range;

use crate::Tokens;
use crate::added::AddedTokens;
use crate::fold::{Fold, Folds, Settings};
use crate::names::Names;
use crate::packed::{self, PACKED_BYTES_MAX, Packed};
use crate::stream::{Buffers, Word};
use crate::vocabulary::{Piece, Vocabulary};

/// A WordPiece tokenizer of the BERT kind.
#[derive(Debug)]
pub struct WordPiece {
    vocabulary: Vocabulary,
    names: Names,
    added: AddedTokens,
    folds: Folds,
    kinds: [Kind; 256],
    /// The id of each ASCII punctuation mark; means nothing for other bytes.
    marks: [u32; 128],
}

/// What the loop does at a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// ASCII letter or digit.
    Word,
    /// ASCII white space.
    Space,
    /// ASCII punctuation.
    Mark,
    /// Control characters and all that is not ASCII.
    Other,
}

impl WordPiece {
    /// The tokenizer with these parts.
    pub(crate) fn from_parts(vocabulary: Vocabulary, names: Names, added: AddedTokens, settings: Settings) -> Self {
        let kinds = std::array::from_fn(|byte| {
            let byte = byte as u8;
            match Fold::new(char::from(byte), settings) {
                _ if !byte.is_ascii() => Kind::Other,
                _ if byte.is_ascii_alphanumeric() => Kind::Word,
                _ if byte.is_ascii_punctuation() => Kind::Mark,
                fold if fold.is_space() => Kind::Space,
                _ => Kind::Other,
            }
        });
        let marks = std::array::from_fn(|byte| {
            let known = Packed::new(&[byte as u8]).and_then(|mark| vocabulary.whole(mark, 1));
            known.filter(|_| vocabulary.chars_max > 0).unwrap_or(vocabulary.unknown)
        });
        Self { vocabulary, names, added, folds: Folds::new(settings), kinds, marks }
    }

    /// The id of `token`, a piece of a word as the vocabulary has it (`##` before one that continues) or an added token.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.names.id(token)
    }

    /// The token that has `id`.
    pub fn token(&self, id: u32) -> Option<&str> {
        self.names.token(id)
    }

    /// Number of tokens, added ones among them.
    pub fn vocabulary_size(&self) -> usize {
        self.names.len()
    }

    /// Puts the tokens of `text` into `tokens`, in the place of those it holds: the ids and byte offsets that
    /// `tokenizers::Tokenizer::encode(text, false)` gives without truncation and padding.
    pub fn encode(&self, text: &str, tokens: &mut Tokens) {
        let Tokens { ids, spans, buffers } = tokens;
        ids.clear();
        spans.clear();
        self.encode_with(text, buffers, |id, span| {
            ids.push(id);
            spans.push(span);
        });
    }

    /// Puts the ids of the tokens of `text` into `ids`, in the place of those it holds.
    pub fn encode_ids(&self, text: &str, buffers: &mut Buffers, ids: &mut Vec<u32>) {
        ids.clear();
        self.encode_with(text, buffers, |id, _| ids.push(id));
    }

    /// Calls `token` with the id and the byte span of each token of `text` in order.
    pub fn encode_with(&self, text: &str, buffers: &mut Buffers, token: impl FnMut(u32, Range<usize>)) {
        if self.folds.settings().lower {
            self.encode_as::<true>(text, buffers, token);
        } else {
            self.encode_as::<false>(text, buffers, token);
        }
    }

    fn encode_as<const LOWER: bool>(
        &self,
        text: &str,
        buffers: &mut Buffers,
        mut token: impl FnMut(u32, Range<usize>),
    ) {
        let bytes = text.as_bytes();
        let mut at = 0;
        let mut added_end = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.kinds[usize::from(byte)] {
                Kind::Space => at += 1,
                Kind::Word => {
                    let (length, packed) = packed::word::<LOWER>(&bytes[at..]);
                    let end = at + length;
                    let after = bytes.get(end).copied().unwrap_or(b' ');
                    if self.kinds[usize::from(after)] == Kind::Other {
                        at = self.encode_other(text, at, buffers, &mut token);
                    } else {
                        self.word::<LOWER>(&bytes[at..end], at, packed, buffers, &mut token);
                        // One blank follows most words.
                        at = end + usize::from(after == b' ');
                    }
                }
                Kind::Mark => {
                    let found = if self.added.may_start(byte) { self.added.find(text, at, added_end) } else { None };
                    if let Some((id, span)) = found {
                        at = span.end;
                        added_end = span.end;
                        token(id, span);
                    } else {
                        token(self.marks[usize::from(byte)], at..at + 1);
                        at += 1;
                    }
                }
                Kind::Other => at = self.encode_other(text, at, buffers, &mut token),
            }
        }
    }

    /// The tokens of the ASCII word `bytes` at `start`.
    #[inline]
    fn word<const LOWER: bool>(
        &self,
        bytes: &[u8],
        start: usize,
        packed: Packed,
        buffers: &mut Buffers,
        token: &mut impl FnMut(u32, Range<usize>),
    ) {
        let length = bytes.len();
        if length <= PACKED_BYTES_MAX
            && length <= self.vocabulary.chars_max
            && let Some(id) = self.vocabulary.whole(packed, length)
        {
            token(id, start..start + length);
            return;
        }
        self.cut_ascii::<LOWER>(bytes, start, packed, buffers, token);
    }

    fn cut_ascii<const LOWER: bool>(
        &self,
        bytes: &[u8],
        start: usize,
        packed: Packed,
        buffers: &mut Buffers,
        token: &mut impl FnMut(u32, Range<usize>),
    ) {
        let length = bytes.len();
        let Buffers { pieces, lowered, .. } = buffers;
        let known = if length > self.vocabulary.chars_max {
            false
        } else if let Some(word) = packed.bytes().get(..length) {
            self.vocabulary.cut(word, pieces)
        } else {
            lowered.clear();
            lowered.extend_from_slice(bytes);
            if LOWER {
                lowered.make_ascii_lowercase();
            }
            self.vocabulary.cut(lowered, pieces)
        };
        if !known {
            token(self.vocabulary.unknown, start..start + length);
            return;
        }
        let mut from = start;
        for piece in pieces {
            token(piece.id, from..start + piece.end);
            from = start + piece.end;
        }
    }

    /// The tokens of the stretch at `start` that reaches to the next ASCII white space or punctuation; gives its end.
    ///
    /// These are of combining class 0 and fold to themselves or to nothing, so nothing crosses them.
    fn encode_other(
        &self,
        text: &str,
        start: usize,
        buffers: &mut Buffers,
        token: &mut impl FnMut(u32, Range<usize>),
    ) -> usize {
        let mut done = |word: &Word, pieces: &mut Vec<Piece>| self.normalized_word(word, pieces, token);
        let mut end = text.len();
        for (at, c) in text[start..].char_indices() {
            let from = start + at;
            if c.is_ascii() && matches!(self.kinds[c as usize], Kind::Space | Kind::Mark) {
                end = from;
                break;
            }
            buffers.take(c, (from, from + c.len_utf8()), &self.folds, &mut done);
        }
        buffers.end(&self.folds, &mut done);
        end
    }

    fn normalized_word(&self, word: &Word, pieces: &mut Vec<Piece>, token: &mut impl FnMut(u32, Range<usize>)) {
        let length = word.bytes.len();
        let span = |from: usize, to: usize| word.spans[from].0..word.spans[to - 1].1;
        if word.chars > self.vocabulary.chars_max {
            token(self.vocabulary.unknown, span(0, length));
            return;
        }
        if let Some(id) = Packed::new(&word.bytes).and_then(|packed| self.vocabulary.whole(packed, length)) {
            token(id, span(0, length));
        } else if self.vocabulary.cut(&word.bytes, pieces) {
            let mut from = 0;
            for piece in pieces {
                token(piece.id, span(from, piece.end));
                from = piece.end;
            }
        } else {
            token(self.vocabulary.unknown, span(0, length));
        }
    }
}
