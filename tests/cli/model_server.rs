//! A server that speaks the chat protocol and does as the prompt says, counting what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::support::Home;

type Asked = Arc<Mutex<HashMap<String, usize>>>;
/// What a prompt holds, and the answer to it.
type Script = Arc<[(&'static str, &'static str)]>;

/// A running server; it ends with the test.
pub(crate) struct ModelServer {
    pub(crate) url: String,
    asked: Asked,
    _runtime: tokio::runtime::Runtime,
}

impl ModelServer {
    pub(crate) fn start() -> Self {
        Self::scripted(&[])
    }

    /// A server that answers the first of these whose words a prompt holds, and else as the prompt says.
    pub(crate) fn scripted(script: &[(&'static str, &'static str)]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let asked = Asked::default();
        let app = axum::Router::new()
            .route("/v1/chat/completions", axum::routing::post(answer))
            .with_state((asked.clone(), Script::from(script)));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { url, asked, _runtime: runtime }
    }

    /// Settings in which the role `m` is a model of this server.
    pub(crate) fn settings(&self) -> String {
        let url = &self.url;
        format!("lock_wait_s = 300.0\n[models.m]\nurl = \"{url}\"\nmodel = \"m\"\nretries = 0\ntokens_max = 50\n")
    }

    /// A home with these settings.
    pub(crate) fn home(&self) -> Home {
        let home = Home::new();
        home.set(&self.settings());
        home
    }

    /// How often each prompt was asked.
    pub(crate) fn asked(&self) -> HashMap<String, usize> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn forget(&self) {
        self.asked.lock().unwrap().clear();
    }
}

/// `say X` is answered with `said X`; `busy N …` is refused N times first; `broken` always fails; `slow N …` takes N ms.
async fn answer(State((asked, script)): State<(Asked, Script)>, Json(request): Json<Value>) -> Response {
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let prompt = messages.last().and_then(|message| message["content"].as_str()).unwrap_or_default().to_string();
    let times = {
        let mut asked = asked.lock().unwrap();
        let times = asked.entry(prompt.clone()).or_default();
        *times += 1;
        *times
    };
    let mut words = prompt.split_whitespace();
    let (order, number) = (words.next().unwrap_or_default(), words.next().and_then(|word| word.parse::<usize>().ok()));
    match (order, number) {
        ("busy", Some(first)) if times <= first => {
            return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")], "{\"error\":{\"message\":\"busy\"}}")
                .into_response();
        }
        ("broken", _) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, "{\"error\":{\"message\":\"broken\"}}").into_response();
        }
        ("slow", Some(ms)) => tokio::time::sleep(Duration::from_millis(ms as u64)).await,
        _ => tokio::time::sleep(Duration::from_millis(2)).await,
    }
    let scripted = script.iter().find(|(words, _)| prompt.contains(words)).map(|(_, text)| (*text).to_string());
    let said = || format!("said {}", prompt.split_once(' ').map_or("", |(_, rest)| rest));
    let text = scripted.unwrap_or_else(said);
    let chunk = |delta: Value, finish: Value| json!({ "model": "m", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
    let usage = json!({ "choices": [], "usage": { "prompt_tokens": 10, "completion_tokens": 5 } });
    let events = [chunk(json!({ "content": text }), Value::Null), chunk(json!({}), json!("stop")), usage];
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    ([("content-type", "text/event-stream")], body + "data: [DONE]\n\n").into_response()
}
