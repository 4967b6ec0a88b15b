//! Everyday words in, the figures and ratios that they mean out, the likeliest first; knows no document, no company and no time.
//!
//! People ask for `what customers still owe`, not for `accounts receivable, net`. Words and expressions that say the same are one idea
//! (`everyday.toml`); each entry of the lexicon has sets of ideas, from its names and from [`super::Line::asked`]. A question means the entry
//! one of whose sets it holds most of, where rare ideas count more than common ones and what the set lacks or the question has too much counts
//! against it.

use std::collections::{BTreeSet, HashMap};

use rust_stemmers::{Algorithm, Stemmer};
use serde::Deserialize;

use super::{Entry, Lexicon, folded};
use crate::stop_words::is_stop_word;

/// The groups that come with the program.
pub(super) const SHIPPED: &str = include_str!("everyday.toml");

/// Words and expressions that say the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Same {
    /// The words; the first is the name of the idea.
    pub words: Vec<String>,
}

/// Words that say nothing of which figure is meant.
const WEAK: &[&str] = &[
    "much",
    "many",
    "sum",
    "amount",
    "figure",
    "value",
    "worth",
    "come",
    "came",
    "stand",
    "stood",
    "money",
    "company",
    "business",
    "firm",
    "get",
    "got",
    "make",
    "made",
    "put",
    "actual",
    "actually",
    "real",
    "realli",
    "really",
    "still",
    "yet",
    "level",
    "size",
    "big",
    "high",
    "large",
    "long",
    "carry",
    "carried",
    "books",
    "book",
    "dollar",
    "million",
    "report",
    "reported",
    "record",
    "recorded",
    "show",
    "shown",
    "say",
    "hold",
    "held",
    "count",
    "counted",
    "add",
    "sum",
    "stretch",
    "wa",
    "ha",
    "doe",
    "thi",
    "it",
    "itself",
    "use",
    "take",
    "took",
    "taken",
    "give",
    "gave",
    "given",
    "receive",
    "received",
    "during",
    "up",
    "out",
    "down",
    "amounted",
    "run",
    "let",
    "go",
    "went",
    "bear",
    "bore",
    "leave",
    "left",
    "per",
    "cent",
    "according",
    "mean",
    "know",
    "tell",
    "send",
    "effort",
    "valu",
    "price",
    "lie",
    "fair",
    "everyone",
    "else",
    "large",
    "larg",
    "big",
    "deal",
    "please",
    "find",
    "state",
    "stated",
];

/// How everyday words are weighed; the values were chosen on questions about the cells of quarterly reports (`corpora/filings-dev`).
const LACKING: f32 = 0.45;
const SURPLUS: f32 = 0.35;
const UNKNOWN: f32 = 0.4;
/// Words between a denial and what it denies.
const DENIED_REACH: usize = 8;

/// An entry of the lexicon that a question may mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Meant<'a> {
    /// What it is.
    pub entry: Entry<'a>,
    /// How well the words fit; higher is better, comparable among the entries of one question.
    pub score: f32,
    /// The share of what the question says that the entry accounts for, 0 to 1.
    pub share: f32,
}

/// Groups of words and the sets of ideas of the entries.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Everyday {
    /// Stems of an expression with the name of its idea.
    ideas: HashMap<String, String>,
    /// Words of the longest expression.
    words_max: usize,
    /// By the number of an entry, lines before ratios: the sets of ideas.
    sets: Vec<Vec<BTreeSet<String>>>,
    /// How rare each idea is among the entries.
    weights: HashMap<String, f32>,
}

impl Everyday {
    /// Adds a group.
    pub(super) fn add(&mut self, group: &Same) {
        let Some(name) = group.words.first() else { return };
        for words in &group.words {
            let stems = stems(&without_articles(&folded(words)));
            self.words_max = self.words_max.max(stems.len());
            self.ideas.insert(stems.join(" "), format!("={name}"));
        }
    }

    /// Reads the sets of all entries anew.
    pub(super) fn settle<'a>(&mut self, entries: impl Iterator<Item = (Vec<String>, &'a [String])>) {
        self.sets = entries
            .map(|(names, asked)| {
                let all = names.iter().chain(asked).map(|words| self.ideas_of(&folded(words)).into_iter().collect());
                let mut sets: Vec<BTreeSet<String>> = all.filter(|set: &BTreeSet<String>| !set.is_empty()).collect();
                sets.sort_unstable();
                sets.dedup();
                sets
            })
            .collect();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for sets in &self.sets {
            for idea in sets.iter().flatten().map(String::as_str).collect::<BTreeSet<_>>() {
                *counts.entry(idea).or_default() += 1;
            }
        }
        let all = self.sets.len() as f32;
        self.weights =
            counts.into_iter().map(|(idea, count)| (idea.to_owned(), (1.0 + all / count as f32).ln())).collect();
    }

    /// The ideas of folded words, in order; a word of no group is an idea of its own.
    pub(super) fn ideas_of(&self, words: &[String]) -> Vec<String> {
        self.read(words).0
    }

    /// The ideas of folded words, and the words that no expression has taken.
    fn read(&self, words: &[String]) -> (Vec<String>, Vec<String>) {
        let words = &without_articles(words);
        let stems = stems(words);
        let mut found = Vec::new();
        let mut left: Vec<(usize, String)> = Vec::new();
        let mut at = 0;
        while at < words.len() {
            let longest = (1..=self.words_max.min(words.len() - at))
                .rev()
                .find_map(|length| Some((length, self.ideas.get(&stems[at..at + length].join(" "))?)));
            if let Some((length, idea)) = longest {
                // "Did not fall due within a year" is later, whatever stands between.
                let denied = left.iter().rposition(|(place, word)| at - place <= DENIED_REACH && word == "not");
                match denied.filter(|_| idea == "=soon") {
                    Some(denied) => {
                        left.remove(denied);
                        found.push("=later".to_owned());
                    }
                    None => found.push(idea.clone()),
                }
                at += length;
                continue;
            }
            let word = &words[at];
            left.push((at, word.clone()));
            let is_weak = is_stop_word(word) || WEAK.contains(&word.as_str()) || WEAK.contains(&stems[at].as_str());
            if !is_weak && (word.len() > 1 || word.chars().all(|c| c.is_ascii_digit())) {
                found.push(stems[at].clone());
            }
            at += 1;
        }
        (found, left.into_iter().map(|(_, word)| word).collect())
    }

    /// How well the entry at `at` fits `ideas`: the score, and the share of the question that it accounts for.
    fn fit(&self, at: usize, ideas: &BTreeSet<String>) -> Option<(f32, f32)> {
        let weight = |idea: &String| self.weights.get(idea).copied().unwrap_or_default();
        let sets = &self.sets[at];
        let mut known = 0.0;
        let mut foreign = 0.0;
        for idea in ideas {
            match self.weights.get(idea) {
                Some(weight) if sets.iter().any(|set| set.contains(idea)) => known += weight,
                Some(weight) => foreign += weight * SURPLUS,
                None => foreign += UNKNOWN,
            }
        }
        let best = sets
            .iter()
            .filter(|set| set.iter().any(|idea| ideas.contains(idea)))
            .map(|set| {
                let (mut held, mut lacking) = (0.0, 0.0);
                for idea in set {
                    if ideas.contains(idea) { held += weight(idea) } else { lacking += weight(idea) }
                }
                held - LACKING * lacking
            })
            .max_by(f32::total_cmp)?;
        // What other sets of the entry hold of the question speaks for it, too.
        let score = best + 0.25 * (known - best).max(0.0) - foreign;
        (score > 0.0).then(|| (score, known / (known + foreign)))
    }
}

impl Lexicon {
    /// What folded words of a question may mean, the likeliest first; without its times and the names of companies.
    #[must_use]
    pub fn meant(&self, words: &[String]) -> Vec<Meant<'_>> {
        let ideas: BTreeSet<String> = self.everyday.ideas_of(words).into_iter().collect();
        let entries = self.lines.iter().map(Entry::Line).chain(self.ratios.iter().map(Entry::Ratio));
        let mut found: Vec<Meant<'_>> = entries
            .enumerate()
            .filter_map(|(at, entry)| {
                let (score, share) = self.everyday.fit(at, &ideas)?;
                Some(Meant { entry, score, share })
            })
            .collect();
        found.sort_by(|one, other| other.score.total_cmp(&one.score));
        found
    }

    /// Those of folded words that are in no set of any entry.
    #[must_use]
    pub fn unknown(&self, words: &[String]) -> Vec<String> {
        let ideas = self.everyday.ideas_of(words);
        ideas.into_iter().filter(|idea| !self.everyday.weights.contains_key(idea) && !idea.starts_with('=')).collect()
    }

    /// Those of folded words that no expression has taken.
    #[must_use]
    pub fn left_over(&self, words: &[String]) -> Vec<String> {
        self.everyday.read(words).1
    }

    /// The ideas that folded words name, for whoever wants to see how a question is read.
    #[must_use]
    pub fn ideas(&self, words: &[String]) -> Vec<String> {
        self.everyday.ideas_of(words)
    }
}

fn without_articles(words: &[String]) -> Vec<String> {
    words.iter().filter(|word| !["a", "an", "the"].contains(&word.as_str())).cloned().collect()
}

/// The stems of folded words.
pub(crate) fn stems(words: &[String]) -> Vec<String> {
    let stemmer = Stemmer::create(Algorithm::English);
    words.iter().map(|word| stemmer.stem(word).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str) -> Option<String> {
        let lexicon = Lexicon::shipped();
        lexicon.meant(&folded(text)).first().map(|meant| match meant.entry {
            Entry::Line(line) => line.name.clone(),
            Entry::Ratio(ratio) => ratio.name.clone(),
        })
    }

    #[test]
    fn a_line_is_meant_by_whatever_words_say_its_idea() {
        for (text, expected) in [
            ("how much did clients still owe", "receivables"),
            ("what had shoppers not yet paid", "receivables"),
            ("how much did it owe its vendors", "payables"),
            ("what was left once production was paid", "gross_profit"),
            ("what did it clear once everyone else had been paid", "net_income"),
            ("how much had it made before settling its taxes", "pretax_income"),
            ("what did wear and tear come to", "depreciation_and_amortization"),
            ("how much did it spend on buying back its own shares", "share_repurchases"),
            ("how much had customers paid for things not delivered yet", "deferred_revenue"),
            ("how much had it borrowed that did not have to be paid back within a year", "long_term_debt"),
            ("how much of what had borrowed did not fall due within a year", "long_term_debt"),
            ("what was everything owned worth on its books", "assets"),
            ("how much had it borrowed that need not be paid back within a year", "long_term_debt"),
            ("how much did it owe that was due only after a year in all", "non_current_liabilities"),
            ("what share of everything owned was financed by its owners", "equity ratio"),
        ] {
            assert_eq!(first(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(first("who audits the weather"), None);
    }

    #[test]
    fn longer_expressions_go_before_shorter_ones_and_articles_do_not_count() {
        let lexicon = Lexicon::shipped();
        assert_eq!(lexicon.ideas(&folded("due after more than a year")), lexicon.ideas(&folded("due beyond one year")));
        assert_eq!(lexicon.ideas(&folded("its own shares")), ["=own share"]);
        assert_eq!(lexicon.unknown(&folded("what do headsets cost")), ["headset"]);
    }
}
