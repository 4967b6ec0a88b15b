//! `figures`: a question for a figure in, sentences with exact figures and the rows of tables that they rest on out, or that there are none.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Asked, Tool};
use crate::answer::{FIGURES, Hit};
use crate::collections::{Collections, DEFAULT};
use crate::error::Result;
use crate::figures::{Figured, Source, figure, is_asked, queries};
use crate::label::{file_words, terms};
use crate::retrieve::Searcher;

/// Passages that say which documents are looked into, of each search.
const HITS: usize = 30;
/// Documents that are looked into at most, the likeliest first.
const DOCUMENTS_MAX: usize = 12;
/// Passages of one document at most; a longer one is not looked into.
const PASSAGES_MAX: usize = 5_000;
/// Words from the start of a document that say what it is, as in its label.
const COVER_WORDS: usize = 200;
/// Characters of a question.
const QUESTION_CHARS_MAX: usize = 2_000;

/// Looking figures up and computing with them as a tool.
#[derive(Debug)]
pub struct Figures {
    collections: Arc<Collections>,
}

impl Figures {
    /// Looks into these.
    #[must_use]
    pub fn new(collections: Arc<Collections>) -> Self {
        Self { collections }
    }
}

impl Tool for Figures {
    fn name(&self) -> &'static str {
        "figures"
    }

    fn description(&self) -> String {
        "Answers a question for a figure from the tables of the indexed documents, exactly or not at all: a value, a change, a ratio, a sum, an \
         average, the highest or the lowest. Gives the sentences, the rows that they rest on, and the formula."
            .into()
    }

    fn parameters(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "question": { "type": "string", "description": "The question", "minLength": 1, "maxLength": QUESTION_CHARS_MAX },
                "collection": { "type": "string", "description": "Where to look; the default collection when left out" },
            },
            "required": ["question"],
            "additionalProperties": false,
        })
    }

    fn result(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "found": { "type": "boolean" },
                "draft": { "type": "object", "required": ["text", "claims"] },
                "check": { "type": "object", "required": ["claims"] },
                "hits": { "type": "array", "items": { "type": "object", "required": ["path", "text", "start", "end"] } },
            },
            "required": ["found", "draft", "check", "hits"],
        })
    }

    fn run(&self, called: &Asked<'_>) -> Result<Value> {
        let question = called.arguments["question"].as_str().unwrap_or_default();
        let collection = called.arguments["collection"].as_str().unwrap_or(DEFAULT);
        self.collections.with(collection, |searcher| {
            if !is_asked(question, searcher.lexicon()) {
                return Ok(result(None));
            }
            let sources = sources(question, searcher)?;
            let found = figure(question, searcher.lexicon(), &sources);
            Ok(result(found.as_ref().map(|figured| (figured, &sources[figured.source], collection))))
        })
    }
}

/// The documents of the passages that fit the question best, whole: those found by its own words and by the names of the lines that it may
/// mean, the best of both in turn.
fn sources(question: &str, searcher: &Searcher) -> Result<Vec<Source>> {
    let mut found: Vec<std::vec::IntoIter<Hit>> = Vec::new();
    for query in queries(question, searcher.lexicon()) {
        found.push(searcher.search(&query, HITS)?.hits.into_iter());
    }
    let mut paths: Vec<String> = Vec::new();
    for _ in 0..HITS {
        for hit in found.iter_mut().filter_map(Iterator::next) {
            if !paths.contains(&hit.path) && paths.len() < DOCUMENTS_MAX {
                paths.push(hit.path);
            }
        }
    }
    let mut sources = Vec::with_capacity(paths.len());
    for path in paths {
        let hits = searcher.passages_of(&path, PASSAGES_MAX)?;
        let label = label(&path, &hits);
        sources.push(Source { hits, label });
    }
    Ok(sources)
}

/// What a document is known by: its file's name, its title and its first words.
fn label(path: &str, hits: &[Hit]) -> Vec<u32> {
    let title = hits.first().and_then(|hit| hit.title.as_deref()).unwrap_or_default();
    let first_page = hits.first().and_then(|hit| hit.page);
    let cover = hits.iter().take_while(|hit| hit.page == first_page).flat_map(|hit| hit.text.split_whitespace());
    let cover: Vec<&str> = cover.take(COVER_WORDS).collect();
    terms(&format!("{}\n{title}\n{}", file_words(Path::new(path)), cover.join(" ")))
}

/// The form that a workflow composes an answer from: a draft, its check and the passages.
fn result(found: Option<(&Figured, &Source, &str)>) -> Value {
    let Some((figured, source, collection)) = found else {
        return json!({
            "found": false, "draft": { "text": "", "by": "figures", "claims": [] },
            "check": { "claims": [], "supported": 0, "share": 0.0 }, "hits": [],
        });
    };
    let mut used: Vec<usize> =
        figured.claims.iter().flat_map(|claim| claim.evidence.iter().map(|(hit, _)| *hit)).collect();
    used.sort_unstable();
    used.dedup();
    let mut text = String::new();
    let (mut spans, mut claims) = (Vec::new(), Vec::new());
    for claim in &figured.claims {
        if !text.is_empty() {
            text.push(' ');
        }
        let start = text.len();
        text.push_str(&claim.text);
        spans.push([start, text.len()]);
        let place = |(hit, span): &(usize, crate::document::ByteSpan)| json!({ "hit": used.binary_search(hit).unwrap_or_default(), "start": span.start, "end": span.end });
        let evidence: Vec<Value> = claim.evidence.iter().map(place).collect();
        claims.push(
            json!({ "text": claim.text, "verdict": "supported", "method": FIGURES, "score": 1.0, "evidence": evidence }),
        );
    }
    let hits: Vec<Value> = used
        .iter()
        .enumerate()
        .map(|(rank, &at)| {
            let mut hit = json!(Hit { rank: rank + 1, score: 1.0, ..source.hits[at].clone() });
            hit["collection"] = json!(collection);
            hit
        })
        .collect();
    json!({
        "found": true, "draft": { "text": text, "by": "figures", "claims": spans },
        "check": { "claims": claims, "supported": claims.len(), "share": 1.0 }, "hits": hits,
    })
}
