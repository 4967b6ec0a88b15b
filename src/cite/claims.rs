//! An answer's text to its claims: one a sentence, without markers and bullets; does not know what supports them.

use crate::document::ByteSpan;

use crate::sentences::{citation_marker, item_marker, sentences};

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
/// A bare "Yes." or "No." says nothing that evidence could bear out, so it belongs to the sentence after it.
#[must_use]
pub fn split_claims(answer: &str) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    let mut held: Option<ByteSpan> = None;
    let spans = sentences(answer);
    for (index, &sentence) in spans.iter().enumerate() {
        let span = held.take().map_or(sentence, |open| ByteSpan::new(open.start, sentence.end));
        let text = plain(span.of(answer));
        if !text.chars().any(char::is_alphanumeric) {
            continue;
        }
        if is_bare(&text) && index + 1 < spans.len() {
            held = Some(span);
            continue;
        }
        claims.push(Claim { text, span });
    }
    claims
}

fn is_bare(text: &str) -> bool {
    let word = text.trim_end_matches(['.', '!', ',', ':']).to_lowercase();
    matches!(word.as_str(), "yes" | "no" | "correct" | "sure" | "indeed")
}

/// The sentence without what is no part of the statement, its white space folded.
pub(super) fn plain(sentence: &str) -> String {
    let body = sentence[item_marker(sentence)..].trim_start_matches(['#', '>', ' ']);
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(next) = rest.chars().next() {
        if let Some(marker) = citation_marker(rest) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(claims[0].text, "Yes. The valve was closed.");
        assert_eq!(split_claims("No.").len(), 1);
    }

    #[test]
    fn array_indices_are_not_markers_when_they_hold_letters() {
        assert_eq!(split_claims("See [appendix] for x.")[0].text, "See [appendix] for x.");
    }
}
