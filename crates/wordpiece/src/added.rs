//! Raw text in, the special token that starts there out; knows nothing of words or normalization.

use std::ops::Range;

/// A token that is found in the raw text, before anything is normalized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Added {
    pub(crate) content: String,
    pub(crate) id: u32,
    /// Takes the white space before it too.
    pub(crate) strips_left: bool,
    /// Takes the white space after it too.
    pub(crate) strips_right: bool,
}

/// All added tokens of a tokenizer; each begins with an ASCII punctuation mark.
#[derive(Debug)]
pub(crate) struct AddedTokens {
    /// The longest first.
    tokens: Vec<Added>,
    /// Whether a token begins with a byte.
    starts: [bool; 256],
}

impl AddedTokens {
    /// The set of `tokens`; none where one begins with something else than an ASCII punctuation mark (words would have to
    /// be searched for it), or where two are the same.
    pub(crate) fn new(mut tokens: Vec<Added>) -> Option<Self> {
        tokens.sort_by(|a, b| b.content.len().cmp(&a.content.len()).then_with(|| a.content.cmp(&b.content)));
        let twice = tokens.windows(2).any(|pair| pair[0].content == pair[1].content);
        let mut starts = [false; 256];
        for token in &tokens {
            starts[usize::from(*token.content.as_bytes().first().filter(|first| first.is_ascii_punctuation())?)] = true;
        }
        (!twice).then_some(Self { tokens, starts })
    }

    /// Whether `byte` begins a token.
    #[inline]
    pub(crate) fn may_start(&self, byte: u8) -> bool {
        self.starts[usize::from(byte)]
    }

    /// The longest token at `at`, with the span it takes of `text`: never before `after`, where the token before it ends.
    pub(crate) fn find(&self, text: &str, at: usize, after: usize) -> Option<(u32, Range<usize>)> {
        let token = self.tokens.iter().find(|token| text.as_bytes()[at..].starts_with(token.content.as_bytes()))?;
        let end = at + token.content.len();
        let start = if token.strips_left { after + text[after..at].trim_end().len() } else { at };
        let end = if token.strips_right { text.len() - text[end..].trim_start().len() } else { end };
        Some((token.id, start..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(content: &str, id: u32, strips: bool) -> Added {
        Added { content: content.to_owned(), id, strips_left: strips, strips_right: strips }
    }

    #[test]
    fn the_longest_token_wins_and_takes_its_white_space() {
        let added = AddedTokens::new(vec![token("[A]", 1, false), token("[A]b", 2, false), token("<m>", 3, true)]);
        let added = added.expect("they begin with punctuation");
        assert_eq!(added.find("x[A]b", 1, 0), Some((2, 1..5)));
        assert_eq!(added.find("x[A] b", 1, 0), Some((1, 1..4)));
        assert_eq!(added.find("x \u{3000}<m>\t y", 5, 0), Some((3, 1..10)));
        assert_eq!(added.find("x  <m>", 3, 2), Some((3, 2..6)));
        assert_eq!(added.find("[B]", 0, 0), None);
        assert!(added.may_start(b'[') && !added.may_start(b'x'));
    }

    #[test]
    fn tokens_that_begin_with_a_letter_and_duplicates_are_declined() {
        assert!(AddedTokens::new(vec![token("MASK", 1, false)]).is_none());
        assert!(AddedTokens::new(vec![token("<m>", 1, false), token("<m>", 2, false)]).is_none());
    }
}
