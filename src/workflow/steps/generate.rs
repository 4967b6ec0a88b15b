//! `generate`: a prompt in, a model's text out; or, with the model `extractive`, the sentences of hits that answer a question.
//!
//! ```toml
//! [[step]]
//! id = "draft"
//! kind = "generate"
//! needs = ["rerank"]
//! model = ["strong", "local", "extractive"]   # tried in this order
//! question = "{{ input.question }}"
//! hits = "rerank.hits"
//! ```

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::asking::{add, all_failed, another_may_do, ask_aloud, request, roles};
use super::passages::{Passage, output, passages, recorded, truth};
use crate::answer::Hit;
use crate::ask::Drafting;
use crate::ask::draft::{Drafted, draft_by_extracting, draft_of, to_read};
use crate::ask::prompt::prompt;
use crate::cite::claims::split_claims;
use crate::cite::evidence::Evidence;
use crate::document::ByteSpan;
use crate::inference::cross_encoder::{Entailment as _, Head};
use crate::inference::llm::{Message, Role};
use crate::retrieve::Query;
use crate::workflow::asked::{Considered, Weighed};
use crate::workflow::context::{Call, Effect, Reserve, StepContext};
use crate::workflow::event::{CallKind, Spent};
use crate::workflow::expression::{Expression, Template};
use crate::workflow::failure::{Failure, FailureClass};
use crate::workflow::models::EXTRACTIVE;

/// What a file says about a `generate` step. With `hits` and `question` and without `prompt`, the model is told to answer the
/// question from the hits, as `ibid ask` does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// Models by role, tried in this order; `extractive` needs no model and takes sentences of `hits`, word for word. When
    /// left out: the settings' default.
    #[serde(default)]
    pub model: Vec<String>,
    /// What the model is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Template>,
    /// The rules that the model is given before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<Template>,
    /// The question that hits shall answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Template>,
    /// A list of hits to answer from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hits: Option<Expression>,
    /// A check that the text must pass, over `text`; when it does not hold, the next model of the list is asked: a cascade from
    /// cheap to strong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<Expression>,
    /// How the model writes.
    #[serde(flatten)]
    pub sampling: Sampling,
}

/// How a model writes; what is left out is as the settings say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sampling {
    /// Tokens it may write.
    pub tokens_max: Option<usize>,
    /// 0 takes the likeliest token each time.
    pub temperature: Option<f64>,
    /// Decides the choice when the temperature is above 0; made from the run's seed when left out.
    pub seed: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
}

/// What a `generate` step gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GenerateOutput {
    /// The text.
    pub text: String,
    /// Who wrote it: a model's name, or `extractive`.
    pub by: String,
    /// The sentences of `text` as half-open byte spans, `[start, end]`.
    pub claims: Vec<[usize; 2]>,
    /// How likely the hits hold an answer at all, 0 to 1, where that was judged.
    pub answerable: Option<f32>,
    /// What it took.
    #[schemars(with = "serde_json::Value")]
    pub spent: Spent,
}

/// What is asked, whoever answers.
struct Task {
    question: Option<String>,
    prompt: Option<String>,
    system: Option<String>,
    found: Vec<Passage>,
}

impl Generate {
    /// Asks the models in order until one gives a text that is accepted.
    pub(crate) fn run(&self, cx: &mut StepContext<'_>) -> Result<Value, Failure> {
        let task = Task {
            question: self.question.as_ref().map(|question| cx.text(question)).transpose()?,
            prompt: self.prompt.as_ref().map(|prompt| cx.text(prompt)).transpose()?,
            system: self.system.as_ref().map(|system| cx.text(system)).transpose()?,
            found: match &self.hits {
                Some(hits) => passages(&cx.value(hits)?, &hits.0)?,
                None => vec![],
            },
        };
        if task.prompt.is_none() && (task.question.is_none() || self.hits.is_none()) {
            let message = "a `generate` step has a `prompt`, or `question` and `hits`";
            return Err(Failure::new(FailureClass::Expression, message));
        }
        let roles = self.roles(cx);
        cx.input(json!({
            "model": roles, "question": task.question, "prompt": task.prompt, "system": task.system, "hits": task.found.len(),
        }));
        let mut spent = Spent::default();
        let mut failures = Vec::new();
        for role in roles {
            let drafted =
                if role == EXTRACTIVE { task.extract(cx) } else { task.ask(cx, &role, &self.sampling, &mut spent) };
            match drafted.and_then(|drafted| self.accepted(cx, drafted)) {
                Ok(mut drafted) => {
                    drafted.spent = spent;
                    return Ok(output(&drafted));
                }
                Err(failure) if another_may_do(&failure) => failures.push((role, failure)),
                Err(failure) => return Err(failure),
            }
        }
        Err(all_failed(&failures))
    }

    /// The models in order; what the settings say where the step names none.
    fn roles(&self, cx: &StepContext<'_>) -> Vec<String> {
        let may_extract = self.prompt.is_none() && self.hits.is_some() && self.question.is_some();
        let extracts = cx.services.settings().ask.draft == Drafting::Extractive;
        match self.model.is_empty() && may_extract && extracts {
            true => vec![EXTRACTIVE.into()],
            false => roles(&self.model),
        }
    }

    fn accepted(&self, cx: &StepContext<'_>, drafted: GenerateOutput) -> Result<GenerateOutput, Failure> {
        let Some(accept) = &self.accept else { return Ok(drafted) };
        let scope = cx.scope().with("text", Value::String(drafted.text.clone()));
        if truth(&accept.evaluate(&scope)?, &accept.0)? {
            return Ok(drafted);
        }
        let message = format!("the text of `{}` did not pass `{}`", drafted.by, accept.0);
        Err(Failure::new(FailureClass::InvalidOutput, message))
    }
}

impl Task {
    fn ask(
        &self,
        cx: &mut StepContext<'_>,
        role: &str,
        sampling: &Sampling,
        spent: &mut Spent,
    ) -> Result<GenerateOutput, Failure> {
        let services = cx.services;
        let settings = services.models().settings(role)?;
        let hits: Vec<Hit> = self.found.iter().map(|passage| passage.hit.clone()).collect();
        let from_hits = self.prompt.is_none();
        if from_hits && hits.is_empty() {
            return Ok(draft(String::new(), vec![], settings.model_name()));
        }
        let mut messages = match &self.prompt {
            Some(prompt) => vec![Message::new(Role::User, prompt)],
            None => prompt(self.question.as_deref().unwrap_or_default(), &hits),
        };
        match &self.system {
            // The rules for quoted material stay.
            Some(system) if from_hits => messages[0].content = format!("{system}\n\n{}", messages[0].content),
            Some(system) => messages.insert(0, Message::new(Role::System, system)),
            None => {}
        }
        let request = request(cx, sampling, settings, messages);
        let answered = ask_aloud(cx, role, &request)?;
        add(spent, answered.spent);
        let generated = answered.generated;
        let (text, claims) = if from_hits {
            draft_of(generated.text)
        } else {
            let claims = split_claims(&generated.text).into_iter().map(|claim| claim.span).collect();
            (generated.text, claims)
        };
        // As the settings name it: a server's own name for its model may change from one day to the next.
        Ok(draft(text, claims, settings.model_name()))
    }

    /// The sentences of the hits that answer the question.
    fn extract(&self, cx: &mut StepContext<'_>) -> Result<GenerateOutput, Failure> {
        let Some(question) = &self.question else {
            let message = "the model `extractive` needs `question` and `hits`";
            return Err(Failure::new(FailureClass::Expression, message));
        };
        let hits: Vec<Hit> = self.found.iter().map(|passage| passage.hit.clone()).collect();
        if hits.is_empty() {
            return Ok(draft(String::new(), vec![], EXTRACTIVE));
        }
        let texts: Vec<&str> = hits.iter().map(|hit| hit.text.as_str()).collect();
        let evidence = Evidence::new(&texts);
        let similarities = self.similarities(cx, question, &evidence)?;
        let readings = readings(cx, question, &hits, &evidence, &similarities)?;
        let settings = &cx.services.settings().ask.extract;
        let drafted = draft_by_extracting(question, &hits, &evidence, &similarities, &readings, settings);
        if cx.services.settings().explain {
            cx.note(considered(question, &drafted));
        }
        let answerable = drafted.answerable;
        Ok(GenerateOutput { answerable, ..draft(drafted.text, drafted.claims, EXTRACTIVE) })
    }

    /// How near each sentence of the hits is to the question, each by the collection that it is of.
    fn similarities(&self, cx: &mut StepContext<'_>, question: &str, evidence: &Evidence) -> Result<Vec<f32>, Failure> {
        let services = cx.services;
        let mut by_collection: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, passage) in self.found.iter().enumerate() {
            // What is of no index has no stored vectors.
            if !passage.hit.chunk.is_nil() {
                by_collection.entry(&passage.collection).or_default().push(at);
            }
        }
        let mut similarities = vec![0.0_f32; evidence.sentences.len()];
        for (collection, own) in by_collection {
            let hits: Vec<Hit> = own.iter().map(|at| self.found[*at].hit.clone()).collect();
            let of = |at: usize| own.binary_search(&at).ok();
            let sentences = evidence.sentences.iter().enumerate();
            let places: Vec<(usize, (usize, ByteSpan))> =
                sentences.filter_map(|(at, sentence)| Some((at, (of(sentence.index)?, sentence.span)))).collect();
            let call = Call {
                kind: CallKind::Retrieval,
                name: collection.to_string(),
                request: json!({ "sentences": question, "chunks": hits.iter().map(|hit| hit.chunk).collect::<Vec<_>>() }),
                reserve: Reserve::default(),
                effect: Effect::None,
            };
            let response = cx.call(call, &mut |_| {
                let spans: Vec<(usize, ByteSpan)> = places.iter().map(|(_, place)| *place).collect();
                let values = services.collections().with(collection, |searcher| {
                    match Query::prepare(question, searcher.embedder(), searcher.database())? {
                        Some(query) => searcher.sentence_similarities(&query, &hits, &spans),
                        None => Ok(vec![0.0; spans.len()]),
                    }
                })?;
                Ok((json!(values), Spent::default()))
            })?;
            let values: Vec<f32> = recorded(response, "the likeness of sentences")?;
            for ((at, _), value) in places.iter().zip(values) {
                similarities[*at] = value;
            }
        }
        Ok(similarities)
    }
}

/// The sentences that were looked at, with what speaks for each, best first.
fn considered(question: &str, drafted: &Drafted) -> Value {
    let sentences = drafted.considered.iter().map(|considered| Weighed {
        passage: considered.passage,
        start: considered.span.start,
        end: considered.span.end,
        features: considered.features.to_vec(),
        reading: considered.reading,
    });
    output(&Considered { question: question.into(), answerable: drafted.answerable, considered: sentences.collect() })
}

/// How likely the likeliest sentences of the hits answer the question, by a model that reads them: one a sentence; none at all without one.
fn readings(
    cx: &mut StepContext<'_>,
    question: &str,
    hits: &[Hit],
    evidence: &Evidence,
    similarities: &[f32],
) -> Result<Vec<Option<f32>>, Failure> {
    let services = cx.services;
    if services.settings().ask.extract.reading_weight <= 0.0 {
        return Ok(Vec::new());
    }
    let readers = services.readers()?;
    let Ok(reader) = readers.reader() else { return Ok(Vec::new()) };
    let windows = to_read(question, hits, evidence, similarities);
    let call = Call {
        kind: CallKind::Embedding,
        name: reader.name().to_string(),
        request: json!({ "read": question, "chunks": hits.iter().map(|hit| hit.chunk).collect::<Vec<_>>(), "sentences": windows.len() }),
        reserve: Reserve::default(),
        effect: Effect::None,
    };
    let response = cx.call(call, &mut |_| {
        let pairs: Vec<(&str, &str)> = windows.iter().map(|(_, window)| (question, window.as_str())).collect();
        Ok((json!(reader.scores(Head::Answers, &pairs)?), Spent::default()))
    })?;
    let scores: Vec<f32> = recorded(response, "what a model read")?;
    let mut found = vec![None; evidence.sentences.len()];
    for ((at, _), score) in windows.iter().zip(scores) {
        found[*at] = Some(score);
    }
    Ok(found)
}

fn draft(text: String, claims: Vec<ByteSpan>, by: &str) -> GenerateOutput {
    let claims = claims.into_iter().map(|span| [span.start, span.end]).collect();
    GenerateOutput { text, by: by.into(), claims, answerable: None, spent: Spent::default() }
}
