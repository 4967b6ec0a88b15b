//! Runs that stop and are gone on with: by a person, after a crash, from a record.

use super::*;

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
            Event::CallStarted { .. } => {
                assert_eq!((ended.status, acted), (RunStatus::Failed, 0), "cut {cut}: {ended:?}");
                assert!(message(&ended).contains("not called again"), "{ended:?}");
                continue;
            }
            _ => assert_eq!(ended.output, whole.output, "cut {cut} after {:?}", events[cut - 1]),
        }
        let before = events[..cut].iter().any(|event| matches!(event, Event::CallStarted { .. }));
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
        CRASHY.replace("arguments = { say = \"size(all.items)\" }", "arguments = { say = \"3\", count_calls = \"1\" }");
    let ended = lab.run(&counted, json!({}));
    assert!(lab.engine().replay(&ended.run, Source::Record).unwrap().differs.is_none());
    let differs = lab.engine().replay(&ended.run, Source::Live).unwrap().differs.unwrap();
    assert_eq!(differs.place.step, "act");
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
    assert_eq!(lab.act.calls.load(Ordering::SeqCst), acts, "what does not depend on the step is not run again");
    for (step, edited, words) in [
        ("nope", json!({}), "has no step `nope`"),
        ("round", json!({ "end": 1 }), "`end` is no step that ended before `round`"),
    ] {
        let error = lab.engine().run_from(&ended.run, step, edited.as_object().unwrap().clone()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}
