//! An answer's text to its claims: one a sentence, without markers and bullets; does not know what supports them.

use crate::document::ByteSpan;

use crate::sentences::{citation_marker, item_marker, sentences};
use crate::stop_words::is_stop_word;

/// One statement of an answer that can be checked alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What is claimed: the sentence without citation markers, list bullets and Markdown emphasis, on one line.
    pub text: String,
    /// Where the sentence lies in the answer, markers and all.
    pub span: ByteSpan,
}

/// The claims of `answer` in order: its sentences, less those without a word.
///
/// A bare "Yes." or "No." says nothing that evidence could bear out: the sentence after it begins with it, and what is compared does not.
#[must_use]
pub fn split_claims(answer: &str) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    let mut held: Option<usize> = None;
    let spans = sentences(answer);
    for (index, &sentence) in spans.iter().enumerate() {
        let text = plain(sentence.of(answer));
        let start = held.take().unwrap_or(sentence.start);
        if !text.chars().any(char::is_alphanumeric) {
            continue;
        }
        if is_bare(&text) && index + 1 < spans.len() {
            held = Some(start);
            continue;
        }
        claims.push(Claim { text, span: ByteSpan::new(start, sentence.end) });
    }
    claims
}

fn is_bare(text: &str) -> bool {
    let word = text.trim_end_matches(['.', '!', ',', ':']).to_lowercase();
    matches!(word.as_str(), "yes" | "no" | "correct" | "sure" | "indeed")
}

/// The sentence without what is no part of the statement, its white space folded.
#[must_use]
pub fn plain(sentence: &str) -> String {
    let body = without_marks(&sentence[item_marker(sentence)..]);
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(next) = rest.chars().next() {
        if let Some(marker) = citation_marker(rest).filter(|&marker| cites(&text, &rest[marker..])) {
            // " [1]." leaves "." and not " .".
            text.truncate(text.trim_end().len());
            rest = &rest[marker..];
            if rest.starts_with(char::is_alphanumeric) {
                text.push(' ');
            }
            continue;
        }
        if rest.starts_with("**") || rest.starts_with("__") {
            rest = &rest[2..];
            continue;
        }
        if next != '`' {
            text.push(if next.is_whitespace() { ' ' } else { next });
        }
        rest = &rest[next.len_utf8()..];
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The line without the marks of a heading or a quotation. "> 500 employees" and "#1" say something.
fn without_marks(line: &str) -> &str {
    let line = line.trim_start();
    let marks = line.len() - line.trim_start_matches(['#', '>', ' ']).len();
    let (before, rest) = line.split_at(marks);
    let says = rest.starts_with(|c: char| c.is_ascii_digit()) && (before.contains('>') || before.ends_with('#'));
    if says { line } else { rest }
}

/// Whether a number in brackets between `before` and `after` cites, and is no part of what is said: "give `[30]` days' notice", "`argv[0]`".
fn cites(before: &str, after: &str) -> bool {
    let next = after.trim_start();
    if next.is_empty() || next.starts_with(['.', ',', ';', ':', '!', '?', ')', '[']) {
        return true;
    }
    let joined = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let word: String = next.chars().take_while(|c| c.is_alphabetic()).take(24).collect();
    !joined && (before.is_empty() || before.ends_with(['.', '!', '?']) || is_stop_word(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_brackets_and_marks_that_say_something_stay() {
        for (sentence, expected) in [
            ("Give [30] days' notice. [2]", "Give [30] days' notice."),
            ("argv[0] is the name of the program [1].", "argv[0] is the name of the program."),
            ("Sales rose 4% [1] and costs fell [2, 3].", "Sales rose 4% and costs fell."),
            ("> 500 employees are affected.", "> 500 employees are affected."),
            ("> The fee is waived.", "The fee is waived."),
            ("## 2 Fees", "2 Fees"),
            ("#1 in the market", "#1 in the market"),
        ] {
            assert_eq!(plain(sentence), expected);
        }
    }

    #[test]
    fn a_bare_no_is_shown_and_not_compared() {
        let answer = "No. The valve was closed.";
        let claims = split_claims(answer);
        assert_eq!((claims[0].text.as_str(), claims[0].span.of(answer)), ("The valve was closed.", answer));
    }

    #[test]
    fn claims_lose_markers_bullets_and_emphasis() {
        let answer = "- **Sales** rose 4% [1].\n- Costs fell.[2][3]\n\n[4]";
        let claims = split_claims(answer);
        let texts: Vec<&str> = claims.iter().map(|claim| claim.text.as_str()).collect();
        assert_eq!(texts, ["Sales rose 4%.", "Costs fell."]);
        assert_eq!(claims[0].span.of(answer), "- **Sales** rose 4% [1].");
        assert_eq!(claims[1].span.of(answer), "- Costs fell.[2][3]");
    }

    #[test]
    fn a_bare_yes_belongs_to_what_follows() {
        let claims = split_claims("Yes. The valve was\nclosed.");
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].text, "The valve was closed.");
        assert_eq!(split_claims("No.").len(), 1);
    }

    #[test]
    fn array_indices_are_not_markers_when_they_hold_letters() {
        assert_eq!(split_claims("See [appendix] for x.")[0].text, "See [appendix] for x.");
    }
}
