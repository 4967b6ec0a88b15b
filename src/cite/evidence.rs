//! Evidence texts to their sentences, prepared for comparison with claims; does not judge.

use std::collections::HashSet;

use super::addressed::is_addressed;
use super::lexical::{Idf, Word, words};
use super::names::{Name, initials, names};
use super::quantities::{Quantity, quantities_of};
use crate::document::ByteSpan;
use crate::inference::embedder::TokenEmbeddings;
use crate::sentences::sentences;

/// A sentence or claim with everything that is compared.
#[derive(Debug, Clone)]
pub struct Text {
    /// As written.
    pub text: String,
    /// Its words in order.
    pub words: Vec<Word>,
    /// Its names in order.
    pub names: Vec<Name>,
    /// Its numbers and dates in order.
    pub quantities: Vec<Quantity>,
    /// Its words, their stems, and the initials of its names.
    pub has: HashSet<String>,
    /// Its token vectors, where they were computed.
    pub tokens: Option<TokenEmbeddings>,
}

impl Text {
    /// Prepares `text`, without token vectors.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let words = words(text);
        let names = names(text, &words);
        let mut has: HashSet<String> = names.iter().filter_map(initials).collect();
        has.extend(words.iter().flat_map(|word| [word.folded.clone(), word.stem.clone()]));
        Self { quantities: quantities_of(text, &words), text: text.to_owned(), words, names, has, tokens: None }
    }

    /// Whether `word` or another form of it occurs.
    #[must_use]
    pub fn holds(&self, word: &Word) -> bool {
        self.has.contains(&word.folded) || self.has.contains(&word.stem)
    }

    /// Its words that carry content, each with its weight.
    #[must_use]
    pub fn content(&self, idf: &Idf) -> Vec<(&Word, f32)> {
        self.words.iter().filter(|word| !word.stop).map(|word| (word, idf.weight(&word.stem))).collect()
    }
}

/// A text of the evidence with what is known of it from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passage<'a> {
    /// The text.
    pub text: &'a str,
    /// What the figures of its tables are counted in: 1e6 for "in millions", 1 where nothing says it.
    pub scale: f64,
}

impl<'a> From<&'a str> for Passage<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, scale: 1.0 }
    }
}

/// A sentence of the evidence and where it stands.
#[derive(Debug, Clone)]
pub struct Sentence {
    /// Which evidence text it is of.
    pub index: usize,
    /// Where it lies in that text.
    pub span: ByteSpan,
    /// The sentence, prepared.
    pub text: Text,
    /// Whether it is addressed to whoever checks: it can be quoted, but bears nothing out.
    pub addressed: bool,
}

/// The sentences of all evidence for an answer, with the weights that follow from them.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The evidence as given.
    pub texts: Vec<String>,
    /// What the figures in tables of each text are counted in.
    pub scales: Vec<f64>,
    /// Every sentence, in order.
    pub sentences: Vec<Sentence>,
    /// Over the sentences.
    pub idf: Idf,
}

impl Evidence {
    /// Splits and prepares the evidence texts.
    #[must_use]
    pub fn new(texts: &[&str]) -> Self {
        Self::of(&texts.iter().map(|&text| text.into()).collect::<Vec<_>>())
    }

    /// The same, of texts with what is known of them.
    #[must_use]
    pub fn of(passages: &[Passage<'_>]) -> Self {
        let mut all = Vec::new();
        for (index, passage) in passages.iter().enumerate() {
            all.extend(sentences(passage.text).into_iter().map(|span| {
                let text = Text::new(span.of(passage.text));
                Sentence { index, span, addressed: is_addressed(&text.words), text }
            }));
        }
        let says = all.iter().filter(|sentence| !sentence.addressed);
        let idf = Idf::of_texts(says.map(|sentence| sentence.text.words.as_slice()));
        let texts = passages.iter().map(|passage| passage.text.to_owned()).collect();
        let scales = passages.iter().map(|passage| passage.scale).collect();
        Self { texts, scales, sentences: all, idf }
    }

    /// The sentence before `at` in the same text that is not addressed to whoever checks.
    #[must_use]
    pub fn before(&self, at: usize) -> Option<usize> {
        let stands = |other: &usize| self.sentences[*other].index == self.sentences[at].index;
        (0..at).rev().take_while(stands).find(|&other| !self.sentences[other].addressed)
    }

    /// The sentence after `at` in the same text that is not addressed to whoever checks.
    #[must_use]
    pub fn after(&self, at: usize) -> Option<usize> {
        let stands = |other: &usize| self.sentences[*other].index == self.sentences[at].index;
        (at + 1..self.sentences.len()).take_while(stands).find(|&other| !self.sentences[other].addressed)
    }

    /// The sentences that share most with `claim`, best first, at most `count`: by weighted share of its content words found.
    /// Sentences that share nothing are left out.
    #[must_use]
    pub fn shortlist(&self, claim: &Text, count: usize) -> Vec<usize> {
        let content = claim.content(&self.idf);
        let share = |sentence: &Sentence| {
            if sentence.addressed { 0.0 } else { recall(&content, |word| sentence.text.holds(word)) }
        };
        let mut found: Vec<(usize, f32)> =
            self.sentences.iter().map(share).enumerate().filter(|found| found.1 > 0.0).collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found.truncate(count);
        found.into_iter().map(|(sentence, _)| sentence).collect()
    }
}

/// The weighted share of `content` that `holds` finds, 0 to 1; 0 for no content.
pub fn recall(content: &[(&Word, f32)], holds: impl Fn(&Word) -> bool) -> f32 {
    let total: f32 = content.iter().map(|(_, weight)| weight).sum();
    let found: f32 = content.iter().filter(|(word, _)| holds(word)).map(|(_, weight)| weight).sum();
    if total > 0.0 { found / total } else { 0.0 }
}
