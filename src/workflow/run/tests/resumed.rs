//! Runs that stop and are gone on with: by a person, after a crash, from a record.

use super::*;
use crate::workflow::event::CallKind;

const APPROVE: &str = r#"
    [[step]]
    id = "work"
    kind = "tool"
    tool = "probe"
    arguments = { say = "'breach'" }
    [[step]]
    id = "confirm"
    kind = "approve"
    needs = ["work"]
    prompt = "Send {{ work.said }}?"
    show = "work.said"
    TIMEOUT
    [[step]]
    id = "end"
    kind = "format"
    needs = ["confirm"]
    template = "{{ confirm.approved }} {{ confirm.by }} {{ confirm.value }}"
"#;

#[test]
fn a_run_waits_for_a_person_and_goes_on_in_another_process() {
    let lab = Lab::new();
    for (choice, text) in [
        (Choice { approved: true, by: "ann".into(), edited: None }, "true ann breach"),
        (Choice { approved: false, by: "bob".into(), edited: None }, "false bob breach"),
        (Choice { approved: true, by: "cy".into(), edited: Some(json!("less")) }, "true cy less"),
    ] {
        let ended = lab.run(&APPROVE.replace("TIMEOUT", ""), json!({}));
        assert_eq!(ended.status, RunStatus::Waiting);
        assert_eq!(ended.waiting.as_ref().unwrap().prompt, "Send breach?");
        let engine = lab.engine();
        let error = engine.resume(&ended.run, None).unwrap_err().to_string();
        assert!(error.contains("--approve"), "{error}");
        assert_eq!(engine.journal().runs(1).unwrap()[0].status, "waiting", "it stands as it stood");
        let calls = lab.probe.calls.load(Ordering::SeqCst);
        let after = engine.resume(&ended.run, Some(choice)).unwrap();
        assert_eq!(after.output["text"].as_str().unwrap().to_lowercase(), text);
        assert_eq!(lab.probe.calls.load(Ordering::SeqCst), calls, "no step that ended runs again");
        let error = engine.resume(&ended.run, None).unwrap_err().to_string();
        assert!(error.contains("has ended (done)"), "{error}");
        assert!(engine.replay(&ended.run, Source::Record).unwrap().is_same);
    }
    assert!(lab.engine().resume("nothing", None).unwrap_err().to_string().contains("no run"));
}

#[test]
fn nobody_decides_in_time() {
    let mut lab = Lab::new();
    let ended = lab.run(&APPROVE.replace("TIMEOUT", "timeout_s = 60\ndefault = \"approve\""), json!({}));
    assert_eq!(ended.status, RunStatus::Waiting);
    assert!(lab.engine().resume(&ended.run, None).is_err(), "there is time left");
    lab.watch.clock = Arc::new(|| jiff::Timestamp::now() + jiff::SignedDuration::from_secs(61));
    let late = Choice { approved: false, by: "dan".into(), edited: None };
    let error = lab.engine().resume(&ended.run, Some(late)).unwrap_err().to_string();
    assert!(error.contains("the time for a decision was up"), "{error}");
    let after = lab.engine().resume(&ended.run, None).unwrap();
    assert_eq!(after.output["text"].as_str().unwrap().to_lowercase(), "true timeout breach");
}

#[test]
fn a_run_is_worked_on_by_one_at_a_time() {
    let lab = Lab::new();
    let ended = lab.run(&APPROVE.replace("TIMEOUT", ""), json!({}));
    let (one, other) = (lab.engine(), lab.engine());
    let found = one.journal().claim(&ended.run).unwrap();
    let error = other.resume(&ended.run, None).unwrap_err().to_string();
    assert!(error.contains("being worked on by process"), "{error}");
    one.journal().release(&found.row).unwrap();
    drop(one);
    assert!(other.resume(&ended.run, Some(Choice { approved: true, by: "a".into(), edited: None })).is_ok());
}

#[test]
fn a_run_that_is_stopped_can_be_gone_on_with() {
    let lab = Lab::new();
    let steps: String = (0..6)
        .map(|at| {
            let needs = if at == 0 { String::new() } else { format!("needs = [\"s{}\"]\n", at - 1) };
            format!("[[step]]\nid = \"s{at}\"\nkind = \"tool\"\ntool = \"probe\"\n{needs}arguments = {{ say = \"{at}\", sleep_ms = \"40\" }}\n")
        })
        .collect();
    let stop = lab.watch.stop.clone();
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            stop.store(true, Ordering::Relaxed);
        });
        lab.run(&steps, json!({}))
    });
    assert_eq!(ended.status, RunStatus::Cancelled, "{ended:?}");
    stop.store(false, Ordering::Relaxed);
    let ended = lab.engine().resume(&ended.run, None).unwrap();
    assert_eq!(ended.output["said"], 5);
    let found = lab.engine().journal().read(&ended.run).unwrap();
    let cut_off =
        found.events.iter().filter(|event| matches!(event, Event::StepEnded { outcome: Outcome::CutOff, .. }));
    assert!(cut_off.count() <= 1);
    // The one that was cut off may have been asked twice.
    assert!((6..=7).contains(&lab.probe.calls.load(Ordering::SeqCst)));
}

const CRASHY: &str = r#"
    [[step]]
    id = "numbers"
    kind = "compute"
    values = { items = "[1, 2, 3]" }
    [[step]]
    id = "all"
    kind = "each"
    needs = ["numbers"]
    over = "numbers.items"
    graph = "one"
    input = { n = "item" }
    parallel = 2
    [[step]]
    id = "act"
    kind = "tool"
    tool = "act"
    needs = ["all"]
    arguments = { say = "size(all.items)" }
    [[step]]
    id = "round"
    kind = "compute"
    needs = ["act"]
    visits_max = 3
    values = { n = "visit" }
    [[step]]
    id = "back"
    kind = "compute"
    needs = ["round"]
    values = { n = "round.n" }
    goto = [{ step = "round", when = "back.n < 2" }]
    [[step]]
    id = "flaky"
    kind = "tool"
    tool = "missing"
    needs = ["back"]
    on_error = "spare"
    [[step]]
    id = "spare"
    kind = "compute"
    values = { n = "41" }
    [[step]]
    id = "end"
    kind = "compute"
    needs = ["flaky"]
    values = { sum = "flaky.n + act.said", items = "all.items" }
    [graph.one]
    input = { n = "integer" }
    [[graph.one.step]]
    id = "say"
    kind = "tool"
    tool = "probe"
    arguments = { say = "input.n" }
    [[graph.one.step]]
    id = "out"
    kind = "compute"
    needs = ["say"]
    values = { n = "say.said * 10" }
"#;

#[test]
fn a_crash_after_any_event_changes_nothing() {
    let lab = Lab::new();
    let whole = lab.run(CRASHY, json!({}));
    assert_eq!(whole.status, RunStatus::Done, "{whole:?}");
    assert_eq!(whole.output["sum"], 44);
    let found = lab.engine().journal().read(&whole.run).unwrap();
    let (events, row) = (found.events, found.row);
    let visits = |events: &[Event]| -> Vec<Place> {
        let ends = events.iter().filter_map(|event| match event {
            Event::StepEnded { place, .. } => Some(place.clone()),
            _ => None,
        });
        let mut places: Vec<Place> = ends.collect();
        places.sort();
        places
    };
    for cut in 1..events.len() {
        let path = lab.folder.path().join(format!("cut-{cut}.db"));
        {
            let journal = Journal::open(&path).unwrap();
            let row = WorkflowRun { status: "running".into(), ..row.clone() };
            let number = journal.create(&row, &events[0], Durability::Run).unwrap();
            let rows: Vec<(i64, &Event)> = events[1..cut].iter().map(|event| (number, event)).collect();
            journal.append(&rows, &[], false).unwrap();
            // Its process dies here: nobody says that the run stops.
        }
        let acts = lab.act.calls.load(Ordering::SeqCst);
        let engine = lab.engine_at(&path);
        assert_eq!(engine.journal().runs(1).unwrap()[0].status, "interrupted");
        let ended = engine.resume(&row.run[..30], None).unwrap();
        let acted = lab.act.calls.load(Ordering::SeqCst) - acts;
        match &events[cut - 1] {
            Event::CallStarted { kind: CallKind::Tool, .. } => {
                assert_eq!((ended.status, acted), (RunStatus::Failed, 0), "cut {cut}: {ended:?}");
                assert!(message(&ended).contains("not called again"), "{ended:?}");
                continue;
            }
            _ => assert_eq!(ended.output, whole.output, "cut {cut} after {:?}", events[cut - 1]),
        }
        let before = events[..cut].iter().any(|event| matches!(event, Event::CallStarted { kind: CallKind::Tool, .. }));
        assert_eq!(acted, usize::from(!before), "cut {cut}: once in all");
        let again = engine.journal().read(&row.run).unwrap();
        assert_eq!(visits(&again.events), visits(&events), "cut {cut}: every visit ended once");
        assert_eq!(again.row.steps, row.steps, "cut {cut}");
    }
}

#[test]
fn a_replay_gives_the_same_bytes_and_a_live_one_names_the_first_difference() {
    let lab = Lab::new();
    let ended = lab.run(CRASHY, json!({}));
    let calls = || lab.probe.calls.load(Ordering::SeqCst) + lab.act.calls.load(Ordering::SeqCst);
    let before = calls();
    let replayed = lab.engine().replay(&ended.run, Source::Record).unwrap();
    assert!(replayed.is_same && replayed.differs.is_none(), "{replayed:?}");
    assert_eq!(replayed.ended.output.to_string(), ended.output.to_string());
    assert_eq!(calls(), before, "nothing is called");
    assert!(lab.engine().replay(&ended.run, Source::Live).unwrap().is_same);
    assert!(calls() > before);
    // A tool that gives something else each time.
    let counted =
        CRASHY.replace("arguments = { say = \"input.n\" }", "arguments = { say = \"input.n\", count_calls = \"1\" }");
    let ended = lab.run(&counted, json!({}));
    assert!(lab.engine().replay(&ended.run, Source::Record).unwrap().differs.is_none());
    let differs = lab.engine().replay(&ended.run, Source::Live).unwrap().differs.unwrap();
    assert_eq!(differs.place.step, "say");
    assert_eq!(lab.act.calls.load(Ordering::SeqCst), 2, "what has an effect outside is answered from the record");
}

#[test]
fn a_run_goes_on_from_a_step_with_other_values() {
    let lab = Lab::new();
    let ended = lab.run(CRASHY, json!({}));
    let acts = lab.act.calls.load(Ordering::SeqCst);
    let edited = json!({ "all": { "items": [9] }, "act": { "said": 1 } });
    let after = lab.engine().run_from(&ended.run, "round", edited.as_object().unwrap().clone()).unwrap();
    assert_eq!(after.status, RunStatus::Done, "{after:?}");
    assert_eq!(after.output, json!({ "items": [9], "sum": 42 }));
    assert_ne!(after.run, ended.run);
    let replayed = lab.engine().replay(&after.run, Source::Record).unwrap();
    assert!(replayed.is_same && replayed.differs.is_none(), "{replayed:?}");
    assert_eq!(lab.act.calls.load(Ordering::SeqCst), acts, "what does not depend on the step is not run again");
    for (step, edited, words) in [
        ("nope", json!({}), "has no step `nope`"),
        ("round", json!({ "end": 1 }), "`end` is no step that ended before `round`"),
    ] {
        let error = lab.engine().run_from(&ended.run, step, edited.as_object().unwrap().clone()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

const AGENT: &str = r#"
    [[step]]
    id = "do"
    kind = "agent"
    goal = "Act."
    model = ["strong"]
    tools = ["act", "probe"]
    rounds_max = 5
"#;

fn agent_replies() -> Vec<Reply> {
    vec![
        Reply::Calls(vec![("act", "{\"say\": 1}"), ("probe", "{\"say\": 2}")]),
        Reply::Calls(vec![("probe", "{\"say\": 3}")]),
        Reply::Text("Done."),
    ]
}

/// How many models were asked in these events.
fn asked(events: &[Event]) -> usize {
    let is_model = |event: &&Event| matches!(event, Event::CallEnded { call, .. } if call.kind == CallKind::Model);
    events.iter().filter(is_model).count()
}

#[test]
fn an_agent_goes_on_where_its_process_died() {
    let (lab, _server) = Lab::with_server(agent_replies());
    let first = lab.run(AGENT, json!({}));
    let events = lab.engine().journal().read(&first.run).unwrap().events;
    assert_eq!((first.status, asked(&events)), (RunStatus::Done, 3), "{first:?}");
    // The same again, with what each of the resumed runs will still ask.
    let began = |event: &Event| matches!(event, Event::CallStarted { kind: CallKind::Tool, .. });
    let cuts: Vec<usize> = (1..events.len()).collect();
    let rest = cuts
        .iter()
        .filter(|&&cut| !began(&events[cut - 1]))
        .flat_map(|&cut| agent_replies().into_iter().skip(asked(&events[..cut])).collect::<Vec<_>>());
    let replies = agent_replies().into_iter().chain(rest).collect();
    let (lab, server) = Lab::with_server(replies);
    let whole = lab.run(AGENT, json!({}));
    let found = lab.engine().journal().read(&whole.run).unwrap();
    for cut in cuts {
        let path = lab.folder.path().join(format!("cut-{cut}.db"));
        {
            let journal = Journal::open(&path).unwrap();
            let row = WorkflowRun { status: "running".into(), ..found.row.clone() };
            let number = journal.create(&row, &found.events[0], Durability::Run).unwrap();
            let rows: Vec<(i64, &Event)> = found.events[1..cut].iter().map(|event| (number, event)).collect();
            journal.append(&rows, &[], false).unwrap();
        }
        let (acts, requests) = (lab.act.calls.load(Ordering::SeqCst), server.requests().len());
        let ended = lab.engine_at(&path).resume(&whole.run, None).unwrap();
        let acted = lab.act.calls.load(Ordering::SeqCst) - acts;
        if began(&found.events[cut - 1]) {
            assert_eq!((ended.status, acted), (RunStatus::Failed, 0), "cut {cut}: {ended:?}");
            assert!(message(&ended).contains("not called again"), "{ended:?}");
            continue;
        }
        assert_eq!(ended.output, whole.output, "cut {cut}");
        assert_eq!(acted, usize::from(!found.events[..cut].iter().any(began)), "cut {cut}");
        assert_eq!(server.requests().len() - requests, 3 - asked(&found.events[..cut]), "cut {cut}");
        // A call of which nobody is left to say what it took counts as the most.
        let most = match &found.events[cut - 1] {
            Event::CallStarted { most: Some(most), .. } => most.input_tokens,
            _ => 0,
        };
        let used = (whole.tokens + most, whole.steps);
        assert_eq!((ended.tokens, ended.steps), used, "cut {cut}: what was used is not forgotten");
    }
}

#[test]
fn what_is_cut_off_is_in_the_record_and_paid_for() {
    let (lab, server) =
        Lab::with_server(vec![Reply::Calls(vec![("probe", "{\"say\": 2}")]), Reply::Stall, Reply::Text("Done.")]);
    let stop = lab.watch.stop.clone();
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| {
            while server.requests().len() < 2 {
                std::thread::sleep(Duration::from_millis(5));
            }
            stop.store(true, Ordering::Relaxed);
        });
        lab.run(AGENT, json!({}))
    });
    assert_eq!(ended.status, RunStatus::Cancelled, "{ended:?}");
    let engine = lab.engine();
    let cut = visits_of(&engine.journal().read(&ended.run).unwrap().events, "do");
    let (outcome, _, calls) = &cut[0];
    assert_eq!(
        (*outcome, calls.len(), calls[3].failure.as_ref().map(|it| it.class)),
        (Outcome::CutOff, 4, Some(FailureClass::Cancelled))
    );
    assert!(calls[3].spent.at_most && calls[3].spent.input_tokens > 0, "what a cut off call took is not known");
    let replayed = engine.replay(&ended.run, Source::Record).unwrap();
    assert!(replayed.is_same && replayed.differs.is_none(), "{replayed:?}");
    stop.store(false, Ordering::Relaxed);
    let after = engine.resume(&ended.run, None).unwrap();
    assert_eq!((after.status, &after.output["text"]), (RunStatus::Done, &json!("Done.")), "{after:?}");
    assert_eq!(
        (lab.probe.calls.load(Ordering::SeqCst), server.requests().len()),
        (1, 3),
        "the first round is not taken again"
    );
    assert!(after.tokens > ended.tokens);
    let visits = visits_of(&engine.journal().read(&ended.run).unwrap().events, "do");
    let kept: Vec<bool> = visits[1].2.iter().map(|call| call.kept).collect();
    assert_eq!(kept, [true, true, true, false]);
    assert!(engine.replay(&ended.run, Source::Record).unwrap().is_same);
}

#[test]
fn what_a_limit_refused_is_refused_in_a_replay() {
    let (lab, _server) = Lab::with_server(vec![Reply::Text("hm")]);
    let text = r#"
        [limits]
        tokens = 600
        [[step]]
        id = "one"
        kind = "generate"
        model = ["strong"]
        prompt = "Hello"
        tokens_max = 100
        visits_max = 9
        [[step]]
        id = "two"
        kind = "compute"
        needs = ["one"]
        values = { n = "1" }
        goto = [{ step = "one", when = "true" }]
    "#;
    let ended = lab.run(text, json!({}));
    assert_eq!(ended.status, RunStatus::BudgetExceeded, "{ended:?}");
    let replayed = lab.engine().replay(&ended.run, Source::Record).unwrap();
    assert!(replayed.is_same && replayed.differs.is_none(), "{replayed:?}");
}

#[test]
fn visits_of_steps_that_ask_a_person_count_once() {
    let lab = Lab::new();
    let mut ended = lab.run(&APPROVE.replace("TIMEOUT", ""), json!({}));
    let choice = Choice { approved: true, by: "ann".into(), edited: None };
    ended = lab.engine().resume(&ended.run, Some(choice)).unwrap();
    assert_eq!((ended.status, ended.steps), (RunStatus::Done, 3), "{ended:?}");
    let limited = format!("[limits]\nsteps = 2\n{}", APPROVE.replace("TIMEOUT", ""));
    let ended = lab.run(&limited, json!({}));
    let choice = Choice { approved: true, by: "ann".into(), edited: None };
    assert_eq!(lab.engine().resume(&ended.run, Some(choice)).unwrap().status, RunStatus::BudgetExceeded);
}
