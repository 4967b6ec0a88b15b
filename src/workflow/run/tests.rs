//! Whole runs over a real database: ends, loops, graphs in graphs, people, failures, crashes at every event, replays.

mod resumed;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::inference::llm::LlmSettings;
use crate::tools::{Asked, Tool, ToolEffect};
use crate::workflow::event::{CallRecord, Outcome};
use crate::workflow::failure::FailureClass;
use crate::workflow::load::prepare;
use crate::workflow::services::ServiceSettings;
use crate::workflow::steps::tests::server::{Reply, Server};

/// A tool of the tests' own: it counts its calls, by the key that it is given, and does as its arguments say.
#[derive(Debug, Default)]
struct Probe {
    effect: bool,
    calls: AtomicUsize,
    keys: Mutex<Vec<String>>,
}

impl Tool for Probe {
    fn name(&self) -> &str {
        if self.effect { "act" } else { "probe" }
    }

    fn description(&self) -> String {
        "does as it is told".into()
    }

    fn parameters(&self) -> Value {
        json!({ "type": "object" })
    }

    fn result(&self) -> Value {
        json!({})
    }

    fn effect(&self) -> ToolEffect {
        if self.effect { ToolEffect::Once } else { ToolEffect::None }
    }

    fn run(&self, asked: &Asked<'_>) -> crate::error::Result<Value> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.keys.lock().unwrap().push(asked.idempotency_key.to_string());
        let number = |name: &str| asked.arguments[name].as_u64().unwrap_or_default();
        std::thread::sleep(Duration::from_millis(number("sleep_ms")));
        if call as u64 <= number("fail_first") {
            return Err(Error::usage(format!("call {call} fails")));
        }
        Ok(json!({ "said": asked.arguments["say"], "call": number("count_calls") * call as u64 }))
    }
}

struct Lab {
    folder: TempDir,
    probe: Arc<Probe>,
    act: Arc<Probe>,
    models: BTreeMap<String, LlmSettings>,
    watch: Watch,
}

impl Lab {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            probe: Arc::new(Probe::default()),
            act: Arc::new(Probe { effect: true, ..Probe::default() }),
            models: BTreeMap::new(),
            watch: Watch::default(),
        }
    }

    /// With a scripted server as the model of the role `strong`.
    fn with_server(replies: Vec<Reply>) -> (Self, Server) {
        let server = Server::start(replies);
        let settings = LlmSettings {
            url: Some(server.url.clone()),
            model: Some("scripted".into()),
            api_key_env: "IBID_TEST_NO_SUCH_KEY".into(),
            usd_per_million_output: 10.0,
            ..LlmSettings::default()
        };
        (Self { models: BTreeMap::from([("strong".into(), settings)]), ..Self::new() }, server)
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("ibid.db")
    }

    fn engine(&self) -> Engine {
        self.engine_at(&self.path())
    }

    fn engine_at(&self, path: &Path) -> Engine {
        let settings = ServiceSettings { models: self.models.clone(), ..ServiceSettings::default() };
        let mut services = Services::new(settings);
        services.tools_mut().add(self.probe.clone());
        services.tools_mut().add(self.act.clone());
        Engine::new(Arc::new(Journal::open(path).unwrap()), Arc::new(services), self.watch.clone())
    }

    fn run(&self, text: &str, input: Value) -> Ended {
        self.engine().start(request(text, input)).unwrap()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "callers write the value in place")]
fn request(text: &str, input: Value) -> Request {
    let text = format!("name = \"test\"\n{text}");
    let workflow = Arc::new(prepare("test", &text, &|file| panic!("no file {file}")).unwrap());
    Request { workflow, input: input.as_object().unwrap().clone(), seed: 7, durability: None }
}

fn message(ended: &Ended) -> &str {
    ended.failure.as_ref().map_or("", |failure| &failure.message)
}

#[test]
fn steps_read_what_came_before_and_the_last_one_is_the_output() {
    let text = r#"
        input = { word = "string" }
        [[step]]
        id = "a"
        kind = "compute"
        values = { n = "size(input.word)" }
        [[step]]
        id = "b"
        kind = "tool"
        tool = "probe"
        needs = ["a"]
        arguments = { say = "a.n + 1" }
        [[step]]
        id = "never"
        kind = "tool"
        tool = "probe"
        needs = ["a"]
        when = "a.n > 100"
        [[step]]
        id = "end"
        kind = "format"
        needs = ["b", "never"]
        template = "{{ input.word }} {{ b.said }} {{ never is none }} {{ visit }}"
    "#;
    let lab = Lab::new();
    let ended = lab.run(text, json!({ "word": "four" }));
    assert_eq!(ended.status, RunStatus::Done, "{ended:?}");
    assert_eq!(ended.output["text"].as_str().unwrap().to_lowercase(), "four 5 true 1");
    assert_eq!((ended.steps, lab.probe.calls.load(Ordering::SeqCst)), (3, 1));
    let row = lab.engine().journal().runs(5).unwrap().remove(0);
    assert_eq!((row.status.as_str(), row.steps, row.run), ("done", 3, ended.run));
    let error = lab.engine().start(request(text, json!({}))).unwrap_err().to_string();
    assert!(error.contains("`word` (string) is missing"), "{error}");
}

#[test]
fn a_loop_sees_its_last_round_and_ends() {
    let text = r#"
        [[step]]
        id = "draft"
        kind = "compute"
        visits_max = 4
        values = { n = "visit == 1 ? 1 : last.draft.n * 2" }
        [[step]]
        id = "check"
        kind = "compute"
        needs = ["draft"]
        values = { n = "draft.n" }
        goto = [{ step = "draft", when = "check.n < limit" }]
    "#;
    let lab = Lab::new();
    for (limit, n, steps) in [(1, 1, 2), (4, 4, 6), (1_000, 8, 8)] {
        let ended = lab.run(&text.replace("limit", &limit.to_string()), json!({}));
        assert_eq!((ended.output["n"].as_i64(), ended.steps), (Some(n), steps), "{ended:?}");
    }
    let ended = lab.run(&text.replace("check.n < limit", "check.x"), json!({}));
    assert_eq!(ended.status, RunStatus::Failed);
    assert!(message(&ended).contains("step `check` failed"), "{ended:?}");
}

const EACH: &str = r#"
    [[step]]
    id = "all"
    kind = "each"
    over = "[0, 1, 2, 3, 4]"
    graph = "one"
    input = { n = "item" }
    parallel = 2
    ON_ERROR
    [graph.one]
    input = { n = "integer" }
    [[graph.one.step]]
    id = "say"
    kind = "tool"
    tool = "probe"
    when = "input.n != 1"
    arguments = { say = "input.n", sleep_ms = "5" }
    [[graph.one.step]]
    id = "twice"
    kind = "compute"
    needs = ["say"]
    values = { n = "say.said * 2 + (input.n == 3 ? say.nothing : 0)" }
"#;

#[test]
fn each_runs_its_graph_for_every_item_and_its_failures_are_bounded() {
    let lab = Lab::new();
    let ended = lab.run(&EACH.replace("ON_ERROR", "on_item_error = \"skip\""), json!({}));
    assert_eq!(ended.status, RunStatus::Done, "{ended:?}");
    let items = ended.output["items"].as_array().unwrap();
    assert_eq!(json!(items), json!([{ "n": 0 }, null, { "n": 4 }, null, { "n": 8 }]));
    assert_eq!(ended.output["failures"].as_array().unwrap().len(), 1);
    assert_eq!(ended.output["failures"][0]["index"], 3);
    let ended = lab.run(&EACH.replace("ON_ERROR", ""), json!({}));
    assert_eq!(ended.status, RunStatus::Failed);
    assert!(message(&ended).contains("step `twice` of all.1[3]"), "{ended:?}");
    let ended = lab.run(&EACH.replace("ON_ERROR", "on_error = \"skip\"\nitems_max = 2"), json!({}));
    assert_eq!((ended.status, ended.output), (RunStatus::Done, Value::Null));
}

#[test]
fn a_sub_graph_has_limits_of_its_own_and_a_run_its_own() {
    let text = r#"
        [limits]
        steps = 20
        [[step]]
        id = "sub"
        kind = "workflow"
        graph = "inner"
        limits = { steps = SUB }
        on_error = "other"
        [[step]]
        id = "other"
        kind = "compute"
        values = { fell = "true" }
        [graph.inner]
        [[graph.inner.step]]
        id = "spin"
        kind = "compute"
        visits_max = 50
        values = { n = "visit" }
        goto = [{ step = "spin", when = "spin.n < 10" }]
    "#;
    let lab = Lab::new();
    for (sub, status, output) in
        [("15", RunStatus::Done, json!({ "n": 10 })), ("5", RunStatus::Done, json!({ "fell": true }))]
    {
        let ended = lab.run(&format!("output = \"sub\"\n{}", text.replace("SUB", sub)), json!({}));
        assert_eq!((ended.status, &ended.output), (status, &output), "{ended:?}");
    }
    let ended = lab.run(&text.replace("SUB", "100").replace("steps = 20", "steps = 8"), json!({}));
    assert_eq!(ended.status, RunStatus::BudgetExceeded);
    assert!(message(&ended).contains("steps = 8") && ended.steps == 8, "{ended:?}");
    let endless = "[[step]]\nid = \"a\"\nkind = \"workflow\"\ngraph = \"a\"\n[graph.a]\n[[graph.a.step]]\nid = \"a\"\n\
                   kind = \"workflow\"\ngraph = \"a\"\n";
    assert!(message(&lab.run(endless, json!({}))).contains("must not run itself"));
}

#[test]
fn what_fails_is_tried_again_caught_or_ends_the_run() {
    let text = r#"
        [[step]]
        id = "call"
        kind = "tool"
        tool = "probe"
        arguments = { say = "'x'", fail_first = "2" }
        SETTINGS
        [[step]]
        id = "spare"
        kind = "compute"
        values = { said = "'spare'" }
        [[step]]
        id = "end"
        kind = "compute"
        needs = ["call"]
        values = { said = "call == null ? 'nothing' : call.said" }
    "#;
    for (settings, said, calls) in [
        ("retry = { attempts = 3, backoff_ms = 1, on = [\"tool\", \"other\"] }", Some("x"), 3),
        ("retry = { attempts = 3, backoff_ms = 1, on = [\"timeout\"] }", None, 1),
        ("on_error = \"spare\"", Some("spare"), 1),
        (
            "retry = { attempts = 2, backoff_ms = 1, on = [\"tool\", \"other\"] }\non_error = \"spare\"",
            Some("spare"),
            2,
        ),
    ] {
        let lab = Lab::new();
        let ended = lab.run(&text.replace("SETTINGS", settings), json!({}));
        assert_eq!(ended.output["said"].as_str(), said, "{settings}: {ended:?}");
        assert_eq!(lab.probe.calls.load(Ordering::SeqCst), calls, "{settings}");
        assert_eq!(ended.status == RunStatus::Done, said.is_some());
        let keys = lab.probe.keys.lock().unwrap();
        assert!(keys.iter().all(|key| *key == keys[0]), "attempts share a key: {keys:?}");
    }
}

#[test]
fn a_step_that_takes_too_long_is_given_up() {
    let text = r#"
        [[step]]
        id = "slow"
        kind = "tool"
        tool = "probe"
        timeout_ms = 30
        arguments = { say = "'late'", sleep_ms = "2000" }
        on_error = "skip"
        [[step]]
        id = "end"
        kind = "compute"
        values = { ok = "true" }
    "#;
    let lab = Lab::new();
    let started = Instant::now();
    let ended = lab.run(text, json!({}));
    assert_eq!(ended.output, json!({ "ok": true }), "{ended:?}");
    assert!(started.elapsed() < Duration::from_millis(1_500), "nobody waits for what hangs");
    let found = lab.engine().journal().read(&ended.run).unwrap();
    let failure = found.events.iter().find_map(|event| match event {
        Event::StepEnded { place, failures, .. } if place.step == "slow" => failures.last(),
        _ => None,
    });
    assert_eq!(failure.map(|failure| failure.class), Some(super::super::failure::FailureClass::Timeout));
    let limited = text.replace("timeout_ms = 30", "").replace(
        "[[step]]\n        id = \"slow\"",
        "[limits]\n        seconds = 0.05\n        [[step]]\n        id = \"slow\"",
    );
    let ended = lab.run(&limited, json!({}));
    assert_eq!(ended.status, RunStatus::BudgetExceeded, "{ended:?}");
    assert_eq!(ended.output, json!({ "end": { "ok": true } }), "what it has is there");
}

#[test]
fn many_runs_share_threads_and_end_each_for_itself() {
    let lab = Lab::new();
    let requests: Vec<Request> = (0..60)
        .map(|at| {
            let text = "input = { n = \"integer\" }\n[[step]]\nid = \"a\"\nkind = \"tool\"\ntool = \"probe\"\n\
                        arguments = { say = \"input.n\" }\n[[step]]\nid = \"b\"\nkind = \"compute\"\nneeds = [\"a\"]\n\
                        values = { n = \"input.n == 7 ? a.nothing : a.said\" }\n";
            request(text, json!({ "n": at }))
        })
        .collect();
    let ended = lab.engine().run_many(requests, Crowd { runs: 20, threads: 4 }).unwrap();
    assert_eq!(ended.len(), 60);
    for (at, ended) in ended.iter().enumerate() {
        match at {
            7 => assert_eq!(ended.status, RunStatus::Failed),
            _ => assert_eq!(ended.output["n"], at, "{ended:?}"),
        }
    }
}

#[test]
fn a_step_that_keeps_only_metadata_leaves_no_content_behind() {
    let lab = Lab::new();
    let text = "[[step]]\nid = \"a\"\nkind = \"tool\"\ntool = \"probe\"\nrecord = \"metadata\"\narguments = { say = \"'secret'\" }\n\
                [[step]]\nid = \"b\"\nkind = \"compute\"\nneeds = [\"a\"]\nvalues = { n = \"size(a.said)\" }\n";
    let ended = lab.run(text, json!({}));
    let found = lab.engine().journal().read(&ended.run).unwrap();
    let calls: Vec<&CallRecord> = found
        .events
        .iter()
        .filter_map(|event| match event {
            Event::StepEnded { calls, .. } => calls.first(),
            _ => None,
        })
        .collect();
    assert_eq!(calls.len(), 1);
    assert!(calls[0].response.is_none() && calls[0].request["sha256"].is_string(), "{:?}", calls[0]);
    let differs = lab.engine().replay(&ended.run, Source::Record).unwrap().differs.unwrap();
    assert!(differs.failure.unwrap().message.contains("metadata"));
}

/// The outcome and the failures of the visits of a step.
fn visits_of(events: &[Event], step: &str) -> Vec<(Outcome, Vec<Failure>, Vec<CallRecord>)> {
    let ends = events.iter().filter_map(|event| match event {
        Event::StepEnded { place, outcome, failures, calls, .. } if place.step == step => {
            Some((*outcome, failures.clone(), calls.clone()))
        }
        _ => None,
    });
    ends.collect()
}

#[test]
fn what_computes_for_long_keeps_nobody_waiting() {
    let ten = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]";
    let all = |levels| (0..levels).fold("true".to_string(), |body, _| format!("{ten}.all(x, {body})"));
    let step = |id: &str, more: &str, levels: usize| {
        format!("[[step]]\nid = \"{id}\"\nkind = \"compute\"\n{more}\nvalues = {{ n = \"{}\" }}\n", all(levels))
    };
    let lab = Lab::new();
    // Too long for the thread that drives, but not for one of its own.
    assert_eq!(lab.run(&step("some", "", 4), json!({})).output, json!({ "n": true }));
    let ended = lab.run(&step("never", "", 12), json!({}));
    assert!(message(&ended).contains("too many steps"), "{ended:?}");
    let late = format!("{}{}", step("never", "timeout_ms = 20\non_error = \"skip\"", 7), step("end", "", 1));
    let started = Instant::now();
    let ended = lab.run(&late, json!({}));
    assert_eq!((ended.status, &ended.output), (RunStatus::Done, &json!({ "n": true })), "{ended:?}");
    assert!(started.elapsed() < Duration::from_secs(2));
    let found = lab.engine().journal().read(&ended.run).unwrap();
    assert!(visits_of(&found.events, "never")[0].1[0].message.contains("longer than 20 ms"));
}

#[test]
fn a_limit_holds_where_a_server_does_not_say_what_it_took() {
    let silent = "data: {\"choices\":[{\"delta\":{\"content\":\"hm\"}}]}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let (lab, server) = Lab::with_server(vec![Reply::Status("200 OK", "content-type: text/event-stream\r\n", silent)]);
    let step = "[[step]]\nid = \"ID\"\nkind = \"generate\"\nmodel = [\"strong\"]\nprompt = \"Hello\"\ntokens_max = 100\nNEEDS\n";
    let steps: String = (0..9)
        .map(|at| {
            let needs = if at == 0 { String::new() } else { format!("needs = [\"s{}\"]", at - 1) };
            step.replace("ID", &format!("s{at}")).replace("NEEDS", &needs)
        })
        .collect();
    let ended = lab.run(&format!("[limits]\ntokens = 1000\n{steps}"), json!({}));
    assert_eq!(ended.status, RunStatus::BudgetExceeded, "{ended:?}");
    assert!((1..9).contains(&server.requests().len()));
    assert!((100..=1_000).contains(&ended.tokens), "{ended:?}");
    let found = lab.engine().journal().read(&ended.run).unwrap();
    assert!(visits_of(&found.events, "s0")[0].2[0].spent.at_most);
}

#[test]
fn what_a_cut_stream_cost_counts() {
    let (lab, server) = Lab::with_server(vec![Reply::Cut]);
    let text = "[limits]\ntokens = 1000\n[[step]]\nid = \"a\"\nkind = \"generate\"\nmodel = [\"strong\"]\nprompt = \"Hello\"\n\
                tokens_max = 100\nretry = { attempts = 20, backoff_ms = 1 }\n";
    let ended = lab.run(text, json!({}));
    assert_eq!(ended.status, RunStatus::BudgetExceeded, "{ended:?}");
    assert!(ended.tokens <= 1_000 && (2..10).contains(&server.requests().len()), "{ended:?}");
}

#[test]
fn time_at_work_goes_on_from_where_graphs_began() {
    let place = Place { frame: String::new(), step: "a".into(), visit: 1 };
    assert_eq!(worked_us(&[Event::Opened { place, inputs: vec![], start_us: 7 }]), 7);
}
