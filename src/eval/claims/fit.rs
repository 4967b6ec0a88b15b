//! Pairs of premise and claim to the coefficients of the verdict's score, and to what each group of features adds.

use std::fmt::Write as _;
use std::path::Path;

use super::ClaimsSettings;
use super::pairs::{Pair, files_of, read};
use crate::cite::check::{CheckModels, assess};
use crate::cite::evidence::{Evidence, Text};
use crate::cite::features::{FEATURES, READ, VECTORS, WORDS};
use crate::cite::logistic::Logistic;
use crate::cite::structure::ReasonKind;
use crate::cite::verdict::{Scale, VerdictModel};
use crate::error::{Error, Result};
use crate::eval::metrics::auroc;

/// Weight of the L2 penalty on the coefficients of standardised features.
const PENALTY: f64 = 10.0;
/// Parts of the cross-validation; pairs of one premise all lie in one part.
const FOLDS: usize = 5;
/// The log odds that a difference which says otherwise costs a claim at least.
const CONTRARY_MAX: f64 = -1.0;
/// A false claim that passes weighs as much as so many true ones that do not, where the threshold is chosen.
const FALSE_WEIGHT: f64 = 1.5;

/// A measured pair.
struct Row {
    fold: usize,
    supported: bool,
    values: Vec<f64>,
}

/// Fits the coefficients on the pairs of `dataset` and measures them on parts that they were not fitted on; gives the text of a model
/// file, whose comments tell where the figures are from. `command` and `date` are what the file shall name. `models` must be all there.
///
/// # Errors
/// [`Error::Usage`] where a model is missing or there is one label only; what reading, encoder and reader report.
///
/// # Panics
/// Never: numbers and names are valid TOML.
pub fn fit_verdict(
    dataset: &Path,
    models: CheckModels<'_>,
    settings: &ClaimsSettings,
    command: &str,
    date: &str,
    progress: &dyn Fn(usize, usize),
) -> Result<String> {
    let Some(entailment) = models.entailment.filter(|_| models.embedder.is_some()) else {
        return Err(Error::usage(
            "coefficients are fitted with an embedder and a reader, and there is none; see `ibid doctor`",
        ));
    };
    let mut pairs = Vec::new();
    for file in files_of(dataset)? {
        pairs.extend(read(&file, settings)?);
    }
    let rows = measure(&pairs, models, progress)?;
    let both = rows.iter().any(|row| row.supported) && rows.iter().any(|row| !row.supported);
    if !both {
        return Err(Error::usage("fitting needs claims that are supported and claims that are not"));
    }
    let all: Vec<&Row> = rows.iter().collect();
    let columns = |width: usize| (0..width).collect::<Vec<usize>>();
    let labels: Vec<bool> = rows.iter().map(|row| row.supported).collect();
    let scale = |width: usize| {
        let (supported_min, ..) = threshold(&cross_validated(&rows, &columns(width)), &labels);
        Scale { supported_min, odds: fit(&all, &columns(width)) }
    };
    let (supported_min, true_passed, false_passed) = threshold(&cross_validated(&rows, &columns(READ)), &labels);
    let model = VerdictModel {
        features: FEATURES.iter().map(ToString::to_string).collect(),
        words: scale(WORDS),
        vectors: scale(VECTORS),
        read: scale(READ),
    };
    let mut text =
        String::from("# Coefficients of the verdict's score. Made by scripts/fit-verdict; do not edit by hand.\n");
    let supported = labels.iter().filter(|label| **label).count();
    let _ = writeln!(
        text,
        "# Data: {} pairs, {supported} of them supported, that no model was trained on (scripts/train-check --held-out).",
        rows.len()
    );
    let _ = writeln!(text, "# Command: {command}, reader {}\n# Date: {date}", entailment.name());
    let _ = writeln!(text, "# AUROC, cross-validated by premise in {FOLDS} folds:");
    for (name, columns) in groups() {
        let _ = writeln!(text, "#   {name:<22} {:.3}", auroc(&cross_validated(&rows, &columns), &labels));
    }
    let _ = writeln!(
        text,
        "# `supported` from a score of {supported_min:.2}: true claims passed {true_passed:.3}, false ones {false_passed:.3} (cross-validated).\n"
    );
    text.push_str(&toml::to_string(&model).expect("numbers and names are valid TOML"));
    Ok(text)
}

/// What is compared: words alone, with what differs, with the model that reads, with both.
fn groups() -> [(&'static str, Vec<usize>); 4] {
    [
        ("words", vec![0, WORDS]),
        ("words, structure", (0..VECTORS).collect()),
        ("words, model", vec![0, WORDS, VECTORS]),
        ("words, structure, model", (0..READ).collect()),
    ]
}

fn measure(pairs: &[Pair], models: CheckModels<'_>, progress: &dyn Fn(usize, usize)) -> Result<Vec<Row>> {
    let mut rows = Vec::with_capacity(pairs.len());
    for (at, pair) in pairs.iter().enumerate() {
        let mut evidence = Evidence::new(&[&pair.premise]);
        let assessed = assess(&mut [Text::new(&pair.claim)], &mut evidence, models)?.remove(0);
        // What is decided without figures does not count for them; a claim near nothing that was read all the same has all of them.
        if let Some(values) = assessed.values().filter(|values| values.len() == READ) {
            rows.push(Row { fold: fold_of(&pair.premise), supported: pair.label == "entailment", values });
        }
        progress(at + 1, pairs.len());
    }
    Ok(rows)
}

/// The same for the same text (FNV-1a).
fn fold_of(text: &str) -> usize {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (hash % FOLDS as u64) as usize
}

/// Coefficients of `columns` that point the way their features do: likeness never speaks against a claim and a difference never for it.
/// A feature that the data turn the other way is left out, and the rest is fitted again. What says that the evidence says otherwise weighs
/// [`CONTRARY_MAX`] at least, however rare it is in the data.
fn fit(rows: &[&Row], columns: &[usize]) -> Logistic {
    let labels: Vec<bool> = rows.iter().map(|row| row.supported).collect();
    let mut kept: Vec<usize> = columns.to_vec();
    let fitted = loop {
        let values: Vec<Vec<f64>> = rows.iter().map(|row| kept.iter().map(|&at| row.values[at]).collect()).collect();
        let fitted = Logistic::fit(&values, &labels, PENALTY);
        let turned: Vec<usize> = kept
            .iter()
            .zip(&fitted.weights)
            .filter(|(at, weight)| **weight * side(**at) < 0.0)
            .map(|(at, _)| *at)
            .collect();
        if turned.is_empty() || turned.len() == kept.len() {
            break fitted;
        }
        kept.retain(|at| !turned.contains(at));
    };
    let weight = |at: &usize| {
        let fitted = kept.iter().position(|held| held == at).map_or(0.0, |place| fitted.weights[place]);
        if kind_of(*at).is_some_and(ReasonKind::is_contrary) { fitted.min(CONTRARY_MAX) } else { fitted }
    };
    Logistic { intercept: fitted.intercept, weights: columns.iter().map(weight).collect() }
}

/// The kind of difference that a column counts.
fn kind_of(column: usize) -> Option<ReasonKind> {
    ReasonKind::ALL.into_iter().find(|kind| FEATURES[column] == kind.name())
}

/// 1 for likeness, -1 for a difference.
fn side(column: usize) -> f64 {
    if kind_of(column).is_some() { -1.0 } else { 1.0 }
}

/// The log odds of each row, by a model that has not seen its premise.
fn cross_validated(rows: &[Row], columns: &[usize]) -> Vec<f64> {
    let mut scores = vec![0.0; rows.len()];
    for part in 0..FOLDS {
        let seen: Vec<&Row> = rows.iter().filter(|row| row.fold != part).collect();
        if seen.is_empty() {
            continue;
        }
        let model = fit(&seen, columns);
        for (at, row) in rows.iter().enumerate().filter(|(_, row)| row.fold == part) {
            scores[at] = model.decide(&columns.iter().map(|&at| row.values[at]).collect::<Vec<f64>>());
        }
    }
    scores
}

/// The probability from which on claims shall pass, with the shares of true and of false ones that then do.
fn threshold(odds: &[f64], labels: &[bool]) -> (f32, f64, f64) {
    let count = |class: bool| labels.iter().filter(|&&label| label == class).count().max(1) as f64;
    let (trues, falses) = (count(true), count(false));
    let passed = |probability: f64, class: bool| {
        let least = (probability / (1.0 - probability)).ln();
        odds.iter().zip(labels).filter(|&(&odds, &label)| label == class && odds >= least).count() as f64
    };
    let tried = (20..=80).map(|percent| f64::from(percent) / 100.0).map(|probability| {
        let (right, wrong) = (passed(probability, true) / trues, passed(probability, false) / falses);
        (probability, right, wrong)
    });
    let best = tried.reduce(|a, b| if b.1 - FALSE_WEIGHT * b.2 > a.1 - FALSE_WEIGHT * a.2 { b } else { a });
    best.map_or((0.5, 0.0, 0.0), |(probability, right, wrong)| (probability as f32, right, wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_weighs_false_claims_that_pass_more() {
        let odds = [3.0, 2.0, 0.1, 0.2, -3.0];
        let labels = [true, true, true, false, false];
        let (least, right, wrong) = threshold(&odds, &labels);
        assert!(least > 0.54 && (right - 2.0 / 3.0).abs() < 1e-9 && wrong == 0.0, "{least} {right} {wrong}");
    }

    #[test]
    fn a_difference_never_speaks_for_a_claim() {
        let row = |number: f64, recall: f64, supported| {
            let mut values = vec![0.0; READ];
            (values[0], values[2]) = (recall, number);
            Row { fold: 0, supported, values }
        };
        // By chance the few rows with a difference are supported.
        let rows: Vec<Row> = (0..40)
            .map(|at| row(f64::from(u8::from(at % 10 == 0)), f64::from(at % 4) / 4.0, at % 4 > 1 || at % 10 == 0))
            .collect();
        let fitted = fit(&rows.iter().collect::<Vec<_>>(), &[0, 2]);
        assert!(fitted.weights[0] > 0.0 && (fitted.weights[1] - CONTRARY_MAX).abs() < 1e-9, "{fitted:?}");
    }

    #[test]
    fn every_group_names_features_that_there_are() {
        for (name, columns) in groups() {
            assert!(columns.iter().all(|&at| at < FEATURES.len()), "{name}");
        }
        assert_eq!(FEATURES.len(), READ);
        assert_eq!((FEATURES[WORDS], FEATURES[VECTORS]), ("maxsim", "entails"));
    }
}
