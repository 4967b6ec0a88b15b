//! Other people's documents through the binary: hostile files and real filings, where they are at hand.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{Home, test_data};

/// Parts of the hostile files that between them hold every kind of attack; the rest is more of the same.
const PARTS: [&str; 9] =
    ["pdf-encrypted", "pdf-fuzz", "encoding", "html", "paths", "terminal", "unicode", "xxe-ssrf", "zip-hostile"];

#[test]
fn every_hostile_file_ends_with_one_status() {
    let Some(root) = test_data("hostile") else { return };
    let home = Home::new();
    let parts: Vec<PathBuf> = PARTS.iter().map(|part| root.join(part)).filter(|part| part.exists()).collect();
    let files: u64 = parts.iter().map(|part| count(part)).sum();
    let mut arguments = vec!["index", "--no-ignore"];
    arguments.extend(parts.iter().map(|part| part.to_str().unwrap()));
    // Only short documents are embedded: what is looked at here is how files are read, not how fast they are embedded.
    let output = home.command().args(arguments).arg("--json").env("IBID_READ_TEXT_BYTES_MAX", "3000").output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), stderr.as_str()), (Some(3), ""));
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["files"]["found"], files, "{}", report["files"]);
    let all = report["files"].as_object().unwrap();
    let sum: u64 = all.iter().filter(|(name, _)| *name != "found").map(|(_, count)| count.as_u64().unwrap()).sum();
    assert_eq!(sum, files, "{}", report["files"]);
    let good = ["indexed", "unchanged", "removed"].iter().map(|name| all[*name].as_u64().unwrap()).sum::<u64>();
    let problems = report["problems"].as_array().unwrap();
    assert_eq!(problems.len() as u64, files - good, "each problem is named");
    assert!(problems.iter().all(|problem| !problem["reason"].as_str().unwrap().is_empty()));
    let paths: std::collections::BTreeSet<_> = problems.iter().map(|problem| problem["path"].to_string()).collect();
    assert_eq!(paths.len(), problems.len(), "and named once");
    assert!(all["encrypted"].as_u64().unwrap() >= 5 && all["malformed"].as_u64().unwrap() >= 5, "{}", report["files"]);
    let (code, doctor) = home.json(&["doctor"]);
    assert_eq!(code, 0, "{doctor}");
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
