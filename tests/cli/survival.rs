//! An index run that is killed at any moment, or whose disk is full: nothing that was finished is lost, and nothing is wrong afterwards.
//!
//! `IBID_KILLS` says how many random moments are tried, `IBID_SEED` where they start.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::support::{Home, Outcome, write};

/// Chunks of a commit: small, so that a run has many.
const COMMIT_CHUNKS: &str = "8";
/// Random moments where the environment names no number.
const KILLS: u64 = 20;
/// Seed where the environment names none.
const SEED: u64 = 20_261_121;

/// Documents of one chunk, and one of many.
fn fill(folder: &Path) {
    for number in 0..24 {
        let text =
            format!("# Lock {number}\n\nLock {number} of the canal was rebuilt in {} with oak gates.\n", 1800 + number);
        write(folder, &format!("{number:02}.md"), text.as_bytes());
    }
    let line = |at: usize| format!("Weir {at} holds the water of basin {}, which feeds mill {}. ", at * 7 % 13, at % 5);
    let long: String = (0..600).map(line).collect();
    write(folder, "long.txt", long.as_bytes());
}

/// Other documents in the same folder: one changed, one gone, one new.
fn change(folder: &Path) {
    write(folder, "03.md", b"# Lock 3\n\nLock 3 has steel gates since the flood.\n");
    std::fs::remove_file(folder.join("05.md")).unwrap();
    write(folder, "new.md", b"# Sluice\n\nThe new sluice opens to the river.\n");
}

fn command(home: &Home, arguments: &[&str]) -> std::process::Command {
    let mut command = home.command();
    command.args(arguments).env("IBID_INDEX_COMMIT_CHUNKS", COMMIT_CHUNKS);
    command
}

fn run(home: &Home, arguments: &[&str]) -> Outcome {
    Outcome::of(command(home, arguments).output().unwrap())
}

fn index(home: &Home, folder: &Path) -> serde_json::Value {
    let outcome = run(home, &["index", &folder.display().to_string(), "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

fn export(home: &Home) -> String {
    let outcome = run(home, &["export"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    outcome.stdout
}

/// What a fresh index of the folder holds, and how long it takes.
fn whole(folder: &Path) -> (String, Duration) {
    let home = Home::new();
    let started = Instant::now();
    index(&home, folder);
    let took = started.elapsed();
    (export(&home), took)
}

/// Chunks that are durably stored with their vectors, of whole files and of others.
fn stored(home: &Home) -> u64 {
    let path = home.folder.path().join("home/ibid.db");
    if !path.exists() {
        return 0;
    }
    let count = "SELECT (SELECT count(*) FROM chunks) + (SELECT count(*) FROM intents
                 WHERE codes IS NOT NULL AND point NOT IN (SELECT point FROM chunks))";
    Connection::open(path).unwrap().query_row(count, [], |row| row.get(0)).unwrap_or(0)
}

/// A search works on what is there: it finds something, or nothing, or says that there is no index yet.
fn assert_searchable(home: &Home, when: &str) {
    let outcome = run(home, &["search", "oak gates of the lock"]);
    let is_none_yet = outcome.code == 2 && outcome.stderr.contains("no index");
    assert!([0, 1].contains(&outcome.code) || is_none_yet, "{when}: {} {}", outcome.code, outcome.stderr);
}

/// The first line in which two exports differ.
fn assert_same(found: &str, expected: &str, when: &str) {
    for (line, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert!(found == expected, "{when}, line {line}:\n{found:.600}\n{expected:.600}");
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{when}");
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |value| value.parse().unwrap())
}

#[test]
fn killed_at_random_moments_an_index_run_goes_on_to_the_same_index() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let (expected, took) = whole(folder.path());
    let chunks = expected.lines().filter(|line| line.starts_with("{\"chunk\"")).count() as u64;
    let (kills, mut state) = (number("IBID_KILLS", KILLS), number("IBID_SEED", SEED));
    println!("{kills} moments of {took:?}, seed {state}");
    let (mut unfinished, mut taken_up) = (0, 0);
    for kill in 0..kills {
        // SplitMix64, so that a seed means the same moments everywhere.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
        let moment = took.mul_f64(share);
        let when = format!("kill {kill} after {moment:?}");
        let home = Home::new();
        let mut child = command(&home, &["index", &folder.path().display().to_string(), "--quiet"])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(moment);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_searchable(&home, &when);
        let before = stored(&home);
        let report = index(&home, folder.path());
        let embedded = report["embedded_chunks"].as_u64().unwrap();
        assert_eq!(embedded, chunks - before, "{when}: what was stored is not computed again");
        unfinished += u64::from(before < chunks);
        taken_up += u64::from(0 < before && before < chunks);
        assert_same(&export(&home), &expected, &when);
    }
    println!("{unfinished} runs were not done, {taken_up} of them had stored something");
    assert!(unfinished > 0, "every run was done before it was killed");
}

/// With `IBID_CHUNK_TOKENS_MAX` set, so that the index is made otherwise.
fn with_smaller_chunks(home: &Home, arguments: &[&str]) -> std::process::Command {
    let mut command = command(home, arguments);
    command.env("IBID_CHUNK_TOKENS_MAX", "40").env("IBID_CHUNK_OVERLAP_TOKENS", "8");
    command
}

#[test]
fn other_settings_make_an_index_beside_the_old_one_which_is_served_until_the_new_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    fill(folder.path());
    let elsewhere = write(other.path(), "elsewhere.md", b"# Dam\n\nThe dam of the upper valley is of clay.\n");
    let (place, elsewhere) = (folder.path().display().to_string(), elsewhere.display().to_string());
    let expected = {
        let home = Home::new();
        assert!(with_smaller_chunks(&home, &["index", &place, &elsewhere]).output().unwrap().status.success());
        export(&home)
    };
    let home = Home::new();
    assert!(command(&home, &["index", &place, &elsewhere]).output().unwrap().status.success());
    let old = export(&home);
    let plan = Outcome::of(with_smaller_chunks(&home, &["index", &place, "--dry-run"]).output().unwrap());
    assert!(plan.stderr.contains("would be made beside it"), "{}", plan.stderr);
    assert!(plan.stdout.contains("26 files"), "files of other folders are known, too: {}", plan.stdout);
    for moment in ["points-flushed", "files-committed", "generation-complete"] {
        let killed = with_smaller_chunks(&home, &["index", &place]).env("IBID_FAILPOINT", moment).output().unwrap();
        assert_eq!(killed.status.code(), None, "{moment} is never reached: {killed:?}");
        assert_same(&export(&home), &old, moment);
    }
    // It lacks only the last step by now.
    let mut last = with_smaller_chunks(&home, &["index", &place]);
    let killed = last.env("IBID_FAILPOINT", "generation-served").output().unwrap();
    assert_eq!(killed.status.code(), None, "{killed:?}");
    assert_same(&export(&home), &expected, "the new one is served although the old one is still there");
    let last = Outcome::of(with_smaller_chunks(&home, &["index", &place, "--json"]).output().unwrap());
    let report: serde_json::Value = serde_json::from_str(&last.stdout).unwrap();
    assert_eq!((last.code, report["embedded_chunks"].as_u64()), (0, Some(0)), "{}", last.stderr);
    assert_same(&export(&home), &expected, "at the end");
    assert!(!home.folder.path().join("home/vectors").exists(), "the old one is gone");
    // What was asked before and after is in one record.
    assert_searchable(&home, "at the end");
    assert_eq!(run(&home, &["doctor"]).code, 0);
}

#[test]
fn a_rebuild_that_is_killed_at_any_named_moment_ends_with_one_index() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let place = folder.path().display().to_string();
    let (expected, _) = whole(folder.path());
    for moment in ibid::failpoint::ALL.iter().filter(|moment| moment.contains("generation")) {
        let home = Home::new();
        index(&home, folder.path());
        let killed = command(&home, &["index", &place, "--rebuild"]).env("IBID_FAILPOINT", moment).output().unwrap();
        assert_eq!(killed.status.code(), None, "{moment} is never reached: {killed:?}");
        assert_same(&export(&home), &expected, moment);
        assert_eq!(command(&home, &["index", &place, "--rebuild"]).output().unwrap().status.code(), Some(0));
        assert_same(&export(&home), &expected, moment);
        let data = home.folder.path().join("home");
        let generations = std::fs::read_dir(data.join("generations")).unwrap().count();
        assert!(generations == 1 && !data.join("vectors").exists(), "{moment}: one index is left");
    }
}

#[test]
fn a_removed_document_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let text =
        "# Secret\n\nThe zanzibar turbine of hall nine was sold to the quixotic consortium for nothing at all.\n";
    let secret = write(folder.path(), "secret.md", text.as_bytes());
    let copy = write(tempfile::tempdir().unwrap().keep().as_path(), "copy.md", text.as_bytes());
    let (path, copy) = (secret.display().to_string(), copy.display().to_string());
    let home = Home::new();
    index(&home, folder.path());
    for question in ["Who bought the zanzibar turbine?", "Which gates has lock 3?"] {
        assert!([0, 1].contains(&run(&home, &["ask", question]).code));
    }
    let found = run(&home, &["verify-deleted", &path]);
    assert_eq!(found.code, 3, "it is still there: {}", found.stdout);
    for place in ["manifest", "vectors and texts", "runs and kept answers", "files of the index"] {
        let line = found.stdout.lines().find(|line| line.trim().starts_with(place)).unwrap();
        assert!(line.contains("found"), "{line}");
    }

    std::fs::remove_file(&secret).unwrap();
    let report = index(&home, folder.path());
    assert_eq!((&report["files"]["removed"], &report["forgotten"]["runs"]), (&1.into(), &1.into()), "{report}");
    let outcome = run(&home, &["verify-deleted", &path, "--copy", &copy]);
    assert_eq!(outcome.code, 0, "{}", outcome.stdout);
    let runs = run(&home, &["trace", "list"]).stdout;
    assert!(runs.contains("lock 3") && !runs.contains("zanzibar"), "other runs stay: {runs}");
    let outcome = run(&home, &["verify-deleted", &path]);
    assert!(outcome.code == 0 && outcome.stderr.contains("--copy"), "{}", outcome.stderr);
    assert_same(&export(&home), &whole(folder.path()).0, "after the removal");
}

#[test]
fn a_removal_that_is_killed_is_completed_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let text = "The zanzibar turbine of hall nine was sold to the quixotic consortium for nothing at all.\n";
    for moment in ["runs-forgotten", "removed-points-deleted", "log-displaced", "segments-rewritten"] {
        fill(folder.path());
        let secret = write(folder.path(), "secret.md", text.as_bytes());
        let home = Home::new();
        index(&home, folder.path());
        let path = secret.display().to_string();
        let killed = command(&home, &["remove", &path]).env("IBID_FAILPOINT", moment).output().unwrap();
        assert_eq!(killed.status.code(), None, "{moment} is never reached: {killed:?}");
        std::fs::remove_file(&secret).unwrap();
        index(&home, folder.path());
        let copy = write(folder.path(), "copies/.copy.md", text.as_bytes()).display().to_string();
        let outcome = run(&home, &["verify-deleted", &path, "--copy", &copy]);
        assert_eq!(outcome.code, 0, "{moment}: {}", outcome.stdout);
    }
}

#[test]
fn a_watched_folder_is_kept_in_step() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let home = Home::new();
    let mut child = command(&home, &["index", &folder.path().display().to_string(), "--watch", "--json"])
        .env("IBID_INDEX_WATCH_QUIET_S", "0.2")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut next = || serde_json::from_str::<serde_json::Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["files"]["indexed"], 25);
    // Until the watch stands, a change could be missed; the first run saw what was there before.
    std::thread::sleep(Duration::from_millis(500));
    change(folder.path());
    let (mut indexed, mut removed) = (0, 0);
    while (indexed, removed) < (2, 1) {
        let report = next();
        indexed += report["files"]["indexed"].as_u64().unwrap();
        removed += report["files"]["removed"].as_u64().unwrap();
    }
    assert_eq!((indexed, removed), (2, 1));
    assert_searchable(&home, "while it watches");
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn killed_at_every_named_moment_an_index_run_goes_on_to_the_same_index() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    let moments = ibid::failpoint::ALL.iter().filter(|moment| !moment.contains("generation"));
    let mut expected = None;
    for moment in moments {
        fill(folder.path());
        let home = Home::new();
        if !moment.starts_with("begun") {
            index(&home, folder.path());
        }
        change(folder.path());
        let expected = expected.get_or_insert_with(|| whole(folder.path()).0);
        if moment.starts_with("leftovers") {
            // Something has to be left over first.
            let first = command(&home, &["index", &place]).env("IBID_FAILPOINT", "points-flushed").output().unwrap();
            assert_eq!(first.status.code(), None, "{moment}");
        }
        let killed = command(&home, &["index", &place]).env("IBID_FAILPOINT", moment).output().unwrap();
        assert_eq!(killed.status.code(), None, "{moment} is never reached: {killed:?}");
        assert_searchable(&home, moment);
        index(&home, folder.path());
        assert_same(&export(&home), expected, moment);
        std::fs::remove_file(folder.path().join("new.md")).unwrap();
    }
}
