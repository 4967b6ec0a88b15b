//! Runs of workflows with the real binary: killed, stopped, resumed, compared, refused.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use ibid::random::Random;
use serde_json::{Value, json};

use crate::model_server::ModelServer;
use crate::support::{Home, Outcome, write};

fn file(home: &Home, name: &str, text: &str) -> String {
    let path: PathBuf = write(home.folder.path(), name, format!("name = \"test\"\n{text}").as_bytes());
    path.display().to_string()
}

fn generate(id: &str, needs: &[&str], prompt: &str) -> String {
    format!("[[step]]\nid = \"{id}\"\nkind = \"generate\"\nneeds = {needs:?}\nmodel = [\"m\"]\nprompt = \"{prompt}\"\n")
}

fn spawn(home: &Home, arguments: &[&str]) -> Child {
    home.command().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Thirty steps: ten that call a model, side by side in twos, and what comes between.
fn thirty() -> String {
    let mut text = String::from("output = \"c9\"\n");
    for at in 0..10 {
        let before = if at == 0 { String::new() } else { format!("c{}", at - 1) };
        let needs: Vec<&str> = if at == 0 { vec![] } else { vec![&before] };
        text += &generate(&format!("a{at}"), &needs, &format!("say a{at}"));
        text += &generate(&format!("b{at}"), &needs, &format!("say b{at}"));
        let sum = if at == 0 { String::new() } else { format!(" + c{}.sum", at - 1) };
        text += &format!(
            "[[step]]\nid = \"c{at}\"\nkind = \"compute\"\nneeds = [\"a{at}\", \"b{at}\"]\nvalues = {{ sum = \"a{at}.text + b{at}.text{sum}\" }}\n"
        );
    }
    text
}

#[test]
fn killed_at_any_moment_a_run_goes_on_and_no_ended_step_runs_again() {
    let server = ModelServer::start();
    let home = server.home();
    let workflow = file(&home, "thirty.toml", &thirty());
    let started = Instant::now();
    let (code, whole) = home.json(&["run", &workflow]);
    let took = started.elapsed();
    assert_eq!(code, 0, "{whole}");
    assert_eq!(whole["usage"]["steps"], 30);
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let mut cut_off = 0;
    for moment in 0..100 {
        server.forget();
        let known = home.json(&["runs", "--limit", "1"]).1["runs"][0]["run"].clone();
        let mut child = spawn(&home, &["run", &workflow, "--json"]);
        std::thread::sleep(took.mul_f64(random.below(1_000) as f64 / 1_000.0));
        child.kill().unwrap();
        child.wait().unwrap();
        let (_, runs) = home.json(&["runs", "--limit", "1"]);
        let run = runs["runs"][0]["run"].as_str().unwrap().to_string();
        if runs["runs"][0]["run"] == known {
            continue; // It died before the run began: there is nothing to lose.
        }
        if runs["runs"][0]["status"] == "done" {
            continue;
        }
        cut_off += 1;
        assert_eq!(runs["runs"][0]["status"], "interrupted", "moment {moment}");
        let (_, trace) = home.json(&["trace", "show", &run]);
        let ended: Vec<String> = trace["events"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["event"] == "step_ended")
            .map(|event| event["step"].as_str().unwrap().to_string())
            .collect();
        let (code, resumed) = home.json(&["resume", &run]);
        assert_eq!(code, 0, "moment {moment}: {resumed}");
        assert_eq!(resumed["output"], whole["output"], "moment {moment}");
        assert_eq!(resumed["usage"]["steps"], 30, "moment {moment}");
        let asked = server.asked();
        for step in ended.iter().filter(|step| !step.starts_with('c')) {
            assert_eq!(asked.get(&format!("say {step}")), Some(&1), "moment {moment}: {step} ran again");
        }
    }
    println!("{cut_off} runs were cut off");
    assert!(cut_off >= 20, "only {cut_off} of 100 moments fell into a run");
}

#[test]
fn a_run_is_listed_shown_compared_and_replayed() {
    let server = ModelServer::start();
    let home = server.home();
    let text = format!(
        "input = {{ word = \"string\" }}\n{}[[step]]\nid = \"end\"\nkind = \"format\"\nneeds = [\"ask\"]\ntemplate = \"{{{{ ask.text }}}}!\"\n",
        generate("ask", &[], "say {{ input.word }}")
    );
    let workflow = file(&home, "w.toml", &text);
    let plain = home.run(&["run", &workflow, "--input", "word=hello"]);
    assert_eq!((plain.code, plain.stdout.as_str()), (0, "said hello!\n"), "{}", plain.stderr);
    let input = write(home.folder.path(), "word.txt", b"file");
    let (_, other) = home.json(&["run", &workflow, "--input", &format!("word=@{}", input.display())]);
    assert_eq!(other["schema"], "ibid.run/1");
    assert_eq!(other["output"]["text"], "said file!");
    assert_eq!(other["usage"]["tokens"], 15);
    let (_, runs) = home.json(&["runs"]);
    let ids: Vec<&str> = runs["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    let shown = home.run(&["trace", "show", ids[1]]);
    assert!(
        shown.stdout.contains("ask") && shown.stdout.contains("15 tokens") && shown.stdout.contains('█'),
        "{}",
        shown.stdout
    );
    let step = home.run(&["trace", "show", ids[1], "--step", "ask"]);
    assert!(step.stdout.contains("say hello") && step.stdout.contains("said hello"), "{}", step.stdout);
    assert!(home.run(&["trace", "show", ids[1], "--step", "nope"]).stderr.contains("no step `nope`"));
    let (code, list) = home.json(&["trace", "list"]);
    assert_eq!((code, list["workflows"].as_array().unwrap().len()), (0, 2));
    let (code, diff) = home.json(&["trace", "diff", ids[1], ids[0]]);
    assert_eq!((code, &diff["steps"][0]["verdict"]), (1, &json!("other_output")));
    let asked = server.asked();
    let replayed = home.run(&["trace", "replay", ids[1]]);
    assert_eq!((replayed.code, replayed.stdout.as_str()), (0, "said hello!\n"), "{}", replayed.stderr);
    assert_eq!(server.asked(), asked, "a replay asks nobody");
    let (code, live) = home.json(&["trace", "replay", ids[1], "--live"]);
    assert_eq!((code, &live["same"]), (0, &json!(true)));
    assert_eq!(server.asked()["say hello"], 2);
    let edit = write(home.folder.path(), "edit.json", b"{\"ask\": {\"text\": \"edited\"}}");
    let forked = home.run(&["trace", "replay", ids[1], "--from", "end", "--input", &edit.display().to_string()]);
    assert_eq!(forked.stdout, "edited!\n", "{}", forked.stderr);
    for (arguments, words) in [
        (vec!["resume", ids[1]], "has ended (done)"),
        (vec!["resume", "nothing"], "no run of a workflow begins with `nothing`"),
        (vec!["run", &workflow], "`word` (string) is missing"),
        (vec!["run", &workflow, "--input", "word=a", "--input", "x=1"], "no input `x`"),
        (vec!["run", "missing.toml"], "cannot read the workflow missing.toml"),
    ] {
        let outcome = home.run(&arguments);
        assert!(outcome.code == 2 && outcome.stderr.contains(words), "{arguments:?}: {}", outcome.stderr);
    }
}

#[test]
fn a_person_decides_and_only_one_may_go_on() {
    let server = ModelServer::start();
    let home = server.home();
    let text = format!(
        "[[step]]\nid = \"ok\"\nkind = \"approve\"\nprompt = \"Go on?\"\nshow = \"[1, 2]\"\n{}[[step]]\nid = \"end\"\nkind = \"format\"\nneeds = [\"ok\", \"slow\"]\ntemplate = \"{{{{ ok.by }}}} {{{{ ok.value | length }}}}\"\n",
        generate("slow", &["ok"], "slow 700 x")
    );
    let workflow = file(&home, "approve.toml", &text);
    let waiting = home.run(&["run", &workflow]);
    assert_eq!((waiting.code, waiting.stdout.as_str()), (0, ""), "{}", waiting.stderr);
    assert!(waiting.stderr.contains("Go on?") && waiting.stderr.contains("--approve"), "{}", waiting.stderr);
    let (_, runs) = home.json(&["runs"]);
    assert_eq!(runs["runs"][0]["status"], "waiting");
    let run = runs["runs"][0]["run"].as_str().unwrap();
    let edit = write(home.folder.path(), "edit.json", b"[1, 2, 3]");
    let edit = edit.display().to_string();
    let both: Vec<Child> = (0..2).map(|_| spawn(&home, &["resume", run, "--edit", &edit, "--by", "ann"])).collect();
    let outcomes: Vec<Outcome> = both.into_iter().map(|child| Outcome::of(child.wait_with_output().unwrap())).collect();
    let done: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.code == 0).collect();
    assert_eq!(done.len(), 1, "{:?}", outcomes.iter().map(|outcome| &outcome.stderr).collect::<Vec<_>>());
    assert_eq!(done[0].stdout, "ann 3\n");
    let refused = outcomes.iter().find(|outcome| outcome.code == 2).unwrap();
    assert!(
        refused.stderr.contains("being worked on by process") || refused.stderr.contains("has ended"),
        "{}",
        refused.stderr
    );
    assert_eq!(server.asked()["slow 700 x"], 1);
}

#[test]
fn an_interrupt_leaves_a_run_that_can_be_gone_on_with() {
    let server = ModelServer::start();
    let home = server.home();
    let workflow = file(&home, "slow.toml", &(generate("a", &[], "say a") + &generate("b", &["a"], "slow 1500 b")));
    let child = spawn(&home, &["run", &workflow]);
    let waited = Instant::now();
    while !server.asked().contains_key("slow 1500 b") {
        assert!(waited.elapsed() < Duration::from_mins(1), "it never got there");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let outcome = Outcome::of(child.wait_with_output().unwrap());
    assert_eq!(outcome.code, 130, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("ibid resume"), "{}", outcome.stderr);
    let (_, runs) = home.json(&["runs"]);
    assert_eq!(runs["runs"][0]["status"], "cancelled");
    let resumed = home.run(&["resume", runs["runs"][0]["run"].as_str().unwrap()]);
    assert_eq!((resumed.code, resumed.stdout.as_str()), (0, "said 1500 b\n"), "{}", resumed.stderr);
    assert_eq!(server.asked()["say a"], 1);
}

#[test]
fn failures_of_a_server_are_tried_again_or_told() {
    let server = ModelServer::start();
    let home = server.home();
    let busy = generate("a", &[], "busy 2 x") + "retry = { attempts = 3, backoff_ms = 1 }\n";
    let outcome = home.run(&["run", &file(&home, "busy.toml", &busy)]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, "said 2 x\n"), "{}", outcome.stderr);
    assert_eq!(server.asked()["busy 2 x"], 3);
    let broken = generate("a", &[], "broken") + "retry = { attempts = 2, backoff_ms = 1 }\n";
    let outcome = home.run(&["run", &file(&home, "broken.toml", &broken)]);
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("step `a` failed") && outcome.stderr.contains("trace show"), "{}", outcome.stderr);
    assert_eq!(server.asked()["broken"], 2);
    let slow = generate("a", &[], "slow 5000 x") + "timeout_ms = 200\n";
    let started = Instant::now();
    let outcome = home.run(&["run", &file(&home, "slow.toml", &slow)]);
    assert!(outcome.code == 2 && started.elapsed() < Duration::from_secs(4), "{} {}", outcome.code, outcome.stderr);
    // The server is gone.
    let url = server.url.clone();
    drop(server);
    let outcome = home.run(&["run", &file(&home, "gone.toml", &generate("a", &[], "say x"))]);
    assert_eq!(outcome.code, 4, "{}", outcome.stderr);
    assert!(outcome.stderr.contains(&url), "{}", outcome.stderr);
}

#[test]
fn no_call_is_made_that_a_limit_might_not_hold() {
    let server = ModelServer::start();
    let home = server.home();
    let steps: Vec<String> = (0..6).map(|at| generate(&format!("s{at}"), &[], &format!("say {at}"))).collect();
    let workflow = file(&home, "budget.toml", &format!("[limits]\ntokens = 260\nparallel = 3\n{}", steps.concat()));
    let (code, ended) = home.json(&["run", &workflow]);
    assert_eq!((code, &ended["status"]), (5, &json!("budget_exceeded")), "{ended}");
    assert!(ended["failure"]["message"].as_str().unwrap().contains("tokens = 260"), "{ended}");
    let tokens = ended["usage"]["tokens"].as_u64().unwrap();
    assert!((15..=260).contains(&tokens), "{ended}");
    assert_eq!(server.asked().len() as u64 * 15, tokens, "what was asked was counted");
    let done = ended["output"].as_object().unwrap().len() as u64;
    assert_eq!(done * 15, tokens, "what was at work when the limit was met is there too: {ended}");
}

#[test]
fn answers_are_kept_where_a_step_says_so() {
    let server = ModelServer::start();
    let home = server.home();
    let workflow = file(&home, "cache.toml", &(generate("a", &[], "say x") + "cache = true\n"));
    for _ in 0..2 {
        assert_eq!(home.run(&["run", &workflow]).stdout, "said x\n");
    }
    assert_eq!(server.asked()["say x"], 1);
    let (_, stats) = home.json(&["cache", "stats"]);
    assert_eq!((&stats["answers"][0]["answers"], &stats["answers"][0]["uses"]), (&json!(1), &json!(1)), "{stats}");
    assert!(home.run(&["trace", "show", &newest(&home)]).stdout.contains("from the cache"));
    assert_eq!(home.json(&["cache", "clear"]).1["cleared"], 1);
    assert_eq!(home.run(&["run", &workflow]).stdout, "said x\n");
    assert_eq!(server.asked()["say x"], 2);
}

fn newest(home: &Home) -> String {
    home.json(&["runs", "--limit", "1"]).1["runs"][0]["run"].as_str().unwrap().to_string()
}

#[test]
fn a_locked_database_is_waited_for_and_then_told() {
    let home = Home::new();
    let workflow = file(&home, "w.toml", "[[step]]\nid = \"a\"\nkind = \"format\"\ntemplate = \"done\"\n");
    assert_eq!(home.run(&["run", &workflow]).stdout, "done\n");
    let other = rusqlite::Connection::open(home.folder.path().join("home/ibid.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let child = spawn(&home, &["run", &workflow]);
    std::thread::sleep(Duration::from_millis(500));
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(Outcome::of(child.wait_with_output().unwrap()).stdout, "done\n", "it waits its turn");
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let outcome = home.run(&["run", &workflow]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("database is locked") && outcome.stderr.contains("ibid.db"), "{}", outcome.stderr);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(home.run(&["run", &workflow]).code, 0);
}

#[test]
fn a_record_of_ten_thousand_events_is_read_whole() {
    let home = Home::new();
    let text = "[limits]\nsteps = 20000\n[[step]]\nid = \"spin\"\nkind = \"compute\"\nvisits_max = 5000\nvalues = { n = \"visit\" }\n\
                goto = [{ step = \"spin\", when = \"true\" }]\n";
    let (code, ended) = home.json(&["run", &file(&home, "spin.toml", text)]);
    assert_eq!((code, &ended["output"]["n"]), (0, &json!(5000)), "{ended}");
    let (_, trace) = home.json(&["trace", "show", ended["run"].as_str().unwrap()]);
    assert_eq!(trace["events"].as_array().map(Vec::len), Some(10_001));
    assert!(trace["events"].as_array().unwrap().iter().all(Value::is_object));
}
