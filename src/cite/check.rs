//! An answer's claims and the passages it was drawn from to verdicts, with the models that there are.

use super::evidence::{Evidence, Passage, Text};
use super::verdict::{Assessment, Checked, NEAR_MAX, VerdictModel};
use super::windows::windows;
use crate::error::Result;
use crate::inference::cross_encoder::Entailment;
use crate::inference::embedder::Embedder;

/// The models that a check can use; without any, words alone decide.
#[derive(Clone, Copy, Default)]
pub struct CheckModels<'a> {
    /// For token vectors.
    pub embedder: Option<&'a Embedder>,
    /// What reads a claim beside its evidence.
    pub entailment: Option<&'a dyn Entailment>,
}

impl std::fmt::Debug for CheckModels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckModels")
            .field("embedder", &self.embedder.map(|embedder| &embedder.manifest().name))
            .field("entailment", &self.entailment.map(Entailment::name))
            .finish()
    }
}

/// Checks each of `claims` against all of `evidence`; the verdicts in the order of the claims. Blocks.
///
/// A claim that stands there word for word costs no model. The others are read beside a few windows each; they and the few sentences near them
/// are encoded where `model` weighs that.
///
/// # Errors
/// [`Error::Tokenizer`](crate::error::Error::Tokenizer) or [`Error::Tensor`](crate::error::Error::Tensor) when a model fails.
pub fn check_claims(
    claims: &[&str],
    evidence: &[Passage<'_>],
    models: CheckModels<'_>,
    model: &VerdictModel,
) -> Result<Vec<Checked>> {
    let mut claims: Vec<Text> = claims.iter().map(|claim| Text::new(claim)).collect();
    let mut evidence = Evidence::of(evidence);
    let embedder = models.embedder.filter(|_| model.weighs_vectors(models.entailment.is_some()));
    let models = CheckModels { embedder, ..models };
    let assessed = assess(&mut claims, &mut evidence, models)?;
    Ok(assessed.iter().map(|assessed| assessed.checked(&evidence, model)).collect())
}

/// What the verdict on each of `claims` follows from.
pub(crate) fn assess(claims: &mut [Text], evidence: &mut Evidence, models: CheckModels<'_>) -> Result<Vec<Assessment>> {
    let at_once: Vec<Option<Assessment>> = claims.iter().map(|claim| Assessment::at_once(claim, evidence)).collect();
    let open: Vec<usize> = (0..claims.len()).filter(|&at| at_once[at].is_none()).collect();
    if let Some(embedder) = models.embedder {
        encode(claims, &open, evidence, embedder)?;
    }
    let mut entails = vec![None; claims.len()];
    if let Some(entailment) = models.entailment {
        read(claims, &open, evidence, entailment, &mut entails)?;
    }
    let judged = at_once.into_iter().zip(claims.iter().zip(entails));
    Ok(judged
        .map(|(found, (claim, entails))| found.unwrap_or_else(|| Assessment::measured(claim, evidence, entails)))
        .collect())
}

/// Reads each claim beside its windows and keeps the best probability of each.
fn read(
    claims: &[Text],
    open: &[usize],
    evidence: &Evidence,
    entailment: &dyn Entailment,
    entails: &mut [Option<f32>],
) -> Result<()> {
    let mut of = Vec::new();
    let mut texts = Vec::new();
    for &at in open {
        for window in windows(&claims[at], evidence) {
            of.push(at);
            texts.push(window);
        }
    }
    let pairs: Vec<(&str, &str)> =
        of.iter().zip(&texts).map(|(&at, text)| (claims[at].text.as_str(), text.as_str())).collect();
    for (&at, share) in of.iter().zip(entailment.entails(&pairs)?) {
        entails[at] = Some(entails[at].map_or(share, |best: f32| best.max(share)));
    }
    Ok(())
}

/// Adds the token vectors of the claims `open` and of the sentences that are near one of them.
fn encode(claims: &mut [Text], open: &[usize], evidence: &mut Evidence, embedder: &Embedder) -> Result<()> {
    let mut wanted: Vec<usize> = open.iter().flat_map(|&at| evidence.shortlist(&claims[at], NEAR_MAX)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    // Passages overlap, so the same sentence is often there twice.
    let sentences = wanted.iter().map(|&at| evidence.sentences[at].text.text.clone());
    let mut texts: Vec<String> = open.iter().map(|&at| claims[at].text.clone()).chain(sentences).collect();
    texts.sort_unstable();
    texts.dedup();
    let tokens = embedder.embed_tokens(&texts.iter().map(String::as_str).collect::<Vec<_>>())?;
    let of = |text: &String| texts.binary_search(text).ok().map(|at| tokens[at].clone());
    for &at in open {
        claims[at].tokens = of(&claims[at].text);
    }
    for at in wanted {
        let sentence = &mut evidence.sentences[at].text;
        sentence.tokens = of(&sentence.text);
    }
    Ok(())
}
