//! Text in, its words with counts out: what a misspelt word of a question is compared with; knows no document and no store.

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

/// Fewest letters of a word that is kept: a shorter one is near too many others to be meant.
pub const LETTERS_MIN: usize = 4;
/// Most letters of one; what is longer is no word.
pub const LETTERS_MAX: usize = 40;

/// How often a word occurs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WordCount {
    /// However it is written.
    pub all: u32,
    /// In lower case; a word that never is so is a name or a heading's.
    pub lower: u32,
}

impl AddAssign for WordCount {
    fn add_assign(&mut self, other: Self) {
        self.all = self.all.saturating_add(other.all);
        self.lower = self.lower.saturating_add(other.lower);
    }
}

/// The words of a text in lower case, each with its count.
pub type Words = BTreeMap<String, WordCount>;

/// The runs of letters and digits in `text`, with the byte that each begins at.
pub fn runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let between = |c: char| !c.is_alphanumeric();
    text.split(between).filter(|run| !run.is_empty()).map(|run| (run.as_ptr() as usize - text.as_ptr() as usize, run))
}

/// Whether a run is a word that is kept: letters of the Latin script alone, neither few nor many. Scripts that set no spaces have no words
/// here, and codes are no words.
#[must_use]
pub fn is_word(run: &str) -> bool {
    /// The first letter behind Latin Extended-B.
    const BEHIND_LATIN: char = '\u{250}';
    let mut letters = 0;
    run.chars().all(|c| {
        letters += 1;
        c.is_alphabetic() && c < BEHIND_LATIN
    }) && (LETTERS_MIN..=LETTERS_MAX).contains(&letters)
}

/// The words of all `texts`, counted.
pub fn count<'a>(texts: impl IntoIterator<Item = &'a str>) -> Words {
    // As they are written first: most occur often, and each is turned into lower case once.
    let mut written: HashMap<&str, u32> = HashMap::new();
    for text in texts {
        for (_, run) in runs(text) {
            *written.entry(run).or_default() += 1;
        }
    }
    let mut words = Words::new();
    for (run, all) in written.into_iter().filter(|(run, _)| is_word(run)) {
        let lower = if run.contains(char::is_uppercase) { 0 } else { all };
        *words.entry(run.to_lowercase()).or_default() += WordCount { all, lower };
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_however_they_are_written() {
        let words = count(["The Covenant; the covenant's P-150 tests", "COVENANT 4711 été naïveté 中文字符"]);
        assert_eq!(words["covenant"], WordCount { all: 3, lower: 1 });
        assert_eq!(words["tests"], WordCount { all: 1, lower: 1 });
        assert_eq!(words.keys().map(String::as_str).collect::<Vec<_>>(), ["covenant", "naïveté", "tests"]);
    }

    #[test]
    fn runs_know_where_they_begin() {
        let text = "Müller’s “covenant”";
        for (at, run) in runs(text) {
            assert_eq!(&text[at..at + run.len()], run);
        }
        assert_eq!(runs(text).map(|(_, run)| run).collect::<Vec<_>>(), ["Müller", "s", "covenant"]);
    }
}
