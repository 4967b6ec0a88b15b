//! Two texts in, the ids of both as one input out, cut to what a model reads; knows no model.

use crate::error::Result;
use crate::inference::tokenizer::{PairFrame, Tokenizer};

/// How a claim and its evidence become one input.
#[derive(Debug, Clone)]
pub(super) struct PairForm {
    pub(super) frame: PairFrame,
    /// Tokens of a whole input at most.
    pub(super) tokens_max: usize,
    /// Tokens of the claim, or question, at most.
    pub(super) claim_tokens_max: usize,
    /// Whether the evidence stands before the claim.
    pub(super) evidence_first: bool,
}

/// Two texts as one input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PairInput {
    pub(super) ids: Vec<u32>,
    /// How many of the ids are of token type 0.
    pub(super) first: usize,
}

impl PairForm {
    /// The inputs for pairs (claim, evidence), in their order. Of a long claim and of long evidence the end is left out.
    ///
    /// # Errors
    /// [`crate::error::Error::Tokenizer`] when the tokenizer fails.
    pub(super) fn inputs(&self, tokenizer: &Tokenizer, pairs: &[(&str, &str)]) -> Result<Vec<PairInput>> {
        // One claim is mostly read beside many texts.
        let mut last: Option<(&str, Vec<u32>)> = None;
        let mut inputs = Vec::with_capacity(pairs.len());
        for &(claim, evidence) in pairs {
            let ids = match last.take() {
                Some((text, ids)) if text == claim => ids,
                _ => {
                    let mut ids = tokenizer.encode(claim)?.ids;
                    ids.truncate(self.claim_tokens_max.min(self.room()));
                    ids
                }
            };
            inputs.push(self.join(&ids, &tokenizer.encode(evidence)?.ids));
            last = Some((claim, ids));
        }
        Ok(inputs)
    }

    /// Tokens that are left for the two texts.
    fn room(&self) -> usize {
        let PairFrame { start, middle, end, .. } = &self.frame;
        self.tokens_max.saturating_sub(start.len() + middle.len() + end.len())
    }

    fn join(&self, claim: &[u32], evidence: &[u32]) -> PairInput {
        let evidence = &evidence[..evidence.len().min(self.room() - claim.len())];
        let (one, other) = if self.evidence_first { (evidence, claim) } else { (claim, evidence) };
        let PairFrame { start, middle, middle_first, end, is_typed } = &self.frame;
        let ids = [start.as_slice(), one, middle, other, end].concat();
        let first = if *is_typed { start.len() + one.len() + middle_first } else { ids.len() };
        PairInput { ids, first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> PairForm {
        let frame = PairFrame { start: vec![101], middle: vec![102], middle_first: 1, end: vec![102], is_typed: true };
        PairForm { frame, tokens_max: 10, claim_tokens_max: 4, evidence_first: false }
    }

    #[test]
    fn evidence_is_cut_to_what_the_claim_leaves() {
        let pair = form().join(&[1, 2, 3], &[4, 5, 6, 7, 8]);
        assert_eq!((pair.ids.as_slice(), pair.first), ([101, 1, 2, 3, 102, 4, 5, 6, 7, 102].as_slice(), 5));
        let pair = form().join(&[], &[]);
        assert_eq!((pair.ids.as_slice(), pair.first), ([101, 102, 102].as_slice(), 2));
    }

    #[test]
    fn a_model_may_want_the_evidence_first_and_know_no_types() {
        let frame = PairFrame { middle: vec![2, 2], middle_first: 2, is_typed: false, ..form().frame };
        let form = PairForm { frame, evidence_first: true, ..form() };
        let pair = form.join(&[1, 2, 3], &[4, 5, 6, 7, 8]);
        assert_eq!((pair.ids.as_slice(), pair.first), ([101, 4, 5, 6, 2, 2, 1, 2, 3, 102].as_slice(), 10));
    }
}
