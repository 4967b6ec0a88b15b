//! Chars of one stretch of text in, normalized words with the span of each byte out; knows nothing of vocabularies.
//!
//! A normalized char keeps the span of the char it came from. Canonical ordering may move marks, and then `tokenizers` gives
//! spans by count, not by origin: the first part of the n-th char that decomposes takes the n-th span whichever char ends up
//! there. That is done here too, so that spans agree on any text.

use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::char::{canonical_combining_class, decompose_canonical};

use crate::fold::{Folds, Settings, is_punctuation};
use crate::vocabulary::Piece;

/// From and to, in bytes of the text.
pub(crate) type Span = (usize, usize);

/// Working memory of an encoding, kept between texts so that nothing is allocated again.
#[derive(Debug, Clone, Default)]
pub struct Buffers {
    pub(crate) word: Word,
    pub(crate) pieces: Vec<Piece>,
    /// Lower-cased bytes of a word too long to be packed.
    pub(crate) lowered: Vec<u8>,
    pending: Pending,
}

/// A normalized word.
#[derive(Debug, Clone, Default)]
pub(crate) struct Word {
    pub(crate) bytes: Vec<u8>,
    /// Of the same length as `bytes`: the span of the char that each byte came from.
    pub(crate) spans: Vec<Span>,
    pub(crate) chars: usize,
}

impl Word {
    fn push(&mut self, c: char, span: Span) {
        let mut utf8 = [0; 4];
        for &byte in c.encode_utf8(&mut utf8).as_bytes() {
            self.bytes.push(byte);
            self.spans.push(span);
        }
        self.chars += 1;
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        self.chars = 0;
    }
}

/// Parts of decomposed chars that later ones may still come before.
#[derive(Debug, Clone, Default)]
struct Pending {
    parts: Vec<Part>,
    /// Spans of decomposed chars, in the text's order.
    spans: Vec<Span>,
    /// How many of `spans` are given away.
    taken: usize,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    class: u8,
    char: char,
    /// Whether it is the first part of its char.
    is_first: bool,
}

impl Buffers {
    /// Takes in one char at `span`; `done` is called with each word that ends.
    #[inline]
    pub(crate) fn take(&mut self, c: char, span: Span, folds: &Folds, mut done: impl FnMut(&Word, &mut Vec<Piece>)) {
        let fold = folds.get(c);
        if fold.is_removed() {
            return;
        }
        if fold.is_complex() || fold.is_chinese() {
            self.take_complex(c, span, folds, fold.is_chinese(), &mut done);
            return;
        }
        self.flush(folds.settings(), &mut done);
        if fold.is_space() {
            self.end_word(&mut done);
        } else if !fold.is_mark() {
            self.put(fold.char(), fold.is_punctuation(), span, &mut done);
        }
    }

    /// Ends the stretch of text.
    pub(crate) fn end(&mut self, folds: &Folds, mut done: impl FnMut(&Word, &mut Vec<Piece>)) {
        self.flush(folds.settings(), &mut done);
        self.end_word(&mut done);
    }

    fn take_complex(
        &mut self,
        c: char,
        span: Span,
        folds: &Folds,
        is_chinese: bool,
        done: &mut impl FnMut(&Word, &mut Vec<Piece>),
    ) {
        let settings = folds.settings();
        if is_chinese {
            self.flush(settings, done);
            self.end_word(done);
        }
        if settings.strip {
            self.pending.spans.push(span);
            let mut is_first = true;
            decompose_canonical(c, |char| {
                let class = canonical_combining_class(char);
                if class == 0 {
                    self.flush(settings, done);
                }
                self.pending.parts.push(Part { class, char, is_first });
                is_first = false;
            });
        } else {
            self.put_lower(c, span, settings, done);
        }
        if is_chinese {
            self.flush(settings, done);
            self.end_word(done);
        }
    }

    /// Puts all pending parts in canonical order into the word.
    #[inline]
    fn flush(&mut self, settings: Settings, done: &mut impl FnMut(&Word, &mut Vec<Piece>)) {
        if !self.pending.parts.is_empty() {
            self.flush_pending(settings, done);
        }
    }

    fn flush_pending(&mut self, settings: Settings, done: &mut impl FnMut(&Word, &mut Vec<Piece>)) {
        let mut parts = std::mem::take(&mut self.pending.parts);
        parts.sort_by_key(|part| part.class);
        for part in parts.drain(..) {
            self.pending.taken += usize::from(part.is_first);
            let span = self.pending.spans[self.pending.taken - 1];
            if !part.char.is_mark_nonspacing() {
                self.put_lower(part.char, span, settings, done);
            }
        }
        self.pending.parts = parts;
        // The last span stays: the parts that its char still has may follow.
        self.pending.spans.drain(..self.pending.taken - 1);
        self.pending.taken = 1;
    }

    fn put_lower(&mut self, c: char, span: Span, settings: Settings, done: &mut impl FnMut(&Word, &mut Vec<Piece>)) {
        if settings.lower {
            for lower in c.to_lowercase() {
                self.put(lower, is_punctuation(lower), span, done);
            }
        } else {
            self.put(c, is_punctuation(c), span, done);
        }
    }

    #[inline]
    fn put(&mut self, c: char, is_punctuation: bool, span: Span, done: &mut impl FnMut(&Word, &mut Vec<Piece>)) {
        if is_punctuation {
            self.end_word(done);
            self.word.push(c, span);
            self.end_word(done);
        } else {
            self.word.push(c, span);
        }
    }

    #[inline]
    fn end_word(&mut self, done: &mut impl FnMut(&Word, &mut Vec<Piece>)) {
        if !self.word.bytes.is_empty() {
            done(&self.word, &mut self.pieces);
            self.word.clear();
        }
    }
}
