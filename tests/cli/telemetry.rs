//! What a run sends to a receiver of OTLP, decoded there.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;

use crate::model_server::ModelServer;
use crate::support::{Home, write};

/// What was received, or what a receiver that refuses answers.
#[derive(Default)]
struct Received {
    refuses: bool,
    traces: Vec<ExportTraceServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
}

struct Receiver {
    url: String,
    received: Arc<Mutex<Received>>,
    _runtime: tokio::runtime::Runtime,
}

impl Receiver {
    fn start(refuses: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let received = Arc::new(Mutex::new(Received { refuses, ..Received::default() }));
        let app = axum::Router::new()
            .route("/v1/traces", axum::routing::post(traces))
            .route("/v1/metrics", axum::routing::post(metrics))
            .with_state(received.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { url, received, _runtime: runtime }
    }

    fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().unwrap();
        let scopes =
            received.traces.iter().flat_map(|request| &request.resource_spans).flat_map(|spans| &spans.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }
}

async fn traces(State(received): State<Arc<Mutex<Received>>>, body: Bytes) -> StatusCode {
    let mut received = received.lock().unwrap();
    if received.refuses {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    received.traces.push(ExportTraceServiceRequest::decode(body).unwrap());
    StatusCode::OK
}

async fn metrics(State(received): State<Arc<Mutex<Received>>>, body: Bytes) -> StatusCode {
    received.lock().unwrap().metrics.push(ExportMetricsServiceRequest::decode(body).unwrap());
    StatusCode::OK
}

const WORKFLOW: &str = r#"
name = "told"
output = "ask"
input = { word = "string" }
[[step]]
id = "find"
kind = "retrieve"
query = "{{ input.word }}"
[[step]]
id = "class"
kind = "classify"
text = "{{ input.word }}"
default = "a"
classes = [{ label = "a", examples = ["repairing plant"] }, { label = "b", examples = ["lunch"] }]
[[step]]
id = "sum"
kind = "tool"
tool = "calculator"
arguments = { expression = "'1 + 1'" }
[[step]]
id = "each"
kind = "each"
over = "['x']"
graph = "part"
input = { item = "item" }
[[step]]
id = "broken"
kind = "generate"
model = ["m"]
prompt = "broken"
on_error = "skip"
[[step]]
id = "ask"
kind = "generate"
needs = ["each", "find", "class", "sum"]
model = ["m"]
prompt = "say {{ input.word }}"
temperature = 0.5
seed = 7
[graph.part]
input = { item = "string" }
[[graph.part.step]]
id = "inner"
kind = "generate"
model = ["m"]
prompt = "say inner"
"#;

const SECRET: &str = "exceptional-secret-plant";

/// A home with one document in its index.
fn home() -> Home {
    let home = Home::new();
    let file = write(home.folder.path(), "plant.txt", b"The cost of repairing plant is an Exceptional Item.\n");
    let (code, report) = home.json(&["index", &file.display().to_string()]);
    assert_eq!(code, 0, "{report}");
    home
}

/// Runs the workflow with these settings; gives the exit code, the run's id and what went to stderr.
fn run(home: &Home, server: &ModelServer, endpoint: &str, settings: &str, more: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("{}[otel]\nendpoint = \"{endpoint}\"\n{settings}", server.settings());
    let config = write(folder.path(), "settings.toml", config.as_bytes());
    let workflow = write(folder.path(), "w.toml", WORKFLOW.as_bytes()).display().to_string();
    let config = config.display().to_string();
    let word = format!("word={SECRET}");
    let outcome = home.run(&[&["run", &workflow, "--input", &word, "--json", "--config", &config], more].concat());
    let ended: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
    (outcome.code, ended["run"].as_str().unwrap_or_default().to_string(), outcome.stderr)
}

fn attributes(span: &Span) -> HashMap<String, String> {
    let words = |value: Option<Any>| match value {
        Some(Any::StringValue(text)) => text,
        Some(Any::IntValue(number)) => number.to_string(),
        Some(Any::DoubleValue(number)) => number.to_string(),
        Some(Any::BoolValue(is)) => is.to_string(),
        other => format!("{other:?}"),
    };
    span.attributes
        .iter()
        .map(|one| (one.key.clone(), words(one.value.clone().and_then(|value| value.value))))
        .collect()
}

#[test]
fn a_run_is_sent_as_one_trace_by_the_conventions_without_content() {
    let (server, receiver) = (ModelServer::start(), Receiver::start(false));
    let (code, run_id, stderr) = run(&home(), &server, &receiver.url, "service_name = \"desk\"\n", &[]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let spans = receiver.spans();
    let names: BTreeSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    let embedder =
        names.iter().find(|name| name.starts_with("embeddings ")).expect("the examples were embedded").to_string();
    assert_eq!(
        names,
        BTreeSet::from([
            "invoke_workflow told",
            "step find",
            "retrieval default",
            "step class",
            embedder.as_str(),
            "step sum",
            "execute_tool calculator",
            "step each",
            "step inner",
            "chat m",
            "step broken",
            "step ask",
        ])
    );
    let by_id: HashMap<&[u8], &Span> = spans.iter().map(|span| (span.span_id.as_slice(), span)).collect();
    assert_eq!(by_id.len(), spans.len(), "every span has an id of its own");
    let parent = |span: &Span| by_id.get(span.parent_span_id.as_slice()).map_or("", |parent| parent.name.as_str());
    let with_parent: BTreeSet<(&str, &str)> = spans.iter().map(|span| (span.name.as_str(), parent(span))).collect();
    for pair in [
        ("invoke_workflow told", ""),
        ("step find", "invoke_workflow told"),
        ("retrieval default", "step find"),
        ("execute_tool calculator", "step sum"),
        ("step each", "invoke_workflow told"),
        ("step inner", "step each"),
        ("chat m", "step inner"),
        ("chat m", "step ask"),
        ("chat m", "step broken"),
        (embedder.as_str(), "step class"),
    ] {
        assert!(with_parent.contains(&pair), "{pair:?} is not among {with_parent:?}");
    }
    for span in &spans {
        assert_eq!(hex(&span.trace_id), run_id.replace('-', ""), "the trace is the run");
        assert!(
            span.start_time_unix_nano <= span.end_time_unix_nano
                && span.start_time_unix_nano > 1_600_000_000_000_000_000
        );
        if let Some(parent) = by_id.get(span.parent_span_id.as_slice()) {
            assert!(
                parent.start_time_unix_nano <= span.start_time_unix_nano,
                "{} begins before {}",
                span.name,
                parent.name
            );
            assert!(parent.end_time_unix_nano >= span.end_time_unix_nano, "{} outlives {}", span.name, parent.name);
        }
        for (key, value) in attributes(span) {
            assert!(!value.contains(SECRET), "{}: {key} = {value}", span.name);
        }
        assert!(!span.status.as_ref().is_some_and(|status| status.message.contains(SECRET)));
    }
    let ask = spans.iter().find(|span| span.name == "chat m" && parent(span) == "step ask").unwrap();
    assert_eq!(ask.kind, SpanKind::Client as i32);
    let told = attributes(ask);
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "m"),
        ("gen_ai.request.temperature", "0.5"),
        ("gen_ai.request.max_tokens", "50"),
        ("gen_ai.request.seed", "7"),
        ("gen_ai.response.model", "m"),
        ("gen_ai.usage.input_tokens", "10"),
        ("gen_ai.usage.output_tokens", "5"),
        ("server.address", "127.0.0.1"),
    ] {
        assert_eq!(told.get(key).map(String::as_str), Some(value), "{key} of {told:?}");
    }
    let broken = spans.iter().find(|span| span.name == "chat m" && parent(span) == "step broken").unwrap();
    assert_eq!(attributes(broken)["error.type"], "server_error");
    assert_eq!(broken.status.as_ref().unwrap().code, 2);
    let root = attributes(spans.iter().find(|span| span.parent_span_id.is_empty()).unwrap());
    assert_eq!((root["gen_ai.workflow.name"].as_str(), root["ibid.run.status"].as_str()), ("told", "done"));
    check_metrics(&receiver.received.lock().unwrap());
}

/// What the same run adds up to.
fn check_metrics(received: &Received) {
    let resource = received.traces[0].resource_spans[0].resource.as_ref().unwrap();
    assert!(resource.attributes.iter().any(|one| one.key == "service.name"
        && one.value.as_ref().is_some_and(|value| value.value == Some(Any::StringValue("desk".into())))));
    let metrics: HashMap<String, (u64, f64)> = received
        .metrics
        .iter()
        .flat_map(|request| &request.resource_metrics)
        .flat_map(|metrics| &metrics.scope_metrics)
        .flat_map(|scope| &scope.metrics)
        .map(|metric| {
            let Some(Data::Histogram(histogram)) = &metric.data else { panic!("{} is no histogram", metric.name) };
            let points = &histogram.data_points;
            let sum = points.iter().filter_map(|point| point.sum).sum();
            (metric.name.clone(), (points.iter().map(|point| point.count).sum(), sum))
        })
        .collect();
    // Two answered calls of 10 tokens read and 5 written each.
    assert_eq!(metrics["gen_ai.client.token.usage"], (4, 30.0));
    let (calls, seconds) = metrics["gen_ai.client.operation.duration"];
    assert!(calls >= 5 && seconds > 0.004, "{calls} calls in {seconds} s");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn content_is_sent_where_it_is_asked_for() {
    let (server, receiver) = (ModelServer::start(), Receiver::start(false));
    let (code, _, stderr) = run(&home(), &server, &receiver.url, "content = true\n", &[]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let spans = receiver.spans();
    let all: Vec<HashMap<String, String>> = spans.iter().map(attributes).collect();
    for (key, value) in [
        ("gen_ai.input.messages", format!("say {SECRET}")),
        ("gen_ai.output.messages", format!("said {SECRET}")),
        ("gen_ai.retrieval.query.text", SECRET.to_string()),
        ("gen_ai.tool.call.arguments", "1 + 1".to_string()),
        ("gen_ai.tool.call.result", "2".to_string()),
        ("ibid.input", SECRET.to_string()),
    ] {
        assert!(all.iter().any(|told| told.get(key).is_some_and(|told| told.contains(&value))), "{key} lacks {value}");
    }
}

#[test]
fn a_receiver_that_is_not_there_or_refuses_is_a_warning_and_fails_no_run() {
    let (server, home) = (ModelServer::start(), home());
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refuses = Receiver::start(true);
    for (endpoint, more, words) in [
        (format!("http://{gone}"), &[][..], "did not take it"),
        (refuses.url.clone(), &[], "did not take it"),
        ("http://192.0.2.1:4318".into(), &["--offline"], "while offline"),
        ("no address".into(), &[], "otel.endpoint"),
    ] {
        let (code, run, stderr) = run(&home, &server, &endpoint, "", more);
        assert_eq!(code, 0, "{endpoint}: {stderr}");
        assert!(!run.is_empty());
        assert!(
            stderr.starts_with("warning: the telemetry of the run was not sent") && stderr.contains(words),
            "{stderr}"
        );
        assert_eq!(stderr.trim().lines().count(), 1, "{stderr}");
    }
    assert!(refuses.received.lock().unwrap().metrics.is_empty(), "what was refused once is not sent on");
}

#[test]
fn a_run_that_waits_is_one_trace_with_a_root_for_each_process() {
    let (server, receiver, home) = (ModelServer::start(), Receiver::start(false), Home::new());
    let text = "name = \"waits\"\noutput = \"end\"\n[[step]]\nid = \"first\"\nkind = \"compute\"\nvalues = { x = \"1\" }\n\
                [[step]]\nid = \"sub\"\nkind = \"workflow\"\nneeds = [\"first\"]\ngraph = \"part\"\n\
                [[step]]\nid = \"end\"\nkind = \"generate\"\nneeds = [\"sub\"]\nmodel = [\"m\"]\nprompt = \"say end\"\n\
                [graph.part]\n[[graph.part.step]]\nid = \"inner\"\nkind = \"compute\"\nvalues = { x = \"1\" }\n\
                [[graph.part.step]]\nid = \"ok\"\nkind = \"approve\"\nneeds = [\"inner\"]\nprompt = \"Fine?\"\n";
    let workflow = write(home.folder.path(), "w.toml", text.as_bytes()).display().to_string();
    home.set(&format!("{}[otel]\nendpoint = \"{}\"\n", server.settings(), receiver.url));
    let (code, ended) = home.json(&["run", &workflow]);
    assert_eq!((code, ended["status"].as_str()), (0, Some("waiting")), "{ended}");
    std::thread::sleep(std::time::Duration::from_millis(50));
    let (code, ended) = home.json(&["resume", ended["run"].as_str().unwrap(), "--approve"]);
    assert_eq!((code, ended["status"].as_str()), (0, Some("done")), "{ended}");
    let spans = receiver.spans();
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "invoke_workflow waits",
            "step first",
            "step inner",
            "invoke_workflow waits",
            "invoke_workflow part",
            "step end",
            "chat m",
            "step ok",
        ]
    );
    let parent = |at: usize| spans.iter().position(|span| span.span_id == spans[at].parent_span_id);
    assert_eq!(
        (0..8).map(parent).collect::<Vec<_>>(),
        [None, Some(0), Some(0), None, Some(3), Some(3), Some(5), Some(4)]
    );
    assert_eq!(attributes(&spans[2])["ibid.step.kind"], "compute");
    assert_eq!(spans.iter().map(|span| &span.trace_id).collect::<BTreeSet<_>>().len(), 1);
    assert!(spans.iter().all(|span| !attributes(span).contains_key("error.type")), "to wait is no error");
    // What a person took is in neither.
    assert!(spans[3].start_time_unix_nano >= spans[0].end_time_unix_nano + 40_000_000);
    assert!(spans[4].start_time_unix_nano >= spans[3].start_time_unix_nano);
    assert!(spans[6].start_time_unix_nano >= spans[3].start_time_unix_nano);
}
