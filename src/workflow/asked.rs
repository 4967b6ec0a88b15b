//! The record of a run that answered a question: the answer, what was found and drafted for it, what each step took.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::{CallKind, CallRecord, Event, Outcome};
use super::journal::Found;
use crate::answer::{ANSWER_SCHEMA, Answer, Usage};

/// An answer and what led to it, in the form `ibid.run/1`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// `ibid.run/1`.
    pub schema: &'static str,
    /// The run's id.
    pub run: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// The answer.
    pub answer: Answer,
    /// The passages that it was drafted from, best first.
    pub hits: Value,
    /// What a model was told last, where there was one.
    pub prompt: Option<String>,
    /// The draft before it was checked.
    pub draft: String,
    /// How likely the passages hold an answer at all, 0 to 1, where that was judged.
    pub answerable: Option<f64>,
    /// Milliseconds by step, all visits together.
    pub timings_ms: BTreeMap<String, f64>,
    /// What was weighed to extract sentences from `hits`, once for the question or each of its parts; only where steps were told to note it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub considered: Vec<Considered>,
}

/// The sentences that were weighed to answer a question without a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Considered {
    /// The question, or the part of it.
    pub question: String,
    /// How likely the passages hold an answer at all, 0 to 1.
    pub answerable: Option<f32>,
    /// The sentences, best first.
    pub considered: Vec<Weighed>,
}

/// A sentence that was weighed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weighed {
    /// Which of the hits it is from, from 0.
    pub passage: usize,
    /// First byte in the hit's text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What speaks for it, in the order of [`FEATURES`](crate::cite::answering::FEATURES).
    pub features: Vec<f64>,
    /// How likely a model that read it finds that it answers, 0 to 1, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<f32>,
}

impl Asked {
    /// What the record of a run says; `None` where its output is no answer.
    #[must_use]
    pub fn of(found: &Found) -> Option<Self> {
        let output = found.events.iter().rev().find_map(|event| match event {
            Event::RunEnded { output, .. } if output["schema"] == ANSWER_SCHEMA => Some(output),
            _ => None,
        })?;
        let mut answer: Answer = serde_json::from_value(output.clone()).ok()?;
        // Only the one who ran the whole knows what it took.
        answer.run.clone_from(&found.row.run);
        answer.took_ms = found.row.took_us as f64 / 1e3;
        answer.usage = usage(found);
        let mut asked = Self {
            schema: "ibid.run/1",
            run: found.row.run.clone(),
            started_at: found.row.started_at.clone(),
            answer,
            hits: Value::Array(vec![]),
            prompt: None,
            draft: String::new(),
            answerable: None,
            timings_ms: BTreeMap::new(),
            considered: Vec::new(),
        };
        found.events.iter().for_each(|event| asked.take(event));
        Some(asked)
    }

    fn take(&mut self, event: &Event) {
        let Event::StepEnded { place, outcome, output, calls, notes, took_us, .. } = event else { return };
        // What judges a draft did not write it.
        let is_check = output["claims"].is_array() && output["share"].is_number();
        for call in calls.iter().filter(|call| call.kind == CallKind::Model && !is_check) {
            self.take_call(call);
        }
        for considered in notes.iter().filter_map(|note| Considered::deserialize(note).ok()) {
            self.considered.retain(|other| other.question != considered.question);
            self.considered.push(considered);
        }
        // What happens in graphs inside is part of the step that runs them.
        if !place.frame.is_empty() || matches!(outcome, Outcome::Skipped | Outcome::CutOff) {
            return;
        }
        *self.timings_ms.entry(place.step.clone()).or_default() += *took_us as f64 / 1e3;
        if output["hits"].is_array() && self.hits != output["hits"] {
            self.hits = output["hits"].clone();
            // What was weighed before was of other hits.
            self.considered.clear();
        }
        let draft = if output["draft"].is_object() { &output["draft"] } else { output };
        if let (Some(text), Some(_)) = (draft["text"].as_str(), draft["by"].as_str()) {
            self.draft = text.to_string();
            self.answerable = draft["answerable"].as_f64();
        }
    }

    fn take_call(&mut self, call: &CallRecord) {
        let messages = call.request["messages"].as_array().into_iter().flatten();
        let told: Vec<String> = messages
            .map(|message| {
                let part = |name: &str| message[name].as_str().unwrap_or_default();
                format!("[{}]\n{}", part("role"), part("content"))
            })
            .collect();
        if !told.is_empty() {
            self.prompt = Some(told.join("\n\n"));
        }
    }
}

/// What language models took in a run.
#[must_use]
pub fn usage(found: &Found) -> Usage {
    let mut usage = Usage::default();
    for event in &found.events {
        let Event::StepEnded { calls, .. } = event else { continue };
        for call in calls.iter().filter(|call| call.kind == CallKind::Model && !call.kept) {
            usage.input_tokens += call.spent.input_tokens;
            usage.output_tokens += call.spent.output_tokens;
            usage.usd += call.spent.usd;
        }
    }
    usage
}
