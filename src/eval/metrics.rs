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
