//! What comes back: hits, claims with their verdicts and citations, and the answer, in the form that scripts read.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cite::evidence::Passage;
use crate::cite::structure::Reason;
use crate::cite::verdict::Verdict;
use crate::document::ByteSpan;
use crate::tables::TablePart;

/// A passage found for a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// Id of the passage in the index.
    pub chunk: Uuid,
    /// 1 for the best.
    pub rank: usize,
    /// Fused relevance, 0 to 1; higher is better, comparable within one query only.
    pub score: f32,
    /// Absolute path of the file.
    pub path: String,
    /// SHA-256 of the file's bytes, lower-case hex.
    pub document: String,
    /// Page of the first byte, where the format has pages.
    pub page: Option<u32>,
    /// First byte in the document's text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Headings above the passage, outermost first.
    pub heading: Vec<String>,
    /// The passage, byte for byte as in the document's text.
    pub text: String,
    /// The document's own title.
    pub title: Option<String>,
    /// The tables of which it holds rows, with what says what their figures are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TablePart>,
    /// What the score was made of.
    pub scores: Scores,
}

impl Hit {
    /// What says what the figures of the passage are and stands outside it: the names of the columns, the unit and the title of the table
    /// that the passage goes on with, on one line; none where there is nothing such.
    #[must_use]
    pub fn table_line(&self) -> Option<String> {
        let span = ByteSpan::new(self.start, self.end);
        let table = self.tables.first()?;
        let title = table.title.as_ref().filter(|title| !self.text.contains(*title)).cloned();
        let unit = table.unit.as_ref().filter(|unit| !self.text.contains(*unit)).cloned();
        let columns = (!table.columns.is_empty() && !table.is_headed_in(span)).then(|| table.columns_line());
        let parts: Vec<String> = [title, unit, columns].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

impl Hit {
    /// Its text as evidence, with what its tables are counted in where all of them say the same.
    #[must_use]
    pub fn passage(&self) -> Passage<'_> {
        let mut scales = self.tables.iter().map(|table| table.scale().unwrap_or(1.0));
        let first = scales.next().unwrap_or(1.0);
        let scale = if scales.all(|scale| scale.total_cmp(&first).is_eq()) { first } else { 1.0 };
        Passage { text: &self.text, scale }
    }
}

/// The method of a verdict on a sentence whose figures were looked up in tables or computed from them: every row that it rests on is cited.
pub const FIGURES: &str = "figures/1";

/// The parts of a hit's score, as the stages gave them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Cosine of query and passage, -1 to 1.
    pub dense: Option<f32>,
    /// BM25, 0 and up.
    pub bm25: Option<f32>,
    /// Fused dense and lexical score, 0 to 1.
    pub fused: f32,
    /// Idf-weighted mean over the query's tokens of the best cosine among the passage's tokens.
    pub maxsim: Option<f32>,
    /// How likely the passage answers the query, 0 to 1, where a model read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<f32>,
}

/// The place that a claim rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Citation {
    /// The number printed in brackets; the same place has the same number throughout an answer.
    pub n: usize,
    /// Absolute path of the file.
    pub path: String,
    /// SHA-256 of the file's bytes, lower-case hex.
    pub document: String,
    /// Page of the quote, where the format has pages.
    pub page: Option<u32>,
    /// First byte of the quote in the document's text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The quote, byte for byte as in the document's text.
    pub quote: String,
}

/// A sentence of the answer and what became of checking it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerClaim {
    /// The sentence.
    pub text: String,
    /// First byte in the answer's text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Whether its evidence supports it.
    pub verdict: Verdict,
    /// How that was decided.
    pub method: String,
    /// Calibrated probability of support, 0 to 1.
    pub score: f32,
    /// Where it comes from.
    pub citations: Vec<Citation>,
    /// What differs between it and its evidence, where it is not supported; spans are of its own text.
    #[serde(default)]
    pub reasons: Vec<Reason>,
}

impl AnswerClaim {
    /// Where it stands in the answer's text.
    #[must_use]
    pub fn span(&self) -> ByteSpan {
        ByteSpan::new(self.start, self.end)
    }
}

/// What the answer as a whole is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerStatus {
    /// Every sentence is supported, and the whole answers the question; where no reader judged that, support alone.
    Grounded,
    /// Some sentences are not, or not wholly.
    Partial,
    /// The documents do not hold the answer.
    NotInDocuments,
    /// A limit ended the run early.
    BudgetExceeded,
    /// The question is not answered on principle.
    Refused,
}

impl AnswerStatus {
    /// The name used in JSON and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Grounded => "grounded",
            Self::Partial => "partial",
            Self::NotInDocuments => "not_in_documents",
            Self::BudgetExceeded => "budget_exceeded",
            Self::Refused => "refused",
        }
    }
}

/// What the language model took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Price by the settings, US dollars.
    pub usd: f64,
}

/// The models that took part, by role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Models {
    /// Who found the passages.
    pub embedder: String,
    /// Who wrote the draft: a model, or `extractive`.
    pub draft: String,
    /// Who checked the claims.
    pub verifier: String,
}

/// A checked answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// `ibid.answer/1`.
    pub schema: String,
    /// As asked.
    pub question: String,
    /// The question with its misspelt words put right, as it was looked up, where there were some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<String>,
    /// What it is worth.
    pub status: AnswerStatus,
    /// The sentences that stand, without markers; empty when nothing does.
    pub text: String,
    /// The sentences of `text` in order; with unsupported ones only when they were asked for.
    pub claims: Vec<AnswerClaim>,
    /// Sentences of the draft that were left out because nothing supports them.
    pub left_out: Vec<LeftOut>,
    /// Id of the run's record.
    pub run: String,
    /// Who took part.
    pub models: Models,
    /// What the language model took.
    pub usage: Usage,
    /// Milliseconds from question to answer.
    pub took_ms: f64,
    /// How likely what was drafted answers the question, 0 to 1; `None` where no reader judged it.
    #[serde(default)]
    pub answers: Option<f32>,
    /// Where the documents do not hold the answer: the nearest passages, which may not answer it.
    #[serde(default)]
    pub nearest: Vec<Hit>,
    /// Where other documents say otherwise than a sentence that stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    /// Why there is no answer, or which part of the question has none, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A place of another document that disagrees with a sentence of the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// The sentence, by its place in [`Answer::claims`].
    pub claim: usize,
    /// What the other document says, on one line.
    pub says: String,
    /// Absolute path of its file.
    pub path: String,
    /// SHA-256 of the file's bytes, lower-case hex.
    pub document: String,
    /// Page of the quote, where the format has pages.
    pub page: Option<u32>,
    /// First byte of the quote in the document's text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The quote, byte for byte as in the document's text.
    pub quote: String,
    /// What differs; its span is of the sentence's own text.
    pub reason: Reason,
    /// Which of the two is the newer, where dates or versions of the documents say so.
    pub newer: Option<Side>,
}

/// One of two documents that disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The one that the sentence of the answer rests on.
    Claim,
    /// The other one.
    Other,
}

/// A sentence of the draft that did not pass the check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The sentence.
    pub text: String,
    /// What the check found.
    pub verdict: Verdict,
    /// How that was decided.
    pub method: String,
    /// Calibrated probability of support, 0 to 1.
    pub score: f32,
    /// What differs between it and its evidence; spans are of its own text.
    #[serde(default)]
    pub reasons: Vec<Reason>,
}

/// The schema of [`Answer`].
pub const ANSWER_SCHEMA: &str = "ibid.answer/1";

/// Hits in the form `ibid.hits/1`; `corrected` is the query as it was searched, where that is not as asked.
#[must_use]
pub fn hits_json(query: &str, corrected: Option<&str>, hits: &[Hit], took_ms: f64) -> serde_json::Value {
    let mut told = serde_json::json!({ "schema": "ibid.hits/1", "query": query });
    if let Some(corrected) = corrected {
        told["corrected"] = corrected.into();
    }
    told["hits"] = serde_json::json!(hits);
    told["took_ms"] = took_ms.into();
    told
}

/// The words of `question` that are others in `corrected`: (as written, as looked up).
#[must_use]
pub fn changed_words<'a>(question: &'a str, corrected: &'a str) -> Vec<(&'a str, &'a str)> {
    let bare = |word: &'a str| word.trim_matches(|c: char| !c.is_alphanumeric());
    let pairs = question.split_whitespace().zip(corrected.split_whitespace());
    pairs.filter(|(written, right)| written != right).map(|(written, right)| (bare(written), bare(right))).collect()
}
