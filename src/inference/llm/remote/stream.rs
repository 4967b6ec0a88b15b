//! The body of a chat completion in, its text and counts out, whether the server streams events or sends one object.

use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;

use reqwest::blocking::Response;
use serde_json::Value;

use crate::inference::llm::Finish;

/// Bytes of one line of a stream; a line holds one event.
const LINE_BYTES_MAX: u64 = 8 << 20;

/// What has come of an answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) model: Option<String>,
}

/// Reads a whole answer; why it ended, where the server says so. The error is a reason in words.
pub(super) fn read_stream(
    response: Response,
    bytes_max: u64,
    answer: &mut Answer,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Option<Finish>, String> {
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("application/json")) {
        let text = bounded_text(response, bytes_max)?;
        let body: Value = serde_json::from_str(&text).map_err(|error| format!("the answer is no JSON ({error})"))?;
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
        let read = read.map_err(|error| format!("the connection broke off ({error})"))?;
        if read == 0 {
            // Some servers end without `[DONE]`, but none without saying why the answer ended.
            return if finish.is_some() { Ok(finish) } else { Err("the stream ended before the answer did".into()) };
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
        let event: Value = serde_json::from_slice(data).map_err(|error| format!("an event is no JSON ({error})"))?;
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
) -> Result<Taken, String> {
    if !body["error"].is_null() {
        return Err(message_of(body).unwrap_or_else(|| "the server reports an error without a reason".into()));
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
    let finish = choice["finish_reason"].as_str().map(|reason| match reason {
        "length" => Finish::Length,
        _ => Finish::Stop,
    });
    Ok(Taken { finish, cancelled })
}

/// The reason in a server's error object: `{"error": {"message": …}}`, `{"error": …}` or `{"detail": …}`.
pub(super) fn message_of(body: &Value) -> Option<String> {
    [&body["error"]["message"], &body["error"], &body["detail"], &body["message"]]
        .into_iter()
        .find_map(|value| value.as_str())
        .map(str::to_owned)
}

/// A body as text, up to a limit; bytes that are no text are replaced.
pub(super) fn bounded_text(response: Response, bytes_max: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    response.take(bytes_max).read_to_end(&mut bytes).map_err(|error| format!("the connection broke off ({error})"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
