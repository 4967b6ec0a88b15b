//! A claim and its evidence to the place where the claim stands word for word; knows no likeness short of that.

use super::claims::plain;
use super::evidence::Evidence;
use super::structure::denial_above;
use super::verdict::EvidenceSpan;
use crate::document::ByteSpan;

/// A claim may span this many sentences of the evidence.
const SENTENCES_MAX: usize = 4;

/// Where whole sentences of the evidence read exactly as `claim`, white space, markers and the last full stop aside.
///
/// Part of a sentence does not count: "the fee is waived" is not what "nobody says the fee is waived" says.
pub(super) fn find(claim: &str, evidence: &Evidence) -> Option<EvidenceSpan> {
    let claim = plain(claim);
    let wanted = bare(&claim);
    if !wanted.chars().any(char::is_alphanumeric) {
        return None;
    }
    for (first, sentence) in evidence.sentences.iter().enumerate() {
        let run =
            evidence.sentences[first..].iter().take(SENTENCES_MAX).take_while(|next| next.index == sentence.index);
        let mut joined = String::new();
        for last in run {
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(&plain(&last.text.text));
            // What stands below a line that denies it has to be compared.
            if bare(&joined) == wanted && denial_above(evidence, first).is_none() {
                return Some(EvidenceSpan {
                    index: sentence.index,
                    span: ByteSpan::new(sentence.span.start, last.span.end),
                });
            }
            if joined.len() > wanted.len() + 1 {
                break;
            }
        }
    }
    None
}

fn bare(text: &str) -> &str {
    text.trim_end_matches(['.', ' ', ';', ','])
}
