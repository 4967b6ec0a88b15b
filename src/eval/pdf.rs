//! PDFs in, how well and how fast their text is read out, beside what other readers make of the same pages.
//!
//! A word is a run of letters and digits with what stands inside it; brackets, percent signs and other marks at its ends are no part of
//! it, since readers differ in whether `(1,897 )` is one run or two. The `raw` figures compare runs without white space as they are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use unicode_normalization::UnicodeNormalization;

use super::EvalReport;
use crate::error::{Error, Result};
use crate::ingest::pdf::{PdfSettings, read_pdf};

/// Pages listed with what they lack.
const WORST: usize = 10;
/// Words listed of such a page.
const LISTED: usize = 12;

/// The texts of another reader: a file `NAME.pdf.PEER.txt` a PDF below the folder, with a form feed between pages.
#[derive(Debug, Clone)]
pub struct Peer {
    /// What it is called.
    pub name: String,
    /// Where the texts are.
    pub folder: PathBuf,
}

/// Sums over pages.
#[derive(Debug, Default)]
struct Sums {
    pages: u32,
    recall: f64,
    precision: f64,
    raw_recall: f64,
    raw_precision: f64,
    order: f64,
    joined: usize,
    split: usize,
    words: usize,
}

/// Reads every PDF below `dir` on one thread and compares its words with those of `pdftotext`, where that is installed, and of `peers`.
///
/// # Errors
/// [`Error::Usage`] for a folder without PDFs; [`Error::Io`] for one that cannot be read.
pub fn evaluate_pdf(dir: &Path, peers: &[Peer], settings: &PdfSettings) -> Result<EvalReport> {
    let started = Instant::now();
    let mut files = Vec::new();
    pdfs_below(dir, &mut files)?;
    if files.is_empty() {
        return Err(Error::usage(format!("there is no PDF in {}", dir.display())));
    }
    let dataset = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut report = EvalReport { task: "pdf", dataset, ..EvalReport::default() };
    let (mut took, mut poppler_took) = (Duration::ZERO, Duration::ZERO);
    let (mut pages, mut poppler_pages, mut unread, mut silent) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut sums: BTreeMap<&str, Sums> = BTreeMap::new();
    let mut worst: Vec<(f64, String)> = Vec::new();
    for path in &files {
        let name = path.strip_prefix(dir).unwrap_or(path).display().to_string();
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let begun = Instant::now();
        let read = read_pdf(&bytes, settings);
        took += begun.elapsed();
        let document = match read {
            Ok(reading) => reading.document,
            Err(error) => {
                unread += 1;
                report.items.push(serde_json::json!({ "path": name, "error": error.to_string() }));
                continue;
            }
        };
        pages += document.pages.len();
        silent += usize::from(document.text.trim().is_empty() && document.warnings.is_empty());
        let ours: Vec<&str> = document.pages.iter().map(|page| page.span.of(&document.text)).collect();
        let begun = Instant::now();
        let poppler = poppler(path);
        if let Some(text) = &poppler {
            poppler_took += begun.elapsed();
            poppler_pages += text.matches('\u{c}').count();
        }
        let texts = poppler.map(|text| ("poppler", text)).into_iter();
        let of_peer =
            |peer: &'_ Peer| std::fs::read_to_string(peer.folder.join(format!("{name}.{}.txt", peer.name))).ok();
        let texts = texts.chain(peers.iter().filter_map(|peer| Some((peer.name.as_str(), of_peer(peer)?))));
        for (peer, text) in texts {
            let sums = sums.entry(peer).or_default();
            for (index, (ours, theirs)) in ours.iter().zip(text.split('\u{c}')).enumerate() {
                let Some(page) = compare(ours, theirs) else { continue };
                if peer == "poppler" {
                    worst.push((page.recall + page.precision, page.told(&name, index + 1)));
                }
                sums.add(&page);
            }
        }
    }
    let per_second = |pages: usize, took: Duration| pages as f64 / took.as_secs_f64().max(1e-9);
    let mut set = |name: String, value: f64| {
        report.metrics.insert(name, value);
    };
    set("files".into(), files.len() as f64);
    set("files.unread".into(), unread as f64);
    set("files.silent".into(), silent as f64);
    set("pages".into(), pages as f64);
    set("pages/s".into(), per_second(pages, took));
    if poppler_pages > 0 {
        set("poppler.pages/s".into(), per_second(poppler_pages, poppler_took));
    }
    if let Some(bytes) = peak_memory() {
        set("peak_mb".into(), bytes as f64 / 1e6);
    }
    for (peer, sums) in &sums {
        sums.figures().into_iter().for_each(|(name, value)| set(format!("{peer}.{name}"), value));
    }
    worst.sort_by(|a, b| a.0.total_cmp(&b.0));
    report.notes.extend(worst.into_iter().take(WORST).map(|(_, told)| told));
    if poppler_pages == 0 {
        report.notes.push(
            "pdftotext is not installed, so nothing was compared with it (Debian: apt install poppler-utils)".into(),
        );
    }
    report.settings = serde_json::json!({ "pdf": settings });
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

fn pdfs_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            pdfs_below(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pdf")) {
            files.push(path);
        }
    }
    Ok(())
}

/// What `pdftotext` gives by default; none where it is not installed.
fn poppler(path: &Path) -> Option<String> {
    let output = Command::new("pdftotext").args(["-q", "-enc", "UTF-8"]).arg(path).arg("-").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The most memory that this process has had; known on Linux.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// One page beside another reader's.
struct Page {
    recall: f64,
    precision: f64,
    raw_recall: f64,
    raw_precision: f64,
    order: f64,
    joined: usize,
    split: usize,
    words: usize,
    missing: Vec<String>,
    extra: Vec<String>,
}

/// The figures of a page; none where both texts are empty.
fn compare(ours: &str, theirs: &str) -> Option<Page> {
    let (raw_ours, raw_theirs) = (runs(ours), runs(theirs));
    if raw_ours.is_empty() && raw_theirs.is_empty() {
        return None;
    }
    let (ours, theirs) = (words(&raw_ours), words(&raw_theirs));
    let (pairs_ours, pairs_theirs) = (pairs(&ours), pairs(&theirs));
    let (counts_ours, counts_theirs) = (counts(&ours), counts(&theirs));
    let common = overlap(&counts_ours, &counts_theirs);
    let raw_common = overlap(&counts(&raw_ours), &counts(&raw_theirs));
    let (extra, missing) = (left(&counts_ours, &counts_theirs), left(&counts_theirs, &counts_ours));
    let glued = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| format!("{a}{b}")).collect::<HashSet<_>>();
    let (glued_ours, glued_theirs) = (glued(&pairs_ours), glued(&pairs_theirs));
    Some(Page {
        recall: share(common, theirs.len()),
        precision: share(common, ours.len()),
        raw_recall: share(raw_common, raw_theirs.len()),
        raw_precision: share(raw_common, raw_ours.len()),
        order: share(overlap(&counts(&pairs_ours), &counts(&pairs_theirs)), pairs_theirs.len()),
        joined: extra.iter().filter(|word| glued_theirs.contains(*word)).count(),
        split: missing.iter().filter(|word| glued_ours.contains(*word)).count(),
        words: theirs.len(),
        missing,
        extra,
    })
}

impl Page {
    fn told(&self, name: &str, number: usize) -> String {
        let listed = |words: &[String]| words.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(" ");
        let Self { recall, precision, missing, extra, .. } = self;
        format!(
            "{name}, page {number}: recall {recall:.3}, precision {precision:.3}; only poppler: {}; only ibid: {}",
            listed(missing),
            listed(extra)
        )
    }
}

impl Sums {
    fn add(&mut self, page: &Page) {
        self.pages += 1;
        self.recall += page.recall;
        self.precision += page.precision;
        self.raw_recall += page.raw_recall;
        self.raw_precision += page.raw_precision;
        self.order += page.order;
        self.joined += page.joined;
        self.split += page.split;
        self.words += page.words;
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let mean = |sum: f64| sum / f64::from(self.pages.max(1));
        let per_thousand = |count: usize| count as f64 * 1000.0 / self.words.max(1) as f64;
        vec![
            ("pages", f64::from(self.pages)),
            ("words", self.words as f64),
            ("recall", mean(self.recall)),
            ("precision", mean(self.precision)),
            ("raw_recall", mean(self.raw_recall)),
            ("raw_precision", mean(self.raw_precision)),
            ("order", mean(self.order)),
            ("joined/1000", per_thousand(self.joined)),
            ("split/1000", per_thousand(self.split)),
        ]
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// Runs without white space, compatibility forms as what they stand for. The bars between cells are ours.
fn runs(text: &str) -> Vec<String> {
    let invisible = |c: &char| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}');
    let text: String = text.nfkc().filter(invisible).collect();
    text.split_whitespace().filter(|run| *run != "|").map(str::to_owned).collect()
}

fn words(runs: &[String]) -> Vec<&str> {
    let words = runs.iter().map(|run| run.trim_matches(|c: char| !c.is_alphanumeric()));
    words.filter(|word| !word.is_empty()).collect()
}

fn pairs<'a>(words: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    words.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

fn counts<T: Hash + Eq + Clone>(list: &[T]) -> HashMap<T, usize> {
    let mut counts = HashMap::new();
    list.iter().for_each(|item| *counts.entry(item.clone()).or_default() += 1);
    counts
}

fn overlap<T: Hash + Eq>(a: &HashMap<T, usize>, b: &HashMap<T, usize>) -> usize {
    a.iter().map(|(item, count)| *count.min(b.get(item).unwrap_or(&0))).sum()
}

/// What `a` has more of than `b`.
fn left(a: &HashMap<&str, usize>, b: &HashMap<&str, usize>) -> Vec<String> {
    let more = |(word, count): (&&str, &usize)| {
        std::iter::repeat_n((*word).to_owned(), count.saturating_sub(*b.get(word).unwrap_or(&0)))
    };
    let mut left: Vec<String> = a.iter().flat_map(more).collect();
    left.sort();
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_without_the_marks_around_them() {
        let page = compare("Loss | (1,897) | 5%", "Loss (1,897 ) 5 %").unwrap();
        assert!((page.recall - 1.0).abs() < 1e-9 && (page.precision - 1.0).abs() < 1e-9);
        assert!(page.raw_recall < 0.5);
        assert!(compare(" ", "").is_none());
    }

    #[test]
    fn joined_and_split_words_are_counted() {
        let page = compare("theannual re port", "the annual report").unwrap();
        assert_eq!((page.joined, page.split, page.missing.len(), page.extra.len()), (1, 1, 3, 3));
        assert!(page.recall.abs() < 1e-9 && page.order.abs() < 1e-9);
    }
}
