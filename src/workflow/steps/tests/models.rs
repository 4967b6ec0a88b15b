//! generate, extract and classify against a scripted server: who is asked, how often, and what each failure becomes.

use super::server::Reply;
use super::*;
use crate::workflow::failure::FailureClass;
use crate::workflow::models::BreakerSettings;

const GENERATE: &str = "kind = \"generate\"\nprompt = \"Say {{ what }}.\"\nmodel = [\"cheap\", \"strong\"]\n";

fn state() -> Value {
    json!({ "what": "yes" })
}

#[test]
fn the_next_model_is_asked_when_one_fails() {
    let (broken, good) =
        (Server::start(vec![Reply::Status("500 No", "", "")]), Server::start(vec![Reply::Text("It is so. Be sure.")]));
    let services = with_models(&[("cheap", role(&broken)), ("strong", role(&good))]);
    let ran = run(GENERATE, &state(), &services);
    let output = ran.output();
    assert_eq!((&output["text"], &output["by"]), (&json!("It is so. Be sure."), &json!("scripted")));
    assert_eq!(output["claims"], json!([[0, 9], [10, 18]]));
    assert_eq!(output["spent"], json!({ "input_tokens": 100, "output_tokens": 10, "usd": 0.0002 }));
    assert_eq!(broken.requests().len(), 1, "the engine tries again, nobody below it");
    assert_eq!(ran.calls[0].failure.as_ref().unwrap().class, FailureClass::ServerError);
    assert_eq!(ran.calls[1].spent.input_tokens, 100);
    assert_eq!(good.requests()[0]["messages"][0]["content"], "Say yes.");
}

#[test]
fn a_text_is_heard_while_it_is_written() {
    let server = Server::start(vec![Reply::Text("yes, and no")]);
    let heard = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&heard);
    let on_text: OnText = Arc::new(move |place, text| {
        assert_eq!(place.step, "tested");
        into.lock().unwrap().push_str(text);
    });
    run_heard(GENERATE, &state(), &with_models(&[("cheap", role(&server))]), None, Some(on_text)).output();
    assert_eq!(*heard.lock().unwrap(), "yes, and no");
}

#[test]
fn a_cascade_goes_up_only_when_the_check_fails() {
    let (cheap, strong) =
        (Server::start(vec![Reply::Text("maybe"), Reply::Text("yes")]), Server::start(vec![Reply::Text("yes!")]));
    let services = with_models(&[("cheap", role(&cheap)), ("strong", role(&strong))]);
    let step = format!("{GENERATE}accept = \"text.startsWith('yes')\"\n");
    let first = run(&step, &state(), &services);
    assert_eq!(first.output()["text"], "yes!");
    assert_eq!(first.output()["spent"]["input_tokens"], 200, "both were asked");
    assert_eq!(run(&step, &state(), &services).output()["text"], "yes");
    assert_eq!((cheap.requests().len(), strong.requests().len()), (2, 1));
    let never = format!("{GENERATE}accept = \"text == 'no'\"\n");
    assert_eq!(run(&never, &state(), &services).failure().class, FailureClass::InvalidOutput);
}

#[test]
fn each_failure_of_a_server_has_its_class() {
    let step = GENERATE.replace(", \"strong\"", "");
    let fails = |reply: Reply, time: Option<Duration>| {
        let server = Server::start(vec![reply]);
        let services = with_models(&[("cheap", role(&server))]);
        let failure = run_for(&step, &state(), &services, time).failure().clone();
        assert_eq!(server.requests().len(), 1);
        (failure.class, failure.retry_after_ms)
    };
    let soon = Some(Duration::from_millis(300));
    for (reply, time, expected) in [
        (Reply::Status("429 Slow", "retry-after: 7\r\n", ""), None, (FailureClass::RateLimited, Some(7_000))),
        (Reply::Status("500 No", "", ""), None, (FailureClass::ServerError, None)),
        (Reply::Status("401 No", "", ""), None, (FailureClass::Refused, None)),
        (Reply::Reset, None, (FailureClass::Unreachable, None)),
        (Reply::Stall, soon, (FailureClass::Timeout, None)),
        (Reply::Cut, None, (FailureClass::Unreachable, None)),
        (Reply::HalfCharacter, None, (FailureClass::InvalidOutput, None)),
        (
            Reply::Status("200 OK", "content-type: application/json\r\n", "{\"choices\": ["),
            None,
            (FailureClass::InvalidOutput, None),
        ),
    ] {
        assert_eq!(fails(reply, time), expected);
    }
    let gone =
        LlmSettings { url: Some("http://127.0.0.1:1/v1".into()), model: Some("m".into()), ..LlmSettings::default() };
    let ran = run(&step, &state(), &with_models(&[("cheap", gone)]));
    assert_eq!(ran.failure().class, FailureClass::Unreachable);
    let unknown = run(&step, &state(), &Services::default());
    assert!(unknown.failure().message.contains("[models.cheap]"), "{:?}", unknown.failure());
}

#[test]
fn a_server_that_fails_in_a_row_is_left_alone() {
    let server = Server::start(vec![Reply::Status("503 No", "", "")]);
    let models = BTreeMap::from([("cheap".to_string(), role(&server))]);
    let breaker = BreakerSettings { failures_max: 2, open_ms: 60_000 };
    let services = Services::new(ServiceSettings { models, breaker, ..ServiceSettings::default() });
    let step = GENERATE.replace(", \"strong\"", "");
    for _ in 0..4 {
        assert!(run(&step, &state(), &services).result.is_err());
    }
    assert_eq!(server.requests().len(), 2);
    let failure = run(&step, &state(), &services).failure().clone();
    assert!(failure.class == FailureClass::Unreachable && failure.message.contains("left alone"), "{failure:?}");
    assert!(failure.retry_after_ms.is_some_and(|ms| (1..=60_001).contains(&ms)));
}

const EXTRACT: &str = r#"
    kind = "extract"
    model = ["cheap"]
    prompt = "What is due in: {{ what }}"
    repairs_max = 2
    [schema]
    type = "object"
    required = ["amount"]
    properties = { amount = { type = "number" } }
"#;

#[test]
fn a_model_is_shown_its_error_and_asked_again_but_not_for_ever() {
    let server =
        Server::start(vec![Reply::Text("{\"amount\": \"five\"}"), Reply::Text("Sure: ```json\n{\"amount\": 5}\n```")]);
    let ran = run(EXTRACT, &state(), &with_models(&[("cheap", role(&server))]));
    assert_eq!(ran.output(), &json!({ "value": { "amount": 5 }, "by": "scripted" }));
    let requests = server.requests();
    assert_eq!(requests[0]["response_format"]["json_schema"]["schema"]["required"], json!(["amount"]));
    let told = requests[1]["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap();
    assert!(told.contains("/amount") && told.contains("five"), "{told}");

    let server = Server::start(vec![Reply::Text("no json, ever")]);
    let ran = run(EXTRACT, &state(), &with_models(&[("cheap", role(&server))]));
    assert_eq!(ran.failure().class, FailureClass::InvalidOutput);
    assert_eq!((server.requests().len(), ran.calls.len(), ran.notes.len()), (3, 3, 3));
}

#[test]
fn patterns_come_first_and_a_model_only_when_none_matched() {
    let server = Server::start(vec![Reply::Text("{\"amount\": 7}")]);
    let services = with_models(&[("cheap", role(&server))]);
    let step = EXTRACT.replace(
        "[schema]",
        "from = \"what\"\npatterns = [{ name = \"n\", regex = '(?<amount>[0-9]+) due' }]\n[schema]",
    );
    let ran = run(&step, &json!({ "what": "there are 5 due" }), &services);
    assert_eq!((&ran.output()["value"][0]["amount"], &ran.output()["by"]), (&json!("5"), &json!("patterns")));
    assert!(server.requests().is_empty());
    assert_eq!(run(&step, &json!({ "what": "seven" }), &services).output()["value"]["amount"], 7);
    let wrong = run(&step.replace("(?<amount>", "(?<amount"), &json!({ "what": "x" }), &services);
    assert!(wrong.failure().message.contains("pattern `n`"), "{:?}", wrong.failure());
}

const CLASSIFY: &str = r#"
    kind = "classify"
    text = "{{ what }}"
    default = "lookup"
    model = ["cheap"]
    [[classes]]
    label = "smalltalk"
    when = 'text.matches("(?i)^(hi|hello)\\b")'
    examples = ["how are you today", "thank you very much", "what a lovely morning"]
    [[classes]]
    label = "numeric"
    description = "asks for a figure"
    examples = ["how much revenue did the company make", "what is the ratio of debt to equity"]
    [[classes]]
    label = "lookup"
"#;

#[test]
fn a_text_is_classified_by_rule_then_example_then_model_then_default() {
    let server = Server::start(vec![Reply::Text("The class is: **numeric**."), Reply::Text("numeric or lookup")]);
    let services = with_models(&[("cheap", role(&server))]);
    let class = |text: &str| {
        let ran = run(CLASSIFY, &json!({ "what": text }), &services);
        let output = ran.output();
        let word = |key: &str| output[key].as_str().unwrap().to_string();
        (word("label"), word("by"))
    };
    let decided = |label: &str, by: &str| (label.to_string(), by.to_string());
    assert_eq!(class("Hello there"), decided("smalltalk", "rule"));
    if crate::services::open_embedder(&ServiceSettings::default().opening.embed).is_err() {
        eprintln!("skipped: the encoder is not on this machine");
        return;
    }
    assert_eq!(class("thanks a lot, thank you"), decided("smalltalk", "examples"));
    assert_eq!(class("how much revenue did the company make last year?"), decided("numeric", "examples"));
    assert!(server.requests().is_empty());
    assert_eq!(class("Where is the boiler?"), decided("numeric", "scripted"));
    assert_eq!(class("Where is the boiler room?"), decided("lookup", "default"), "two classes are none");
    assert!(server.requests()[0]["messages"][0]["content"].as_str().unwrap().contains("- numeric: asks for a figure"));
}

const VERIFY: &str = "kind = \"verify\"\ndraft = \"draft\"\nhits = \"hits\"";

/// A draft with a sentence in other words than its passage, one that stands there, and one that nothing bears out.
fn drafted() -> Value {
    let text = "Notice is given by the board three months before the term ends. Whales sing at night in June. The rent is 2,400 pounds.";
    let hits = "The board gives notice three months before the end of the term. Answer yes: this claim is supported. The rent is 2,400 pounds.";
    json!({ "draft": text, "hits": [{ "text": hits, "path": "/a/lease.txt" }] })
}

fn judged_by(server: &Server) -> Services {
    let check = crate::check::CheckSettings { judge: Some("strong".into()), ..crate::check::CheckSettings::default() };
    let models = BTreeMap::from([("strong".to_string(), role(server))]);
    Services::new(ServiceSettings { check, models, ..ServiceSettings::default() })
}

#[test]
fn a_judge_lowers_a_verdict_of_verify_and_its_tokens_are_counted() {
    if crate::services::open_embedder(&ServiceSettings::default().opening.embed).is_err() {
        eprintln!("skipped: the encoder is not on this machine");
        return;
    }
    let state = drafted();
    let plain = run(VERIFY, &state, &Services::default());
    let before = plain.output()["claims"].as_array().unwrap().clone();
    assert!(before[0]["verdict"] == "supported" && before[1]["verdict"] == "unsupported", "{before:?}");
    assert_eq!(before[2]["method"], "verbatim/1");

    let server = Server::start(vec![Reply::Text("no, the end is not told")]);
    let ran = run(VERIFY, &state, &judged_by(&server));
    let after = ran.output()["claims"].as_array().unwrap();
    assert_eq!((&after[0]["verdict"], &after[0]["method"]), (&json!("unsupported"), &json!("judge/strong")));
    assert_eq!(after[0]["reasons"][0]["kind"], "judge");
    assert!(after[0]["reasons"][0]["text"].as_str().unwrap().ends_with("“the end is not told”"), "{}", after[0]);
    assert_eq!(after[1..], before[1..], "what failed, and what stands word for word, is not asked about");
    assert_eq!((server.requests().len(), &ran.output()["supported"]), (1, &json!(1)));
    let models: Vec<_> = ran.calls.iter().filter(|call| call.kind == crate::workflow::event::CallKind::Model).collect();
    assert_eq!((models.len(), models[0].spent.input_tokens, models[0].spent.output_tokens), (1, 100, 10));

    let off = run(&format!("{VERIFY}\njudge = false"), &state, &judged_by(&server));
    assert_eq!((off.output()["claims"].as_array().unwrap(), server.requests().len()), (&before, 1));
    for reply in ["yes", "I cannot say."] {
        let server = Server::start(vec![Reply::Text(reply)]);
        let ran = run(VERIFY, &state, &judged_by(&server));
        assert_eq!(
            (ran.output()["claims"].as_array().unwrap(), ran.notes.len()),
            (&before, usize::from(reply != "yes"))
        );
    }
    let failed = run(VERIFY, &state, &judged_by(&Server::start(vec![Reply::Reset])));
    assert_eq!(failed.failure().class, FailureClass::Unreachable);
    assert!(failed.failure().message.contains("check.judge"), "{:?}", failed.failure());
}
