//! A tokenizer in, which entries of its vocabulary carry meaning out; knows no model.

use crate::inference::tokenizer::Tokenizer;
use crate::stop_words::is_stop_word;

/// Which entries of a vocabulary carry meaning: neither punctuation nor stop words nor special tokens.
#[derive(Debug)]
pub struct ContentTokens(Vec<bool>);

impl ContentTokens {
    pub(super) fn of(tokenizer: &Tokenizer) -> Self {
        let carries = |id: u32| {
            let word = tokenizer.word(id).unwrap_or_default();
            // Vocabularies of BERT have such entries that no list of special tokens names.
            let is_special = word.starts_with('[') && word.ends_with(']') && word.len() > 2;
            let is_word = word.chars().any(char::is_alphanumeric) && !is_stop_word(&word);
            !is_special && !tokenizer.is_special(id) && is_word
        };
        Self((0..tokenizer.vocabulary_size() as u32).map(carries).collect())
    }

    /// Whether token `id` carries meaning.
    #[must_use]
    pub fn contains(&self, id: u32) -> bool {
        self.0.get(id as usize).copied().unwrap_or(false)
    }
}
