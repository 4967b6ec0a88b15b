//! A text in, the same with its identifiers as one word each out, since lexical search splits words at hyphens and strokes.

use std::borrow::Cow;

/// The text with each identifier (`P-150`, `10-Q`, `INV/2025/07`) once more behind it, as one word without its hyphens, strokes, points and
/// underscores. Numbers with points and commas are none.
pub(super) fn with_codes(text: &str) -> Cow<'_, str> {
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
