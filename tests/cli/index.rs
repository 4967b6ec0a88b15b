//! Keeping an index true to its files.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Home, corpora, write};

fn files(report: &Value, status: &str) -> u64 {
    report["files"][status].as_u64().unwrap()
}

fn assert_sum(report: &Value) {
    let all = report["files"].as_object().unwrap();
    let sum: u64 = all.iter().filter(|(name, _)| *name != "found").map(|(_, count)| count.as_u64().unwrap()).sum();
    assert_eq!(sum, files(report, "found"), "{report}");
}

/// The paths that a search for `query` finds.
fn found(home: &Home, query: &str) -> BTreeSet<String> {
    let (_, hits) = home.json(&["search", query]);
    hits["hits"].as_array().unwrap().iter().map(|hit| hit["path"].as_str().unwrap().to_string()).collect()
}

#[test]
fn a_second_run_touches_only_what_changed() {
    let home = Home::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    write(folder.path(), "a.md", b"# Fees\n\nThe management fee is 1.75% a year.\n");
    let changing = write(folder.path(), "b.txt", b"The office closes at six in the evening.\n");
    let leaving = write(folder.path(), "deep/c.html", b"<h1>Lease</h1><p>The rent is due in March.</p>");
    let (code, report) = home.json(&["index", path]);
    assert_eq!(code, 0);
    assert_eq!(files(&report, "indexed"), 3);
    assert_sum(&report);

    let (_, report) = home.json(&["index", path]);
    assert_eq!((files(&report, "unchanged"), report["tokens"].as_u64().unwrap()), (3, 0));

    std::fs::write(&changing, "The office closes at eight in the evening.\n").unwrap();
    std::fs::remove_file(&leaving).unwrap();
    let (code, report) = home.json(&["index", path]);
    assert_eq!(code, 0);
    assert_eq!((files(&report, "unchanged"), files(&report, "indexed"), files(&report, "removed")), (1, 1, 1));
    assert_sum(&report);
    assert_eq!((report["documents"].as_u64().unwrap(), report["chunks"].as_u64().unwrap()), (2, 2));
    assert!(!found(&home, "When is the rent due?").iter().any(|path| path.ends_with("c.html")));
    let (_, hits) = home.json(&["search", "When does the office close?"]);
    let texts = hits["hits"].to_string();
    assert!(texts.contains("eight") && !texts.contains("six"), "the old version is gone: {texts}");
}

#[test]
fn an_index_that_lies_among_the_documents_is_none_of_them() {
    let home = Home::new();
    let folder = home.folder.path();
    write(folder, "a.md", b"# A\n\nText.\n");
    write(folder, "home/kept/b.md", b"# B\n\nA document in the data folder.\n");
    let path = folder.to_str().unwrap();
    // The third is the settings file.
    for (round, rebuild) in [None, Some("--rebuild"), None].into_iter().enumerate() {
        let (code, report) = home.json(&[&["index", path][..], rebuild.as_slice()].concat());
        assert_eq!(
            (code, files(&report, "found"), report["documents"].as_u64()),
            (0, 3, Some(3)),
            "round {round}: {report}"
        );
    }
}

#[test]
fn a_bound_for_the_graph_counts_from_the_next_run_on() {
    let home = Home::new();
    let folder = tempfile::tempdir().unwrap();
    for number in 0..20 {
        write(
            folder.path(),
            &format!("{number}.md"),
            format!("# Note {number}\n\nTurbine {number} is cold.\n").as_bytes(),
        );
    }
    let path = folder.path().to_str().unwrap();
    let store = |home: &Home| home.json(&["status"]).1["store"].clone();
    home.json(&["index", path]);
    assert_eq!((&store(&home)["points"], &store(&home)["indexed_vectors"]), (&20.into(), &0.into()));
    let again = home.command().args(["index", path]).env("IBID_STORE_SCAN_KILOBYTES_MAX", "10").output().unwrap();
    assert!(again.status.success(), "{again:?}");
    assert_eq!((&store(&home)["points"], &store(&home)["indexed_vectors"]), (&20.into(), &20.into()));
    assert_eq!(found(&home, "turbine").len(), 10);
}

#[test]
fn a_dry_run_writes_nothing() {
    let home = Home::new();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.md", b"# A\n\nText.\n");
    let (code, report) = home.json(&["index", "--dry-run", folder.path().to_str().unwrap()]);
    assert_eq!((code, files(&report, "indexed"), report["documents"].as_u64().unwrap()), (0, 1, 0));
    let (_, report) = home.json(&["index", folder.path().to_str().unwrap()]);
    assert_eq!(files(&report, "indexed"), 1);
}

#[test]
fn a_removed_path_leaves_the_index_and_not_the_disk() {
    let home = Home::new();
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "a.md", b"# A\n\nThe turbine hall is cold.\n");
    home.json(&["index", folder.path().to_str().unwrap()]);
    let (code, report) = home.json(&["remove", file.to_str().unwrap()]);
    assert_eq!((code, report["removed"].as_u64().unwrap()), (0, 1));
    assert!(file.exists());
    assert!(found(&home, "turbine").is_empty());
    assert_eq!(home.run(&["remove", file.to_str().unwrap()]).code, 2);
}

#[test]
fn ignored_and_hidden_files_stay_out_unless_asked_for() {
    let home = Home::new();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), ".ignore", b"secret.md\n");
    write(folder.path(), "secret.md", b"hidden text one\n");
    write(folder.path(), ".hidden.md", b"hidden text two\n");
    write(folder.path(), "plain.md", b"plain text\n");
    let (_, report) = home.json(&["index", folder.path().to_str().unwrap()]);
    assert_eq!(files(&report, "found"), 1);
    let (_, report) = home.json(&["index", "--no-ignore", folder.path().to_str().unwrap()]);
    assert_eq!(files(&report, "found"), 4, "the ignore file itself is text too: {report}");
}

#[test]
fn the_sample_documents_are_read_whole() {
    let (code, status) = corpora().json(&["status"]);
    assert_eq!(code, 0);
    assert_eq!(status["documents"], 34);
    assert_eq!(status["problems"].as_array().unwrap().len(), 0);
    assert_eq!(status["formats"]["pdf"], 10);
    let (code, doctor) = corpora().json(&["doctor"]);
    assert_eq!((code, doctor["ok"].as_bool().unwrap()), (0, true), "{doctor}");
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let home = Home::new();
    let mut child = home.command().args(["index", "corpora", "--json"]).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    child.kill().unwrap();
    child.wait().unwrap();
    let (code, report) = home.json(&["index", "corpora"]);
    assert_eq!(code, 0);
    let (_, whole) = corpora().json(&["status"]);
    assert_eq!(report["chunks"], whole["chunks"]);
    let (code, doctor) = home.json(&["doctor"]);
    assert_eq!(code, 0, "{doctor}");
}

#[test]
fn two_processes_do_not_share_an_index() {
    let home = Home::new();
    let mut first = home.command().args(["index", "corpora"]).spawn().unwrap();
    let lock = home.folder.path().join("home/lock");
    let holder = first.id().to_string();
    while std::fs::read_to_string(&lock).unwrap_or_default() != holder {
        assert!(first.try_wait().unwrap().is_none(), "the first run ended before it took the lock");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let impatient = write(home.folder.path(), "impatient.toml", b"lock_wait_s = 0.0\n");
    let second = home.command().args(["status"]).env("IBID_CONFIG", impatient).output();
    let second = crate::support::Outcome::of(second.unwrap());
    assert_eq!(second.code, 2, "{}", second.stderr);
    assert!(second.stderr.contains(&holder) && second.stderr.contains("in use"), "{}", second.stderr);
    assert!(first.wait().unwrap().success());
}

/// A small disk, taken away at the end of the test.
#[cfg(target_os = "linux")]
struct SmallDisk(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl SmallDisk {
    /// `None` where this user may not mount one.
    fn mount(kilobytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs"])
            .arg(folder.path())
            .output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self(folder))
    }

    fn grow(&self) {
        let grown = std::process::Command::new("mount").args(["-o", "remount,size=200m"]).arg(self.0.path()).status();
        assert!(grown.unwrap().success());
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing_that_was_finished() {
    let texts = tempfile::tempdir().unwrap();
    let first = write(texts.path(), "first.txt", b"The harbour master keeps the tide tables.\n").display().to_string();
    for number in 0..24 {
        let line =
            |at: usize| format!("Lock {at} of canal {number} was rebuilt with oak gates and a weir beside it.\n\n");
        let text: String = (0..40).map(line).collect();
        write(texts.path(), &format!("{number:03}.txt"), text.as_bytes());
    }
    let texts = texts.path().display().to_string();
    let home = Home::new();
    let (mut full, mut searched) = (0, 0);
    for kilobytes in (0..20).map(|step| 3_200 + step * 60) {
        let Some(disk) = SmallDisk::mount(kilobytes) else {
            println!("skipped: this user cannot mount a small disk");
            return;
        };
        let place = disk.0.path().join("home").display().to_string();
        let run = |arguments: &[&str]| {
            let mut command = home.command();
            command.args(["--home", &place]).args(arguments).env("IBID_INDEX_COMMIT_CHUNKS", "8");
            crate::support::Outcome::of(command.output().unwrap())
        };
        let has_first = run(&["index", &first]).code == 0;
        let stopped = run(&["index", &texts]);
        assert!([0, 5].contains(&stopped.code), "{kilobytes} kB: {} {}", stopped.code, stopped.stderr);
        full += u32::from(stopped.code == 5);
        if has_first && stopped.code == 5 {
            let found = run(&["search", "Who keeps the tide tables?"]);
            assert!(found.code == 0 && found.stdout.contains("harbour master"), "{kilobytes} kB: {}", found.stderr);
            searched += 1;
        }
        disk.grow();
        let doctor = run(&["doctor"]);
        assert!(!doctor.stdout.contains("damaged"), "{kilobytes} kB: {}", doctor.stdout);
        let whole = run(&["index", &texts]);
        assert_eq!(whole.code, 0, "{kilobytes} kB: {}", whole.stderr);
        assert!(whole.stdout.contains("25 documents"), "{}", whole.stdout);
    }
    println!("{full} disks were full, {searched} of them with an index that was searched");
    assert!(searched >= 15, "most disks have room for the first document and not for all");
    assert!(full > 1, "the disks were too big to be filled");
}
