//! An answer's claims and the passages it was drawn from to verdicts, with the encoder where there is one.

use super::evidence::{Evidence, Text};
use super::verdict::{Checked, NEAR_MAX, VerdictModel, check};
use crate::error::Result;
use crate::inference::embedder::Embedder;

/// Checks each of `claims` against all of `evidence`; the verdicts in the order of the claims. Blocks.
///
/// Only the claims and the few sentences near them are encoded; without an encoder the words alone decide.
///
/// # Errors
/// [`Error::Tokenizer`](crate::error::Error::Tokenizer) or [`Error::Tensor`](crate::error::Error::Tensor) when the encoder fails.
pub fn check_claims(
    claims: &[&str],
    evidence: &[&str],
    embedder: Option<&Embedder>,
    model: &VerdictModel,
) -> Result<Vec<Checked>> {
    let mut claims: Vec<Text> = claims.iter().map(|claim| Text::new(claim)).collect();
    let mut evidence = Evidence::new(evidence);
    if let Some(embedder) = embedder {
        encode(&mut claims, &mut [&mut evidence], embedder)?;
    }
    Ok(claims.iter().map(|claim| check(claim, &evidence, model)).collect())
}

/// Adds the token vectors of `claims` and of the sentences of each evidence that are near one of them.
pub fn encode(claims: &mut [Text], evidence: &mut [&mut Evidence], embedder: &Embedder) -> Result<()> {
    let mut wanted: Vec<(usize, usize)> = Vec::new();
    for (which, evidence) in evidence.iter().enumerate() {
        wanted.extend(claims.iter().flat_map(|claim| evidence.shortlist(claim, NEAR_MAX)).map(|at| (which, at)));
    }
    wanted.sort_unstable();
    wanted.dedup();
    let near = wanted.iter().map(|&(which, at)| evidence[which].sentences[at].text.text.as_str());
    let texts: Vec<&str> = claims.iter().map(|claim| claim.text.as_str()).chain(near).collect();
    let mut tokens = embedder.embed_tokens(&texts)?.into_iter();
    for (claim, tokens) in claims.iter_mut().zip(tokens.by_ref()) {
        claim.tokens = Some(tokens);
    }
    for ((which, at), tokens) in wanted.into_iter().zip(tokens) {
        evidence[which].sentences[at].text.tokens = Some(tokens);
    }
    Ok(())
}
