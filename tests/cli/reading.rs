//! Files are read in processes of their own: what one costs is bounded, and the others are read.

use crate::support::{Home, write};

/// A page that takes much to read and says little, beside a small text.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "big.html", format!("<html><p>Much{}", "<i></i>".repeat(1_000_000)).as_bytes());
    write(folder.path(), "small.txt", b"The lease ends on 4 May 2031.");
    folder
}

#[test]
fn a_file_that_wants_too_much_memory_or_time_is_one_status() {
    let folder = folder();
    let path = folder.path().to_str().unwrap();
    for (settings, names) in [
        ("memory_bytes_max = 80000000", "read.process.memory_bytes_max = 80000000"),
        ("seconds_max = 0.05", "read.process.seconds_max = 0.05"),
    ] {
        let home = Home::new();
        home.set(&format!("lock_wait_s = 300.0\n[read.process]\n{settings}\n[read.pdf]\nstack_bytes = 2097152\n"));
        let (code, report) = home.json(&["index", path]);
        assert_eq!(code, 3, "{report}");
        let problems = report["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 1, "{report}");
        assert_eq!(problems[0]["status"], "limit_exceeded", "{report}");
        assert!(problems[0]["reason"].as_str().unwrap().contains(names), "{report}");
        assert_eq!(report["documents"], 1, "the other one is there: {report}");
    }
}

#[test]
fn a_document_is_the_same_whoever_reads_it() {
    let (alone, apart) = (Home::new(), Home::new());
    alone.set("[read.process]\nenabled = false\n");
    for file in ["corpora/larkmoor/fennick/report-q1-2025.pdf", "corpora/larkmoor/office/esg-policy.md"] {
        assert_eq!(alone.json(&["show", file]), apart.json(&["show", file]), "{file}");
    }
    let found = |home: &Home| {
        let (_, doctor) = home.json(&["doctor"]);
        let findings = doctor["findings"].as_array().unwrap();
        let reading = findings.iter().find(|finding| finding["about"] == "reading").unwrap();
        reading["found"].as_str().unwrap().to_string()
    };
    assert_eq!(found(&alone), "in this process");
    assert!(found(&apart).contains("in processes of their own"), "{}", found(&apart));
    #[cfg(target_os = "linux")]
    assert!(found(&apart).contains("no files (Landlock), no connections, no programs (seccomp)"), "{}", found(&apart));
}

/// The children of a process that read documents.
#[cfg(target_os = "linux")]
fn readers_of(parent: u32) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let of = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        let command = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if of == Some(parent) && command.contains("read-documents") {
            found.push(pid);
        }
    }
    found
}

#[test]
#[cfg(target_os = "linux")]
fn a_reader_that_is_killed_costs_the_file_it_was_at_and_none_outlives_the_program() {
    let folder = folder();
    let home = Home::new();
    let mut command = home.command();
    command.args(["index", folder.path().to_str().unwrap(), "--json"]).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let id = child.id();
    // The one that is at the large file is still there when the other has long been at rest.
    let killed = loop {
        assert!(child.try_wait().unwrap().is_none(), "it ended before anything was killed");
        let readers = readers_of(id);
        if let Some(busy) =
            readers.into_iter().max_by_key(|pid| resident_pages(*pid)).filter(|pid| resident_pages(*pid) > 15_000)
        {
            break busy;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    assert!(std::process::Command::new("kill").args(["-9", &killed.to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{report}");
    assert_eq!(report["problems"][0]["status"], "malformed", "{report}");
    assert!(report["problems"][0]["reason"].as_str().unwrap().contains("died on it"), "{report}");
    assert_eq!(report["documents"], 1, "{report}");
    assert_eq!(readers_of(id), [0_i32; 0]);
}

#[cfg(target_os = "linux")]
fn resident_pages(pid: i32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default()
}
