//! Text to words with stems and weights; knows English endings, and no document.

use std::collections::{HashMap, HashSet};

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::document::ByteSpan;
use crate::stop_words::is_stop_word;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Lower case, without accents and possessive ending.
    pub folded: String,
    /// The Porter2 stem of `folded`.
    pub stem: String,
    /// Where it lies in the text, possessive ending and all.
    pub span: ByteSpan,
    /// Whether it is written with a capital first letter.
    pub capital: bool,
    /// Whether it has no content of its own.
    pub stop: bool,
}

/// The words of `text` in order: runs of letters and digits, with apostrophes, and with the points and commas inside numbers.
#[must_use]
pub fn words(text: &str) -> Vec<Word> {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut words = Vec::new();
    let mut start = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|&(_, next)| next);
        let joins = |before: char| match c {
            '\'' | '’' => next.is_some_and(char::is_alphabetic),
            '.' | ',' => before.is_ascii_digit() && next.is_some_and(|next| next.is_ascii_digit()),
            _ => false,
        };
        if c.is_alphanumeric() || is_combining_mark(c) {
            start.get_or_insert(at);
        } else if start.is_some() && !joins(text[..at].chars().next_back().unwrap_or(' ')) {
            words.extend(start.take().map(|from| word(text, ByteSpan::new(from, at), &stemmer)));
        }
    }
    words.extend(start.map(|from| word(text, ByteSpan::new(from, text.len()), &stemmer)));
    words
}

fn word(text: &str, span: ByteSpan, stemmer: &Stemmer) -> Word {
    let written = span.of(text);
    let mut folded = fold(written);
    for ending in ["'s", "’s"] {
        if let Some(base) = folded.strip_suffix(ending) {
            folded = base.to_owned();
        }
    }
    let stem = stemmer.stem(&folded).into_owned();
    let stop = is_stop_word(&folded);
    Word { stem, stop, span, capital: written.starts_with(char::is_uppercase), folded }
}

/// `text` in lower case and without accents.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkd().filter(|&c| !is_combining_mark(c)).flat_map(char::to_lowercase).collect()
}

/// How much finding a word says: the fewer texts hold it, the more.
#[derive(Debug, Clone, Default)]
pub struct Idf {
    texts: f32,
    holding: HashMap<String, f32>,
}

impl Idf {
    /// The weights given by how many of the texts hold each stem; each item is the words of one text.
    #[must_use]
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a [Word]>) -> Self {
        let mut idf = Self::default();
        for words in texts {
            idf.texts += 1.0;
            let stems: HashSet<&str> = words.iter().map(|word| word.stem.as_str()).collect();
            for stem in stems {
                *idf.holding.entry(stem.to_owned()).or_insert(0.0) += 1.0;
            }
        }
        idf
    }

    /// The weight of `stem`, above 0: `ln(1 + (N + 20) / (n + 1))` over `N` texts of which `n` hold it. A word that none holds
    /// weighs the most. The twenty keep a word that the only text holds from weighing next to nothing.
    #[must_use]
    pub fn weight(&self, stem: &str) -> f32 {
        let holding = self.holding.get(stem).copied().unwrap_or(0.0);
        (1.0 + (self.texts + 20.0) / (holding + 1.0)).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fold_accents_possessives_and_keep_numbers_whole() {
        let text = "Café's 1,234.5 items, don’t.";
        let found: Vec<String> = words(text).into_iter().map(|word| word.folded).collect();
        assert_eq!(found, ["cafe", "1,234.5", "items", "don’t"]);
        assert_eq!(words("increased")[0].stem, words("increases")[0].stem);
        assert!(words("The")[0].stop && words("The")[0].capital);
    }

    #[test]
    fn a_rare_word_weighs_more_than_a_common_one() {
        let texts = [words("the pump"), words("the valve"), words("the seal")];
        let idf = Idf::of_texts(texts.iter().map(Vec::as_slice));
        assert!(idf.weight("pump") > idf.weight("the"));
        assert!(idf.weight("unseen") > idf.weight("pump"));
    }
}
