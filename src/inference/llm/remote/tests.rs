//! A scripted HTTP server in this process; real sockets, no model.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::super::{Role, ToolCall, ToolDeclaration};
use super::*;

/// What the server does with one connection: bytes to send one after the other; it closes after the last.
type Script = Vec<Vec<u8>>;

/// A server that plays one script a connection; its address, and the requests it got. Written on bare sockets, since the
/// tests need answers that break off or arrive in odd pieces, which a proper server would not send.
fn serve(scripts: Vec<Script>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for script in scripts {
            let (mut socket, _) = listener.accept().unwrap();
            sender.send(read_request(&mut socket)).unwrap();
            for piece in script {
                // The client may have gone, as in the test that cancels.
                let _ = socket.write_all(&piece).and_then(|()| socket.flush());
                thread::sleep(Duration::from_millis(15));
            }
        }
    });
    (format!("http://{address}/v1/"), receiver)
}

/// Reads a request to its end: an answer that comes before it is an error of its own.
fn read_request(socket: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = socket.read(&mut buffer).unwrap();
        assert!(read > 0, "the client hung up in the middle of its request");
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return text;
        }
    }
}

fn stream_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec()
}

fn event(text: &str) -> Vec<u8> {
    let body = json!({ "model": "m-2025", "choices": [{ "index": 0, "delta": { "content": text } }] });
    format!("data: {body}\n\n").into_bytes()
}

fn ending(reason: &str) -> Vec<u8> {
    let end = json!({ "choices": [{ "delta": {}, "finish_reason": reason }] });
    let usage = json!({ "choices": [], "usage": { "prompt_tokens": 11, "completion_tokens": 3 } });
    format!("data: {end}\n\ndata: {usage}\n\ndata: [DONE]\n\n").into_bytes()
}

fn plain(status: &str, head: &str, body: &str) -> Script {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n{head}\r\n{body}"
    );
    vec![text.into_bytes()]
}

fn settings(url: &str) -> LlmSettings {
    LlmSettings {
        url: Some(url.into()),
        model: Some("m".into()),
        api_key_env: "IBID_TEST_NO_SUCH_KEY".into(),
        retry_pause_ms: 1,
        timeout_s: 5,
        ..LlmSettings::default()
    }
}

fn request() -> GenerateRequest {
    let messages = vec![Message::new(Role::User, "Why?")];
    GenerateRequest {
        messages,
        tokens_max: 9,
        temperature: 0.0,
        seed: 4,
        stop: vec!["END".into()],
        tools: vec![],
        schema: None,
    }
}

fn answer(settings: &LlmSettings) -> (Result<Generated>, Vec<String>) {
    let mut pieces = vec![];
    let generated = RemoteModel::open(settings, true).unwrap().generate(&request(), &mut |piece| {
        pieces.push(piece.to_owned());
        ControlFlow::Continue(())
    });
    (generated, pieces)
}

#[test]
fn a_stream_in_odd_pieces_comes_whole() {
    let mut script = vec![stream_head(), b": a comment\r\n\r\nevent: message\r\n".to_vec()];
    // Every byte alone, so that characters and lines are cut everywhere.
    let body = [event("na\u{ef}ve \u{1f642}"), event(" yes"), ending("length")].concat();
    script.extend(body.chunks(7).map(<[u8]>::to_vec));
    let (url, requests) = serve(vec![script]);
    let (generated, pieces) = answer(&settings(&url));
    let generated = generated.unwrap();
    assert_eq!(generated.text, "na\u{ef}ve \u{1f642} yes");
    assert_eq!(pieces, ["na\u{ef}ve \u{1f642}", " yes"]);
    assert_eq!((generated.input_tokens, generated.output_tokens, generated.finish), (11, 3, Finish::Length));
    assert_eq!(generated.model, "m-2025");
    let sent = requests.recv().unwrap();
    assert!(sent.starts_with("POST /v1/chat/completions "), "{sent}");
    assert!(!sent.to_lowercase().contains("authorization"));
    let body: Value = serde_json::from_str(sent.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["messages"], json!([{ "role": "user", "content": "Why?" }]));
    assert_eq!((&body["max_tokens"], &body["seed"], &body["stop"]), (&json!(9), &json!(4), &json!(["END"])));
    assert_eq!(body["stream_options"]["include_usage"], true);
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    let body = json!({ "choices": [{ "message": { "role": "assistant", "content": "Because." }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 5, "completion_tokens": 2 } });
    let (url, _requests) = serve(vec![plain("200 OK", "", &body.to_string())]);
    let (generated, pieces) = answer(&settings(&url));
    let generated = generated.unwrap();
    assert_eq!((generated.text.as_str(), generated.output_tokens, generated.finish), ("Because.", 2, Finish::Stop));
    assert_eq!((generated.model.as_str(), pieces), ("m", vec!["Because.".to_owned()]));
}

#[test]
fn a_busy_server_is_asked_again_but_not_for_ever() {
    let busy = || plain("429 Too Many Requests", "retry-after: 0\r\n", "{}");
    let broken = || plain("503 Service Unavailable", "", "");
    let good = vec![stream_head(), event("ok"), ending("stop")];
    let (url, requests) = serve(vec![busy(), broken(), vec![], good]);
    assert_eq!(answer(&settings(&url)).0.unwrap().text, "ok");
    assert_eq!(requests.iter().take(4).count(), 4);

    let (url, requests) = serve(vec![busy(), busy()]);
    let error = answer(&LlmSettings { retries: 1, ..settings(&url) }).0.unwrap_err();
    assert!(
        matches!(&error, Error::ModelServer { fault: ServerFault::Busy { retry_after_ms: Some(0) }, reason, .. } if reason.contains("429")),
        "{error}"
    );
    assert_eq!(requests.iter().count(), 2);
}

#[test]
fn a_stream_that_breaks_off_is_no_answer_and_is_not_repeated_once_shown() {
    let (url, requests) = serve(vec![vec![stream_head(), event("half an ans")]]);
    let (generated, pieces) = answer(&settings(&url));
    let error = generated.unwrap_err().to_string();
    assert!(error.contains("ended before the answer did"), "{error}");
    assert_eq!(pieces, ["half an ans"]);
    assert_eq!(requests.iter().count(), 1);
    // Nothing was shown yet: the next attempt gives the answer.
    let (url, _requests) = serve(vec![vec![stream_head()], vec![stream_head(), event("ok"), ending("stop")]]);
    assert_eq!(answer(&settings(&url)).0.unwrap().text, "ok");
}

#[test]
fn the_servers_own_words_explain_a_refusal() {
    let body = r#"{"error":{"message":"no model \u001b[31mm here","type":"invalid_request_error"}}"#;
    let (url, requests) = serve(vec![plain("404 Not Found", "", body)]);
    let error = answer(&settings(&url)).0.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the language model `m` failed: the server answered 404 Not Found: no model  [31mm here"
    );
    assert_eq!(requests.iter().count(), 1);
    let inside = b"data: {\"error\":{\"message\":\"out of memory\"}}\n\n".to_vec();
    let (url, _requests) = serve(vec![vec![stream_head(), event("a"), inside]]);
    assert!(answer(&settings(&url)).0.unwrap_err().to_string().contains("out of memory"));
}

#[test]
fn nobody_listening_is_said_at_once_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let error = answer(&LlmSettings { retry_pause_ms: 600_000, ..settings(&url) }).0.unwrap_err();
    assert!(matches!(&error, Error::ServerUnreachable { url: told, .. } if *told == url), "{error:?}");
    assert_eq!(error.exit_code(), 4);
}

#[test]
fn the_caller_can_stop_a_stream() {
    let script = std::iter::once(stream_head()).chain((0..200).map(|_| event("more "))).collect();
    let (url, _requests) = serve(vec![script]);
    let model = RemoteModel::open(&settings(&url), true).unwrap();
    let mut left = 3;
    let generated = model.generate(&request(), &mut |_| {
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let generated = generated.unwrap();
    assert_eq!((generated.text.as_str(), generated.finish), ("more more more ", Finish::Cancelled));
}

#[test]
fn a_key_is_sent_from_its_file_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "s3cret\n").unwrap();
    let (url, requests) = serve(vec![vec![stream_head(), event("ok"), ending("stop")]]);
    let settings = LlmSettings { api_key_file: Some(path), ..settings(&url) };
    assert!(answer(&settings).0.is_ok());
    assert!(requests.recv().unwrap().to_lowercase().contains("authorization: bearer s3cret"));
    assert!(!format!("{:?}", RemoteModel::open(&settings, false).unwrap()).contains("s3cret"));
    // Over the open network a key needs encryption.
    let open = LlmSettings { url: Some("http://models.example/v1".into()), ..settings.clone() };
    assert!(matches!(RemoteModel::open(&open, false), Err(Error::Setting { .. })));
    let missing = LlmSettings { api_key_file: Some("/nonexistent/key".into()), ..settings };
    assert!(matches!(RemoteModel::open(&missing, false), Err(Error::Io { .. })));
}

#[test]
fn offline_allows_only_this_machine() {
    for (url, allowed) in [
        ("http://127.0.0.1:1/v1", true),
        ("http://localhost:1/v1", true),
        ("http://[::1]:1/v1", true),
        ("http://127.0.0.1.example.com/v1", false),
        ("http://localhost.example.com/v1", false),
        ("http://10.0.0.7/v1", false),
        ("https://models.example/v1", false),
    ] {
        let opened = RemoteModel::open(&settings(url), true);
        assert_eq!(opened.is_ok(), allowed, "{url}");
        assert!(allowed || matches!(opened, Err(Error::Offline { .. })), "{url}");
        assert!(RemoteModel::open(&settings(url), false).is_ok(), "{url}");
    }
    for url in ["", "127.0.0.1:8080", "file:///etc/passwd", "http://me:pw@127.0.0.1/v1"] {
        let error = RemoteModel::open(&settings(url), false).unwrap_err();
        assert!(matches!(error, Error::Setting { .. }) && !error.to_string().contains("pw"), "{url}: {error}");
    }
}

#[test]
fn tools_are_declared_and_their_calls_come_in_pieces() {
    let piece = |delta: Value| format!("data: {}\n\n", json!({ "choices": [{ "delta": delta }] })).into_bytes();
    let call = |index: u32, id: &str, name: &str, arguments: &str| json!({ "tool_calls": [{ "index": index, "id": id, "function": { "name": name, "arguments": arguments } }] });
    let script = vec![
        stream_head(),
        piece(json!({ "role": "assistant", "content": null })),
        piece(call(0, "a", "calculator", "")),
        piece(json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "{\"expression\":" } }] })),
        piece(json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "\"1+1\"}" } }] })),
        piece(call(1, "b", "search", "{}")),
        ending("tool_calls"),
    ];
    let (url, requests) = serve(vec![script]);
    let call = |id: &str, name: &str, arguments: &str| ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
    };
    let tool =
        ToolDeclaration { name: "search".into(), description: "d".into(), parameters: json!({ "type": "object" }) };
    let earlier = Message::calling("Let me see.", vec![call("x", "search", "{\"query\":\"a\"}")]);
    let messages = vec![Message::new(Role::User, "Why?"), earlier, Message::of_tool("x", "nothing")];
    let request =
        GenerateRequest { messages, tools: vec![tool], schema: Some(json!({ "type": "object" })), ..request() };
    let model = RemoteModel::open(&settings(&url), true).unwrap();
    let generated = model.generate(&request, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(generated.tool_calls, [call("a", "calculator", "{\"expression\":\"1+1\"}"), call("b", "search", "{}")]);
    let sent = requests.recv().unwrap();
    let body: Value = serde_json::from_str(sent.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["tools"][0]["function"]["name"], "search");
    assert_eq!(body["messages"][1]["tool_calls"][0]["function"]["arguments"], "{\"query\":\"a\"}");
    assert_eq!(body["messages"][2], json!({ "role": "tool", "content": "nothing", "tool_call_id": "x" }));
    assert_eq!(body["response_format"]["json_schema"]["schema"], json!({ "type": "object" }));
}

#[test]
fn each_way_to_fail_has_its_fault() {
    let fault = |settings: &LlmSettings| match answer(&LlmSettings { retries: 0, ..settings.clone() }).0.unwrap_err() {
        Error::ModelServer { fault, .. } => fault,
        other => panic!("{other:?}"),
    };
    let one = |script: Script| {
        let (url, _requests) = serve(vec![script]);
        fault(&settings(&url))
    };
    assert_eq!(one(plain("429 No", "retry-after: 7\r\n", "")), ServerFault::Busy { retry_after_ms: Some(7_000) });
    assert_eq!(one(plain("429 No", "", "")), ServerFault::Busy { retry_after_ms: None });
    let date = |seconds| jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    let dated = |seconds| {
        let date = date(seconds).strftime("%a, %d %b %Y %H:%M:%S GMT");
        match one(plain("429 No", Box::leak(format!("retry-after: {date}\r\n").into_boxed_str()), "")) {
            ServerFault::Busy { retry_after_ms } => retry_after_ms.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert!((55_000..=60_000).contains(&dated(60)));
    assert_eq!(dated(-60), 0);
    assert_eq!(one(plain("500 No", "", "{}")), ServerFault::Failed);
    assert_eq!(one(plain("401 No", "", "{}")), ServerFault::Refused);
    assert_eq!(one(vec![stream_head(), event("half")]), ServerFault::BrokeOff);
    assert_eq!(one(plain("200 OK", "", "{\"choices\": [")), ServerFault::Garbled);
    assert_eq!(one(vec![stream_head(), b"data: {nonsense}\n\n".to_vec()]), ServerFault::Garbled);
    // Half a character, and then the event ends as if nothing were missing.
    let half = b"data: {\"choices\":[{\"delta\":{\"content\":\"caf\xc3\"}}]}\n\n".to_vec();
    assert_eq!(one(vec![stream_head(), half, ending("stop")]), ServerFault::Garbled);
    // Headers, part of the answer, then nothing for longer than the limit.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    thread::spawn(move || {
        let open: Vec<_> = listener
            .incoming()
            .map(|socket| {
                let mut socket = socket.unwrap();
                read_request(&mut socket);
                let _ = socket.write_all(&[stream_head(), event("wait")].concat());
                socket
            })
            .collect();
        drop(open);
    });
    assert_eq!(fault(&LlmSettings { timeout_s: 1, ..settings(&url) }), ServerFault::Silent);
}
