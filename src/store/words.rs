//! Texts in, BM25 vectors out, by the engine's own tokenizer, which splits words at hyphens and strokes: identifiers are one word more.

use std::borrow::Cow;
use std::collections::HashSet;

use qdrant_edge::SparseVector;
use qdrant_edge::bm25_embed::EdgeBm25;

use super::Wording;
use super::settings::{StoreSettings, bm25};
use crate::error::Result;

/// What makes BM25 vectors.
pub(super) struct Words(EdgeBm25);

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Words")
    }
}

impl Words {
    /// By these settings.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::error::Error::Setting) as [`bm25`].
    pub(super) fn new(settings: &StoreSettings) -> Result<Self> {
        bm25(settings).map(Self)
    }

    /// The words of a passage.
    pub(super) fn of_passage(&self, text: &str) -> SparseVector {
        self.0.embed_document(&with_codes(text))
    }

    /// The words of a query with their weights.
    pub(super) fn of_query(&self, wording: Wording<'_>) -> SparseVector {
        let mut query: SparseVector = self.0.embed_query(&with_codes(wording.text));
        if wording.wider_weight <= 0.0 || query.indices.is_empty() {
            return query;
        }
        let wider: SparseVector = self.0.embed_query(wording.wider);
        let own: HashSet<u32> = query.indices.iter().copied().collect();
        for (index, value) in wider.indices.iter().zip(&wider.values).filter(|(index, _)| !own.contains(index)) {
            query.indices.push(*index);
            query.values.push(value * wording.wider_weight);
        }
        query
    }
}

/// The text with each identifier (`P-150`, `10-Q`, `INV/2025/07`) once more behind it, as one word without its hyphens, strokes, points and
/// underscores. Numbers with points and commas are none.
fn with_codes(text: &str) -> Cow<'_, str> {
    let mut whole = Cow::Borrowed(text);
    for word in text.split_whitespace() {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        let inner = word.find(['-', '/', '_', '.']);
        let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
        if inner.is_none() || !has_digit || word.len() > CODE_BYTES_MAX {
            continue;
        }
        let is_plain = word.chars().all(|c| c.is_alphanumeric() || "-/_.".contains(c));
        let has_letter_or_stroke = word.chars().any(|c| c.is_alphabetic() || "-/_".contains(c));
        if is_plain && has_letter_or_stroke {
            let joined = whole.to_mut();
            joined.push(' ');
            joined.extend(word.chars().filter(|c| c.is_alphanumeric()));
        }
    }
    whole
}

/// Bytes of an identifier at most; what is longer is an address or a path.
const CODE_BYTES_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_one_more_word_and_a_number_is_not() {
        assert_eq!(with_codes("What costs P-150?"), "What costs P-150? P150");
        assert_eq!(with_codes("(10-Q), INV/2025/07."), "(10-Q), INV/2025/07. 10Q INV202507");
        for text in ["3.5 million and 1,200", "well-known facts", "a/b", "so - 5", ""] {
            assert!(matches!(with_codes(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
