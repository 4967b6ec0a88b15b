//! Events in, spans with their times, parents and attributes out; sends nothing.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry::{Array, KeyValue, StringValue, Value as Attribute};
use reqwest::Url;
use serde_json::{Value, json};
use uuid::Uuid;

use super::names::{self, operation};
use crate::workflow::check::kinds::{graph_of, name};
use crate::workflow::event::{CallKind, CallRecord, Event, Outcome, Place, RunStatus};
use crate::workflow::failure::Failure;
use crate::workflow::graph::{Step, Workflow};
use crate::workflow::journal::Found;

/// The spans of one process's work on a run, parents before their children.
pub(super) struct Trace {
    pub(super) id: TraceId,
    /// Which process it was, from 0.
    pub(super) session: usize,
    pub(super) spans: Vec<Span>,
}

/// One span.
pub(super) struct Span {
    pub(super) name: String,
    pub(super) kind: SpanKind,
    /// The span it lies in, by its place in the list.
    pub(super) parent: Option<usize>,
    pub(super) start: SystemTime,
    pub(super) end: SystemTime,
    pub(super) attributes: Vec<KeyValue>,
    pub(super) failure: Option<String>,
    /// What metrics count; nothing for steps, tools, files and answers from the cache.
    pub(super) measured: Option<Measured>,
}

/// A call as metrics see it.
pub(super) struct Measured {
    pub(super) attributes: Vec<KeyValue>,
    pub(super) seconds: f64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
}

/// Makes spans of one process's events.
struct Maker {
    content: bool,
    /// The moment that the record's microseconds count from.
    base: SystemTime,
    /// When this process began to work, by the record.
    from_us: u64,
    spans: Vec<Span>,
}

/// The spans of what the latest process did on a run.
pub(super) fn trace(found: &Found, content: bool) -> Trace {
    let events = &found.events;
    let is_start = |event: &Event| matches!(event, Event::RunStarted { .. } | Event::Resumed { .. });
    let from = events.iter().rposition(is_start).unwrap_or(0);
    let session = events[..from].iter().filter(|event| is_start(event)).count();
    let worked_us = events[..from].iter().map(last_us).max().unwrap_or_default();
    let (Event::RunStarted { at, .. } | Event::Resumed { at, .. }) = (match events.get(from) {
        Some(event) => event,
        None => return Trace { id: id_of(&found.row.run), session, spans: vec![] },
    }) else {
        return Trace { id: id_of(&found.row.run), session, spans: vec![] };
    };
    let began = at.parse::<jiff::Timestamp>().map_or(SystemTime::UNIX_EPOCH, SystemTime::from);
    let base = began.checked_sub(Duration::from_micros(worked_us)).unwrap_or(began);
    let workflow = events.iter().find_map(|event| match event {
        Event::RunStarted { workflow, .. } => toml::from_str::<Workflow>(workflow).ok(),
        _ => None,
    });
    let mut maker = Maker { content, base, from_us: worked_us, spans: vec![] };
    maker.root(found, from);
    maker.steps(&events[from..], workflow.as_ref());
    Trace { id: id_of(&found.row.run), session, spans: maker.spans }
}

fn id_of(run: &str) -> TraceId {
    TraceId::from_bytes(Uuid::parse_str(run).unwrap_or_default().into_bytes())
}

fn last_us(event: &Event) -> u64 {
    match event {
        Event::StepEnded { start_us, took_us, .. } => start_us + took_us,
        Event::RunEnded { took_us, .. } => *took_us,
        _ => 0,
    }
}

fn text(key: &'static str, value: impl Into<StringValue>) -> KeyValue {
    KeyValue::new(key, value.into())
}

fn number(key: &'static str, value: u64) -> KeyValue {
    KeyValue::new(key, i64::try_from(value).unwrap_or(i64::MAX))
}

/// A value of a serialized enum, such as `rate_limited`.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_string)).unwrap_or_default()
}

impl Maker {
    fn at(&self, us: u64) -> SystemTime {
        self.base + Duration::from_micros(us)
    }

    /// What failed, as the class alone: messages quote what documents and models say.
    fn told(&self, failure: &Failure) -> String {
        match self.content {
            true => failure.message.clone(),
            false => word(failure.class),
        }
    }

    fn root(&mut self, found: &Found, from: usize) {
        let events = &found.events[from..];
        let mut attributes = vec![
            text(names::OPERATION, operation::INVOKE_WORKFLOW),
            text(names::WORKFLOW, found.row.workflow.clone()),
            text(names::RUN, found.row.run.clone()),
            text(names::STATUS, found.row.status.clone()),
        ];
        let mut failed = None;
        for event in events {
            match event {
                Event::RunStarted { input, .. } if self.content => {
                    attributes.push(text(names::INPUT, input.to_string()));
                }
                Event::RunEnded { status, output, failure, .. } => {
                    if self.content {
                        attributes.push(text(names::OUTPUT, output.to_string()));
                    }
                    // To wait for a person is no error.
                    if let Some(failure) = failure.as_ref().filter(|_| *status != RunStatus::Waiting) {
                        attributes.push(text(names::ERROR_TYPE, word(failure.class)));
                        failed = Some(self.told(failure));
                    }
                }
                _ => {}
            }
        }
        let end = events.iter().map(last_us).max().unwrap_or_default().max(self.from_us);
        self.spans.push(Span {
            name: format!("{} {}", operation::INVOKE_WORKFLOW, found.row.workflow),
            kind: SpanKind::Internal,
            parent: None,
            start: self.at(self.from_us),
            end: self.at(end),
            attributes,
            failure: failed,
            measured: None,
        });
    }

    fn steps(&mut self, events: &[Event], workflow: Option<&Workflow>) {
        // Places in order: what opened a graph began before what lies in it, and its frame's path is shorter.
        let mut ended: Vec<&Event> = events
            .iter()
            .filter(|event| matches!(event, Event::StepEnded { outcome, .. } if *outcome != Outcome::Skipped))
            .collect();
        ended.sort_by_key(|event| match event {
            Event::StepEnded { place, start_us, .. } => {
                (place.frame.matches('/').count() + usize::from(!place.frame.is_empty()), *start_us)
            }
            _ => (0, 0),
        });
        let mut known: HashMap<String, usize> = HashMap::new();
        for event in ended {
            let Event::StepEnded { place, .. } = event else { continue };
            // What an earlier process opened, or what has not ended, has no span here.
            let opener = place.frame.rsplit_once('[').map(|(opener, _)| opener);
            let parent = opener.and_then(|opener| known.get(opener)).copied().unwrap_or(0);
            let steps = workflow.map_or(&[][..], |workflow| steps_of(workflow, &place.frame));
            let at = self.step(event, steps.iter().find(|step| step.id == place.step), parent);
            let slash = if place.frame.is_empty() { "" } else { "/" };
            known.insert(format!("{}{slash}{}.{}", place.frame, place.step, place.visit), at);
        }
    }

    /// A step visit and its calls; gives its place in the list.
    fn step(&mut self, event: &Event, step: Option<&Step>, parent: usize) -> usize {
        let Event::StepEnded { place, outcome, output, input, calls, failures, attempts, start_us, took_us, .. } =
            event
        else {
            return parent;
        };
        let Place { frame, step: id, visit } = place;
        let kind = step.map_or("", |step| name(&step.kind));
        let mut attributes = vec![
            text(names::STEP, id.clone()),
            text(names::STEP_KIND, kind),
            number(names::VISIT, u64::from(*visit)),
            number(names::ATTEMPT, u64::from(*attempts)),
            text(names::OUTCOME, word(outcome)),
        ];
        if !frame.is_empty() {
            attributes.push(text(names::FRAME, frame.clone()));
        }
        let name = match kind {
            "agent" => {
                attributes.extend([
                    text(names::OPERATION, operation::INVOKE_AGENT),
                    text(names::AGENT, id.clone()),
                    text(names::PROVIDER, names::PROVIDER_LOCAL),
                ]);
                format!("{} {id}", operation::INVOKE_AGENT)
            }
            "workflow" => {
                let graph = step.and_then(graph_of).unwrap_or(id);
                attributes.extend([
                    text(names::OPERATION, operation::INVOKE_WORKFLOW),
                    text(names::WORKFLOW, graph.to_string()),
                ]);
                format!("{} {graph}", operation::INVOKE_WORKFLOW)
            }
            _ => format!("step {id}"),
        };
        if self.content {
            attributes.extend([text(names::INPUT, input.to_string()), text(names::OUTPUT, output.to_string())]);
        }
        let failure = (*outcome != Outcome::Done).then(|| failures.last()).flatten();
        if let Some(failure) = failure {
            attributes.push(text(names::ERROR_TYPE, word(failure.class)));
        }
        let failure = failure.map(|failure| self.told(failure));
        // What an earlier process opened goes on here from this one's beginning.
        let (start, end) = (self.at((*start_us).max(self.from_us)), self.at(start_us + took_us));
        let at = self.spans.len();
        self.spans.push(Span {
            name,
            kind: SpanKind::Internal,
            parent: Some(parent),
            start,
            end,
            attributes,
            failure,
            measured: None,
        });
        for call in calls.iter().filter(|call| !call.kept) {
            self.call(call, at);
        }
        at
    }

    fn call(&mut self, call: &CallRecord, parent: usize) {
        // What an agent's tools say of themselves is asked for so that a replay has it; no tool runs.
        if call.kind == CallKind::Tool && call.name == "tools" && call.request.get("arguments").is_none() {
            return;
        }
        let url = call.request.get("url").and_then(Value::as_str).and_then(|url| Url::parse(url).ok());
        let operation = match call.kind {
            CallKind::Model => Some(operation::CHAT),
            CallKind::Embedding => Some(operation::EMBEDDINGS),
            CallKind::Retrieval => Some(operation::RETRIEVAL),
            CallKind::Tool => Some(operation::EXECUTE_TOOL),
            CallKind::Read => None,
        };
        let mut shared: Vec<KeyValue> = operation.iter().map(|name| text(names::OPERATION, *name)).collect();
        match call.kind {
            CallKind::Model | CallKind::Embedding => {
                let provider = if url.is_some() { names::PROVIDER_SERVER } else { names::PROVIDER_LOCAL };
                shared.extend([text(names::PROVIDER, provider), text(names::REQUEST_MODEL, call.name.clone())]);
                let response =
                    call.response.as_ref().and_then(|response| response.get("model")).and_then(Value::as_str);
                shared.extend(response.map(|model| text(names::RESPONSE_MODEL, model.to_string())));
            }
            CallKind::Retrieval => shared
                .extend([text(names::PROVIDER, names::PROVIDER_LOCAL), text(names::DATA_SOURCE, call.name.clone())]),
            CallKind::Tool => shared.extend([text(names::TOOL, call.name.clone()), text(names::TOOL_TYPE, "function")]),
            CallKind::Read => {}
        }
        if let Some(url) = &url {
            shared.extend(url.host_str().map(|host| text(names::SERVER_ADDRESS, host.to_string())));
            shared.extend(url.port_or_known_default().map(|port| number(names::SERVER_PORT, u64::from(port))));
        }
        shared.extend(call.failure.as_ref().map(|failure| text(names::ERROR_TYPE, word(failure.class))));
        let mut attributes = shared.clone();
        attributes.push(number(names::ATTEMPT, u64::from(call.attempt)));
        if call.kind == CallKind::Model {
            attributes.extend(sampling(&call.request));
            let finish = call.response.as_ref().and_then(|response| response["finish"].as_str());
            attributes.extend(finish.map(|finish| list(names::FINISH_REASONS, [finish])));
            attributes.extend([
                number(names::INPUT_TOKENS, call.spent.input_tokens),
                number(names::OUTPUT_TOKENS, call.spent.output_tokens),
            ]);
            if call.spent.usd > 0.0 {
                attributes.push(KeyValue::new(names::COST, call.spent.usd));
            }
        }
        if call.cached {
            attributes.push(KeyValue::new(names::CACHED, true));
        }
        if self.content {
            attributes.extend(content(call));
        }
        let measured = (!call.cached && !matches!(call.kind, CallKind::Tool | CallKind::Read)).then(|| Measured {
            attributes: shared,
            seconds: call.took_us as f64 / 1e6,
            input_tokens: call.spent.input_tokens,
            output_tokens: call.spent.output_tokens,
        });
        self.spans.push(Span {
            name: operation.map_or("read".into(), |operation| format!("{operation} {}", call.name)),
            kind: if url.is_some() { SpanKind::Client } else { SpanKind::Internal },
            parent: Some(parent),
            start: self.at(call.start_us),
            end: self.at(call.start_us + call.took_us),
            attributes,
            failure: call.failure.as_ref().map(|failure| self.told(failure)),
            measured,
        });
    }
}

/// The steps of the graph that a frame runs.
fn steps_of<'a>(workflow: &'a Workflow, frame: &str) -> &'a [Step] {
    frame.split('/').filter(|part| !part.is_empty()).fold(&workflow.steps, |steps, part| {
        let id = part.rsplit_once('.').map_or(part, |(id, _)| id);
        let graph = steps.iter().find(|step| step.id == id).and_then(graph_of);
        graph.and_then(|graph| workflow.graphs.get(graph)).map_or(&[][..], |graph| &graph.steps)
    })
}

fn list<'a>(key: &'static str, values: impl IntoIterator<Item = &'a str>) -> KeyValue {
    let values = values.into_iter().map(|value| StringValue::from(value.to_string())).collect();
    KeyValue::new(key, Attribute::Array(Array::String(values)))
}

/// How a model was asked to choose its words.
fn sampling(request: &Value) -> Vec<KeyValue> {
    let mut attributes = vec![];
    attributes.extend(request["temperature"].as_f64().map(|value| KeyValue::new(names::TEMPERATURE, value)));
    attributes.extend(request["tokens_max"].as_u64().map(|value| number(names::TOKENS_MAX, value)));
    attributes.extend(request["seed"].as_u64().map(|value| number(names::SEED, value)));
    let stop: Vec<&str> = request["stop"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !stop.is_empty() {
        attributes.push(list(names::STOP, stop));
    }
    attributes
}

/// What was asked and answered.
fn content(call: &CallRecord) -> Vec<KeyValue> {
    let (request, response) = (&call.request, call.response.as_ref().unwrap_or(&Value::Null));
    match call.kind {
        CallKind::Model => {
            let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
            let is_system = |message: &&Value| message["role"] == "system";
            let system: Vec<Value> =
                messages.iter().filter(is_system).map(|message| said(&message["content"])).collect();
            let rest: Vec<Value> = messages
                .iter()
                .filter(|message| !is_system(message))
                .map(|message| json!({ "role": message["role"], "parts": [said(&message["content"])] }))
                .collect();
            let mut attributes = vec![text(names::INPUT_MESSAGES, json!(rest).to_string())];
            if !system.is_empty() {
                attributes.push(text(names::SYSTEM_INSTRUCTIONS, json!(system).to_string()));
            }
            if !response.is_null() {
                let calls = response["tool_calls"].as_array().cloned().unwrap_or_default();
                let calls = calls.iter().map(|call| json!({ "type": "tool_call", "id": call["id"], "name": call["name"], "arguments": call["arguments"] }));
                let parts: Vec<Value> = std::iter::once(said(&response["text"])).chain(calls).collect();
                let answer = json!([{ "role": "assistant", "parts": parts, "finish_reason": response["finish"] }]);
                attributes.push(text(names::OUTPUT_MESSAGES, answer.to_string()));
            }
            attributes
        }
        CallKind::Embedding => vec![text(names::INPUT, request.to_string())],
        CallKind::Retrieval => {
            let query = ["query", "rerank", "sentences"].iter().find_map(|key| request[key].as_str());
            let mut attributes: Vec<KeyValue> =
                query.map(|query| text(names::QUERY, query.to_string())).into_iter().collect();
            if let Some(hits) = response["hits"].as_array() {
                let documents: Vec<Value> = hits
                    .iter()
                    .map(|hit| json!({ "id": hit["chunk"], "score": hit["score"], "path": hit["path"] }))
                    .collect();
                attributes.push(text(names::DOCUMENTS, json!(documents).to_string()));
            }
            attributes
        }
        CallKind::Tool => vec![
            text(names::TOOL_ARGUMENTS, request["arguments"].to_string()),
            text(names::TOOL_RESULT, response["result"].to_string()),
        ],
        CallKind::Read => vec![text(names::FILE, call.name.clone())],
    }
}

fn said(content: &Value) -> Value {
    json!({ "type": "text", "content": content })
}
