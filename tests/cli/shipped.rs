//! The workflows that come with the program, each from its input to its end over the sample documents, without a language model and with a
//! scripted one.

use serde_json::Value;

use crate::model_server::ModelServer;
use crate::support::{Outcome, corpora, project, write};

/// The judged cases of one workflow; `corpora/README.md` says what their fields mean.
fn cases(workflow: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(project().join("corpora/workflows/cases.jsonl")).unwrap();
    let cases = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    cases.filter(|case| case["workflow"] == workflow).collect()
}

/// A run of a workflow with the input of a case: its exit code and `ibid.run/1`.
fn run(case: &Value) -> (i32, Value) {
    let mut arguments = vec!["run".to_string(), case["workflow"].as_str().unwrap().to_string()];
    for (name, value) in case["input"].as_object().unwrap() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        arguments.extend(["--input".into(), format!("{name}={value}")]);
    }
    corpora().json(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What must be in a text, and what must not.
fn assert_judged(case: &Value, text: &str) {
    for (field, wanted) in [("says", true), ("says_not", false)] {
        for words in case[field].as_array().into_iter().flatten() {
            assert_eq!(text.contains(words.as_str().unwrap()), wanted, "{field} {words}: {case}\n{text}");
        }
    }
}

/// The label that the run's `route` step gave, and the steps that were done, from its trace.
fn route_of(run: &Value) -> (String, Vec<String>) {
    let (code, trace) = corpora().json(&["trace", "show", run["run"].as_str().unwrap()]);
    assert_eq!(code, 0, "{trace}");
    let events = trace["events"].as_array().unwrap();
    let done: Vec<&Value> = events.iter().filter(|event| event["outcome"] == "done").collect();
    let route = done.iter().find(|event| event["step"] == "route").unwrap();
    let label = route["output"]["label"].as_str().unwrap().to_string();
    (label, done.iter().map(|event| event["step"].as_str().unwrap().to_string()).collect())
}

#[test]
fn check_finds_nothing_wrong_in_what_ships() {
    let (_, list) = corpora().json(&["workflow", "list"]);
    let names: Vec<&str> =
        list["workflows"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ask", "covenants", "figures", "research"]);
    for name in names {
        let outcome = corpora().run(&["workflow", "check", name]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""), "{name}: {}", outcome.stderr);
    }
}

#[test]
fn ask_takes_the_route_that_a_question_needs() {
    let cases = cases("ask");
    assert!(cases.len() >= 4);
    for case in &cases {
        let (code, run) = run(case);
        assert_eq!((code, run["status"].as_str()), (0, Some("done")), "{run}");
        let answer = &run["output"];
        assert_eq!(answer["schema"], "ibid.answer/1");
        assert_eq!(answer["question"], case["input"]["question"]);
        assert_judged(case, answer["text"].as_str().unwrap());
        let (label, steps) = route_of(&run);
        assert_eq!(label, case["route"].as_str().unwrap(), "{case}");
        // What tables answer exactly is not looked for in prose.
        let figured = answer["claims"].as_array().unwrap().iter().any(|claim| claim["method"] == "figures/1");
        let looks = label != "smalltalk" && !figured;
        assert_eq!(steps.iter().any(|step| step == "find"), looks, "{steps:?}");
        assert_eq!(steps.iter().any(|step| step == "answers"), label == "multi_part", "{steps:?}");
        // Nothing is said without a place.
        for claim in answer["claims"].as_array().unwrap() {
            assert!(!claim["citations"].as_array().unwrap().is_empty(), "{claim}");
        }
    }
}

#[test]
fn what_is_not_supported_is_looked_for_once_more_and_wider() {
    let finds = |run: &Value| route_of(run).1.iter().filter(|step| *step == "find").count();
    let question = "question=What is the boiling point of tungsten?";
    let (code, run) = corpora().json(&["run", "ask", "--input", question]);
    assert_eq!((code, &run["output"]["status"]), (0, &"not_in_documents".into()), "{run}");
    assert_eq!(finds(&run), 1, "that nothing is said is an answer: {run}");
    let server = ModelServer::scripted(&[("tungsten", "Tungsten boils at 5,930 degrees on the moon.")]);
    let run = run_with(&server, &["ask", "--input", question]);
    assert_eq!(run["output"]["status"], "not_in_documents", "{run}");
    assert_eq!(finds(&run), 2, "{run}");
}

#[test]
fn a_quarter_that_keeps_its_covenants_asks_nobody() {
    for case in cases("covenants").iter().filter(|case| case["passed"] == true) {
        let (code, run) = run(case);
        assert_eq!((code, run["status"].as_str()), (0, Some("done")), "{run}");
        assert_eq!(run["output"]["passed"], true);
        assert_eq!(run["output"]["notice"], Value::Null);
        assert_judged(case, run["output"]["text"].as_str().unwrap());
    }
}

#[test]
fn a_breach_waits_for_a_person_and_then_the_notice_names_it() {
    let cases = cases("covenants");
    let case = cases.iter().find(|case| case["passed"] == false).unwrap();
    let (code, waiting) = run(case);
    assert_eq!((code, waiting["status"].as_str()), (0, Some("waiting")), "{waiting}");
    let id = waiting["run"].as_str().unwrap();
    let (code, ended) = corpora().json(&["resume", id, "--approve", "--by", "Dana Quill"]);
    assert_eq!((code, ended["status"].as_str()), (0, Some("done")), "{ended}");
    let notice = ended["output"]["notice"].as_str().unwrap();
    assert_judged(case, notice);
    assert!(notice.contains("Confirmed by Dana Quill"), "{notice}");
    // 104.6 / 27.4 in decimals, with nothing lost to floating point.
    let tests = ended["output"]["tests"].as_array().unwrap();
    let leverage = tests.iter().find(|test| test["name"] == "Leverage").unwrap();
    assert!(leverage["ratio"].as_str().unwrap().starts_with("3.8175182481751824817518248"), "{leverage}");
    assert_quotes_stand(tests);
}

/// Every quote stands where it is said to stand.
fn assert_quotes_stand(tests: &[Value]) {
    for place in tests.iter().flat_map(|test| test["places"].as_array().unwrap()) {
        let path = place["path"].as_str().unwrap();
        let (_, shown) = corpora().json(&["show", path]);
        let span = place["start"].as_u64().unwrap() as usize..place["end"].as_u64().unwrap() as usize;
        assert_eq!(&shown["text"].as_str().unwrap()[span], place["quote"].as_str().unwrap());
    }
}

/// What a run that waits gives once it is approved.
fn approved(waiting: &Value) -> Value {
    assert_eq!(waiting["status"], "waiting", "{waiting}");
    let id = waiting["run"].as_str().unwrap();
    let (code, ended) = corpora().json(&["resume", id, "--approve", "--by", "Dana Quill"]);
    assert_eq!((code, ended["status"].as_str()), (0, Some("done")), "{ended}");
    ended["output"].clone()
}

/// The clauses that were not tested, in the order of the agreement; each says why.
fn untested(output: &Value) -> Vec<&str> {
    let tests = output["tests"].as_array().unwrap().iter().filter(|test| test["tested"] == false);
    tests
        .map(|test| {
            assert_ne!(test["reason"], "", "{test}");
            test["clause"].as_str().unwrap()
        })
        .collect()
}

#[test]
fn every_covenant_with_a_limit_is_listed_and_one_that_is_not_tested_says_why() {
    let cases = cases("covenants");
    let judged: Vec<&Value> = cases.iter().filter(|case| case["untested"].is_array()).collect();
    assert!(!judged.is_empty());
    for case in judged {
        let output = approved(&run(case).1);
        assert_judged(case, output["notice"].as_str().unwrap());
        let expected: Vec<&str> =
            case["untested"].as_array().unwrap().iter().map(|clause| clause.as_str().unwrap()).collect();
        assert_eq!(untested(&output), expected);
        assert_quotes_stand(output["tests"].as_array().unwrap());
        let text = output["text"].as_str().unwrap();
        for clause in expected {
            let told = format!("clause {clause}, ");
            assert!(text.lines().any(|line| line.contains(&told) && line.contains("was not tested: ")), "{told}{text}");
        }
    }
}

#[test]
fn a_rejected_notice_is_not_written() {
    let cases = cases("covenants");
    let (_, waiting) = run(cases.iter().find(|case| case["passed"] == false).unwrap());
    let id = waiting["run"].as_str().unwrap();
    let (code, ended) = corpora().json(&["resume", id, "--reject", "--by", "Dana Quill"]);
    assert_eq!((code, ended["status"].as_str()), (0, Some("done")), "{ended}");
    assert_eq!(ended["output"]["notice"], Value::Null);
    assert!(!ended["output"]["text"].as_str().unwrap().contains("Notice of breach"));
}

#[test]
fn what_cannot_be_tested_has_not_passed() {
    let (agreement, report) =
        ("corpora/larkmoor/fennick/facility-agreement.pdf", "corpora/larkmoor/fennick/report-q1-2025.pdf");
    let other = "corpora/larkmoor/office/esg-policy.md";
    for (agreement, report, says) in
        [(other, report, "No covenant was found"), (agreement, other, "the report does not state its period")]
    {
        let (agreement, report) = (format!("agreement={agreement}"), format!("report={report}"));
        let (code, run) = corpora().json(&["run", "covenants", "--input", &agreement, "--input", &report]);
        assert_eq!((code, run["status"].as_str()), (0, Some("done")), "{run}");
        assert_eq!(run["output"]["passed"], false);
        assert!(run["output"]["text"].as_str().unwrap().contains(says), "{run}");
    }
}

#[test]
fn research_reports_with_numbered_sources() {
    let cases = cases("research");
    assert!(cases.len() >= 2);
    for case in &cases {
        let (code, run) = run(case);
        assert_eq!((code, run["status"].as_str()), (0, Some("done")), "{run}");
        let output = &run["output"];
        assert_judged(case, output["text"].as_str().unwrap());
        assert_eq!(
            output["questions"].as_array().unwrap().len() as u64,
            case["questions"].as_u64().unwrap(),
            "{output}"
        );
        let sources = output["sources"].as_array().unwrap();
        for finding in output["findings"].as_array().unwrap() {
            let is_listed = |source: &Value| source["path"] == finding["path"] && source["page"] == finding["page"];
            assert!(sources.iter().any(is_listed), "{finding}");
        }
    }
}

/// A workflow's run over the sample documents with this server as the model of the settings.
fn run_with(server: &ModelServer, arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let url = &server.url;
    let config = format!("lock_wait_s = 300.0\n[llm]\nurl = \"{url}\"\nmodel = \"m\"\n[ask]\ndraft = \"model\"\n");
    write(folder.path(), "ibid/config.toml", config.as_bytes());
    let mut command = corpora().command();
    command.env("XDG_CONFIG_HOME", folder.path()).arg("run").args(arguments).arg("--json");
    let outcome = Outcome::of(command.output().unwrap());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn what_a_model_drafts_for_ask_is_checked() {
    let server = ModelServer::scripted(&[(
        "net debt",
        "Net debt rose to £101.9 million on 30 June 2025, or 3.55 times EBITDA of the last twelve months. The moon is made of cheese.",
    )]);
    let run = run_with(&server, &["ask", "--input", "question=What was Fennick's net debt on 30 June 2025?"]);
    let answer = &run["output"];
    assert_eq!(answer["models"]["draft"], "m");
    assert!(answer["text"].as_str().unwrap().contains("£101.9 million"), "{answer}");
    assert!(!answer["text"].as_str().unwrap().contains("cheese"), "{answer}");
    assert_eq!(answer["left_out"][0]["text"], "The moon is made of cheese.");
    assert_eq!(answer["usage"]["output_tokens"], 5);
}

#[test]
fn a_model_plans_the_research_and_its_summary_is_checked() {
    let question = "How near is Fennick to its limit?";
    let server = ModelServer::scripted(&[
        (
            "List the questions",
            r#"{"questions": ["What is the leverage limit from 31 December 2025?", "Where did Fennick's leverage stand on 30 June 2025?"]}"#,
        ),
        (question, "The leverage limit falls to 3.75:1 for the test on 31 December 2025. The moon is made of cheese."),
    ]);
    let input = format!("question={question}");
    let run = run_with(&server, &["research", "--input", &input, "--input", "write=true"]);
    let output = &run["output"];
    assert_eq!(output["questions"][0], "What is the leverage limit from 31 December 2025?");
    let text = output["text"].as_str().unwrap();
    let (_, rest) = text.split_once("## Summary").unwrap();
    assert!(
        rest.trim_start().starts_with("The leverage limit falls to 3.75:1 for the test on 31 December 2025. [1]"),
        "{text}"
    );
    assert!(!text.contains("cheese"), "{text}");
}

#[test]
fn what_a_model_reads_for_covenants_is_used_only_where_a_document_holds_it() {
    let server = ModelServer::scripted(&[
        (
            "What is the limit",
            r#"{"limits": [{"clause": "12.2", "limit": "£2,400,000", "quote": "has a ceiling of £2,400,000"}]}"#,
        ),
        (
            "These figures are wanted",
            r#"{"figures": [
                {"name": "liquidity", "amount": "£9.9 million", "quote": "Liquidity stood at £9.9 million."},
                {"name": "liquidity", "amount": "£1.7 million", "quote": "We closed the quarter with £1.7 million that we could draw on"},
                {"name": "liquidity", "amount": "£7 million", "quote": "We closed the quarter with £1.7 million"}
            ]}"#,
        ),
    ]);
    let cases = cases("covenants");
    let case = cases.iter().find(|case| case["untested"].is_array()).unwrap();
    let input = |name: &str| format!("{name}={}", case["input"][name].as_str().unwrap());
    let (agreement, report) = (input("agreement"), input("report"));
    let arguments = ["covenants", "--input", &agreement, "--input", &report];

    let output = approved(&run_with(&server, &arguments));
    assert!(server.asked().is_empty(), "{:?}", server.asked());
    assert!(output["text"].as_str().unwrap().contains("Read by patterns, without a language model."), "{output}");

    let output = approved(&run_with(&server, &[&arguments[..], &["--input", "model=true"]].concat()));
    assert_eq!(server.asked().len(), 2, "{:?}", server.asked());
    assert_eq!(untested(&output), ["12.1(d)", "13.1", "13.2"]);
    let tests = output["tests"].as_array().unwrap();
    let of = |clause: &str| tests.iter().find(|test| test["clause"] == clause).unwrap();
    assert_eq!((&of("12.1(c)")["shown"], &of("12.1(c)")["by"][0]), (&"£1.7 million".into(), &"m".into()));
    assert_eq!((&of("12.2")["limit_shown"], &of("12.2")["by"][0]), (&"£2,400,000".into(), &"m".into()));
    assert_quotes_stand(tests);
    let text = output["text"].as_str().unwrap();
    for told in [
        "The model m named 4 things, of which 2 are proven by the documents and used.",
        "named liquidity of £9.9 million, but it stands nowhere in the document",
        "named liquidity of £7 million, but its quote does not hold it",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

/// The models that the steps of a run asked, from its trace.
fn models_of(run: &Value) -> Vec<String> {
    let (_, trace) = corpora().json(&["trace", "show", run["run"].as_str().unwrap()]);
    let events = trace["events"].as_array().unwrap();
    let calls = events.iter().flat_map(|event| event["calls"].as_array().into_iter().flatten());
    let asked = calls.filter(|call| call["kind"] == "model");
    asked.map(|call| call["request"]["model"].as_str().unwrap().to_string()).collect()
}

#[test]
fn research_and_covenants_run_to_their_end_with_the_local_model() {
    let (code, run) = corpora().json(&[
        "run",
        "research",
        "--input",
        "question=Where did Fennick's leverage stand on 30 June 2025?",
        "--input",
        "write=true",
    ]);
    assert_eq!((code, run["status"].as_str()), (0, Some("done")), "{run}");
    assert!(models_of(&run).contains(&"smollm2-135m-instruct".to_string()), "{run}");
    // Whatever so small a model writes: only what a source says is reported.
    let sources = run["output"]["sources"].as_array().unwrap();
    assert!(!sources.is_empty(), "{run}");
    let all = cases("covenants");
    let case = all.iter().find(|case| case["untested"].is_array()).unwrap();
    let mut asked = case.clone();
    asked["input"]["model"] = true.into();
    let (code, run) = self::run(&asked);
    assert_eq!(code, 0, "{run}");
    assert!(models_of(&run).contains(&"smollm2-135m-instruct".to_string()), "{run}");
    let output = approved(&run);
    assert_quotes_stand(output["tests"].as_array().unwrap());
}
