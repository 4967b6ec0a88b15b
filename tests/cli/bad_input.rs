//! Hostile, damaged and impossible input: one clear line, the right exit code, and nothing lost.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ibid::inference::{cache, manifest};
use serde_json::Value;

use crate::support::{Home, Outcome, test_data, write};

/// The outcome is this code and one line on stderr that holds all of `words`.
fn assert_one_line(outcome: &Outcome, code: i32, words: &[&str]) {
    assert_eq!(outcome.code, code, "stdout {:?}, stderr {:?}", outcome.stdout, outcome.stderr);
    assert_eq!(outcome.stderr.lines().count(), 1, "{:?}", outcome.stderr);
    assert!(outcome.stderr.starts_with("error: "), "{:?}", outcome.stderr);
    for word in words {
        assert!(outcome.stderr.contains(word), "{word:?} is not in {:?}", outcome.stderr);
    }
    assert_plain(&outcome.stderr);
}

/// No byte steers a terminal.
fn assert_plain(text: &str) {
    assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
}

/// Counts by status must add up to the files found.
fn assert_sum(report: &Value) {
    let all = report["files"].as_object().unwrap();
    let sum: u64 = all.iter().filter(|(name, _)| *name != "found").map(|(_, count)| count.as_u64().unwrap()).sum();
    assert_eq!(sum, all["found"].as_u64().unwrap(), "{report}");
}

/// The status and reason that `report` gives for the file called `name`.
fn problem(report: &Value, name: &str) -> (String, String) {
    let problems = report["problems"].as_array().unwrap();
    let found = problems.iter().find(|problem| problem["path"].as_str().unwrap().ends_with(name));
    let found = found.unwrap_or_else(|| panic!("{name} is no problem in {report}"));
    (found["status"].as_str().unwrap().into(), found["reason"].as_str().unwrap().into())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A home with one small document about badgers in its index, and the folder of that document.
fn small() -> (Home, tempfile::TempDir) {
    let (home, folder) = (Home::new(), tempfile::tempdir().unwrap());
    write(folder.path(), "badgers.txt", b"Badgers dig setts in the chalk of the downs.\n");
    write(folder.path(), "otters.md", b"# Otters\n\nAn otter eats a kilogram of fish a day.\n");
    let outcome = home.run(&["index", text(folder.path())]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    (home, folder)
}

fn finds_badgers(home: &Home) {
    let (code, hits) = home.json(&["search", "Where do badgers dig?"]);
    assert_eq!(code, 0);
    assert!(hits["hits"][0]["path"].as_str().unwrap().ends_with("badgers.txt"), "{hits}");
}

#[test]
fn each_odd_file_has_one_status_and_a_reason() {
    let (home, folder) = (Home::new(), tempfile::tempdir().unwrap());
    let here = folder.path();
    write(here, "empty.txt", b"");
    write(here, "empty.pdf", b"");
    write(here, "noise.pdf", &noise(4000));
    write(here, "noise.txt", &noise(4000));
    write(here, "program", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0\x01\0\0\0");
    write(here, "archive.zip", b"PK\x03\x04\x14\0\0\0\0\0");
    write(here, "text-named.pdf", b"The heron waits by the weir.\n");
    write(here, &format!("{}.txt", "n".repeat(240)), b"A very long name.\n");
    #[cfg(unix)]
    assert!(Command::new("mkfifo").arg(here.join("pipe")).status().unwrap().success());
    #[cfg(unix)]
    std::os::unix::fs::symlink(here, here.join("loop")).unwrap();
    let (code, report) = home.json(&["index", text(here)]);
    assert_eq!(code, 3, "{report}");
    assert_sum(&report);
    assert_eq!(problem(&report, "/empty.txt").0, "no_text");
    assert_eq!(problem(&report, "/empty.pdf"), ("no_text".into(), "the file is empty".into()));
    assert_eq!(problem(&report, "/noise.pdf").0, "malformed");
    assert_eq!(problem(&report, "/noise.txt").0, "unsupported");
    assert_eq!(problem(&report, "/program").0, "unsupported");
    assert!(problem(&report, "/archive.zip").1.contains("unpack"), "the reason says what to do");
    #[cfg(unix)]
    assert!(problem(&report, "/pipe").1.contains("named pipe"));
    assert_eq!(report["files"]["indexed"], 2, "{report}");
    // What is known to be bad is told again, without being read again.
    let (code, report) = home.json(&["index", text(here)]);
    assert_eq!((code, &report["files"]["unchanged"], &report["tokens"]), (3, &2.into(), &0.into()), "{report}");
    assert_sum(&report);
}

/// Bytes without any order that are the same in each run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(length)
    .collect()
}

#[test]
fn an_encrypted_pdf_is_told_as_such() {
    let Some(file) = test_data("hostile/pdf-encrypted/pdfminer/aes-256-r6.pdf") else { return };
    let home = Home::new();
    let (code, report) = home.json(&["index", text(&file)]);
    assert_eq!(code, 3);
    let (status, reason) = problem(&report, "aes-256-r6.pdf");
    assert!(status == "encrypted" && reason.contains("password"), "{report}");
    assert_one_line(&home.run(&["show", text(&file)]), 2, &["aes-256-r6.pdf", "password"]);
}

#[test]
fn a_file_over_a_limit_names_the_limit() {
    let (home, folder) = (Home::new(), tempfile::tempdir().unwrap());
    let file = folder.path().join("huge.txt");
    std::fs::File::create(&file).unwrap().set_len(300 << 20).unwrap();
    write(folder.path(), "small.txt", b"Small and readable.\n");
    let (code, report) = home.json(&["index", text(folder.path())]);
    assert_eq!((code, &report["files"]["indexed"]), (3, &1.into()));
    let (status, reason) = problem(&report, "huge.txt");
    assert!(status == "limit_exceeded" && reason.contains("read.file_bytes_max"), "{reason}");
    assert_one_line(&home.run(&["show", text(&file)]), 2, &["huge.txt", "read.file_bytes_max"]);
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_denied_and_does_not_leave_the_index() {
    use std::os::unix::fs::PermissionsExt;
    let (home, folder) = small();
    let deep = write(folder.path(), "deep/voles.txt", b"Voles live in the bank.\n");
    home.run(&["index", text(folder.path())]);
    let locked = deep.parent().unwrap().to_path_buf();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    let readable = std::fs::read_dir(&locked).is_ok();
    if readable {
        println!("skipped: this user (root?) may read everything");
        return;
    }
    let (code, report) = home.json(&["index", text(folder.path())]);
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(code, 3, "{report}");
    assert_eq!(problem(&report, "/deep").0, "denied");
    assert_eq!(report["documents"], 3, "what cannot be looked at is not known to be gone");
    assert_sum(&report);
}

#[test]
fn a_path_that_is_not_there_is_named_with_its_neighbour() {
    let (home, folder) = small();
    let wrong = folder.path().join("badger.txt");
    assert_one_line(&home.run(&["index", text(&wrong)]), 2, &["badger.txt does not exist", "badgers.txt"]);
    assert_one_line(&home.run(&["show", text(&wrong)]), 2, &["badger.txt"]);
    assert_one_line(&home.run(&["remove", text(&wrong)]), 2, &["badger.txt is not in the index"]);
    assert_one_line(&home.run(&["show", text(folder.path())]), 2, &[text(folder.path()), "a folder"]);
    finds_badgers(&home);
}

#[test]
fn an_empty_folder_is_no_failure() {
    let (home, folder) = (Home::new(), tempfile::tempdir().unwrap());
    let outcome = home.run(&["index", text(folder.path())]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let told = format!("nothing to index in {}; --no-ignore", text(folder.path()));
    assert!(outcome.stdout.contains(&told), "{}", outcome.stdout);
    assert_eq!(home.run(&["search", "anything"]).code, 1);
    assert_eq!(home.run(&["status"]).code, 0);
}

#[test]
fn an_empty_or_endless_question_is_refused() {
    let home = Home::new();
    let endless = "a".repeat(100_000);
    for command in ["ask", "search"] {
        assert_one_line(&home.run(&[command, ""]), 2, &["is empty"]);
        assert_one_line(&home.run(&[command, " \n "]), 2, &["is empty"]);
        assert_one_line(&home.run(&[command, &endless]), 2, &["longer than", "retrieve.query_chars_max"]);
        assert_one_line(&home.run(&[command, "x", "--top-k", "0"]), 2, &["--top-k"]);
        assert_one_line(&home.run(&[command, "x"]), 2, &["there is no index", "ibid index"]);
    }
}

#[test]
fn flags_and_settings_that_make_no_sense_are_named() {
    let home = Home::new();
    for wrong in [&["index"][..], &["--nope"], &["search", "x", "--top-k", "many"], &[]] {
        let outcome = home.run(wrong);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{wrong:?}");
        assert_plain(&outcome.stderr);
    }
    let config = write(home.folder.path(), "ibid.toml", b"[chunk]\ntoken_max = 100\n");
    let outcome = home.run(&["status", "--config", text(&config)]);
    assert_one_line(&outcome, 2, &["ibid.toml", "token_max", "tokens_max"]);
    let outcome = Outcome::of(home.command().arg("status").env("IBID_CHUNK_TOKENS_MAX", "abc").output().unwrap());
    assert_one_line(&outcome, 2, &["IBID_CHUNK_TOKENS_MAX", "abc"]);
    assert_one_line(&home.run(&["model", "pull", "nope"]), 2, &["nope", "all-minilm-l6-v2"]);
}

type Damage<'a> = (&'a str, &'a dyn Fn(&Path));

#[test]
fn each_damage_of_the_index_is_told_and_mended_by_a_rebuild() {
    let segment = |home: &Path| -> PathBuf {
        let mut segments = std::fs::read_dir(home.join("vectors/segments")).unwrap();
        segments.next().unwrap().unwrap().path()
    };
    let damages: [Damage; 8] = [
        ("the database is noise", &|home| std::fs::write(home.join("ibid.db"), noise(60_000)).unwrap()),
        ("the database is cut", &|home| {
            std::fs::File::options().write(true).open(home.join("ibid.db")).unwrap().set_len(8192).unwrap();
        }),
        ("the vectors are gone", &|home| std::fs::remove_dir_all(home.join("vectors")).unwrap()),
        ("the segments and the log are gone", &|home| {
            std::fs::remove_dir_all(segment(home)).unwrap();
            std::fs::remove_dir_all(home.join("vectors/wal")).unwrap();
        }),
        ("the store's configuration is gone", &|home| {
            std::fs::remove_file(home.join("vectors/edge_config.json")).unwrap();
        }),
        ("a segment's file is noise", &|home| std::fs::write(segment(home).join("segment.json"), noise(500)).unwrap()),
        ("the engine panics on the ids", &|home| cut(&segment(home).join("mutable_id_tracker.mappings"), 20)),
        ("the vectors are cut", &|home| cut(&segment(home).join("vector_storage-dense/vectors/chunk_0.mmap"), 100)),
    ];
    let (home, folder) = small();
    let whole = tempfile::tempdir().unwrap();
    copy(&home.folder.path().join("home"), &whole.path().join("home"));
    for (name, damage) in damages {
        println!("{name}");
        let own = Home::new();
        let data = own.folder.path().join("home");
        copy(&whole.path().join("home"), &data);
        finds_badgers(&own);
        damage(&data);
        assert_one_line(&own.run(&["search", "badgers"]), 6, &["damaged", text(&data), "ibid index --rebuild"]);
        let outcome = own.run(&["index", "--rebuild", text(folder.path())]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        finds_badgers(&own);
        assert_eq!(own.run(&["doctor"]).code, 0);
    }
}

fn cut(path: &Path, bytes: u64) {
    std::fs::File::options().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

/// Copies a folder; by the system's tool, which keeps the holes of the engine's files.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-R").args([from, to]).status().unwrap().success());
}

#[test]
fn an_index_run_does_not_go_on_over_lost_vectors() {
    let (home, folder) = small();
    std::fs::remove_dir_all(home.folder.path().join("home/vectors")).unwrap();
    // Every file is unchanged, so a run that made a new, empty store would report success over an index that finds nothing.
    assert_one_line(&home.run(&["index", text(folder.path())]), 6, &["damaged", "--rebuild"]);
    // Nor over a lost manifest: it knew of files in other folders, too.
    let (home, folder) = small();
    std::fs::remove_file(home.folder.path().join("home/ibid.db")).unwrap();
    for arguments in [&["index", text(folder.path())][..], &["search", "badgers"]] {
        assert_one_line(&home.run(arguments), 6, &["ibid.db is gone", "--rebuild"]);
    }
    let (code, report) = home.json(&["index", "--rebuild", text(folder.path())]);
    assert_eq!((code, &report["files"]["indexed"]), (0, &2.into()));
    let (_, doctor) = home.json(&["doctor"]);
    let index = doctor["findings"].as_array().unwrap().iter().find(|finding| finding["about"] == "index").unwrap();
    assert!(index["found"].as_str().unwrap().starts_with("2 chunks"), "no stale chunks: {doctor}");
}

/// A cache in which the embedder's files have the right sizes; the small ones are right, or all are zeros.
fn false_model(hub: &Path, small_files_right: bool) {
    let manifest = manifest::find("all-minilm-l6-v2", None).unwrap();
    let folder = cache::Cache::at(hub).snapshot(&manifest);
    for file in &manifest.files {
        let path = write(&folder, &file.path, b"");
        if small_files_right && file.bytes < 1 << 20 {
            std::fs::copy(cache::locate(&manifest).unwrap().path(&file.path).unwrap(), &path).unwrap();
        } else {
            cut(&path, file.bytes);
        }
    }
}

#[test]
fn a_model_with_wrong_bytes_is_never_used() {
    let (home, folder) = small();
    for (small_files_right, named) in [(false, "config.json"), (true, "model.safetensors")] {
        let hub = tempfile::tempdir().unwrap();
        false_model(hub.path(), small_files_right);
        for arguments in [["search", "badgers"], ["index", text(folder.path())]] {
            let output = home.command().args(arguments).env("HF_HUB_CACHE", hub.path()).output().unwrap();
            assert_one_line(&Outcome::of(output), 2, &[named, "ibid model pull all-minilm-l6-v2"]);
        }
    }
    finds_badgers(&home);
}

#[test]
fn offline_nothing_is_fetched() {
    let home = Home::new();
    let hub = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        Outcome::of(home.command().args(arguments).env("HF_HUB_CACHE", hub.path()).output().unwrap())
    };
    assert_one_line(&run(&["model", "pull", "all-minilm-l6-v2", "--offline"]), 2, &["all-minilm-l6-v2", "offline"]);
    assert_one_line(&run(&["index", "corpora"]), 2, &["all-minilm-l6-v2", "ibid model pull"]);
}

#[test]
fn a_server_that_is_not_there_is_code_4() {
    let (home, _folder) = small();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/v1");
    let mut command = home.command();
    command.args(["ask", "Where do badgers dig?", "--model", "any"]).env("IBID_LLM_URL", &url);
    assert_one_line(&Outcome::of(command.output().unwrap()), 4, &[&url, "llm.url"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_done_and_the_next_run_completes() {
    let (home, folder) = (Home::new(), tempfile::tempdir().unwrap());
    for number in 0..16 {
        let lines: String =
            (0..40).map(|line| format!("Paragraph {line} of {number} on locks and weirs.\n\n")).collect();
        write(folder.path(), &format!("{number}.md"), lines.as_bytes());
    }
    let mut command = home.command();
    command.args(["index", text(folder.path())]).env("IBID_INDEX_COMMIT_CHUNKS", "8");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while !home.folder.path().join("home/vectors/edge_config.json").exists() {
        assert!(started.elapsed() < Duration::from_mins(2), "the run never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let outcome = Outcome::of(child.wait_with_output().unwrap());
    assert_one_line(&outcome, 130, &["interrupted", "the next run goes on"]);
    let (code, report) = home.json(&["index", text(folder.path())]);
    assert_eq!((code, &report["documents"]), (0, &16.into()), "{report}");
    assert_sum(&report);
    let (_, doctor) = home.json(&["doctor"]);
    assert_eq!(doctor["ok"], true, "{doctor}");
}

/// A small disk of its own, taken off when the test ends.
struct Disk(tempfile::TempDir);

impl Disk {
    fn of(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", text(folder.path())])
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            println!("skipped: this user may not mount a small disk");
        }
        mounted.then_some(Self(folder))
    }

    /// Leaves this many bytes free.
    fn fill(&self, free: u64) {
        let filler = self.0.path().join("filler");
        let _ = std::fs::remove_file(&filler);
        let room = fs4::available_space(self.0.path()).unwrap();
        std::fs::write(&filler, vec![1; room.saturating_sub(free) as usize]).unwrap();
    }

    fn clear(&self) {
        std::fs::remove_file(self.0.path().join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_run_and_loses_nothing() {
    let Some(disk) = Disk::of("16m") else { return };
    let home = Home::new();
    let run = |arguments: &[&str]| {
        Outcome::of(home.command().args(arguments).env("IBID_HOME", disk.0.path().join("home")).output().unwrap())
    };
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "badgers.txt", b"Badgers dig setts in the chalk of the downs.\n");
    // A disk that was full from the start leaves nothing that stands in the way of the next run.
    disk.fill(100_000);
    assert_one_line(&run(&["index", text(folder.path())]), 5, &["the disk is full", "run the same command again"]);
    disk.clear();
    assert_eq!(run(&["index", text(folder.path())]).code, 0);
    for (number, free) in [0, 20_000, 60_000, 200_000, 800_000, 1_100_000].into_iter().enumerate() {
        write(folder.path(), &format!("{number}.txt"), b"Otters eat fish. ".repeat(100).as_slice());
        disk.fill(free);
        println!("{free} bytes free");
        let outcome = run(&["index", text(folder.path())]);
        assert_one_line(&outcome, 5, &["the disk is full", "run the same command again", text(disk.0.path())]);
        let search = run(&["search", "badgers"]);
        assert!(search.code == 0 || search.code == 5, "{} {}", search.code, search.stderr);
    }
    disk.clear();
    let outcome = run(&["index", text(folder.path()), "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&report["documents"], &report["files"]["unchanged"]), (&7.into(), &1.into()), "{report}");
    assert!(run(&["search", "Where do badgers dig?"]).stdout.contains("badgers.txt"));
}

#[test]
fn nothing_in_a_document_or_its_name_steers_the_terminal() {
    let (home, folder) = (Home::new(), tempfile::tempdir().unwrap());
    let inside = "Red \x1b[31mkites\x1b]0;title\x07 nest \u{9b}2J in \u{202e}oaks.\n";
    write(folder.path(), "kites\n\x1b[31m.txt", inside.as_bytes());
    write(folder.path(), "bad\x1b[2J.zip", b"PK\x03\x04\x14\0\0\0\0\0");
    let shown = folder.path().join("kites\n\x1b[31m.txt");
    let outputs = [
        home.run(&["index", text(folder.path())]),
        home.run(&["search", "Where do red kites nest?"]),
        home.run(&["search", "Where do red kites nest?", "--json"]),
        home.run(&["ask", "Where do red kites nest?"]),
        home.run(&["show", text(&shown)]),
        home.run(&["show", "--json", text(&shown)]),
        home.run(&["show", text(&folder.path().join("no\x1b[2J.txt"))]),
        home.run(&["index", text(&folder.path().join("no\x1b[2J.txt"))]),
        home.run(&["--no\x1b[2J"]),
        home.run(&["model", "pull", "no\x1b[2J"]),
        home.run(&["trace", "list"]),
    ];
    assert_eq!(outputs[0].code, 3);
    assert_eq!(outputs[1].code, 0);
    for (index, output) in outputs.iter().enumerate() {
        println!("output {index}");
        assert_plain(&output.stdout);
        assert_plain(&output.stderr);
        assert!(!output.stdout.contains('\u{202e}'));
    }
}

#[test]
fn a_setting_out_of_its_range_is_refused_before_anything_is_done() {
    let (home, folder) = (Home::new(), tempfile::tempdir().unwrap());
    write(folder.path(), "badgers.txt", b"Badgers dig setts in the chalk of the downs.\n");
    let run = |home: &Home, name: &str, value: &str| {
        let mut command = home.command();
        Outcome::of(command.args(["index", text(folder.path())]).env(name, value).output().unwrap())
    };
    for (name, value, told) in [
        // Both ended in a panic of the chunker.
        ("IBID_CHUNK_TOKENS_MAX", "0", "`chunk.tokens_max` cannot be `0`: it is at least 16"),
        ("IBID_CHUNK_TOKENS_MAX", "1", "`chunk.tokens_max` cannot be `1`: it is at least 16"),
        (
            "IBID_CHUNK_OVERLAP_TOKENS",
            "200",
            "`chunk.overlap_tokens` cannot be `200`: it is less than chunk.tokens_max",
        ),
        ("IBID_RETRIEVE_DENSE_WEIGHT", "nan", "`retrieve.dense_weight` cannot be `NaN`: it is 0 to 1"),
        // The language was blamed for it.
        (
            "IBID_STORE_BM25_AVERAGE_WORDS",
            "0",
            "`store.bm25_average_words` cannot be `0`: it is a finite number above 0",
        ),
    ] {
        assert_one_line(&run(&home, name, value), 2, &["setting ", told]);
    }
    assert_eq!(run(&home, "IBID_CHUNK_TOKENS_MAX", "50").code, 0, "the other defaults go with a smaller chunk");
    assert_one_line(&run(&Home::new(), "IBID_STORE_LANGUAGE", "klingon"), 2, &["`store.language` cannot be `klingon`"]);
}

#[test]
fn a_damaged_pdf_is_neither_without_text_nor_whole() {
    let Some(file) = test_data("sec-10-q/docs/2022 Q3 AAPL.pdf") else { return };
    let (home, folder) = (Home::new(), tempfile::tempdir().unwrap());
    let whole = std::fs::read(file).unwrap();
    write(folder.path(), "cut.pdf", &whole[..100_000]);
    let mut zeroed = whole.clone();
    let end = zeroed.len() - 3000;
    zeroed[end..].fill(0);
    write(folder.path(), "end-zeroed.pdf", &zeroed);
    let (code, report) = home.json(&["index", text(folder.path())]);
    assert_eq!(code, 3, "{report}");
    for name in ["cut.pdf", "end-zeroed.pdf"] {
        let (status, reason) = problem(&report, name);
        assert!(status == "malformed" && reason.contains("the end of the file is missing"), "{report}");
    }
    for bytes in [1500, 100_000] {
        let mut zeroed = whole.clone();
        zeroed[150_000..150_000 + bytes].fill(0);
        let (code, shown) = home.json(&["show", text(&write(folder.path(), "middle-zeroed.pdf", &zeroed))]);
        let warnings = shown["warnings"].as_array().unwrap();
        assert!(code == 0 && !warnings.is_empty(), "{bytes}");
        assert!(warnings.iter().all(|warning| warning["lossy"] == true && warning["page"].is_u64()), "{warnings:?}");
    }
}

#[test]
fn a_pdf_whose_encryption_is_not_known_needs_a_password() {
    for name in ["aes-128.pdf", "rc4-128.pdf"] {
        let Some(file) = test_data(&format!("hostile/pdf-encrypted/pdfminer/{name}")) else { return };
        assert_one_line(&Home::new().run(&["show", text(&file)]), 2, &[name, "password"]);
    }
}
