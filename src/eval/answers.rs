//! Judged questions in, the share that is answered rightly, and the share of unanswerable ones that is refused, out.

use std::path::Path;
use std::time::Instant;

use super::metrics::{interval, mean};
use super::{EvalReport, read_json_lines, wrong};
use crate::answer::{Answer, AnswerStatus, Hit};
use crate::error::{Error, Result};
use crate::workflow::asked::{Asked, Considered, Weighed};

/// What is right for one question.
struct Judged {
    question: String,
    answerable: bool,
    path: String,
    quote: String,
}

/// Asks every question of the file and compares: of those that have an answer, how often the judged quote is among the passages, and how
/// often the answer says it; of the others, how often the answer is refused.
///
/// # Errors
/// [`Error::Usage`] when the file is laid out otherwise; what `ask` reports.
pub fn evaluate_answers(questions: &Path, ask: &mut dyn FnMut(&str) -> Result<Asked>) -> Result<EvalReport> {
    let started = Instant::now();
    let judged = load(questions)?;
    let mut found = Vec::new();
    let mut answered = Vec::new();
    let mut right = Vec::new();
    let mut refused = Vec::new();
    let mut notes = Vec::new();
    let mut items = Vec::new();
    for judged in &judged {
        let asked = ask(&judged.question)?;
        let hits: Vec<Hit> = serde_json::from_value(asked.hits)
            .map_err(|error| Error::usage(format!("the passages of a question cannot be read: {error}")))?;
        items.extend(asked.considered.iter().map(|considered| item(judged, considered, &hits, &asked.answer)));
        let answer = asked.answer;
        let is_refused = answer.status == AnswerStatus::NotInDocuments;
        if !judged.answerable {
            refused.push(share(is_refused));
            if !is_refused {
                notes.push(format!("not in the documents, but answered: {} → {}", judged.question, answer.text));
            }
            continue;
        }
        found.push(share(hits.iter().any(|hit| holds(hit, judged))));
        answered.push(share(!is_refused));
        let is_right = says(&answer, judged);
        right.push(share(is_right));
        if !is_right {
            let text = if is_refused { "(refused)" } else { answer.text.as_str() };
            notes.push(format!("not as judged: {} → {text} [wanted: {}]", judged.question, judged.quote));
        }
    }
    let dataset = questions.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut report = EvalReport { task: "answers", dataset, notes, items, ..EvalReport::default() };
    for (name, values) in
        [("quote_found", &found), ("answered", &answered), ("quote_said", &right), ("refused", &refused)]
    {
        report.metrics.insert(name.into(), mean(values));
        report.intervals.insert(name.into(), interval(values));
    }
    report.metrics.insert("answerable".into(), found.len() as f64);
    report.metrics.insert("unanswerable".into(), refused.len() as f64);
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

fn share(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn load(path: &Path) -> Result<Vec<Judged>> {
    read_json_lines(path)?
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let text = |key: &str| value[key].as_str().unwrap_or_default().to_string();
            let answerable = value["answerable"]
                .as_bool()
                .ok_or_else(|| wrong(path, &format!("line {} has no `answerable`", index + 1)))?;
            Ok(Judged { question: text("question"), answerable, path: text("path"), quote: text("quote") })
        })
        .collect()
}

/// One question, or a part of one, with all that the draft's coefficients are fitted on.
fn item(judged: &Judged, considered: &Considered, hits: &[Hit], answer: &Answer) -> serde_json::Value {
    let candidate = |weighed: &Weighed| {
        // A sentence of a hit that there is not has no text, and is right of nothing.
        let hit = hits.get(weighed.passage);
        let in_source = judged.answerable && hit.is_some_and(|hit| hit.path.ends_with(&judged.path));
        let text = hit.and_then(|hit| hit.text.get(weighed.start..weighed.end));
        let is_right = in_source && text.is_some_and(|text| overlaps(text, &judged.quote));
        serde_json::json!({
            "features": weighed.features, "right": is_right, "in_source": in_source, "passage": weighed.passage,
            "reading": weighed.reading,
        })
    };
    serde_json::json!({
        "question": considered.question,
        "answerable": judged.answerable,
        "probability": considered.answerable,
        "answer": answer.text,
        "answers": answer.answers,
        "status": answer.status,
        "candidates": considered.considered.iter().map(candidate).collect::<Vec<_>>(),
    })
}

/// Whether one of the two holds the other, as plain text.
fn overlaps(text: &str, quote: &str) -> bool {
    let (text, quote) = (plain(text), plain(quote));
    text.contains(&quote) || quote.contains(&text)
}

/// Text as the judgements compare it: single spaces, no column rules.
fn plain(text: &str) -> String {
    text.replace('|', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn holds(hit: &Hit, judged: &Judged) -> bool {
    hit.path.ends_with(&judged.path) && plain(&hit.text).contains(&plain(&judged.quote))
}

/// Whether the answer's citations hold the quote, or the quote holds one of them, in the judged document.
fn says(answer: &Answer, judged: &Judged) -> bool {
    let cited = answer.claims.iter().flat_map(|claim| &claim.citations);
    cited
        .filter(|citation| citation.path.ends_with(&judged.path))
        .any(|citation| overlaps(&citation.quote, &judged.quote))
}
