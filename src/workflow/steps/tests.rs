//! Steps on real parts: a scripted server over HTTP, the shipped encoder, an index of a few documents.

mod agents;
mod answers;
mod models;
pub(crate) mod server;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Kind;
use crate::inference::llm::LlmSettings;
use crate::workflow::budget::{self, Ledger};
use crate::workflow::context::{Answers, Desk, Log, OnText, StepContext};
use crate::workflow::event::{CallRecord, Place};
use crate::workflow::expression::Scope;
use crate::workflow::failure::Failure;
use crate::workflow::graph::Limits;
use crate::workflow::services::{ServiceSettings, Services};
use server::Server;

/// What running a step gave and wrote down.
struct Ran {
    result: Result<Value, Failure>,
    calls: Vec<CallRecord>,
    notes: Vec<Value>,
}

impl Ran {
    fn output(&self) -> &Value {
        self.result.as_ref().unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    fn failure(&self) -> &Failure {
        self.result.as_ref().unwrap_err()
    }
}

/// Runs the step that `toml` describes over `state`, as the engine does for one attempt.
fn run(toml: &str, state: &Value, services: &Services) -> Ran {
    run_for(toml, state, services, None)
}

fn run_for(toml: &str, state: &Value, services: &Services, time: Option<Duration>) -> Ran {
    run_heard(toml, state, services, time, None)
}

fn run_heard(toml: &str, state: &Value, services: &Services, time: Option<Duration>, on_text: Option<OnText>) -> Ran {
    let kind: Kind = toml::from_str(toml).unwrap();
    let stop = AtomicBool::new(false);
    let values = state.as_object().unwrap().iter();
    let scope = values.fold(Scope::default(), |scope, (name, value)| scope.with(name.clone(), value.clone()));
    let place = Place { frame: String::new(), step: "tested".into(), visit: 1 };
    let desk = Desk {
        run: "run".into(),
        services: Arc::new(Services::default()),
        ledger: Ledger::new(&Limits::default()),
        journal: None,
        began: Instant::now(),
        before_us: 0,
        answers: Answers::default(),
        on_text,
        clock: Arc::new(jiff::Timestamp::now),
    };
    let log = Mutex::new(Log { attempt: 1, ..Log::default() });
    let mut cx = StepContext {
        place: &place,
        attempt: 1,
        run: "run",
        seed: 7,
        scope,
        services,
        desk: &desk,
        account: budget::RUN,
        log: &log,
        stop: &stop,
        deadline: time.map(|time| Instant::now() + time),
        cache: false,
        record: crate::workflow::graph::Record::Full,
        goes_on: false,
        made: 0,
    };
    let result = kind.run(&mut cx);
    let Log { calls, notes, .. } = log.into_inner().unwrap();
    Ran { result, calls, notes }
}

fn role(server: &Server) -> LlmSettings {
    LlmSettings {
        url: Some(server.url.clone()),
        model: Some("scripted".into()),
        api_key_env: "IBID_TEST_NO_SUCH_KEY".into(),
        timeout_s: 5,
        retries: 9,
        retry_pause_ms: 60_000,
        usd_per_million_input: 1.0,
        usd_per_million_output: 10.0,
        ..LlmSettings::default()
    }
}

/// Services with servers as the models of these roles.
fn with_models(models: &[(&str, LlmSettings)]) -> Services {
    let models: BTreeMap<String, LlmSettings> =
        models.iter().map(|(name, settings)| ((*name).to_string(), settings.clone())).collect();
    Services::new(ServiceSettings { models, ..ServiceSettings::default() })
}

#[test]
fn rules_make_findings_for_each_item() {
    let step = r#"
        kind = "rules"
        over = "ratios"
        [[rules]]
        name = "leverage"
        when = "item.value > limit"
        severity = "error"
        message = "{{ item.name }} is {{ item.value }}, over {{ limit }}"
        evidence = "item.source"
        [[rules]]
        name = "known"
        when = "item.value > 0.0"
        severity = "info"
        message = "known"
    "#;
    let state = json!({ "limit": 3.5, "ratios": [{ "name": "a", "value": 4.5, "source": "p. 3" }, { "name": "b", "value": 1.5 }] });
    let ran = run(step, &state, &Services::default());
    let output = ran.output();
    assert_eq!((&output["worst"], &output["passed"]), (&json!("error"), &json!(false)));
    assert_eq!(output["findings"].as_array().unwrap().len(), 3);
    assert_eq!(output["findings"][0]["message"], "a is 4.5, over 3.5");
    assert_eq!(output["findings"][0]["evidence"], "p. 3");
    let wrong = run(&step.replace("item.value > limit", "item.value"), &state, &Services::default());
    assert!(wrong.failure().message.contains("rule `leverage`"), "{:?}", wrong.failure());
}

#[test]
fn exact_values_are_computed_from_figures_of_documents() {
    let step = r#"
        kind = "compute"
        values = { count = "size(items)" }
        given = { debt = "items[0]", ebitda = "items[1]" }
        exact = { leverage = "round(debt / ebitda, 4)", tenth = "0.1 + 0.2", due = "2024-01-31 + 1 month" }
    "#;
    let ran = run(step, &json!({ "items": ["$1,250.5 million", "$350m"] }), &Services::default());
    let expected = json!({
        "count": 2, "due": "2024-02-29", "leverage": "3.5729", "leverage_number": 3.5729, "tenth": "0.3", "tenth_number": 0.3,
    });
    assert_eq!(ran.output(), &expected);
    let wrong = run(step, &json!({ "items": ["n/a", 1] }), &Services::default());
    assert!(wrong.failure().message.contains("`debt`"), "{:?}", wrong.failure());
}

#[test]
fn a_tool_is_called_with_computed_arguments_and_its_failure_has_a_class() {
    let step = "kind = \"tool\"\ntool = \"calculator\"\narguments = { expression = \"'12.5% of ' + amount\" }";
    let ran = run(step, &json!({ "amount": "200" }), &Services::default());
    assert_eq!(ran.output()["text"], "25");
    assert_eq!(ran.calls.len(), 1);
    for (step, state) in [
        (step.to_string(), json!({ "amount": "x" })),
        (step.replace("expression =", "formula ="), json!({ "amount": "1" })),
        (step.replace("\"calculator\"", "\"abacus\""), json!({ "amount": "1" })),
    ] {
        let failure = run(&step, &state, &Services::default()).failure().clone();
        assert_eq!(failure.class, crate::workflow::failure::FailureClass::Tool, "{failure:?}");
    }
}

#[test]
fn files_are_read_with_their_pages_and_a_folder_tells_what_it_left_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "The fee is 2%.\x0cThe term is 5 years.").unwrap();
    std::fs::write(folder.path().join("b.bin"), b"\x00\x01\x02\x00\xff").unwrap();
    let step = "kind = \"read\"\npaths = \"paths\"\n";
    let state = json!({ "paths": [folder.path()] });
    let ran = run(step, &state, &Services::default());
    let output = ran.output();
    assert_eq!(output["documents"].as_array().unwrap().len(), 1, "{output}");
    assert!(output["skipped"][0]["path"].as_str().unwrap().ends_with("b.bin"), "{output}");
    assert!(ran.calls.iter().all(|call| call.response.is_some() || call.failure.is_some()));

    let pattern = r#"
        kind = "extract"
        from = "read"
        patterns = [{ name = "term", regex = '(?i)term is (?<years>\d+) years' }, { name = "fee", regex = 'fee is (?<share>[0-9.]+%)' }]
    "#;
    let ran = run(pattern, &json!({ "read": output }), &Services::default());
    let items = ran.output()["value"].as_array().unwrap().clone();
    assert_eq!((&items[0]["years"], &items[1]["share"]), (&json!("5"), &json!("2%")));
    let text = output["documents"][0]["text"].as_str().unwrap();
    let place = |item: &Value| item["start"].as_u64().unwrap() as usize..item["end"].as_u64().unwrap() as usize;
    assert_eq!(&text[place(&items[0])], items[0]["quote"].as_str().unwrap());

    let missing = run(step, &json!({ "paths": "/nonexistent/file" }), &Services::default());
    assert!(missing.failure().message.contains("/nonexistent/file"), "{:?}", missing.failure());
    let cut = run(&format!("{step}chars_max = 7"), &state, &Services::default());
    assert_eq!(cut.output()["documents"][0]["text"], "The fee");
}

#[test]
fn a_quote_of_a_document_that_was_read_whole_has_its_page() {
    let text = "The fee is 2%.\nThe term is 5 years.";
    let document = |pages: Value| json!({ "path": "/d/a.pdf", "document": "hash", "text": text, "pages": pages });
    let claim = |start: usize, end: usize| {
        let evidence = json!([{ "hit": 0, "start": start, "end": end }]);
        json!({ "text": &text[start..end], "verdict": "supported", "method": "m/1", "score": 1.0, "evidence": evidence })
    };
    let pages = json!([{ "number": 1, "start": 0, "end": 14 }, { "number": 2, "start": 15, "end": text.len() }]);
    let step = "kind = \"format\"\nanswer = { question = \"'What is it?'\", draft = \"text\", check = \"check\", hits = \"documents\" }";
    for (pages, expected) in [(pages, [json!(1), json!(2)]), (json!([]), [Value::Null, Value::Null])] {
        let check = json!({ "claims": [claim(0, 14), claim(15, text.len())] });
        let state = json!({ "text": text, "check": check, "documents": [document(pages)] });
        let ran = run(step, &state, &Services::default());
        let claims = ran.output()["claims"].as_array().unwrap();
        let found: Vec<&Value> = claims.iter().map(|claim| &claim["citations"][0]["page"]).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>());
    }
}

#[test]
fn format_gives_a_text_or_a_value() {
    let ran = run("kind = \"format\"\ntemplate = \"{{ a }} and {{ a }}\"", &json!({ "a": 1 }), &Services::default());
    assert_eq!(ran.output(), &json!({ "text": "1 and 1" }));
    let ran = run("kind = \"format\"\nvalue = \"[a]\"", &json!({ "a": 1 }), &Services::default());
    assert_eq!(ran.output(), &json!([1]));
    assert!(run("kind = \"format\"", &json!({}), &Services::default()).result.is_err());
}
