//! What a document is known by: the terms of its file name, its title and its first words, as numbers that compare fast.
//!
//! Passages of one document often do not say what the document is: a page of a report names neither the company nor the
//! quarter. A question does. Its terms are compared with each document's label, apart from the passages themselves.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation;

use crate::document::Document;
use crate::months::month;
use crate::stop_words::is_stop_word;

/// Words from the start of the text that belong to the label: about a cover page. With 64, cover pages end before they name
/// their company; past 128, results on filings stop changing (benches/results).
const COVER_WORDS: usize = 200;

/// The label of a document: its terms, sorted, each once.
#[must_use]
pub fn label(path: &Path, document: &Document) -> Vec<u32> {
    let first_page = document.pages.first().map_or(document.text.as_str(), |page| page.span.of(&document.text));
    let mut text = file_words(path);
    text.push('\n');
    text.push_str(document.title.as_deref().unwrap_or_default());
    text.push('\n');
    let cover: Vec<&str> = first_page.split_whitespace().take(COVER_WORDS).collect();
    text.push_str(&cover.join(" "));
    terms(&text)
}

/// The file's name without its extension, split into words at punctuation.
#[must_use]
pub fn file_words(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let words: Vec<&str> = stem.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// The terms of a text, sorted, each once: stems of its words but for stop words, and its quarters and dates in one form
/// each, however they are written.
#[must_use]
pub fn terms(text: &str) -> Vec<u32> {
    let stemmer = Stemmer::create(Algorithm::English);
    let words: Vec<String> = text.unicode_words().map(str::to_lowercase).collect();
    // `Amazon.com` is known as Amazon, too.
    let parts = words.iter().filter(|word| word.contains('.')).flat_map(|word| word.split('.'));
    let parts = parts.filter(|part| part.chars().count() > 1 && part.chars().all(char::is_alphabetic));
    let mut terms: Vec<u32> = words
        .iter()
        .map(String::as_str)
        .chain(parts)
        .map(|word| word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word))
        .filter(|word| !is_stop_word(word))
        .map(|word| number(&stemmer.stem(word)))
        .collect();
    terms.extend(periods(&words).iter().map(|period| number(period)));
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The term that stands for a quarter, however it is written.
#[must_use]
pub fn quarter_term(year: i32, quarter: u8) -> u32 {
    number(&format!("{year}q{quarter}"))
}

/// Whether a question asks for what the newest document says.
#[must_use]
pub fn asks_for_newest(question: &str) -> bool {
    const WORDS: [&str; 4] = ["latest", "newest", "currently", "nowadays"];
    let words: Vec<String> = question.unicode_words().map(str::to_lowercase).collect();
    words.iter().any(|word| WORDS.contains(&word.as_str()))
        || words
            .windows(2)
            .any(|two| ["most", "last"].contains(&two[0].as_str()) && ["recent", "reported"].contains(&two[1].as_str()))
}

/// The last day that a label names, as a number that is larger for a later one: a date, the end of a quarter or of a year. `None` where it
/// names none. Years after `year_max` are plans, not the document's own time.
#[must_use]
pub fn last_day(label: &[u32], year_max: i32) -> Option<u32> {
    static DAYS: LazyLock<HashMap<u32, u32>> = LazyLock::new(days);
    let first_after = (year_max.max(0) as u32 + 1) * 10_000;
    label.iter().filter_map(|term| DAYS.get(term)).copied().filter(|day| *day < first_after).max()
}

/// The terms of all days, quarters and years from 1900 to 2100, each with its last day.
fn days() -> HashMap<u32, u32> {
    let mut days = HashMap::with_capacity(80_000);
    for year in 1900..=2100_u32 {
        days.insert(number(&year.to_string()), year * 10_000);
        for month in 1..=12 {
            for day in 1..=31 {
                days.insert(number(&format!("{year}-{month:02}-{day:02}")), year * 10_000 + month * 100 + day);
            }
        }
        for quarter in 1..=4 {
            // After every day of the quarter and before the next one's.
            days.insert(number(&format!("{year}q{quarter}")), year * 10_000 + quarter * 300 + 32);
        }
    }
    days
}

/// FNV-1a (Fowler, Noll, Vo): the same on every machine and in every version.
fn number(term: &str) -> u32 {
    term.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

const ORDINALS: [(&str, u32); 8] =
    [("first", 1), ("second", 2), ("third", 3), ("fourth", 4), ("1st", 1), ("2nd", 2), ("3rd", 3), ("4th", 4)];

/// Words that may stand between the parts of a period: `the third quarter of fiscal year 2023`.
const BETWEEN: [&str; 6] = ["of", "fiscal", "year", "the", "in", "for"];

/// The quarters (`2023q2`) and dates (`2023-06-30`) that lower-case `words` name.
fn periods(words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let after = |from: usize| words.get(from..).unwrap_or_default();
        if let Some(quarter) = quarter(word, words.get(index + 1)) {
            let skip = if word.len() == 2 && word.starts_with('q') { 1 } else { 2 };
            let next = next_year(after(index + skip));
            let before = index.checked_sub(1).and_then(|before| year(&words[before]));
            if let Some(year) = next.or(before) {
                found.push(format!("{year}q{quarter}"));
            }
        }
        if let Some(month) = month(word) {
            let day_after = words.get(index + 1).and_then(|word| day(word));
            let day_before = index.checked_sub(1).and_then(|before| day(&words[before]));
            let year_after = year_at(words, index + 2).or_else(|| year_at(words, index + 1));
            if let (Some(day), Some(year)) = (day_after.or(day_before), year_after) {
                found.push(format!("{year}-{month:02}-{day:02}"));
            }
        }
    }
    found
}

/// `q2`, `second quarter`, `quarter 2`.
fn quarter(word: &str, next: Option<&String>) -> Option<u32> {
    if let Some(digit) = word.strip_prefix('q').filter(|rest| rest.len() == 1) {
        return digit.parse().ok().filter(|quarter| (1..=4).contains(quarter));
    }
    let next = next?;
    if next == "quarter" {
        return ORDINALS.iter().find(|(ordinal, _)| *ordinal == word).map(|(_, quarter)| *quarter);
    }
    (word == "quarter").then(|| next.parse().ok()).flatten().filter(|quarter| (1..=4).contains(quarter))
}

fn next_year(words: &[String]) -> Option<u32> {
    words.iter().find(|word| !BETWEEN.contains(&word.as_str())).and_then(|word| year(word))
}

fn year_at(words: &[String], index: usize) -> Option<u32> {
    words.get(index).and_then(|word| year(word))
}

fn year(word: &str) -> Option<u32> {
    word.parse().ok().filter(|year| (1900..=2100).contains(year))
}

fn day(word: &str) -> Option<u32> {
    let digits = word.trim_end_matches(|c: char| c.is_alphabetic());
    digits.parse().ok().filter(|day| (1..=31).contains(day) && digits.len() <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(a: &str, b: &str, term: &str) -> bool {
        let (a, b, term) = (terms(a), terms(b), number(term));
        a.contains(&term) && b.contains(&term)
    }

    #[test]
    fn a_quarter_is_one_term_however_it_is_written() {
        for text in ["2023 Q2 report", "the second quarter of fiscal year 2023", "Q2 2023", "quarter 2 2023"] {
            assert!(shares(text, "Q2 2023", "2023q2"), "{text}");
        }
        assert!(!terms("the second quarter was good").contains(&number("2023q2")));
    }

    #[test]
    fn a_date_is_one_term_however_it_is_written() {
        for text in ["June 30, 2023", "30 June 2023", "the 30th June 2023"] {
            assert!(terms(text).contains(&number("2023-06-30")), "{text}");
        }
        assert!(!terms("you may 2023").contains(&number("2023-05-30")));
    }

    #[test]
    fn a_company_that_is_named_after_its_address_is_known_without_it() {
        assert!(shares("FENNICK.COM, INC.", "What did Fennick's sellers earn?", "fennick"));
        assert!(!terms("e.g. 3.5 U.S.").contains(&number("e")));
    }

    #[test]
    fn the_last_day_of_a_label_is_that_of_its_latest_date() {
        let of = |text: &str| last_day(&terms(text), 2026);
        assert!(of("quarter ended July 1, 2023") > of("quarter ended 25 June 2022"));
        assert!(of("2023 Q3 report") > of("2023 Q2 report") && of("2024") > of("2023 Q4"));
        assert!(of("30 June 2023") < of("2023 Q2") && of("1 July 2023") > of("2023 Q2"));
        assert_eq!(of("the rest of the report, due in 2031"), None);
        assert!(
            asks_for_newest("What did the latest report say?") && !asks_for_newest("What did the late report say?")
        );
    }

    #[test]
    fn words_meet_by_their_stems_and_possessives_fall_away() {
        assert!(shares("Apple's filings", "Apple filing", "appl"));
        assert!(terms("the of and").is_empty());
        assert_eq!(file_words(Path::new("/x/2023_Q2-loan.agreement.pdf")), "2023 Q2 loan agreement");
    }
}
