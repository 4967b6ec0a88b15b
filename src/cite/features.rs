//! A claim and its evidence to the few figures that the score is computed from; knows no coefficients and no verdict.

use std::sync::LazyLock;

use super::evidence::{Evidence, Text, recall};
use super::lexical::Word;
use super::logistic::log_odds;
use super::structure::{ReasonKind, Structure};
use crate::inference::embedder::TokenEmbeddings;
use crate::vector::dot;

/// The names of the features, in the order of [`Features::values`].
pub static FEATURES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let kinds = ReasonKind::ALL.iter().map(|kind| kind.name());
    ["recall_three", "together"].into_iter().chain(kinds).chain(["maxsim", "entails"]).collect()
});
/// How many of them there are without any model.
pub const WORDS: usize = 2 + ReasonKind::ALL.len();
/// How many there are with token vectors.
pub const VECTORS: usize = WORDS + 1;
/// How many there are with a reader as well.
pub const READ: usize = VECTORS + 1;

/// Sentences that may bear out a claim together.
const SENTENCES_TOGETHER: usize = 3;
/// A further sentence must add this share of the claim's words to be shown as evidence.
const GAIN_MIN: f32 = 0.05;
/// Log odds of a reader beyond this say no more; it keeps one figure from deciding alone.
pub(crate) const ODDS_MAX: f64 = 6.0;

/// What a claim and the sentences near it have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Weighted share of the claim's content words found in the three sentences that together hold most, 0 to 1.
    pub recall_three: f32,
    /// What differs, and how much of the claim stands together.
    pub structure: Structure,
    /// Weighted mean over the claim's tokens of the best cosine with any token of the near sentences, -1 to 1; `None`
    /// without token vectors.
    pub maxsim: Option<f32>,
    /// The best probability that a reader gave, 0 to 1; `None` without one.
    pub entails: Option<f32>,
    /// The sentences behind `recall_three`, the one that holds most first.
    pub sentences: Vec<usize>,
}

impl Features {
    /// Measures `claim` against `evidence`; `near` are the sentences from [`Evidence::shortlist`].
    #[must_use]
    pub fn measure(claim: &Text, evidence: &Evidence, near: &[usize], entails: Option<f32>) -> Self {
        let (recall_three, sentences) = cover(claim, evidence, near);
        let structure = Structure::measure(claim, evidence, near);
        Self { recall_three, structure, maxsim: max_sim(claim, evidence, near), entails, sentences }
    }

    /// The figures in the order of [`FEATURES`]: [`WORDS`] of them without token vectors, [`VECTORS`] without a reader, else [`READ`].
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        let words = [self.recall_three, self.structure.together].into_iter().chain(self.structure.counts);
        let odds = self.entails.map(|share| log_odds(f64::from(share), ODDS_MAX));
        // Beside a reader that weighs no vectors none are computed.
        let maxsim = self.maxsim.or(self.entails.map(|_| 0.0));
        words.chain(maxsim).map(f64::from).chain(odds).collect()
    }
}

/// The sentences that together hold most of the claim, chosen one after the other, and the share they hold.
fn cover(claim: &Text, evidence: &Evidence, near: &[usize]) -> (f32, Vec<usize>) {
    let content = claim.content(&evidence.idf);
    let mut chosen: Vec<usize> = Vec::new();
    let mut shown = 0;
    let mut share = 0.0;
    for _ in 0..SENTENCES_TOGETHER {
        let with = |added: usize| {
            recall(&content, |word| chosen.iter().chain([&added]).any(|&at| evidence.sentences[at].text.holds(word)))
        };
        // The first of equals, so that the order of retrieval decides.
        let best = near
            .iter()
            .filter(|at| !chosen.contains(at))
            .map(|&at| (with(at), at))
            .reduce(|a, b| if b.0 > a.0 { b } else { a });
        let Some((held, at)) = best.filter(|&(held, _)| held > share) else { break };
        if chosen.is_empty() || held - share >= GAIN_MIN {
            shown = chosen.len() + 1;
        }
        chosen.push(at);
        share = held;
    }
    chosen.truncate(shown);
    (share, chosen)
}

fn max_sim(claim: &Text, evidence: &Evidence, near: &[usize]) -> Option<f32> {
    let weight = |word: &Word| if word.stop { 0.0 } else { evidence.idf.weight(&word.stem) };
    mean_best(claim, near.iter().filter_map(|&at| evidence.sentences[at].text.tokens.as_ref()), weight)
}

/// MaxSim as a weighted mean: over the tokens of `text`, the best cosine with any token of `held`, weighted by the word the token
/// belongs to; punctuation weighs nothing. -1 to 1; `None` where `text` has no token vectors.
fn mean_best<'a>(
    text: &Text,
    held: impl Iterator<Item = &'a TokenEmbeddings>,
    weight: impl Fn(&Word) -> f32,
) -> Option<f32> {
    let tokens = text.tokens.as_ref()?;
    let of = |span| text.words.iter().find(|word| word.span.contains(span)).map_or(0.0, &weight);
    let weights: Vec<f32> = tokens.spans.iter().map(|&span| of(span)).collect();
    let mut best = vec![0.0_f32; weights.len()];
    for held in held.filter(|held| held.dimensions > 0) {
        for (at, best) in best.iter_mut().enumerate().filter(|(at, _)| weights[*at] > 0.0) {
            let near = held.vectors.chunks_exact(held.dimensions).map(|vector| dot(tokens.vector(at), vector));
            *best = near.fold(*best, f32::max);
        }
    }
    let total: f32 = weights.iter().sum();
    let found: f32 = weights.iter().zip(&best).map(|(weight, best)| weight * best).sum();
    Some(if total > 0.0 { found / total } else { 0.0 })
}
