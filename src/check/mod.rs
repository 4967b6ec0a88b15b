//! Claims from anywhere against the index or against files: which passages a claim is held against, and the verdict they give.

pub mod against;
pub mod judge;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::answer::Hit;
use crate::cite::check::{CheckModels, check_claims};
use crate::cite::evidence::Passage;
use crate::cite::verdict::{Checked, VerdictModel};
use crate::error::Result;
use crate::inference::cross_encoder::{ReaderSettings, Readers};
use crate::retrieve::Searcher;
use against::Against;

/// How claims are checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckSettings {
    /// Passages that a claim is held against; at least 1.
    pub passages: usize,
    /// Files of up to this many passages together are compared whole.
    pub whole_passages_max: usize,
    /// Of longer files, the passages with the most words of the claim that are compared by meaning as well; at least `passages`.
    pub candidates: usize,
    /// Words of a claim above which it is not checked: it is no single statement.
    pub claim_words_max: usize,
    /// Claims of one text at most.
    pub claims_max: usize,
    /// Bytes of text of all files that claims are checked against.
    pub against_bytes_max: usize,
    /// The folder of a sequence classifier that reads claims in place of our own reader: `config.json`, `model.safetensors` and
    /// `tokenizer.json`.
    pub model: Option<PathBuf>,
    /// Which of its classes means that the evidence entails the claim, counted from 0; unset goes by their names.
    pub entailment: Option<usize>,
    /// The folder of a reader in place of the one that comes with the program: `reader.safetensors` and `manifest.toml`.
    pub reader: Option<PathBuf>,
    /// The role of a language model that reads what the check let stand beside its evidence, and can only lower a verdict.
    pub judge: Option<String>,
}

impl CheckSettings {
    /// Which models read pairs of texts.
    #[must_use]
    pub fn readers(&self) -> ReaderSettings {
        ReaderSettings { model: self.model.clone(), entailment: self.entailment, reader: self.reader.clone() }
    }
}

impl Default for CheckSettings {
    fn default() -> Self {
        Self {
            passages: 10,
            whole_passages_max: 32,
            candidates: 64,
            claim_words_max: 300,
            claims_max: 10_000,
            against_bytes_max: 256 << 20,
            model: None,
            entailment: None,
            reader: None,
            judge: None,
        }
    }
}

/// Where the evidence is from.
#[derive(Debug)]
pub enum Source<'a> {
    /// An index.
    Index(&'a Searcher),
    /// Files that were read for it.
    Files(&'a mut Against),
}

/// What became of one claim.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The verdict; its evidence are places in `hits`.
    pub checked: Checked,
    /// What the claim was held against.
    pub hits: Vec<Hit>,
}

/// Checks one claim. Blocks.
///
/// # Errors
/// What search or check report.
pub fn check_claim(
    claim: &str,
    source: &mut Source<'_>,
    readers: &Readers,
    settings: &CheckSettings,
) -> Result<Judged> {
    let is_checked = words_over(claim, settings).is_none();
    let (hits, embedder) = match source {
        _ if !is_checked => (Vec::new(), None),
        Source::Index(searcher) => (searcher.search(claim, settings.passages)?.hits, Some(searcher.embedder())),
        Source::Files(against) => (against.nearest(claim, settings)?, Some(against.embedder())),
    };
    let evidence: Vec<Passage<'_>> = hits.iter().map(Hit::passage).collect();
    // One that is too long is compared with nothing, as one without a word is.
    let compared = if is_checked { claim } else { "" };
    let embedder = embedder.map(std::convert::AsRef::as_ref);
    let models = CheckModels { embedder, entailment: readers.entailment() };
    let checked = check_claims(&[compared], &evidence, models, VerdictModel::shipped())?.remove(0);
    Ok(Judged { checked, hits })
}

/// How many words the claim has, where that is more than are checked.
#[must_use]
pub fn words_over(claim: &str, settings: &CheckSettings) -> Option<usize> {
    let words = claim.split_whitespace().count();
    // A text without spaces is as long as its characters say.
    let words = words.max(claim.chars().count() / CHARS_A_WORD_MAX);
    (words > settings.claim_words_max).then_some(words)
}

/// Characters of a word at most, where words are counted: the longest that are no names of chemicals have fewer.
const CHARS_A_WORD_MAX: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_as_long_as_its_words_or_its_characters_say() {
        let settings = CheckSettings::default();
        assert_eq!(words_over("The fee is waived.", &settings), None);
        assert_eq!(words_over(&"word ".repeat(10_000), &settings), Some(10_000));
        assert_eq!(words_over(&"x".repeat(30_000), &settings), Some(1_000));
    }
}
