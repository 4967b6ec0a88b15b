//! Other people's documents through the binary: hostile files and real filings, where they are at hand.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{Home, test_data};

/// Bytes of memory that the program may take for all hostile files; its children have a limit of their own.
const MEMORY_MAX: u64 = 512 << 20;
/// What archives and documents that attack their reader end as.
const ATTACKS: [(&str, &str); 4] = [
    ("zip-hostile/tika/droste.zip", "limit_exceeded"),
    ("zip-hostile/tika/quine.gz", "limit_exceeded"),
    ("zip-hostile/zip-slip/zip-slip-win.zip", "denied"),
    ("zip-hostile/zip-slip/zip-slip-win.tar", "denied"),
];

#[test]
fn every_hostile_file_ends_with_one_status() {
    let Some(root) = test_data("hostile") else { return };
    let home = Home::new();
    // No file may take longer than ten seconds. Only short documents are embedded: what is looked at here is how files are read.
    home.set("lock_wait_s = 300.0\n[read]\ntext_bytes_max = 3000\n[read.process]\nseconds_max = 10.0\n");
    let files = count(&root);
    let mut child = home
        .command()
        .args(["index", "--no-ignore", root.to_str().unwrap(), "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (stdout, stderr) = std::thread::scope(|scope| {
        let read = |pipe: &mut dyn std::io::Read| {
            let mut text = String::new();
            pipe.read_to_string(&mut text).unwrap();
            text
        };
        let stderr = scope.spawn(move || read(&mut stderr));
        let stdout = scope.spawn(move || read(&mut stdout));
        while child.try_wait().unwrap().is_none() {
            let status = std::fs::read_to_string(&status).unwrap_or_default();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = peak.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            memory = memory.max(kilobytes.unwrap_or_default() * 1024);
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        (stdout.join().unwrap(), stderr.join().unwrap())
    });
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(3), ""));
    println!("{files} files, {} MB", memory / 1_000_000);
    assert!(memory <= MEMORY_MAX, "{memory} bytes");
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["files"]["found"], files, "{}", report["files"]);
    let all = report["files"].as_object().unwrap();
    let sum: u64 = all.iter().filter(|(name, _)| *name != "found").map(|(_, count)| count.as_u64().unwrap()).sum();
    assert_eq!(sum, files, "{}", report["files"]);
    let good = ["indexed", "unchanged", "removed"].iter().map(|name| all[*name].as_u64().unwrap()).sum::<u64>();
    let problems = report["problems"].as_array().unwrap();
    assert_eq!(problems.len() as u64, files - good, "each problem is named");
    let reason = |problem: &serde_json::Value| problem["reason"].as_str().unwrap().to_string();
    assert!(problems.iter().all(|problem| !reason(problem).is_empty()));
    for died in ["read.process.", "the reader died", "the reader ended"] {
        let of_death: Vec<_> = problems.iter().filter(|problem| reason(problem).contains(died)).collect();
        assert!(of_death.is_empty(), "no file takes its reader down: {of_death:?}");
    }
    let paths: std::collections::BTreeSet<_> = problems.iter().map(|problem| problem["path"].to_string()).collect();
    assert_eq!(paths.len(), problems.len(), "and named once");
    for (name, status) in ATTACKS.iter().filter(|(name, _)| root.join(name).exists()) {
        let problem = problems.iter().find(|problem| problem["path"].as_str().unwrap().ends_with(name)).unwrap();
        assert_eq!(problem["status"], *status, "{problem}");
    }
    let (code, doctor) = home.json(&["doctor"]);
    assert_eq!(code, 0, "{doctor}");
    let raw = stdout.bytes().find(|byte| matches!(byte, 0..=8 | 0x0b..=0x1f | 0x7f));
    assert_eq!(raw, None, "no control character in the report");
}

#[test]
fn what_hostile_documents_say_reaches_a_terminal_escaped() {
    let home = Home::new();
    for part in ["hostile/terminal", "hostile/unicode", "hostile/injection"] {
        let Some(root) = test_data(part) else { return };
        for file in files_below(&root) {
            let path = file.to_str().unwrap();
            for arguments in [vec!["show", path], vec!["show", path, "--json"], vec!["show", path, "--blocks"]] {
                let outcome = home.run(&arguments);
                for text in [&outcome.stdout, &outcome.stderr] {
                    let raw = text.chars().find(|&c| c.is_control() && c != '\n' && c != '\t');
                    assert_eq!(raw, None, "{arguments:?}");
                    let turns = |c: &char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
                    assert_eq!(text.chars().find(turns), None, "{arguments:?}");
                }
            }
        }
    }
}

fn files_below(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { files.extend(files_below(&entry)) } else { files.push(entry) }
    }
    files
}

/// Regular files below a folder; links are not followed.
fn count(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.file_type().unwrap() {
            kind if kind.is_dir() => count(&entry.path()),
            kind => u64::from(kind.is_file()),
        })
        .sum()
}

#[test]
fn filings_are_read_word_for_word_as_another_reader_reads_them() {
    let Some(folder) = test_data("sec-10-q/docs") else { return };
    if Command::new("pdftotext").arg("-v").output().is_err() {
        println!("skipped: pdftotext is not here to compare with");
        return;
    }
    let home = Home::new();
    for name in ["2022 Q3 NVDA.pdf", "2022 Q3 MSFT.pdf", "2023 Q1 AAPL.pdf"] {
        let file = folder.join(name);
        if !file.exists() {
            println!("skipped: {} is not here", file.display());
            continue;
        }
        let (code, shown) = home.json(&["show", file.to_str().unwrap()]);
        assert_eq!(code, 0);
        let output = Command::new("pdftotext").args(["-enc", "UTF-8"]).arg(&file).arg("-").output().unwrap();
        let other = words(&String::from_utf8_lossy(&output.stdout));
        let own = words(shown["text"].as_str().unwrap());
        let common: usize = own.iter().map(|(word, count)| *count.min(other.get(word).unwrap_or(&0))).sum();
        let (own, other) = (own.values().sum::<usize>(), other.values().sum::<usize>());
        let (recall, precision) = (common as f64 / other as f64, common as f64 / own as f64);
        println!("{name}: {own} words, recall {recall:.4}, precision {precision:.4}");
        assert!(own > 5_000 && recall >= 0.99 && precision >= 0.99, "{name}: recall {recall}, precision {precision}");
        assert!(shown["pages"].as_array().unwrap().len() > 10);
    }
}

/// How often each word occurs: runs of letters and digits, in lower case.
fn words(text: &str) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    counts
}
