//! A question and its passages, or a model's answer, to a draft with its sentences; does not know what supports them.

use std::path::Path;

use serde::Deserialize;

use super::EXTRACTIVE;
use super::prompt::NO_ANSWER;
use super::telling::told;
use crate::answer::{Hit, Usage};
use crate::cite::claims::split_claims;
use crate::cite::draft::{Considered, DraftSettings, Passage, draft};
use crate::cite::evidence::{Evidence, Text};
use crate::cite::structure::heading_of;
use crate::cite::windows::window_of;
use crate::document::ByteSpan;
use crate::label::file_words;

/// A draft before it is checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drafted {
    /// The whole of it.
    pub text: String,
    /// Its sentences, as spans of `text`.
    pub claims: Vec<ByteSpan>,
    /// Who wrote it.
    pub by: String,
    /// What the model took.
    pub usage: Usage,
    /// How likely the passages hold an answer at all, 0 to 1, where that was judged.
    pub answerable: Option<f32>,
    /// The sentences that were looked at to extract some, best first.
    pub considered: Vec<Considered>,
    /// The parts of the question, where it asks several things and each was drafted for.
    pub parts: Vec<DraftedPart>,
}

/// A part of a question and what was drafted for it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct DraftedPart {
    /// The part, as a question.
    pub question: String,
    /// The sentences of the draft that were drafted for it.
    pub sentences: Vec<String>,
    /// How likely they answer it, 0 to 1; `None` where no reader judged it.
    #[serde(default)]
    pub answers: Option<f32>,
}

impl DraftedPart {
    /// Whether `sentence` was drafted for it, and what was is likely enough to answer it.
    pub(super) fn is_answered_by(&self, sentence: &str, answers_min: f32) -> bool {
        self.answers.is_none_or(|answers| answers >= answers_min) && self.holds(sentence)
    }

    fn holds(&self, sentence: &str) -> bool {
        self.sentences.iter().any(|own| own == sentence)
    }
}

impl Drafted {
    /// Whether `sentence` was drafted only for parts of the question that are not likely to be answered.
    pub(super) fn is_beside_the_point(&self, sentence: &str, answers_min: f32) -> bool {
        let mut of = self.parts.iter().filter(|part| part.holds(sentence)).peekable();
        of.peek().is_some() && of.all(|part| !part.is_answered_by(sentence, answers_min))
    }
}

/// The sentences of the hits that answer the question, in an order that reads well, rows of tables with the names of their columns; none when the hits are not likely to
/// hold the answer. `similarities` are those of the sentences of `evidence`, which holds the texts of the hits; `readings` are what a model
/// found that read some of them ([`to_read`]), or empty.
#[must_use]
pub fn draft_by_extracting(
    question: &str,
    hits: &[Hit],
    evidence: &Evidence,
    similarities: &[f32],
    readings: &[Option<f32>],
    settings: &DraftSettings,
) -> Drafted {
    let labels: Vec<String> = hits.iter().map(label).collect();
    let best = hits.first().map_or(1.0, |hit| hit.score.max(f32::EPSILON));
    let headers: Vec<Vec<ByteSpan>> = hits.iter().map(headers).collect();
    let about = hits.iter().zip(&labels).zip(&headers);
    let passages: Vec<Passage<'_>> =
        about.map(|((hit, label), headers)| Passage { label, score: hit.score / best, headers }).collect();
    let chosen = draft(&Text::new(question), &passages, evidence, similarities, readings, settings);
    let mut drafted = Drafted {
        by: EXTRACTIVE.into(),
        answerable: Some(chosen.answerable),
        considered: chosen.considered,
        ..Drafted::default()
    };
    if chosen.answerable < settings.answerable_min {
        return drafted;
    }
    for sentence in &chosen.sentences {
        let hit = &hits[sentence.passage];
        let said = told(question, hit, sentence.span).unwrap_or_else(|| {
            let words: Vec<&str> = sentence.span.of(&hit.text).split_whitespace().collect();
            words.join(" ")
        });
        if !drafted.text.is_empty() {
            drafted.text.push(' ');
        }
        let start = drafted.text.len();
        drafted.text.push_str(&said);
        drafted.claims.push(ByteSpan::new(start, drafted.text.len()));
    }
    drafted
}

/// Sentences of the hits that are read beside the question, at most.
const READ_MAX: usize = 12;

/// The sentences that are most likely to answer by their words, as places in `evidence`, each with what a model reads of it
/// (`read_alone`).
#[must_use]
pub fn to_read(question: &str, hits: &[Hit], evidence: &Evidence, similarities: &[f32]) -> Vec<(usize, String)> {
    let drafted = draft_by_extracting(question, hits, evidence, similarities, &[], &DraftSettings::default());
    let first = drafted.considered.iter().take(READ_MAX);
    first.map(|found| (found.at, read_alone(hits, evidence, found.at))).collect()
}

/// What a model reads of one sentence to tell it from its neighbours: below what its passage is about and the heading above it, a row with
/// the names of its columns.
fn read_alone(hits: &[Hit], evidence: &Evidence, at: usize) -> String {
    let sentence = &evidence.sentences[at];
    let hit = &hits[sentence.index];
    let mut lines = vec![hit.title.clone().unwrap_or_else(|| file_words(Path::new(&hit.path)))];
    lines.extend(heading_of(evidence, at).map(|heading| evidence.sentences[heading].text.text.clone()));
    lines.push(told("", hit, sentence.span).unwrap_or_else(|| sentence.text.text.clone()));
    lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}

/// What a model reads of a place in the text of hit `index`.
#[must_use]
pub fn read_window(hits: &[Hit], evidence: &Evidence, index: usize, span: ByteSpan) -> Option<String> {
    let window = window_of(evidence, index, span)?;
    let hit = &hits[index];
    let about = hit.title.clone().unwrap_or_else(|| file_words(Path::new(&hit.path)));
    Some(format!("{about}\n{window}"))
}

/// Where the hit's text names the columns of its tables.
fn headers(hit: &Hit) -> Vec<ByteSpan> {
    let inside = |at: usize| at.clamp(hit.start, hit.end) - hit.start;
    let spans = hit.tables.iter().map(|table| ByteSpan::new(inside(table.start), inside(table.body)));
    spans.filter(|span| !span.is_empty()).collect()
}

/// What a passage is about without saying it: its file's name, its document's title, the headings above it.
fn label(hit: &Hit) -> String {
    let mut parts = vec![file_words(Path::new(&hit.path))];
    parts.extend(hit.title.clone());
    parts.extend(hit.heading.iter().cloned());
    parts.extend(hit.table_line());
    parts.join(". ")
}

/// A model's answer to [`prompt`](super::prompt::prompt) as a draft and the places of its sentences, without those that say only that there
/// is no answer; empty where no other is left.
#[must_use]
pub fn draft_of(answer: String) -> (String, Vec<ByteSpan>) {
    let mut text = answer;
    // From the end, so that the places before stay right.
    for claim in split_claims(&text).iter().rev().filter(|claim| says_no_answer(&claim.text)) {
        let after = &text[claim.span.end..];
        let next = text.len() - after.trim_start().len();
        text.replace_range(claim.span.start..next, "");
    }
    let claims: Vec<ByteSpan> = split_claims(&text).into_iter().map(|claim| claim.span).collect();
    if claims.is_empty() { (String::new(), claims) } else { (text, claims) }
}

/// Whether a sentence is [`NO_ANSWER`] and nothing else, quotation marks and full stops aside.
fn says_no_answer(sentence: &str) -> bool {
    sentence.trim_matches(|c: char| !c.is_alphanumeric()).eq_ignore_ascii_case(NO_ANSWER)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One such sentence anywhere in it lost a whole draft.
    #[test]
    fn a_sentence_that_says_there_is_no_answer_goes_and_the_others_stay() {
        for (answer, text, sentences) in [
            ("NOT IN THE DOCUMENTS", "", vec![]),
            (" “Not in the documents.”\n", "", vec![]),
            ("**NOT IN THE DOCUMENTS.**", "", vec![]),
            ("The lender is Fennick. NOT IN THE DOCUMENTS.", "The lender is Fennick. ", vec!["The lender is Fennick."]),
            (
                "The lender is Fennick.\n\nNOT IN THE DOCUMENTS\n\nThe fee is 2%.",
                "The lender is Fennick.\n\nThe fee is 2%.",
                vec!["The lender is Fennick.", "The fee is 2%."],
            ),
            (
                "What is NOT IN THE DOCUMENTS is void. The fee is 2%.",
                "What is NOT IN THE DOCUMENTS is void. The fee is 2%.",
                vec!["What is NOT IN THE DOCUMENTS is void.", "The fee is 2%."],
            ),
            ("...", "", vec![]),
        ] {
            let (drafted, claims) = draft_of(answer.to_owned());
            let found: Vec<&str> = claims.iter().map(|span| span.of(&drafted)).collect();
            assert_eq!((drafted.as_str(), found), (text, sentences), "{answer}");
        }
    }
}
