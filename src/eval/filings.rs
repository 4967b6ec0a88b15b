//! Questions with their source files in, the share that is found in the right file out.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use super::metrics::{interval, mean};
use super::{EvalReport, read_data, wrong};
use crate::error::{Error, Result};
use crate::retrieve::Searcher;

struct Question {
    text: String,
    /// Patterns of file names, as the data gives them.
    patterns: Vec<String>,
}

/// Measures an index of the files on the questions of `table` (CSV with the columns `Question` and `Source Docs`): whether
/// a file that a question names is among those of the first ten hits, and, for questions about a single file, whether it
/// comes first.
///
/// # Errors
/// [`Error::Usage`] when the table is laid out otherwise, or names no indexed file; what the search reports.
pub fn evaluate_filings(table: &Path, searcher: &Searcher) -> Result<EvalReport> {
    let started = Instant::now();
    let questions = load(table)?;
    let files = searcher.database().files()?;
    let names: BTreeSet<String> = files.keys().filter_map(|path| file_name(path)).collect();
    let mut found_in_ten = Vec::new();
    let mut right_first = Vec::new();
    let mut unmatched = 0;
    for question in &questions {
        let wanted: BTreeSet<&String> =
            names.iter().filter(|name| question.patterns.iter().any(|pattern| matches(pattern, name))).collect();
        if wanted.is_empty() {
            unmatched += 1;
            continue;
        }
        let hits = searcher.search(&question.text, 10)?.hits;
        let ranked: Vec<String> = hits.iter().filter_map(|hit| file_name(&hit.path)).collect();
        found_in_ten.push(f64::from(u8::from(ranked.iter().any(|name| wanted.contains(name)))));
        if wanted.len() == 1 {
            right_first.push(f64::from(u8::from(ranked.first().is_some_and(|name| wanted.contains(name)))));
        }
    }
    if found_in_ten.is_empty() {
        return Err(Error::usage(format!(
            "none of the files that {} names is in the index; index them first",
            table.display()
        )));
    }
    let dataset = table.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut report = EvalReport { task: "filings", dataset, ..EvalReport::default() };
    for (name, values) in [("any_source@10", &found_in_ten), ("single_source@1", &right_first)] {
        report.metrics.insert(name.into(), mean(values));
        report.intervals.insert(name.into(), interval(values));
    }
    report.metrics.insert("questions".into(), found_in_ten.len() as f64);
    report.metrics.insert("single_source_questions".into(), right_first.len() as f64);
    if unmatched > 0 {
        report.notes.push(format!("{unmatched} questions name no indexed file and were left out"));
    }
    report.settings =
        serde_json::json!({ "model": searcher.embedder().manifest().name, "retrieve": searcher.settings() });
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

fn load(table: &Path) -> Result<Vec<Question>> {
    let text = read_data(table)?;
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let headers = reader.headers().map_err(|error| wrong(table, &error.to_string()))?.clone();
    let column = |name: &str| {
        headers.iter().position(|header| header == name).ok_or_else(|| wrong(table, &format!("no column `{name}`")))
    };
    let (question, sources) = (column("Question")?, column("Source Docs")?);
    reader
        .records()
        .map(|record| {
            let record = record.map_err(|error| wrong(table, &error.to_string()))?;
            let patterns = record[sources].split([',', ';']).map(|pattern| pattern.trim().to_string());
            Ok(Question { text: record[question].to_string(), patterns: patterns.filter(|p| !p.is_empty()).collect() })
        })
        .collect()
}

fn file_name(path: &str) -> Option<String> {
    Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned())
}

/// Whether `name` fits `pattern`, in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_a_shell_would() {
        assert!(matches("*AAPL*", "2023 Q1 AAPL.pdf"));
        assert!(matches("*2023 Q3 NVDA*", "2023 Q3 NVDA.pdf"));
        assert!(!matches("*2023 Q3 NVDA*", "2023 Q1 NVDA.pdf"));
        assert!(matches("a.pdf", "a.pdf") && !matches("a.pdf", "ba.pdf") && !matches("a", "a.pdf"));
    }
}
