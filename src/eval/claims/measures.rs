//! Labels, verdicts and scores to figures: of all claims with intervals, and of each kind.

use std::collections::BTreeMap;

use crate::eval::EvalReport;
use crate::eval::metrics::{ascending, calibration_error, weighted_auroc};
use crate::random::Random;

/// Resamplings for the intervals.
const RESAMPLINGS: usize = 1000;
const SEED: u64 = 20_260_101;
/// With fewer groups than this an interval over groups would say little: single claims are drawn instead.
const GROUPS_MIN: usize = 20;

/// A judged claim as the figures see it.
pub(super) struct Row<'a> {
    /// Claims that share their evidence have the same number.
    pub(super) group: usize,
    /// The kinds it counts for.
    pub(super) kinds: &'a [String],
    /// By the label.
    pub(super) supported: bool,
    /// By the verdict.
    pub(super) passed: bool,
    /// 0 to 1.
    pub(super) score: f64,
}

/// The rows by column, with the order of their scores.
struct Columns {
    scores: Vec<f64>,
    labels: Vec<bool>,
    passed: Vec<bool>,
    order: Vec<usize>,
}

impl Columns {
    fn of<'a>(rows: impl Iterator<Item = &'a Row<'a>>) -> Self {
        let (mut scores, mut labels, mut passed) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            scores.push(row.score);
            labels.push(row.supported);
            passed.push(row.passed);
        }
        Self { order: ascending(&scores), scores, labels, passed }
    }

    /// Every figure that there are claims for, each claim counted as often as its weight says.
    fn figures(&self, weights: &[f64]) -> Vec<(&'static str, f64)> {
        let share = |class: bool| {
            let (mut passed, mut all) = (0.0, 0.0);
            for ((&label, &has_passed), &weight) in self.labels.iter().zip(&self.passed).zip(weights) {
                if label == class {
                    all += weight;
                    passed += if has_passed { weight } else { 0.0 };
                }
            }
            (all > 0.0).then(|| passed / all)
        };
        let figures = [
            ("auroc", weighted_auroc(&self.order, &self.scores, &self.labels, weights)),
            ("false_passed", share(false)),
            ("true_passed", share(true)),
            ("calibration", Some(calibration_error(&self.scores, &self.labels, weights))),
        ];
        figures.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Adds the figures of all rows, with 95% intervals, and those of each kind, to `report`.
pub(super) fn measure(rows: &[Row<'_>], report: &mut EvalReport) {
    let all = Columns::of(rows.iter());
    let ones = vec![1.0; rows.len()];
    for (name, value) in all.figures(&ones) {
        report.metrics.insert(name.into(), value);
    }
    report.metrics.insert("n".into(), rows.len() as f64);
    report.metrics.insert("supported".into(), all.labels.iter().filter(|&&label| label).count() as f64);
    intervals(rows, &all, report);
    let mut kinds: BTreeMap<&String, Vec<&Row<'_>>> = BTreeMap::new();
    for row in rows {
        row.kinds.iter().for_each(|kind| kinds.entry(kind).or_default().push(row));
    }
    for (kind, members) in kinds {
        let figures = Columns::of(members.iter().copied()).figures(&ones[..members.len()]);
        for (name, value) in figures.into_iter().filter(|(name, _)| *name != "calibration") {
            report.metrics.insert(format!("{kind}.{name}"), value);
        }
        report.metrics.insert(format!("{kind}.n"), members.len() as f64);
    }
}

/// The 95% intervals, by drawing groups of claims with replacement (percentile bootstrap).
fn intervals(rows: &[Row<'_>], all: &Columns, report: &mut EvalReport) {
    let groups = rows.iter().map(|row| row.group).max().map_or(0, |last| last + 1);
    let of_groups = groups >= GROUPS_MIN;
    let units = if of_groups { groups } else { rows.len() };
    let mut random = Random::new(SEED);
    let mut drawn: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    for _ in 0..RESAMPLINGS {
        let mut times = vec![0.0; units];
        (0..units).for_each(|_| times[random.below(units)] += 1.0);
        let weight = |(at, row): (usize, &Row<'_>)| times[if of_groups { row.group } else { at }];
        let weights: Vec<f64> = rows.iter().enumerate().map(weight).collect();
        for (name, value) in all.figures(&weights) {
            drawn.entry(name).or_default().push(value);
        }
    }
    for (name, mut values) in drawn {
        values.sort_by(f64::total_cmp);
        let (low, high) = (values[values.len() / 40], values[values.len() - 1 - values.len() / 40]);
        report.intervals.insert(name.into(), (low, high));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_all_and_of_each_kind() {
        let kinds = [vec!["swap".to_string()], vec!["true".to_string()]];
        let row =
            |kind: usize, supported, passed, score| Row { group: 0, kinds: &kinds[kind], supported, passed, score };
        let rows = [
            row(0, false, true, 0.9),
            row(0, false, false, 0.1),
            row(0, true, true, 0.8),
            row(1, true, true, 0.95),
            row(1, true, false, 0.3),
        ];
        let mut report = EvalReport::default();
        measure(&rows, &mut report);
        let near = |name: &str, wanted: f64| {
            let found = report.metrics[name];
            assert!((found - wanted).abs() < 1e-9, "{name}: {found}");
        };
        near("n", 5.0);
        near("supported", 3.0);
        near("false_passed", 0.5);
        near("true_passed", 2.0 / 3.0);
        near("auroc", 4.0 / 6.0);
        near("swap.false_passed", 0.5);
        near("swap.true_passed", 1.0);
        near("swap.auroc", 0.5);
        near("true.true_passed", 0.5);
        near("true.n", 2.0);
        assert!(!report.metrics.contains_key("true.false_passed") && !report.metrics.contains_key("true.auroc"));
        let (low, high) = report.intervals["true_passed"];
        assert!(low < 2.0 / 3.0 && 2.0 / 3.0 < high, "{low} {high}");
    }
}
