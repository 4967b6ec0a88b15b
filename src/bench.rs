//! Speed: texts in, tokens and milliseconds out; what is timed and what is not is said by each function.

pub mod collection;
pub mod gpu;
pub mod search;
pub mod stages;

use std::time::Instant;

use serde::Serialize;

use self::gpu::{GpuCounts, GpuRun};
use crate::error::{Error, Result};
use crate::inference::embedder::{Embedder, Role};
use crate::random::Random;

/// One measurement of the embedding stage, in the form `ibid.bench/1` gives it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbedRun {
    /// Tokens asked for in each text, special tokens included; 0 where the texts came from a file.
    pub length: usize,
    /// Texts embedded.
    pub texts: usize,
    /// Tokens computed, special tokens included.
    pub tokens: u64,
    /// Seconds for all of them, tokenization included.
    pub seconds: f64,
    /// Tokens a second.
    pub tokens_per_second: f64,
    /// Texts a second.
    pub texts_per_second: f64,
    /// Median milliseconds for one text alone.
    pub p50_ms: f64,
    /// What GPUs did in the fastest round, where they computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuRun>,
}

/// Texts embedded alone before they are timed: the first ones after a whole set take up to twice as long.
const SINGLES_BEFORE: usize = 8;

/// How the embedding stage is measured.
#[derive(Debug, Clone, Copy)]
pub struct EmbedBench {
    /// Times the whole set is embedded; the fastest counts, since everything else on a machine only slows down.
    pub rounds: usize,
    /// Texts embedded alone, one after the other, for the median.
    pub singles: usize,
}

/// Embeds `texts` as passages and times it, after one untimed round over a few of them.
///
/// # Errors
/// What the embedder reports.
pub fn embed(embedder: &Embedder, texts: &[String], length: usize, bench: EmbedBench) -> Result<EmbedRun> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    embedder.embed(&texts[..texts.len().min(8)], Role::Passage)?;
    let mut seconds = f64::INFINITY;
    let mut tokens = 0;
    let mut gpu = None;
    for _ in 0..bench.rounds.max(1) {
        let before = GpuCounts::of(embedder);
        let started = Instant::now();
        let embedded = embedder.embed(&texts, Role::Passage)?;
        let took = started.elapsed().as_secs_f64();
        if took < seconds {
            seconds = took;
            gpu = before.and_then(|before| before.run(embedder, took));
        }
        tokens = embedded.tokens;
    }
    for text in texts.iter().take(SINGLES_BEFORE) {
        embedder.embed(&[text], Role::Query)?;
    }
    let mut singles = Vec::with_capacity(bench.singles);
    for text in texts.iter().cycle().take(if texts.is_empty() { 0 } else { bench.singles }) {
        let started = Instant::now();
        embedder.embed(&[text], Role::Query)?;
        singles.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(EmbedRun {
        length,
        texts: texts.len(),
        tokens,
        seconds,
        tokens_per_second: tokens as f64 / seconds,
        texts_per_second: texts.len() as f64 / seconds,
        p50_ms: median(&mut singles),
        gpu,
    })
}

/// `count` texts of `length` tokens each, special tokens included, the same on every machine.
///
/// # Errors
/// [`Error::Usage`] when `length` leaves no room for a word; what the tokenizer reports.
pub fn made_texts(embedder: &Embedder, length: usize, count: usize) -> Result<Vec<String>> {
    let tokens_max = embedder.manifest().tokens_max;
    let around = tokens_max - embedder.content_tokens_max(Role::Passage);
    if length <= around || length > tokens_max {
        return Err(Error::usage(format!(
            "a length of {length} tokens is outside {} to {tokens_max}, what the model reads",
            around + 1
        )));
    }
    let mut random = Random::new(length as u64);
    (0..count)
        .map(|_| {
            let mut text = String::new();
            for _ in 0..length {
                text.push_str(WORDS[random.below(WORDS.len())]);
                text.push(' ');
            }
            let tokens = embedder.tokenizer().encode(&text)?;
            // A model may know none of the words; its text is then shorter.
            if let Some(last) = tokens.spans.get(length - around - 1) {
                text.truncate(last.end);
            }
            Ok(text)
        })
        .collect()
}

/// The middle of `values`; 0 for none.
#[must_use]
pub fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which the share `q` of `values` lies; 0 for none.
#[must_use]
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * q).round() as usize]
}

/// Plain words of business prose, for texts that tokenize like real ones.
const WORDS: &[&str] = &[
    "the",
    "quarterly",
    "revenue",
    "of",
    "subsidiary",
    "increased",
    "by",
    "twelve",
    "percent",
    "compared",
    "with",
    "prior",
    "year",
    "and",
    "operating",
    "margin",
    "was",
    "affected",
    "restructuring",
    "charges",
    "agreement",
    "borrower",
    "shall",
    "maintain",
    "a",
    "ratio",
    "not",
    "exceeding",
    "3.5",
    "times",
    "interest",
    "covered",
    "committee",
    "approved",
    "investment",
    "policy",
    "in",
    "March",
    "2025",
    "customers",
    "reported",
    "faster",
    "delivery",
    "than",
    "expected",
    "amortisation",
    "intangible",
    "assets",
    "inventory",
    "counterparties",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_few_values() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((quantile(&mut [1.0, 2.0, 3.0, 4.0, 5.0], 1.0) - 5.0).abs() < 1e-9);
        assert!(median(&mut []).abs() < 1e-9);
    }
}
