//! WiCE's claims with judged evidence to how well the verdict's score tells support from the rest, and to coefficients that are fitted on a part and read on the rest.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cite::check::{CheckModels, assess};
use crate::cite::evidence::{Evidence, Text};
use crate::cite::features::{READ, WORDS};
use crate::cite::logistic::Logistic;
use crate::cite::verdict::{Assessment, Verdict, VerdictModel};
use crate::error::{Error, Result};
use crate::eval::metrics::auroc;
use crate::random::Random;

/// The file of a WiCE folder that is read: every line a claim, its evidence sentences and its label.
pub const FILE: &str = "oracle_chunks_claim_dev.jsonl";
/// Parts of the cross-validation; an article's claims all lie in one part.
const FOLDS: usize = 5;
/// Cross-validations with other parts, whose figures are averaged.
const ROUNDS: usize = 5;
/// Weight of the L2 penalty on the coefficients of standardised features; values from 1 to 30 make no difference of 0.002.
const PENALTY: f64 = 10.0;
/// Resamplings of articles for the interval.
const RESAMPLINGS: usize = 1000;
const SEED: u64 = 20_260_101;

/// How well the score tells supported claims from all others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClaimsReport {
    /// Claims, each of them judged against several choices of evidence.
    pub claims: usize,
    /// Claim and evidence pairs.
    pub pairs: usize,
    /// Pairs judged as supported.
    pub supported: usize,
    /// Area under the ROC curve, cross-validated: 0.5 is chance, 1 is perfect.
    pub auroc: f64,
    /// Lower end of the 95% interval of `auroc`, by resampling articles.
    pub auroc_low: f64,
    /// Upper end of it.
    pub auroc_high: f64,
    /// Mean of the recalls of both classes, cross-validated, at the threshold that was best on the other folds.
    pub balanced_accuracy: f64,
    /// `auroc` without token vectors.
    pub lexical_auroc: f64,
    /// `auroc` when each claim is shown another article's evidence: near 0.5 when the score looks at the evidence.
    pub swapped_auroc: f64,
    /// Share of claims with another article's evidence that are called supported: a false alarm each.
    pub swapped_supported: f64,
    /// Area under the ROC curve of the coefficients that come with the program, which were fitted elsewhere.
    pub shipped_auroc: f64,
    /// Of the pairs called supported, the share judged so.
    pub verdict_precision: f64,
    /// Of the pairs judged as supported, the share called so.
    pub verdict_recall: f64,
}

impl ClaimsReport {
    /// The figures by name, as in `ibid.eval/1`.
    #[must_use]
    pub fn metrics(&self) -> BTreeMap<&'static str, f64> {
        BTreeMap::from([
            ("auroc", self.auroc),
            ("auroc.low", self.auroc_low),
            ("auroc.high", self.auroc_high),
            ("balanced_accuracy", self.balanced_accuracy),
            ("lexical.auroc", self.lexical_auroc),
            ("swapped.auroc", self.swapped_auroc),
            ("swapped.supported", self.swapped_supported),
            ("shipped.auroc", self.shipped_auroc),
            ("verdict.precision", self.verdict_precision),
            ("verdict.recall", self.verdict_recall),
        ])
    }
}

#[derive(Deserialize)]
struct Record {
    label: String,
    claim: String,
    evidence: Vec<String>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    claim_title: String,
}

/// A pair with all that is needed to score it.
struct Pair {
    claim: usize,
    article: usize,
    supported: bool,
    assessed: Assessment,
    swapped: Assessment,
}

/// Measures the check on the WiCE folder `dataset`; the verdicts are those of `model`. Blocks.
///
/// # Errors
/// [`Error::Io`] or [`Error::Usage`] when the file is missing or not as WiCE has it, and the encoder's own.
pub fn evaluate_wice(dataset: &Path, models: CheckModels<'_>, model: &VerdictModel) -> Result<ClaimsReport> {
    Ok(report(&measure(&read(dataset)?, models)?, model))
}

fn read(dataset: &Path) -> Result<Vec<Record>> {
    let path = dataset.join(FILE);
    let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    let parse = |(line, text): (usize, &str)| {
        serde_json::from_str(text).map_err(|error| {
            Error::usage(format!("line {} of {} is not a WiCE record: {error}", line + 1, path.display()))
        })
    };
    let records: Vec<Record> =
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(parse).collect::<Result<_>>()?;
    if records.iter().any(|record| record.label == "supported")
        && records.iter().any(|record| record.label != "supported")
    {
        Ok(records)
    } else {
        Err(Error::usage(format!("{} needs claims that are supported and claims that are not", path.display())))
    }
}

/// The features and verdicts of all pairs, and of the same claims with another article's evidence.
fn measure(records: &[Record], models: CheckModels<'_>) -> Result<Vec<Pair>> {
    let mut articles: BTreeMap<&str, usize> = BTreeMap::new();
    let mut claims: BTreeMap<&str, usize> = BTreeMap::new();
    let mut pairs = Vec::with_capacity(records.len());
    for (at, record) in records.iter().enumerate() {
        let (count, claim_count) = (articles.len(), claims.len());
        let claim_number = *claims.entry(&record.claim).or_insert(claim_count);
        let article = *articles.entry(&record.meta.claim_title).or_insert(count);
        let others = (1..records.len()).map(|step| &records[(at + records.len() / 2 + step) % records.len()]);
        let other = others.into_iter().find(|other| other.meta.claim_title != record.meta.claim_title);
        let other = other.ok_or_else(|| Error::usage("the claims must come from two articles or more"))?;
        let assessed = |record: &Record, evidence: &Record| -> Result<Assessment> {
            // Blank lines keep each given sentence a sentence of its own.
            let mut evidence = Evidence::new(&[&evidence.evidence.join("\n\n")]);
            Ok(assess(&mut [Text::new(&record.claim)], &mut evidence, models)?.remove(0))
        };
        pairs.push(Pair {
            claim: claim_number,
            article,
            supported: record.label == "supported",
            assessed: assessed(record, record)?,
            swapped: assessed(record, other)?,
        });
    }
    Ok(pairs)
}

fn report(pairs: &[Pair], model: &VerdictModel) -> ClaimsReport {
    let labels: Vec<bool> = pairs.iter().map(|pair| pair.supported).collect();
    let mut random = Random::new(SEED);
    let rounds: Vec<Round> = (0..ROUNDS).map(|_| cross_validate(pairs, &mut random)).collect();
    let mean = |of: &dyn Fn(&Round) -> f64| rounds.iter().map(of).sum::<f64>() / ROUNDS as f64;
    let scores: Vec<f64> = (0..pairs.len()).map(|at| mean(&|round| round.full[at])).collect();
    let (auroc_low, auroc_high) = interval(pairs, &scores, &mut random);
    let shipped: Vec<f64> = pairs.iter().map(|pair| pair.assessed.odds(|values| model.decide(values))).collect();
    let says_supported = |assessed: &Assessment| assessed.verdict(model).0 == Verdict::Supported;
    let said: Vec<&Pair> = pairs.iter().filter(|pair| says_supported(&pair.assessed)).collect();
    let right = said.iter().filter(|pair| pair.supported).count() as f64;
    let supported = labels.iter().filter(|&&label| label).count();
    let false_alarms = pairs.iter().filter(|pair| says_supported(&pair.swapped)).count();
    ClaimsReport {
        claims: pairs.iter().map(|pair| pair.claim).max().map_or(0, |last| last + 1),
        pairs: pairs.len(),
        supported,
        auroc: mean(&|round| auroc(&round.full, &labels)),
        auroc_low,
        auroc_high,
        balanced_accuracy: mean(&|round| round.balanced_accuracy),
        lexical_auroc: mean(&|round| auroc(&round.lexical, &labels)),
        swapped_auroc: mean(&|round| auroc(&round.swapped, &labels)),
        swapped_supported: false_alarms as f64 / pairs.len() as f64,
        shipped_auroc: auroc(&shipped, &labels),
        verdict_precision: right / (said.len() as f64).max(1.0),
        verdict_recall: right / (supported as f64).max(1.0),
    }
}

/// Scores of one cross-validation, each by a model that has not seen the pair's article.
struct Round {
    full: Vec<f64>,
    lexical: Vec<f64>,
    swapped: Vec<f64>,
    balanced_accuracy: f64,
}

fn cross_validate(pairs: &[Pair], random: &mut Random) -> Round {
    let articles = pairs.iter().map(|pair| pair.article).max().map_or(0, |last| last + 1);
    let mut order: Vec<usize> = (0..articles).collect();
    for last in (1..articles).rev() {
        order.swap(last, random.below(last + 1));
    }
    let mut fold = vec![0; articles];
    order.iter().enumerate().for_each(|(at, &article)| fold[article] = at % FOLDS);
    let mut round = Round {
        full: vec![0.0; pairs.len()],
        lexical: vec![0.0; pairs.len()],
        swapped: vec![0.0; pairs.len()],
        balanced_accuracy: 0.0,
    };
    let mut said = vec![false; pairs.len()];
    for part in 0..FOLDS {
        let seen: Vec<&Pair> = pairs.iter().filter(|pair| fold[pair.article] != part).collect();
        let full = fit(&seen, READ);
        let lexical = fit(&seen, WORDS);
        let threshold = best_threshold(&seen, &full);
        for (at, pair) in pairs.iter().enumerate().filter(|(_, pair)| fold[pair.article] == part) {
            round.full[at] = pair.assessed.odds(|values| full.decide(values));
            round.lexical[at] = pair.assessed.odds(|values| lexical.decide(&values[..WORDS]));
            round.swapped[at] = pair.swapped.odds(|values| full.decide(values));
            said[at] = round.full[at] >= threshold;
        }
    }
    let labels: Vec<bool> = pairs.iter().map(|pair| pair.supported).collect();
    round.balanced_accuracy = balanced_accuracy(&said, &labels);
    round
}

/// A model over the first `width` features, or as many as there are.
fn fit(pairs: &[&Pair], width: usize) -> Logistic {
    let measured = |pair: &&Pair| Some((pair.assessed.values()?, pair.supported));
    let (rows, labels): (Vec<Vec<f64>>, Vec<bool>) = pairs.iter().filter_map(measured).unzip();
    let rows: Vec<Vec<f64>> = rows.into_iter().map(|row| row[..width.min(row.len())].to_vec()).collect();
    Logistic::fit(&rows, &labels, PENALTY)
}

fn best_threshold(pairs: &[&Pair], model: &Logistic) -> f64 {
    let scores: Vec<f64> = pairs.iter().map(|pair| pair.assessed.odds(|values| model.decide(values))).collect();
    let labels: Vec<bool> = pairs.iter().map(|pair| pair.supported).collect();
    let accuracy = |threshold: f64| {
        let said: Vec<bool> = scores.iter().map(|&score| score >= threshold).collect();
        balanced_accuracy(&said, &labels)
    };
    let tried = scores.iter().map(|&threshold| (accuracy(threshold), threshold));
    tried.reduce(|a, b| if b.0 > a.0 { b } else { a }).map_or(0.0, |best| best.1)
}

/// The mean of the shares of true and of false labels that were said; 0.5 is chance. A class without members counts as 0.
#[must_use]
pub fn balanced_accuracy(said: &[bool], labels: &[bool]) -> f64 {
    let recall = |class: bool| {
        let members = labels.iter().filter(|&&label| label == class).count();
        let found = said.iter().zip(labels).filter(|&(&said, &label)| label == class && said == class).count();
        found as f64 / (members as f64).max(1.0)
    };
    f64::midpoint(recall(true), recall(false))
}

/// The 95% interval of the area, by drawing articles with replacement (percentile bootstrap).
fn interval(pairs: &[Pair], scores: &[f64], random: &mut Random) -> (f64, f64) {
    let articles = pairs.iter().map(|pair| pair.article).max().map_or(0, |last| last + 1);
    let mut members = vec![Vec::new(); articles];
    pairs.iter().enumerate().for_each(|(at, pair)| members[pair.article].push(at));
    let mut areas: Vec<f64> = (0..RESAMPLINGS)
        .map(|_| {
            let drawn: Vec<usize> = (0..articles).flat_map(|_| members[random.below(articles)].clone()).collect();
            let scores: Vec<f64> = drawn.iter().map(|&at| scores[at]).collect();
            let labels: Vec<bool> = drawn.iter().map(|&at| pairs[at].supported).collect();
            auroc(&scores, &labels)
        })
        .collect();
    areas.sort_by(f64::total_cmp);
    (areas[RESAMPLINGS * 25 / 1000], areas[RESAMPLINGS * 975 / 1000 - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_accuracy_weighs_both_classes_alike() {
        let labels = [true, false, false, false];
        assert!((balanced_accuracy(&[false; 4], &labels) - 0.5).abs() < 1e-12);
        assert!((balanced_accuracy(&labels, &labels) - 1.0).abs() < 1e-12);
    }
}
