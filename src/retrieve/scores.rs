//! Scores of both searches in, one fused score out; it knows neither store nor model.

use super::{Fusion, Ranked, RetrieveSettings};

/// Scales and weighs the two scores of each candidate.
pub(super) fn fuse(candidates: &mut [Ranked], settings: &RetrieveSettings) {
    let dense: Vec<f32> = candidates.iter().map(|candidate| candidate.scores.dense.unwrap_or_default()).collect();
    let words: Vec<f32> = candidates.iter().map(|candidate| candidate.scores.bm25.unwrap_or_default()).collect();
    let (dense, words) = match settings.fusion {
        Fusion::MinMax => (min_max(&dense), min_max(&words)),
        Fusion::Ranks => (reciprocal(&dense, settings.rank_constant), reciprocal(&words, settings.rank_constant)),
    };
    for (candidate, (dense, words)) in candidates.iter_mut().zip(dense.iter().zip(&words)) {
        candidate.scores.fused = settings.dense_weight * dense + (1.0 - settings.dense_weight) * words;
    }
}

/// Values scaled so that the least is 0 and the greatest 1; all 0 where they are equal.
pub(super) fn min_max(values: &[f32]) -> Vec<f32> {
    let least = values.iter().copied().fold(f32::INFINITY, f32::min);
    let range = values.iter().copied().fold(f32::NEG_INFINITY, f32::max) - least;
    values.iter().map(|value| if range > 0.0 { (value - least) / range } else { 0.0 }).collect()
}

/// Reciprocal ranks scaled so that rank 1 is 1.
fn reciprocal(values: &[f32], constant: f32) -> Vec<f32> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let mut scores = vec![0.0; values.len()];
    for (rank, index) in order.into_iter().enumerate() {
        scores[index] = (constant + 1.0) / (constant + 1.0 + rank as f32);
    }
    scores
}

/// ln(1 + (N - n + 0.5) / (n + 0.5)), as BM25 weighs words that occur in `n` of `of`.
pub(super) fn idf(n: u64, of: u64) -> f32 {
    (1.0 + (of.saturating_sub(n) as f32 + 0.5) / (n as f32 + 0.5)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Scores;
    use uuid::Uuid;

    fn candidate(seed: u8, dense: f32, bm25: f32) -> Ranked {
        let scores = Scores { dense: Some(dense), bm25: Some(bm25), ..Scores::default() };
        Ranked { id: Uuid::from_bytes([seed; 16]), score: 0.0, scores }
    }

    #[test]
    fn min_max_spans_zero_to_one_and_equal_values_say_nothing() {
        assert_eq!(min_max(&[2.0, 4.0, 3.0]), [0.0, 1.0, 0.5]);
        assert_eq!(min_max(&[2.0, 2.0]), [0.0, 0.0]);
        assert!(min_max(&[]).is_empty());
    }

    #[test]
    fn scores_are_fused_by_weight_and_ranks_by_position() {
        let mut all = vec![candidate(1, 0.9, 0.0), candidate(2, 0.5, 10.0), candidate(3, 0.1, 5.0)];
        let settings = RetrieveSettings { dense_weight: 0.25, ..RetrieveSettings::default() };
        fuse(&mut all, &settings);
        let fused: Vec<f32> = all.iter().map(|c| c.scores.fused).collect();
        assert_eq!(fused, [0.25, 0.875, 0.375]);
        fuse(&mut all, &RetrieveSettings { fusion: Fusion::Ranks, ..settings });
        assert!(all[1].scores.fused > all[0].scores.fused, "first by words and second by meaning wins");
    }

    #[test]
    fn rarer_words_weigh_more() {
        assert!(idf(1, 100) > idf(50, 100));
        assert!(idf(100, 100) > 0.0);
    }
}
