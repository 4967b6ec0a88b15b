//! `verify`: a draft and hits in, a verdict with its evidence for every sentence out.
//!
//! ```toml
//! [[step]]
//! id = "check"
//! kind = "verify"
//! needs = ["draft"]
//! draft = "draft"
//! hits = "rerank.hits"
//! ```

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::asking::{ask, request};
use super::generate::Sampling;
use super::passages::{Passage, kind, output, passages, recorded};
use crate::answer::Hit;
use crate::ask::compose::{answers, verify};
use crate::ask::draft::{Drafted, DraftedPart};
use crate::check::judge;
use crate::cite::claims::split_claims;
use crate::cite::structure::Reason;
use crate::cite::verdict::{Checked, EvidenceSpan, Verdict};
use crate::document::ByteSpan;
use crate::workflow::context::{Call, Effect, Reserve, StepContext};
use crate::workflow::event::{CallKind, Spent};
use crate::workflow::expression::Expression;
use crate::workflow::failure::{Failure, FailureClass};

/// What a file says about a `verify` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// A text, or the output of a `generate` step.
    pub draft: Expression,
    /// The hits that are the evidence.
    pub hits: Expression,
    /// The question, to judge whether the draft answers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Expression>,
    /// Whether the judge of the settings (`check.judge`), where there is one, reads what the check let stand.
    #[serde(default = "yes")]
    pub judge: bool,
}

fn yes() -> bool {
    true
}

/// What a `verify` step gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyOutput {
    /// The sentences with their verdicts.
    pub claims: Vec<VerifiedClaim>,
    /// Sentences that are supported.
    pub supported: usize,
    /// The share of sentences that are supported, 0 to 1; 0 without sentences.
    pub share: f32,
    /// How likely what is supported answers the question, 0 to 1; null without a question, a reader, or anything supported.
    #[serde(default)]
    pub answers: Option<f32>,
}

/// What a check gives, as it is recorded.
#[derive(Serialize, Deserialize)]
struct Judged {
    checked: Vec<Checked>,
    answers: Option<f32>,
}

/// A sentence with its verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedClaim {
    /// The sentence.
    pub text: String,
    /// `supported`, `partial`, `contradicted`, `unsupported` or `unchecked`.
    pub verdict: String,
    /// How that was decided.
    pub method: String,
    /// Calibrated probability of support, 0 to 1.
    pub score: f32,
    /// Where the evidence stands: the number of the hit, and the half-open byte span in the hit's text.
    pub evidence: Vec<EvidencePlace>,
    /// What differs between sentence and evidence, where it is not supported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
}

/// A place in a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvidencePlace {
    /// Index in the list of hits, from 0.
    pub hit: usize,
    /// First byte in the hit's text.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

impl Verify {
    /// Checks every sentence of the draft against all hits.
    pub(crate) fn run(&self, cx: &mut StepContext<'_>) -> Result<Value, Failure> {
        let drafted = drafted(&cx.value(&self.draft)?, &self.draft.0)?;
        let found = passages(&cx.value(&self.hits)?, &self.hits.0)?;
        let claims: Vec<&str> = drafted.claims.iter().map(|span| span.of(&drafted.text)).collect();
        let question = match &self.question {
            Some(question) => cx.value(question)?.as_str().map(str::to_owned),
            None => None,
        };
        cx.input(json!({ "claims": claims, "hits": found.len() }));
        let hits: Vec<Hit> = found.into_iter().map(|Passage { hit, .. }| hit).collect();
        let mut judged = Judged { checked: vec![], answers: None };
        if !claims.is_empty() {
            judged = check(cx, &drafted, &hits, question.as_deref())?;
            if let Some(role) = cx.services.settings().check.judge.clone().filter(|_| self.judge)
                && ask_judge(cx, &role, &claims, &hits, &mut judged.checked)?
                && let Some(question) = &question
            {
                judged.answers = answered(cx, &drafted, &judged.checked, &hits, question)?;
            }
        }
        let claims: Vec<VerifiedClaim> =
            claims.into_iter().zip(&judged.checked).map(|(text, checked)| VerifiedClaim::of(text, checked)).collect();
        let supported = claims.iter().filter(|claim| claim.verdict == "supported").count();
        let share = if claims.is_empty() { 0.0 } else { supported as f32 / claims.len() as f32 };
        Ok(output(&VerifyOutput { claims, supported, share, answers: judged.answers }))
    }
}

/// The check itself, which asks no language model.
fn check(cx: &mut StepContext<'_>, drafted: &Drafted, hits: &[Hit], question: Option<&str>) -> Result<Judged, Failure> {
    let services = cx.services;
    let claims: Vec<&str> = drafted.claims.iter().map(|span| span.of(&drafted.text)).collect();
    let call = Call {
        kind: CallKind::Embedding,
        name: services.embedder_name().to_string(),
        // The hits are in the record already; that they are the same is what counts here.
        request: json!({ "verify": claims, "question": question, "hits": hits.len(), "hits_sha256": hash_of(hits) }),
        reserve: Reserve::default(),
        effect: Effect::None,
    };
    let response = cx.call(call, &mut |_| {
        let readers = services.readers()?;
        let checked = services.with_embedder(|embedder| verify(drafted, hits, embedder, &readers))?;
        let answers = match question {
            Some(question) => answers(question, drafted, &checked, hits, &readers)?,
            None => None,
        };
        Ok((output(&Judged { checked, answers }), Spent::default()))
    })?;
    recorded(response, "a check")
}

/// Tells hits from others.
fn hash_of(hits: &[Hit]) -> String {
    let mut hash = Sha256::new();
    for hit in hits {
        hash.update(format!("{}\0{}\0", hit.text.len(), hit.text));
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Lets the judge of the settings read each claim that stands; whether it lowered a verdict. Without its opinion on all of them there is
/// none on any: a step that fails is tried again as its `retry` says.
fn ask_judge(
    cx: &mut StepContext<'_>,
    role: &str,
    claims: &[&str],
    hits: &[Hit],
    checked: &mut [Checked],
) -> Result<bool, Failure> {
    let services = cx.services;
    let of_judge = |failure: Failure| Failure {
        message: format!("the judge `{role}` (check.judge) gave no opinion: {}", failure.message),
        ..failure
    };
    let settings = services.models().settings(role).map_err(of_judge)?;
    let mut lowered = false;
    for (claim, checked) in claims.iter().zip(checked).filter(|(_, checked)| judge::is_read(checked)) {
        let request = request(cx, &Sampling::default(), settings, judge::prompt(claim, checked, hits));
        let answer = ask(cx, role, &request).map_err(of_judge)?.text;
        if let Some(opinion) = judge::opinion(&answer) {
            lowered |= judge::lower(checked, claim, role, settings.model_name(), &opinion);
        } else {
            tracing::warn!(role, "the judge answered neither yes nor no; the verdict stays");
            cx.note(json!({ "judge": role, "claim": claim, "unread": "the answer is neither yes nor no" }));
        }
    }
    Ok(lowered)
}

/// How likely what a judge left standing answers the question.
fn answered(
    cx: &mut StepContext<'_>,
    drafted: &Drafted,
    checked: &[Checked],
    hits: &[Hit],
    question: &str,
) -> Result<Option<f32>, Failure> {
    let services = cx.services;
    let verdicts: Vec<Verdict> = checked.iter().map(|checked| checked.verdict).collect();
    let call = Call {
        kind: CallKind::Embedding,
        name: services.embedder_name().to_string(),
        request: json!({ "answers": question, "verdicts": verdicts, "draft": drafted.text, "hits_sha256": hash_of(hits) }),
        reserve: Reserve::default(),
        effect: Effect::None,
    };
    let response = cx.call(call, &mut |_| {
        let readers = services.readers()?;
        Ok((json!(answers(question, drafted, checked, hits, &readers)?), Spent::default()))
    })?;
    recorded(response, "whether a question is answered")
}

/// A draft as the state holds it: a text, or an object with `text` and perhaps `claims`, `by`, `spent`, `answerable` and `parts`. `claims`
/// are its sentences, as places `[start, end]` in `text` or as they are written there; without them `text` is split. `parts` are those of a
/// question that asks several things: `question`, its `sentences`, and perhaps `answers`.
///
/// # Errors
/// [`FailureClass::Expression`] when it is something else.
pub(super) fn drafted(value: &Value, what: &str) -> Result<Drafted, Failure> {
    let wrong = |reason: String| Failure::new(FailureClass::Expression, format!("`{what}` is no draft: {reason}"));
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Object(object) => object
            .get("text")
            .and_then(Value::as_str)
            .ok_or_else(|| wrong("it is an object without `text`".into()))?
            .to_string(),
        other => return Err(wrong(format!("it is {}", kind(other)))),
    };
    let claims = match &value["claims"] {
        Value::Null => split_claims(&text).into_iter().map(|claim| claim.span).collect(),
        given => claims_of(given, &text).map_err(|reason| wrong(reason.into()))?,
    };
    let spent: Spent = serde_json::from_value(value["spent"].clone()).unwrap_or_default();
    let usage =
        crate::answer::Usage { input_tokens: spent.input_tokens, output_tokens: spent.output_tokens, usd: spent.usd };
    let by = value["by"].as_str().unwrap_or_default().to_string();
    let answerable = value["answerable"].as_f64().map(|answerable| answerable as f32);
    let parts: Vec<DraftedPart> = match &value["parts"] {
        Value::Null => vec![],
        parts => serde_json::from_value(parts.clone())
            .map_err(|_| wrong("its `parts` are no list of objects with `question` and `sentences`".into()))?,
    };
    Ok(Drafted { text, claims, by, usage, answerable, parts, ..Drafted::default() })
}

/// The sentences that `given` names, as spans of `text`: by their places, or by what is written there, in its order.
fn claims_of(given: &Value, text: &str) -> Result<Vec<ByteSpan>, &'static str> {
    if let Ok(places) = serde_json::from_value::<Vec<[usize; 2]>>(given.clone()) {
        if places.iter().any(|[start, end]| text.get(*start..*end).is_none()) {
            return Err("its `claims` are no places of its `text`");
        }
        return Ok(places.into_iter().map(|[start, end]| ByteSpan::new(start, end)).collect());
    }
    let sentences: Vec<String> = serde_json::from_value(given.clone())
        .map_err(|_| "its `claims` are neither a list of [start, end] nor one of texts")?;
    let mut at = 0;
    let mut spans = Vec::with_capacity(sentences.len());
    for sentence in &sentences {
        let start =
            at + text[at..].find(sentence.as_str()).ok_or("its `claims` do not follow each other in its `text`")?;
        at = start + sentence.len();
        spans.push(ByteSpan::new(start, at));
    }
    Ok(spans)
}

impl VerifiedClaim {
    fn of(text: &str, checked: &Checked) -> Self {
        let place =
            |place: &EvidenceSpan| EvidencePlace { hit: place.index, start: place.span.start, end: place.span.end };
        Self {
            text: text.into(),
            verdict: json!(checked.verdict).as_str().unwrap_or_default().into(),
            method: checked.method.clone(),
            score: checked.score,
            evidence: checked.evidence.iter().map(place).collect(),
            reasons: checked.reasons.clone(),
        }
    }

    /// The verdict in the form that an answer is composed from.
    ///
    /// # Errors
    /// [`FailureClass::Expression`] for a verdict or a place that there is not.
    pub(super) fn checked(&self, hits: &[Hit]) -> Result<Checked, Failure> {
        let wrong = |reason: &str| Failure::new(FailureClass::Expression, format!("`{}` {reason}", self.text));
        let verdict: Verdict =
            serde_json::from_value(json!(self.verdict)).map_err(|_| wrong("has no known verdict"))?;
        let mut evidence = Vec::with_capacity(self.evidence.len());
        for place in &self.evidence {
            let text = hits.get(place.hit).and_then(|hit| hit.text.get(place.start..place.end));
            text.ok_or_else(|| wrong("rests on a place that is not in the hits; `verify` and `format` need the same"))?;
            evidence.push(EvidenceSpan { index: place.hit, span: ByteSpan::new(place.start, place.end) });
        }
        Ok(Checked { verdict, method: self.method.clone(), score: self.score, evidence, reasons: self.reasons.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joined by a line end and split again, two lines without a full stop became one sentence that stands nowhere.
    #[test]
    fn sentences_that_are_given_apart_stay_apart() {
        let quotes = [
            "Interest is paid by the borrower on the last day of each quarter",
            "Fennick Bank is the lender of record and the agent of the others",
            "No. 7 Acme Corp. The lender, Limit: £210.",
        ];
        assert_eq!(split_claims(&quotes[..2].join("\n")).len(), 1, "what must not happen to them");
        let text = quotes.join("\n\n");
        let of = |claims: Value| drafted(&json!({ "text": text, "claims": claims }), "draft");
        let found = of(json!(quotes)).unwrap();
        let sentences: Vec<&str> = found.claims.iter().map(|span| span.of(&found.text)).collect();
        assert_eq!(sentences, quotes);
        let twice = drafted(&json!({ "text": "A fee. A fee.", "claims": ["A fee.", "A fee."] }), "draft").unwrap();
        assert_eq!(twice.claims, [ByteSpan::new(0, 6), ByteSpan::new(7, 13)]);
        assert_eq!(of(json!([[0, 8]])).unwrap().claims, [ByteSpan::new(0, 8)]);
        assert!(of(json!([])).unwrap().claims.is_empty());
        assert!(drafted(&json!({ "text": "", "parts": [{ "question": "Who?" }] }), "draft").is_err());
        let parts = json!([{ "question": "Who?", "sentences": ["A."], "by": "m", "answers": 0.5 }, { "question": "Why?", "sentences": [], "answers": null }]);
        let parts = drafted(&json!({ "text": "A.", "parts": parts }), "draft").unwrap().parts;
        assert_eq!((parts[0].sentences.len(), parts[0].answers), (1, Some(0.5)));
        assert_eq!(parts[1], DraftedPart { question: "Why?".into(), ..DraftedPart::default() });
        for claims in [json!(["Not there."]), json!([quotes[1], quotes[0]]), json!([[0, 9_999]]), json!("text")] {
            assert!(of(claims.clone()).is_err_and(|failure| failure.message.contains("`claims`")), "{claims}");
        }
    }
}
