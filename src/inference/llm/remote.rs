//! Messages in, an answer out, from any server that speaks the OpenAI chat protocol; knows nothing of the models behind it.

mod stream;

use std::fs;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use reqwest::blocking::{Client, Response};
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};

use super::{Finish, GenerateRequest, Generated, LanguageModel, LlmSettings, Message};
use crate::error::{Error, Result, ServerFault};
use stream::{Answer, Broken, read_stream};

/// Bytes of a server's answer or complaint that are read; an answer of a million tokens has fewer.
const BODY_BYTES_MAX: u64 = 64 << 20;
/// Characters of a server's complaint that are shown.
const COMPLAINT_MAX: usize = 500;
/// Longest wait that a server may ask for with `Retry-After` before its own attempts here.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);

/// A language model behind an HTTP server.
pub struct RemoteModel {
    client: Client,
    base: String,
    completions: Url,
    model: String,
    key: Option<String>,
    retries: u32,
    retry_pause: Duration,
}

/// Why one attempt gave no answer.
enum Failure {
    /// Another attempt may do better, perhaps after the pause that the server asks for.
    Passing(Box<Error>, Option<Duration>),
    /// It will not.
    Lasting(Box<Error>),
}

impl RemoteModel {
    /// A client for the server at `settings.url`. Connects to nothing yet.
    ///
    /// # Errors
    /// [`Error::Setting`] when `url` or `model` is missing or unusable, or a key would go over the open network;
    /// [`Error::Offline`] when `offline` is set and the server is not on this machine; [`Error::Io`] when the key's file
    /// cannot be read.
    pub fn open(settings: &LlmSettings, offline: bool) -> Result<Self> {
        let base = settings.url.clone().unwrap_or_default();
        let setting = |name: &str, value: &str, reason: &str| Error::Setting {
            name: name.into(),
            value: value.into(),
            reason: reason.into(),
        };
        let wrong_url = || setting("llm.url", &base, "it must be an address like http://127.0.0.1:8080/v1");
        let completions =
            Url::parse(&format!("{}/chat/completions", base.trim_end_matches('/'))).map_err(|_| wrong_url())?;
        if !matches!(completions.scheme(), "http" | "https") || completions.host_str().is_none() {
            return Err(wrong_url());
        }
        // Addresses are shown and recorded; a secret has no place in one.
        if completions.password().is_some() || !completions.username().is_empty() {
            return Err(setting("llm.url", "…", "a name and password do not belong in it; use llm.api_key_file"));
        }
        let local = is_loopback(&completions);
        if offline && !local {
            return Err(Error::Offline { action: format!("ask the model server {base}") });
        }
        let model = settings
            .model
            .clone()
            .ok_or_else(|| setting("llm.model", "", "a server needs the name of one of its models"))?;
        let key = key(settings)?;
        if key.is_some() && completions.scheme() == "http" && !local {
            return Err(setting("llm.url", &base, "the key would be readable on the way; use https"));
        }
        let mut client = Client::builder()
            .user_agent(concat!("ibid/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(settings.connect_timeout_s))
            // The whole answer may take long; only silence counts. `timeout` bounds each wait for bytes here.
            .timeout(Duration::from_secs(settings.timeout_s))
            // A redirect could lead a local address elsewhere.
            .redirect(reqwest::redirect::Policy::none());
        if local {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|source| unreachable(&base, source))?;
        let retry_pause = Duration::from_millis(settings.retry_pause_ms);
        Ok(Self { client, base, completions, model, key, retries: settings.retries, retry_pause })
    }

    /// The request in the protocol's form.
    fn body(&self, request: &GenerateRequest) -> Value {
        let mut body = json!({
            "model": self.model,
            "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
            "max_tokens": request.tokens_max,
            "temperature": request.temperature,
            "seed": request.seed,
            "stream": true,
            "stream_options": { "include_usage": true },
        });
        if !request.stop.is_empty() {
            body["stop"] = json!(request.stop);
        }
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(|tool| json!({ "type": "function", "function": tool }));
            body["tools"] = tools.collect();
        }
        if let Some(schema) = &request.schema {
            // Not `strict`: the servers that know it refuse many schemas, and the answer is checked in any case.
            let schema = json!({ "name": "answer", "schema": schema });
            body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
        }
        body
    }

    fn send(&self, body: &Value) -> Result<Response, Failure> {
        let mut request = self.client.post(self.completions.clone()).json(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let response = request.send().map_err(|source| {
            // A server that does not take connections, or hangs for the whole time limit, will not do better in a second.
            if source.is_timeout() && !source.is_connect() {
                let reason = format!("the server {} said nothing for the whole of llm.timeout_s", self.base);
                return Failure::Lasting(Box::new(self.wrong(ServerFault::Silent, reason)));
            }
            let lasting = source.is_builder() || source.is_connect();
            let error = Box::new(unreachable(&self.base, source));
            if lasting { Failure::Lasting(error) } else { Failure::Passing(error, None) }
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let pause = retry_after(&response);
        let fault = match status {
            StatusCode::SERVICE_UNAVAILABLE if pause.is_some() => {
                ServerFault::Busy { retry_after_ms: pause.map(|pause| pause.as_millis() as u64) }
            }
            StatusCode::TOO_MANY_REQUESTS => {
                ServerFault::Busy { retry_after_ms: pause.map(|pause| pause.as_millis() as u64) }
            }
            _ if status.is_server_error() => ServerFault::Failed,
            _ => ServerFault::Refused,
        };
        let error = Box::new(self.wrong(fault, format!("the server answered {status}: {}", complaint(response))));
        if fault == ServerFault::Refused {
            Err(Failure::Lasting(error))
        } else {
            Err(Failure::Passing(error, pause.map(|pause| pause.min(RETRY_AFTER_MAX))))
        }
    }

    fn wrong(&self, fault: ServerFault, reason: String) -> Error {
        Error::ModelServer { model: self.model.clone(), fault, reason }
    }

    /// One attempt, whole answer included; text that was handed on makes any later failure lasting, since it cannot be
    /// taken back.
    fn attempt(
        &self,
        body: &Value,
        answer: &mut Answer,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Option<Finish>, Failure> {
        let response = self.send(body)?;
        read_stream(response, BODY_BYTES_MAX, answer, on_text).map_err(|Broken { fault, reason }| {
            let shown = !answer.text.is_empty();
            let reason = if shown { format!("{reason}, after part of the answer") } else { reason };
            let error = Box::new(self.wrong(fault, reason));
            if shown { Failure::Lasting(error) } else { Failure::Passing(error, None) }
        })
    }
}

impl LanguageModel for RemoteModel {
    fn name(&self) -> &str {
        &self.model
    }

    fn generate(
        &self,
        request: &GenerateRequest,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generated> {
        let body = self.body(request);
        let mut failures = 0;
        loop {
            let mut answer = Answer::default();
            match self.attempt(&body, &mut answer, on_text) {
                Ok(finish) => {
                    let finish = finish.unwrap_or(Finish::Stop);
                    let is_empty = answer.text.is_empty() && answer.tool_calls.is_empty();
                    if is_empty && finish == Finish::Stop && answer.output_tokens == 0 {
                        return Err(self.wrong(ServerFault::Garbled, "the server gave an empty answer".into()));
                    }
                    return Ok(Generated {
                        text: answer.text,
                        input_tokens: answer.input_tokens,
                        output_tokens: answer.output_tokens,
                        finish,
                        model: answer.model.unwrap_or_else(|| self.model.clone()),
                        tool_calls: answer.tool_calls,
                    });
                }
                Err(Failure::Lasting(error)) => return Err(*error),
                Err(Failure::Passing(error, _)) if failures >= self.retries => return Err(*error),
                Err(Failure::Passing(error, pause)) => {
                    let pause = pause.unwrap_or(self.retry_pause * 2_u32.saturating_pow(failures));
                    failures += 1;
                    tracing::warn!(url = self.base, %error, failures, ?pause, "the model server is asked again");
                    std::thread::sleep(pause);
                }
            }
        }
    }
}

impl std::fmt::Debug for RemoteModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is left out.
        formatter
            .debug_struct("RemoteModel")
            .field("url", &self.base)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// A message in the protocol's form.
fn message(message: &Message) -> Value {
    let mut body = json!({ "role": message.role.name(), "content": message.content });
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|call| {
            json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": call.arguments } })
        });
        body["tool_calls"] = calls.collect();
    }
    if let Some(id) = &message.tool_call_id {
        body["tool_call_id"] = json!(id);
    }
    body
}

/// The key from its file or variable; `None` where neither is set.
fn key(settings: &LlmSettings) -> Result<Option<String>> {
    let key = match &settings.api_key_file {
        Some(path) => Some(fs::read_to_string(path).map_err(Error::io("read", path))?),
        None => std::env::var(&settings.api_key_env).ok(),
    };
    Ok(key.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()))
}

/// Whether an address is on this machine by its own word: a name other than `localhost` would have to be looked up.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn unreachable(base: &str, source: reqwest::Error) -> Error {
    Error::ServerUnreachable { url: base.to_owned(), source: Box::new(source.without_url()) }
}

/// How long the server asks to wait: a number of seconds, or a date.
fn retry_after(response: &Response) -> Option<Duration> {
    let wait = response.headers().get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = wait.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(wait).ok()?;
    // One that is past asks for no wait.
    Some(Duration::try_from(date.duration_since(jiff::Timestamp::now())).unwrap_or_default())
}

/// What the server says is wrong, in one line without control characters.
fn complaint(response: Response) -> String {
    let text = stream::bounded_text(response, BODY_BYTES_MAX).unwrap_or_default();
    let said = serde_json::from_str::<Value>(&text).ok().and_then(|body| stream::message_of(&body));
    let line = said.unwrap_or(text);
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(COMPLAINT_MAX).collect();
    if line.trim().is_empty() { "no reason given".into() } else { line.trim().to_owned() }
}

#[cfg(test)]
mod tests;
