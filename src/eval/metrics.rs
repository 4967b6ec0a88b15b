//! The measures: nDCG, recall, reciprocal rank, rank correlation, area under the curve, and their bootstrap intervals.

use std::collections::HashMap;

use crate::random::Random;

/// Normalised discounted cumulated gain of the first `k`, 0 to 1 (Järvelin & Kekäläinen 2002, with linear gains as
/// `trec_eval` computes it). `relevant` gives each relevant document's grade.
#[must_use]
pub fn ndcg(ranking: &[&str], relevant: &HashMap<String, f64>, k: usize) -> f64 {
    let discount = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
    let gained: f64 = ranking
        .iter()
        .take(k)
        .enumerate()
        .map(|(rank, id)| relevant.get(*id).copied().unwrap_or_default() * discount(rank))
        .sum();
    let mut grades: Vec<f64> = relevant.values().copied().collect();
    grades.sort_by(|a, b| b.total_cmp(a));
    let best: f64 = grades.iter().take(k).enumerate().map(|(rank, grade)| grade * discount(rank)).sum();
    if best > 0.0 { gained / best } else { 0.0 }
}

/// Share of the relevant documents among the first `k`, 0 to 1.
#[must_use]
pub fn recall(ranking: &[&str], relevant: &HashMap<String, f64>, k: usize) -> f64 {
    let wanted = relevant.values().filter(|grade| **grade > 0.0).count();
    let found = ranking.iter().take(k).filter(|id| relevant.get(**id).is_some_and(|grade| *grade > 0.0)).count();
    if wanted > 0 { found as f64 / wanted as f64 } else { 0.0 }
}

/// One over the rank of the first relevant document among the first `k`; 0 without one.
#[must_use]
pub fn reciprocal_rank(ranking: &[&str], relevant: &HashMap<String, f64>, k: usize) -> f64 {
    let first = ranking.iter().take(k).position(|id| relevant.get(*id).is_some_and(|grade| *grade > 0.0));
    first.map_or(0.0, |rank| 1.0 / (rank + 1) as f64)
}

/// The mean; 0 for none.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Resamples of a bootstrap.
const RESAMPLES: usize = 2000;

/// The 95% bootstrap interval of the mean of `values`, by percentiles; the same for the same values.
#[must_use]
pub fn interval(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    let mut random = Random::new(17);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| (0..values.len()).map(|_| values[random.below(values.len())]).sum::<f64>() / values.len() as f64)
        .collect();
    means.sort_by(f64::total_cmp);
    (means[RESAMPLES / 40], means[RESAMPLES - 1 - RESAMPLES / 40])
}

/// The chance that a random true label scores above a random false one, ties counted half (Mann–Whitney); 0.5 where a class
/// is empty.
#[must_use]
pub fn auroc(scores: &[f64], labels: &[bool]) -> f64 {
    weighted_auroc(&ascending(scores), scores, labels, &vec![1.0; scores.len()]).unwrap_or(0.5)
}

/// The places of `scores`, the lowest score first.
#[must_use]
pub fn ascending(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    order
}

/// As [`auroc`], each score counted as often as its weight says; `order` is that of [`ascending`]. None where a class is empty.
#[must_use]
pub fn weighted_auroc(order: &[usize], scores: &[f64], labels: &[bool], weights: &[f64]) -> Option<f64> {
    let (mut positive, mut negative, mut won) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|&a, &b| scores[a].total_cmp(&scores[b]).is_eq()) {
        let weight = |label: bool| tied.iter().filter(|&&at| labels[at] == label).map(|&at| weights[at]).sum::<f64>();
        let (here, others) = (weight(true), weight(false));
        won += here * (negative + others / 2.0);
        positive += here;
        negative += others;
    }
    (positive * negative > 0.0).then(|| won / (positive * negative))
}

/// Bins of [`calibration_error`].
const BINS: usize = 10;

/// The expected calibration error over ten bins of equal width: how far the mean score of a bin lies from its share of true labels,
/// weighted by the bin's size; 0 is perfect (Naeini et al. 2015). Scores are 0 to 1, each counted as often as its weight says.
#[must_use]
pub fn calibration_error(scores: &[f64], labels: &[bool], weights: &[f64]) -> f64 {
    let mut bins = [(0.0, 0.0); BINS];
    for ((&score, &label), &weight) in scores.iter().zip(labels).zip(weights) {
        let bin = &mut bins[((score * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += weight * score;
        bin.1 += weight * f64::from(u8::from(label));
    }
    let off: f64 = bins.iter().map(|(score, label)| (score - label).abs()).sum();
    off / weights.iter().sum::<f64>().max(1.0)
}

/// Spearman's rank correlation, -1 to 1, ties sharing their mean rank.
#[must_use]
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    pearson(&ranks(a), &ranks(b))
}

fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product: f64 = a.iter().zip(b).map(|(x, y)| (x - mean_a) * (y - mean_b)).sum();
    let squares = |values: &[f64], mean: f64| values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    let norm = (squares(a, mean_a) * squares(b, mean_b)).sqrt();
    if norm > 0.0 { product / norm } else { 0.0 }
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let same =
            order[start..].iter().take_while(|&&index| values[index].total_cmp(&values[order[start]]).is_eq()).count();
        let shared = start as f64 + (same as f64 - 1.0) / 2.0;
        order[start..start + same].iter().for_each(|&index| ranks[index] = shared);
        start += same;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relevant(pairs: &[(&str, f64)]) -> HashMap<String, f64> {
        pairs.iter().map(|(id, grade)| ((*id).into(), *grade)).collect()
    }

    #[test]
    fn measures_of_a_small_ranking() {
        let judged = relevant(&[("a", 1.0), ("b", 1.0), ("z", 1.0)]);
        let ranking = ["x", "a", "b"];
        // (1/log2 3 + 1/log2 4) / (1 + 1/log2 3 + 1/log2 4)
        assert!((ndcg(&ranking, &judged, 10) - 1.130_93 / 2.130_93).abs() < 1e-4);
        assert!((recall(&ranking, &judged, 10) - 2.0 / 3.0).abs() < 1e-9);
        assert!((reciprocal_rank(&ranking, &judged, 10) - 0.5).abs() < 1e-9);
        assert!(reciprocal_rank(&ranking, &judged, 1).abs() < 1e-9);
    }

    #[test]
    fn auroc_counts_ties_half() {
        assert!((auroc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]) - 0.75).abs() < 1e-12);
        assert!((auroc(&[1.0, 1.0], &[true, false]) - 0.5).abs() < 1e-12);
        assert!((auroc(&[2.0, 1.0], &[true, false]) - 1.0).abs() < 1e-12);
        assert!((auroc(&[2.0], &[true]) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_weight_counts_like_as_many_copies() {
        let (scores, labels) = ([0.9, 0.2, 0.6, 0.6], [true, false, false, true]);
        let copies = ([0.9, 0.2, 0.2, 0.2, 0.6, 0.6], [true, false, false, false, false, true]);
        let weighted = weighted_auroc(&ascending(&scores), &scores, &labels, &[1.0, 3.0, 1.0, 1.0]).unwrap();
        assert!((weighted - auroc(&copies.0, &copies.1)).abs() < 1e-12);
        assert_eq!(weighted_auroc(&ascending(&scores), &scores, &labels, &[1.0, 0.0, 0.0, 1.0]), None);
    }

    #[test]
    fn calibration_error_is_the_mean_distance_of_the_bins() {
        let ones = [1.0; 4];
        // Scores of 0.75 that are right three times of four are as they should be.
        assert!(calibration_error(&[0.75; 4], &[true, true, true, false], &ones).abs() < 1e-12);
        // Half of the scores are 1 and wrong, half are 0 and right.
        assert!((calibration_error(&[1.0, 1.0, 0.0, 0.0], &[false, false, true, true], &ones) - 1.0).abs() < 1e-12);
        assert!((calibration_error(&[1.0, 0.0], &[false, false], &[1.0, 3.0]) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn spearman_shares_ranks_among_ties() {
        assert!((spearman(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]) - 1.0).abs() < 1e-9);
        assert!((spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-9);
        // By hand: ranks 0.5, 0.5, 2, 3 against 0, 1, 2, 3.
        assert!((spearman(&[1.0, 1.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]) - 0.948_68).abs() < 1e-4);
    }

    #[test]
    fn the_interval_holds_the_mean_and_never_changes() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let (low, high) = interval(&values);
        assert!(low < 49.5 && 49.5 < high && high - low < 15.0);
        assert_eq!(interval(&values), (low, high));
    }
}
