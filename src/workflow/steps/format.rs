//! `format`: the state in, the final form out: a text, any value, or a checked answer.
//!
//! ```toml
//! [[step]]
//! id = "answer"
//! kind = "format"
//! needs = ["check"]
//! answer = { question = "input.question", draft = "draft", check = "check", hits = "rerank.hits" }
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::passages::{kind, output, page_at, passages};
use super::read::ReadPage;
use super::verify::{VerifiedClaim, drafted};
use crate::answer::{Answer, Hit, Models};
use crate::ask::VERIFIER;
use crate::ask::compose::compose;
use crate::ask::unread::hold_back;
use crate::check::judge::method;
use crate::workflow::context::StepContext;
use crate::workflow::expression::{Expression, Template};
use crate::workflow::failure::{Failure, FailureClass};

/// What a file says about a `format` step; exactly one of its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// A text. The output is `{ "text": … }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// A value. The output is the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Expression>,
    /// A cited answer. The output is an `ibid.answer/1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerParts>,
}

/// What a cited answer is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerParts {
    /// The question.
    pub question: Expression,
    /// The question with its misspelt words put right, where there were some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<Expression>,
    /// The output of the `generate` step.
    pub draft: Expression,
    /// The output of the `verify` step.
    pub check: Expression,
    /// The hits that were the evidence.
    pub hits: Expression,
}

impl Format {
    /// Makes the final form.
    pub(crate) fn run(&self, cx: &mut StepContext<'_>) -> Result<Value, Failure> {
        match (&self.template, &self.value, &self.answer) {
            (Some(template), None, None) => Ok(json!({ "text": cx.text(template)? })),
            (None, Some(value), None) => cx.value(value),
            (None, None, Some(parts)) => parts.answer(cx),
            _ => {
                let message = "a `format` step has exactly one of `template`, `value` and `answer`";
                Err(Failure::new(FailureClass::Expression, message))
            }
        }
    }
}

/// What checked: the comparison, the model that reads, and the judge, where there is one.
fn verifier(cx: &StepContext<'_>) -> String {
    let readers = cx.services.readers().ok();
    let model = readers.as_ref().and_then(|readers| readers.entailment());
    let judge = cx.services.settings().check.judge.as_deref();
    let judge = judge.and_then(|role| {
        let settings = cx.services.models().settings(role).ok()?;
        Some(format!("{} ({})", method(role), settings.model_name()))
    });
    let parts = [Some(VERIFIER.to_owned()), model.map(|model| model.name().to_owned()), judge];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Gives what is quoted from a document that was read whole its page: such a document is one passage, and lies on many.
fn give_pages(answer: &mut Answer, hits: &[Hit], pages: &[Vec<ReadPage>]) {
    let page_of = |path: &str, at: usize| {
        let holds = |hit: &Hit| hit.path == path && hit.start <= at && at < hit.end;
        hits.iter().zip(pages).filter(|(hit, _)| holds(hit)).find_map(|(_, pages)| page_at(pages, at))
    };
    for citation in answer.claims.iter_mut().flat_map(|claim| &mut claim.citations) {
        citation.page = citation.page.or_else(|| page_of(&citation.path, citation.start));
    }
    for conflict in &mut answer.conflicts {
        conflict.page = conflict.page.or_else(|| page_of(&conflict.path, conflict.start));
    }
}

impl AnswerParts {
    /// The answer that `ibid ask` would give for these parts. How long it took is for the one who ran the whole to say.
    fn answer(&self, cx: &StepContext<'_>) -> Result<Value, Failure> {
        let wrong = |what: &Expression, reason: String| {
            Failure::new(FailureClass::Expression, format!("`{}` {reason}", what.0))
        };
        let question = match cx.value(&self.question)? {
            Value::String(question) => question,
            other => return Err(wrong(&self.question, format!("is {}, not the text of a question", kind(&other)))),
        };
        let draft = drafted(&cx.value(&self.draft)?, &self.draft.0)?;
        let found = passages(&cx.value(&self.hits)?, &self.hits.0)?;
        let (hits, pages): (Vec<Hit>, Vec<Vec<ReadPage>>) =
            found.into_iter().map(|passage| (passage.hit, passage.pages)).unzip();
        let (claims, answers): (Vec<VerifiedClaim>, Option<f32>) = match cx.value(&self.check)? {
            Value::Null => (vec![], None),
            mut check => {
                let claims = serde_json::from_value(check["claims"].take())
                    .map_err(|error| wrong(&self.check, format!("is no output of a `verify` step ({error})")))?;
                (claims, check["answers"].as_f64().map(|answers| answers as f32))
            }
        };
        let is_of_draft = claims.len() == draft.claims.len()
            && claims.iter().zip(&draft.claims).all(|(claim, span)| claim.text == span.of(&draft.text));
        if !is_of_draft {
            return Err(wrong(&self.check, format!("checked another draft than `{}`", self.draft.0)));
        }
        let checked: Vec<_> = claims.iter().map(|claim| claim.checked(&hits)).collect::<Result<_, _>>()?;
        let mut answer = compose(&question, &draft, &checked, answers, &hits, &cx.services.settings().ask);
        give_pages(&mut answer, &hits, &pages);
        if let Some(manifest) = cx.services.embedder_manifest() {
            hold_back(&mut answer, &hits, manifest, &cx.services.settings().ask);
        }
        answer.corrected = match &self.corrected {
            Some(corrected) => cx.value(corrected)?.as_str().map(str::to_owned),
            None => None,
        };
        answer.run = cx.run.into();
        answer.models =
            Models { embedder: cx.services.embedder_name().into(), draft: draft.by, verifier: verifier(cx) };
        answer.usage = draft.usage;
        Ok(output(&answer))
    }
}
