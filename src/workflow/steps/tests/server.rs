//! A scripted model server in this process: real sockets, no model. It answers each request with the next reply, and goes on
//! with the last one for ever.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What the server does with one request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A streamed answer.
    Text(&'static str),
    /// A streamed answer that calls tools: (name, arguments).
    Calls(Vec<(&'static str, &'static str)>),
    /// Status line, further header lines, body.
    Status(&'static str, &'static str, &'static str),
    /// The connection is closed without a word.
    Reset,
    /// Nothing is said.
    Stall,
    /// The stream ends in the middle.
    Cut,
    /// The answer ends in the middle of a character.
    HalfCharacter,
}

/// The server's address and the bodies that it was sent.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    pub(crate) fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (kept, replies) = (Arc::clone(&kept), replies.clone());
                thread::spawn(move || serve(socket.unwrap(), &kept, &replies));
            }
        });
        Self { url, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut socket: TcpStream, kept: &Mutex<Vec<Value>>, replies: &[Reply]) {
    let mut request = Vec::new();
    let mut buffer = [0; 16_384];
    let body = loop {
        let read = socket.read(&mut buffer).unwrap_or(0);
        if read == 0 {
            return;
        }
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break serde_json::from_str(body).unwrap();
        }
    };
    let at = {
        let mut kept = kept.lock().unwrap();
        kept.push(body);
        kept.len() - 1
    };
    let send = |socket: &mut TcpStream, bytes: &[u8]| {
        // The client may have gone, as in the tests that give up.
        let _ = socket.write_all(bytes).and_then(|()| socket.flush());
    };
    let head: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let event = |delta: Value| format!("data: {}\n\n", json!({ "choices": [{ "delta": delta }] })).into_bytes();
    let ending = |reason: &str| {
        let end = json!({ "choices": [{ "delta": {}, "finish_reason": reason }] });
        let usage = json!({ "choices": [], "usage": { "prompt_tokens": 100, "completion_tokens": 10 } });
        format!("data: {end}\n\ndata: {usage}\n\ndata: [DONE]\n\n").into_bytes()
    };
    match &replies[at.min(replies.len() - 1)] {
        Reply::Text(text) => {
            send(&mut socket, &[head, &event(json!({ "content": text })), &ending("stop")].concat());
        }
        Reply::Calls(calls) => {
            let call = |(index, (name, arguments)): (usize, &(&str, &str))| {
                json!({ "index": index, "id": format!("id{at}_{index}"), "type": "function",
                    "function": { "name": name, "arguments": arguments } })
            };
            let calls: Vec<Value> = calls.iter().enumerate().map(call).collect();
            send(&mut socket, &[head, &event(json!({ "tool_calls": calls })), &ending("tool_calls")].concat());
        }
        Reply::Status(status, headers, body) => {
            let length = body.len();
            let text =
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}");
            send(&mut socket, text.as_bytes());
        }
        Reply::Reset => {}
        Reply::Stall => thread::sleep(Duration::from_secs(30)),
        Reply::Cut => send(&mut socket, &[head, &event(json!({ "content": "half an ans" }))].concat()),
        Reply::HalfCharacter => {
            let half = b"data: {\"choices\":[{\"delta\":{\"content\":\"caf\xc3\"}}]}\n\n";
            send(&mut socket, &[head, half, &ending("stop")].concat());
        }
    }
}
