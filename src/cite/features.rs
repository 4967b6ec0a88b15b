//! A claim and its evidence to the few figures that the score is computed from; knows no coefficients and no verdict.

use super::evidence::{Evidence, Text, recall};
use super::lexical::Word;
use super::names::{Name, holds_word, initials};
use super::quantities::agrees;
use crate::inference::embedder::TokenEmbeddings;
use crate::vector::dot;

/// The names of the features, in the order of [`Features::values`].
pub const FEATURES: [&str; 4] = ["recall_three", "quantities_missing", "names_missing", "maxsim"];

/// Sentences that may bear out a claim together.
const SENTENCES_TOGETHER: usize = 3;
/// A further sentence must add this share of the claim's words to be shown as evidence.
const GAIN_MIN: f32 = 0.05;
/// More missing names or quantities say no more; it keeps one long list from deciding alone.
const MISSING_MAX: f32 = 4.0;

/// What a claim and the sentences near it have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Weighted share of the claim's content words found in the three sentences that together hold most, 0 to 1.
    pub recall_three: f32,
    /// Numbers, years, months and days of the claim that no evidence bears out, capped at 4.
    pub quantities_missing: f32,
    /// Names of the claim of which no evidence holds some word, capped at 4.
    pub names_missing: f32,
    /// Weighted mean over the claim's tokens of the best cosine with any token of the near sentences, -1 to 1; `None`
    /// without token vectors.
    pub maxsim: Option<f32>,
    /// The sentences behind `recall_three`, the one that holds most first.
    pub sentences: Vec<usize>,
}

impl Features {
    /// Measures `claim` against `evidence`; `near` are the sentences from [`Evidence::shortlist`].
    #[must_use]
    pub fn measure(claim: &Text, evidence: &Evidence, near: &[usize]) -> Self {
        let (recall_three, sentences) = cover(claim, evidence, near);
        let missing = claim.quantities.iter().filter(|claimed| {
            !evidence.sentences.iter().any(|sentence| sentence.text.quantities.iter().any(|held| agrees(claimed, held)))
        });
        let names = claim.names.iter().filter(|name| lacks_name(claim, name, evidence));
        Self {
            recall_three,
            quantities_missing: (missing.count() as f32).min(MISSING_MAX),
            names_missing: (names.count() as f32).min(MISSING_MAX),
            maxsim: max_sim(claim, evidence, near),
            sentences,
        }
    }

    /// The figures in the order of [`FEATURES`]; without `maxsim` where there are no token vectors.
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        let lexical = [self.recall_three, self.quantities_missing, self.names_missing];
        lexical.into_iter().chain(self.maxsim).map(f64::from).collect()
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

/// Whether some word of a name of the claim is nowhere in the evidence. A word that merely opens a sentence may be no name, so
/// its absence is left to word recall.
fn lacks_name(claim: &Text, name: &Name, evidence: &Evidence) -> bool {
    let any = |key: &str| evidence.sentences.iter().any(|sentence| sentence.text.has.contains(key));
    if name.unsure || initials(name).is_some_and(|letters| any(&letters)) {
        return false;
    }
    let words = claim.words.iter().filter(|word| name.words.contains(&word.folded) && name.span.contains(word.span));
    words.into_iter().any(|word| !holds_word(&word.folded, &word.stem, any))
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
