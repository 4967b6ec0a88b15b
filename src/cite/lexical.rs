//! Text to words with stems and weights; knows English stop words and endings, and no document.

use std::collections::HashMap;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::document::ByteSpan;

/// Words that carry no content of their own, folded.
const STOP: &[&str] = &[
    "a", "about", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because", "been",
    "before", "being", "between", "both", "but", "by", "can", "could", "did", "do", "does", "doing", "done", "during", "each",
    "either", "else", "for", "from", "had", "has", "have", "having", "he", "her", "here", "hers", "him", "his", "how",
    "however", "i", "if", "in", "into", "is", "it", "its", "itself", "just", "may", "me", "might", "must", "my", "of", "off",
    "on", "once", "or", "other", "our", "out", "over", "own", "same", "shall", "she", "should", "so", "some", "such", "than",
    "that", "the", "their", "theirs", "them", "then", "there", "these", "they", "this", "those", "through", "thus", "to",
    "too", "under", "until", "upon", "very", "was", "we", "were", "what", "when", "where", "which", "while", "who", "whom",
    "whose", "why", "will", "with", "within", "would", "yet", "you", "your",
];

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
    let stop = STOP.binary_search(&folded.as_str()).is_ok();
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

/// How much finding a word says: inverse document frequencies, with a fallback for words never seen.
#[derive(Debug, Clone, Default)]
pub struct Idf {
    documents: f32,
    frequencies: HashMap<String, f32>,
}

impl Idf {
    /// The weights given by how many of `texts` hold each stem.
    #[must_use]
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut idf = Self::default();
        for text in texts {
            idf.documents += 1.0;
            let mut stems: Vec<String> = words(text).into_iter().map(|word| word.stem).collect();
            stems.sort_unstable();
            stems.dedup();
            for stem in stems {
                *idf.frequencies.entry(stem).or_insert(0.0) += 1.0;
            }
        }
        idf
    }

    /// The weight of `stem`: `ln(1 + (N − n + ½) / (n + ½))`, as in BM25, over `N` documents of which `n` hold it.
    /// At least 0; the highest for a word that none holds; 1 where there are no documents.
    #[must_use]
    pub fn weight(&self, stem: &str) -> f32 {
        if self.documents < 1.0 {
            return 1.0;
        }
        let holding = self.frequencies.get(stem).copied().unwrap_or(0.0);
        (1.0 + (self.documents - holding + 0.5) / (holding + 0.5)).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted_for_the_search() {
        assert!(STOP.is_sorted());
    }

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
        let idf = Idf::of_texts(["the pump", "the valve", "the seal"]);
        assert!(idf.weight("pump") > idf.weight("the"));
        assert!(idf.weight("unseen") > idf.weight("pump"));
        assert!((Idf::default().weight("x") - 1.0).abs() < f32::EPSILON);
    }
}
