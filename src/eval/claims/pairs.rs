//! Files of claims with their premises, a line of JSON each, to checked claims; a premise is all the evidence there is.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::{ClaimsSettings, LAYOUTS, Outcome, Work, interrupted};
use crate::cite::check::check_claims;
use crate::cite::verdict::VerdictModel;
use crate::error::{Error, Result};
use crate::random::Random;

/// Bytes of one line at most.
const LINE_BYTES_MAX: u64 = 16 << 20;

#[derive(Debug, Deserialize)]
pub(super) struct Pair {
    pub(super) premise: String,
    pub(super) claim: String,
    pub(super) label: String,
    #[serde(default)]
    split: String,
    #[serde(default)]
    pub(super) kind: String,
    #[serde(skip)]
    line: usize,
}

/// The files of pairs that `dataset` stands for: itself, or all those directly in it.
pub(super) fn files_of(dataset: &Path) -> Result<Vec<PathBuf>> {
    let is_one = |path: &Path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        [".jsonl", ".jsonl.gz"].iter().any(|ending| name.ends_with(ending))
    };
    let mut files = if dataset.is_dir() {
        let entries = std::fs::read_dir(dataset).map_err(Error::io("read", dataset))?;
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file() && is_one(path)).collect()
    } else if dataset.exists() && is_one(dataset) {
        vec![dataset.to_path_buf()]
    } else {
        Vec::new()
    };
    files.sort();
    if files.is_empty() {
        return Err(Error::usage(format!("{} holds no judged claims: that is {LAYOUTS}", dataset.display())));
    }
    Ok(files)
}

/// Checks the sampled pairs of every file.
pub(super) fn judge(files: &[PathBuf], work: Work<'_>) -> Result<Vec<Outcome>> {
    let mut sampled = Vec::new();
    for file in files {
        let pairs = read(file, work.settings)?;
        let mut kinds: Vec<&str> =
            pairs.iter().map(|pair| pair.kind.as_str()).filter(|kind| !kind.is_empty()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let naming = Naming { file: stem(file), of_many: files.len() > 1, has_kinds: kinds.len() > 1 };
        sampled.extend(pairs.into_iter().map(|pair| (naming.kinds(&pair.kind), naming.file.clone(), pair)));
    }
    if sampled.is_empty() {
        return Err(Error::usage("there is no pair of that split in these files"));
    }
    let mut groups: HashMap<String, usize> = HashMap::new();
    let mut outcomes = Vec::with_capacity(sampled.len());
    let count = sampled.len();
    for (at, (kinds, file, pair)) in sampled.into_iter().enumerate() {
        interrupted(work.stop)?;
        let model = VerdictModel::shipped();
        let checked = check_claims(&[&pair.claim], &[pair.premise.as_str().into()], work.models(), model)?.remove(0);
        let next = groups.len();
        outcomes.push(Outcome {
            place: format!("{file}:{}", pair.line),
            group: *groups.entry(pair.premise).or_insert(next),
            kinds,
            supported: pair.label == "entailment",
            label: pair.label,
            claim: pair.claim,
            checked,
        });
        (work.progress)(at + 1, count);
    }
    Ok(outcomes)
}

/// How kinds are named: by the file where there are several, and by the file's own kinds where it has some.
struct Naming {
    file: String,
    of_many: bool,
    has_kinds: bool,
}

impl Naming {
    fn kinds(&self, kind: &str) -> Vec<String> {
        let kind = if kind.is_empty() { "other" } else { kind };
        match (self.of_many, self.has_kinds) {
            (true, true) => vec![self.file.clone(), format!("{}/{kind}", self.file)],
            (true, false) => vec![self.file.clone()],
            (false, _) => vec![kind.to_string()],
        }
    }
}

fn stem(file: &Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.trim_end_matches(".gz").trim_end_matches(".jsonl").to_string()
}

/// The pairs of `file` that are measured, in the file's order: all of the wanted split, or a sample of them.
pub(super) fn read(file: &Path, settings: &ClaimsSettings) -> Result<Vec<Pair>> {
    let opened = File::open(file).map_err(Error::io("read", file))?;
    let unpacked: Box<dyn Read> = match file.extension() {
        Some(extension) if extension == "gz" => Box::new(MultiGzDecoder::new(BufReader::new(opened))),
        _ => Box::new(opened),
    };
    let mut reader = BufReader::new(unpacked);
    let mut pairs = Vec::new();
    for line in 1.. {
        let mut text = String::new();
        let bytes = reader.by_ref().take(LINE_BYTES_MAX).read_line(&mut text).map_err(Error::io("read", file))?;
        if bytes == 0 {
            break;
        }
        if text.trim().is_empty() {
            continue;
        }
        let wrong = |what: String| Error::usage(format!("line {line} of {} {what}", file.display()));
        let pair: Pair = serde_json::from_str(&text).map_err(|error| wrong(format!("is not a pair: {error}")))?;
        if !["entailment", "neutral", "contradiction", "not_entailment"].contains(&pair.label.as_str()) {
            return Err(wrong(format!("has the label `{}`, which is none of ours", pair.label)));
        }
        if settings.split.as_ref().is_none_or(|split| *split == pair.split) {
            pairs.push(Pair { line, ..pair });
        }
    }
    Ok(sample(pairs, settings.sample, settings.seed))
}

/// `count` of the pairs, drawn by `seed`, in their order.
fn sample(mut pairs: Vec<Pair>, count: usize, seed: u64) -> Vec<Pair> {
    let mut random = Random::new(seed);
    let count = count.min(pairs.len());
    for at in 0..count {
        let other = at + random.below(pairs.len() - at);
        pairs.swap(at, other);
    }
    pairs.truncate(count);
    pairs.sort_by_key(|pair| pair.line);
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(line: usize) -> Pair {
        let text = String::new;
        Pair { premise: text(), claim: text(), label: text(), split: text(), kind: text(), line }
    }

    #[test]
    fn a_sample_is_the_same_for_the_same_seed_and_keeps_the_order() {
        let lines = |seed| {
            let drawn = sample((1..=100).map(pair).collect(), 10, seed);
            drawn.iter().map(|pair| pair.line).collect::<Vec<_>>()
        };
        assert_eq!(lines(1), lines(1));
        assert_ne!(lines(1), lines(2));
        assert!(lines(1).is_sorted() && lines(1).len() == 10);
        assert_eq!(sample((1..=3).map(pair).collect(), 10, 0).len(), 3);
    }

    #[test]
    fn kinds_of_several_files_name_their_file() {
        let naming = |of_many, has_kinds| Naming { file: "f".into(), of_many, has_kinds }.kinds("k");
        assert_eq!(naming(false, true), ["k"]);
        assert_eq!(naming(true, false), ["f"]);
        assert_eq!(naming(true, true), ["f", "f/k"]);
    }
}
