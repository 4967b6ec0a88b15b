//! The body of a chat completion in, its text and counts out, whether the server streams events or sends one object.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::ops::ControlFlow;

use reqwest::blocking::Response;
use serde_json::Value;

use crate::error::ServerFault;
use crate::inference::llm::{Finish, ToolCall};

/// Bytes of one line of a stream; a line holds one event.
const LINE_BYTES_MAX: u64 = 8 << 20;

/// What has come of an answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) model: Option<String>,
    pub(super) tool_calls: Vec<ToolCall>,
}

/// Why an answer did not come whole.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) fault: ServerFault,
    pub(super) reason: String,
}

impl Broken {
    fn garbled(reason: String) -> Self {
        Self { fault: ServerFault::Garbled, reason }
    }

    /// The connection gave an error instead of bytes.
    fn connection(error: &std::io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<reqwest::Error>());
        let is_silence = error.kind() == ErrorKind::TimedOut || inner.is_some_and(reqwest::Error::is_timeout);
        match is_silence {
            true => Self { fault: ServerFault::Silent, reason: "the server stopped sending".into() },
            false => Self { fault: ServerFault::BrokeOff, reason: format!("the connection broke off ({error})") },
        }
    }
}

/// Tool calls of one answer; more are ignored.
const TOOL_CALLS_MAX: usize = 64;

/// Reads a whole answer; why it ended, where the server says so.
pub(super) fn read_stream(
    response: Response,
    bytes_max: u64,
    answer: &mut Answer,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Option<Finish>, Broken> {
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("application/json")) {
        let bytes = bounded_bytes(response, bytes_max)?;
        let body: Value = serde_json::from_slice(&bytes)
            .map_err(|error| Broken::garbled(format!("the answer is no JSON ({error})")))?;
        return match take(&body, "message", answer, on_text)? {
            Taken { cancelled: true, .. } => Ok(Some(Finish::Cancelled)),
            Taken { finish, .. } => Ok(finish),
        };
    }
    let mut lines = BufReader::new(response.take(bytes_max));
    let mut finish = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        let read = read.map_err(|error| Broken::connection(&error))?;
        if read == 0 {
            // Some servers end without `[DONE]`, but none without saying why the answer ended.
            let broken = || {
                let reason = "the stream ended before the answer did".into();
                Broken { fault: ServerFault::BrokeOff, reason }
            };
            return if finish.is_some() { Ok(finish) } else { Err(broken()) };
        }
        // Events are lines `data: {…}`; names of events, comments and blank lines between them carry nothing.
        let Some(data) = line.strip_prefix(b"data:") else { continue };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            return Ok(finish);
        }
        if data.is_empty() {
            continue;
        }
        let event: Value =
            serde_json::from_slice(data).map_err(|error| Broken::garbled(format!("an event is no JSON ({error})")))?;
        let taken = take(&event, "delta", answer, on_text)?;
        if taken.cancelled {
            return Ok(Some(Finish::Cancelled));
        }
        finish = taken.finish.or(finish);
    }
}

struct Taken {
    finish: Option<Finish>,
    cancelled: bool,
}

/// Takes text and counts from one object; `part` is where its text lies.
fn take(
    body: &Value,
    part: &str,
    answer: &mut Answer,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Taken, Broken> {
    if !body["error"].is_null() {
        let reason = message_of(body).unwrap_or_else(|| "the server reports an error without a reason".into());
        return Err(Broken { fault: ServerFault::Failed, reason });
    }
    if let Some(model) = body["model"].as_str() {
        answer.model = Some(model.to_owned());
    }
    answer.input_tokens = body["usage"]["prompt_tokens"].as_u64().unwrap_or(answer.input_tokens);
    answer.output_tokens = body["usage"]["completion_tokens"].as_u64().unwrap_or(answer.output_tokens);
    let choice = &body["choices"][0];
    let mut cancelled = false;
    if let Some(text) = choice[part]["content"].as_str().filter(|text| !text.is_empty()) {
        answer.text.push_str(text);
        cancelled = on_text(text).is_break();
    }
    for call in choice[part]["tool_calls"].as_array().into_iter().flatten() {
        take_call(call, &mut answer.tool_calls);
    }
    let finish = choice["finish_reason"].as_str().map(|reason| match reason {
        "length" => Finish::Length,
        _ => Finish::Stop,
    });
    Ok(Taken { finish, cancelled })
}

/// Adds a tool call, or a piece of one: pieces of the same call have the same `index`.
fn take_call(piece: &Value, calls: &mut Vec<ToolCall>) {
    let at = piece["index"].as_u64().map_or(calls.len(), |index| index as usize);
    if at >= TOOL_CALLS_MAX {
        return;
    }
    if at >= calls.len() {
        calls.resize_with(at + 1, ToolCall::default);
    }
    let call = &mut calls[at];
    for (into, from) in [(&mut call.id, &piece["id"]), (&mut call.name, &piece["function"]["name"])] {
        if let Some(text) = from.as_str().filter(|text| !text.is_empty()) {
            text.clone_into(into);
        }
    }
    match &piece["function"]["arguments"] {
        Value::String(text) => call.arguments.push_str(text),
        Value::Null => {}
        // Some servers send the arguments as they are meant.
        other => call.arguments.push_str(&other.to_string()),
    }
}

/// The reason in a server's error object: `{"error": {"message": …}}`, `{"error": …}` or `{"detail": …}`.
pub(super) fn message_of(body: &Value) -> Option<String> {
    [&body["error"]["message"], &body["error"], &body["detail"], &body["message"]]
        .into_iter()
        .find_map(|value| value.as_str())
        .map(str::to_owned)
}

/// A body as text, up to a limit; bytes that are no text are replaced.
pub(super) fn bounded_text(response: Response, bytes_max: u64) -> Result<String, Broken> {
    bounded_bytes(response, bytes_max).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn bounded_bytes(response: Response, bytes_max: u64) -> Result<Vec<u8>, Broken> {
    let mut bytes = Vec::new();
    response.take(bytes_max).read_to_end(&mut bytes).map_err(|error| Broken::connection(&error))?;
    Ok(bytes)
}
