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
pub(crate) fn encode(claims: &mut [Text], evidence: &mut [&mut Evidence], embedder: &Embedder) -> Result<()> {
    let mut wanted: Vec<(usize, usize)> = Vec::new();
    for (which, evidence) in evidence.iter().enumerate() {
        wanted.extend(claims.iter().flat_map(|claim| evidence.shortlist(claim, NEAR_MAX)).map(|at| (which, at)));
    }
    wanted.sort_unstable();
    wanted.dedup();
    // Passages overlap, so the same sentence is often there twice.
    let text = |&(which, at): &(usize, usize)| evidence[which].sentences[at].text.text.clone();
    let mut texts: Vec<String> = claims.iter().map(|claim| claim.text.clone()).chain(wanted.iter().map(text)).collect();
    texts.sort_unstable();
    texts.dedup();
    let tokens = embedder.embed_tokens(&texts.iter().map(String::as_str).collect::<Vec<_>>())?;
    let of = |text: &String| texts.binary_search(text).ok().map(|at| tokens[at].clone());
    for claim in claims.iter_mut() {
        claim.tokens = of(&claim.text);
    }
    for (which, at) in wanted {
        let sentence = &mut evidence[which].sentences[at].text;
        sentence.tokens = of(&sentence.text);
    }
    Ok(())
}
