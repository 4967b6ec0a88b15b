//! A claim or a sentence of the evidence, taken apart into what is compared: keys, figures, segments, hedges.

use std::ops::Range;

use super::figures::{Date, Figure, Value, figures, is_part_of_name};
use super::segments::{Hedge, Segment, hedges, is_row, segments};
use super::words::{are_synonyms, is_auxiliary};
use crate::cite::evidence::{Evidence, Text};
use crate::cite::lexical::{Idf, Word};
use crate::cite::names::holds_word;

/// A word, a name with its number, or a part of a date: what a statement is recognised by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    /// What it is.
    pub(super) kind: KeyKind,
    /// Its words.
    pub(super) words: Range<usize>,
    /// How much finding it says, above 0.
    pub(super) weight: f32,
}

/// What a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// A word with content, as written and as its stem.
    Word { folded: String, stem: String },
    /// "Unit 3", "P-12", in one form.
    Code(String),
    /// A part of a date.
    Date(char, u32),
    /// "during probation": a relation in time or place with the stem it governs.
    Relation(&'static str, String),
}

/// Weight of a part of a date.
const DATE_WEIGHT: f32 = 2.5;
/// Weight of a relation beside its word's.
const RELATION_SHARE: f32 = 0.6;

/// A text taken apart.
#[derive(Debug, Clone)]
pub(super) struct View<'a> {
    /// The text.
    pub(super) text: &'a Text,
    /// Its keys in order.
    pub(super) keys: Vec<Key>,
    /// Its figures in order.
    pub(super) figures: Vec<Figure>,
    /// Its segments in order.
    pub(super) segments: Vec<Segment>,
    /// Its conditions, exceptions, sources and doubts.
    pub(super) hedges: Vec<Hedge>,
    /// Whether it is a row of cells.
    pub(super) is_row: bool,
}

impl<'a> View<'a> {
    pub(super) fn new(text: &'a Text, idf: &Idf) -> Self {
        let figures = figures(text);
        Self {
            keys: keys(text, &figures, idf),
            figures,
            segments: segments(text),
            hedges: hedges(text),
            is_row: is_row(text),
            text,
        }
    }

    /// Its words as written.
    pub(super) fn folded(&self, at: usize) -> &str {
        self.text.words.get(at).map_or("", |word| word.folded.as_str())
    }

    /// Its words `range` as written in the text.
    pub(super) fn written(&self, range: &Range<usize>) -> &'a str {
        match (self.text.words.get(range.start), self.text.words.get(range.end.wrapping_sub(1))) {
            (Some(first), Some(last)) if first.span.start <= last.span.end => {
                &self.text.text[first.span.start..last.span.end]
            }
            _ => "",
        }
    }

    /// The places of keys that say the same as `key`.
    pub(super) fn places<'b>(&'b self, key: &'b Key) -> impl Iterator<Item = usize> + 'b {
        self.keys.iter().filter(|held| same(&key.kind, &held.kind)).map(|held| held.words.start)
    }

    /// Whether some key within `range` says the same as `key`.
    pub(super) fn has(&self, key: &Key, range: &Range<usize>) -> bool {
        self.places(key).any(|at| range.contains(&at))
    }
}

/// A sentence of the evidence with what stands around it.
#[derive(Debug, Clone)]
pub(super) struct Held<'a> {
    /// Its place in [`Evidence::sentences`].
    pub(super) at: usize,
    /// The sentence.
    pub(super) view: View<'a>,
    /// The sentence before it in the same text, and the first one of the paragraph where that is a heading.
    pub(super) before: Vec<View<'a>>,
    /// For a row: the names of the columns, and the places of its cells among its words.
    pub(super) columns: Vec<Column>,
    /// For a row: what its figures are counted in, 1 where nothing says it.
    pub(super) scale: f64,
}

/// A cell of a row under the name of its column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    /// The words of the row that are in the cell.
    pub(super) cell: Range<usize>,
    /// The keys of the column's name.
    pub(super) keys: Vec<Key>,
    /// The name as written.
    pub(super) name: String,
}

impl<'a> Held<'a> {
    pub(super) fn new(evidence: &'a Evidence, at: usize) -> Self {
        let sentence = &evidence.sentences[at];
        let view = View::new(&sentence.text, &evidence.idf);
        let mut before = Vec::new();
        if let Some(last) = evidence.before(at)
            && !(view.is_row && is_row(&evidence.sentences[last].text))
        {
            before.push(View::new(&evidence.sentences[last].text, &evidence.idf));
        }
        let heading = heading_of(evidence, at);
        if let Some(heading) = heading.filter(|&heading| heading + 1 != at || view.is_row) {
            before.push(View::new(&evidence.sentences[heading].text, &evidence.idf));
        }
        let columns = if view.is_row { columns(evidence, at, &view) } else { Vec::new() };
        let scale = if view.is_row { evidence.scales[sentence.index] } else { 1.0 };
        Self { at, view, before, columns, scale }
    }

    /// Whether `key` stands in what surrounds the sentence.
    pub(super) fn is_around(&self, key: &Key) -> bool {
        self.before.iter().any(|view| view.places(key).next().is_some())
    }

    /// The column of word `at`.
    pub(super) fn column(&self, at: usize) -> Option<&Column> {
        self.columns.iter().find(|column| column.cell.contains(&at))
    }
}

/// The names with numbers of a text ("Unit 3", "P-150"), each in one form; quarters and years are none.
pub(crate) fn codes(text: &Text) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.words.len() {
        match code(text, at) {
            Some((name, used)) => {
                let digits = name.trim_start_matches(|c: char| c.is_alphabetic() || c == ' ');
                let letters = name[..name.len() - digits.len()].trim();
                if !matches!(letters, "q" | "h" | "fy" | "cy" | "page" | "no" | "covid") {
                    found.push(name);
                }
                at += used;
            }
            None => at += 1,
        }
    }
    found
}

/// The heading that the sentence `at` stands below, in the same text.
pub(crate) fn heading_of(evidence: &Evidence, at: usize) -> Option<usize> {
    let index = evidence.sentences[at].index;
    (0..at)
        .rev()
        .take_while(|&other| evidence.sentences[other].index == index)
        .find(|&other| !evidence.sentences[other].addressed && is_heading(&evidence.sentences[other].text))
}

/// The row with the names of the columns of the row `at`, where it has one above it.
pub(crate) fn header_of(evidence: &Evidence, at: usize) -> Option<usize> {
    let index = evidence.sentences[at].index;
    let row = |other: usize| evidence.sentences[other].index == index && is_row(&evidence.sentences[other].text);
    if !row(at) {
        return None;
    }
    let first = (0..at).rev().take_while(|&other| row(other)).last()?;
    let header = &evidence.sentences[first].text;
    let names = cells_of(header).len();
    // A row of figures is no header.
    (header.quantities.len() * 2 <= names + 1 || names == 1).then_some(first)
}

/// Whether a sentence is a heading: a line with a mark for one, or few words and no end.
fn is_heading(text: &Text) -> bool {
    let written = text.text.trim();
    written.starts_with('#')
        || !is_row(text)
            && text.words.len() <= 8
            && !written.ends_with(['.', '!', '?', ';', ':', ',', '…', '"', '”', ')'])
}

/// The cells of the row `at` with the names of their columns, from the first row of its table.
fn columns(evidence: &Evidence, at: usize, view: &View<'_>) -> Vec<Column> {
    let cells = cells(view.text);
    let Some(header) = header_of(evidence, at).map(|first| &evidence.sentences[first].text) else { return Vec::new() };
    let names = cells_of(header);
    let offset = names.len().saturating_sub(cells.len());
    let named = cells.into_iter().enumerate().filter_map(|(place, cell)| {
        let name = *names.get(place).or_else(|| names.get(place + offset))?;
        let words = words_of(header, name);
        let column = View::new(header, &evidence.idf);
        let keys = column.keys.into_iter().filter(|key| words.contains(&key.words.start)).collect();
        Some(Column { cell, keys, name: name.trim().to_owned() })
    });
    named.collect()
}

/// The cells of a row as written.
fn cells_of(text: &Text) -> Vec<&str> {
    let row = text.text.trim().trim_matches('|');
    row.split(['|', '\t']).collect()
}

fn cells(text: &Text) -> Vec<Range<usize>> {
    cells_of(text).into_iter().map(|cell| words_of(text, cell)).collect()
}

/// The words of `text` that lie in `part`, a slice of it.
fn words_of(text: &Text, part: &str) -> Range<usize> {
    let from = part.as_ptr() as usize - text.text.as_ptr() as usize;
    let to = from + part.len();
    let start = text.words.iter().position(|word| word.span.start >= from).unwrap_or(text.words.len());
    let count = text.words[start..].iter().take_while(|word| word.span.end <= to).count();
    start..start + count
}

/// Whether two keys say the same.
pub(super) fn same(a: &KeyKind, b: &KeyKind) -> bool {
    match (a, b) {
        (KeyKind::Word { folded, stem }, KeyKind::Word { folded: held, stem: held_stem }) => {
            folded == held
                || are_synonyms(stem, held_stem)
                || holds_word(folded, stem, |key| key == held)
                || holds_word(held, held_stem, |key| key == folded)
        }
        (KeyKind::Relation(relation, stem), KeyKind::Relation(held, held_stem)) => {
            relation == held && are_synonyms(stem, held_stem)
        }
        _ => a == b,
    }
}

/// Relations in time and place that turn what they govern into something else.
const RELATIONS: &[(&str, &str)] = &[
    ("before", "before"),
    ("until", "before"),
    ("till", "before"),
    ("after", "after"),
    ("following", "after"),
    ("since", "after"),
    ("during", "during"),
    ("within", "during"),
    ("throughout", "during"),
    ("while", "during"),
    ("without", "without"),
];

fn keys(text: &Text, figures: &[Figure], idf: &Idf) -> Vec<Key> {
    let mut found: Vec<Key> = Vec::new();
    let mut at = 0;
    while at < text.words.len() {
        let word = &text.words[at];
        if let Some((code, used)) = code(text, at) {
            found.push(Key {
                kind: KeyKind::Code(code),
                words: at..at + used,
                weight: idf.weight(&word.stem).max(DATE_WEIGHT),
            });
            at += used;
            continue;
        }
        if let Some(figure) = figures.iter().find(|figure| figure.words.contains(&at)) {
            if let Value::Date(date) = &figure.value {
                found.extend(parts(date).map(|(part, value)| Key {
                    kind: KeyKind::Date(part, value),
                    words: figure.words.clone(),
                    weight: DATE_WEIGHT,
                }));
            }
            // Its unit is a part of it.
            let unit = text.words[figure.words.end..].iter().take_while(|word| figure.span.contains(word.span)).count();
            at = (figure.words.end + unit).max(at + 1);
            continue;
        }
        if !word.stop && !is_auxiliary(&word.folded) {
            let weight = idf.weight(&word.stem);
            found.push(Key { kind: word_key(word), words: at..at + 1, weight });
            let relation = (at.saturating_sub(3)..at).rev().find_map(|before| {
                let held = &text.words[before];
                let between = text.words[before + 1..at].iter().all(|word| word.stop);
                RELATIONS.iter().find(|(name, _)| between && *name == held.folded).map(|&(_, relation)| relation)
            });
            if let Some(relation) = relation {
                let kind = KeyKind::Relation(relation, word.stem.clone());
                found.push(Key { kind, words: at..at + 1, weight: weight * RELATION_SHARE });
            }
        }
        at += 1;
    }
    found
}

fn word_key(word: &Word) -> KeyKind {
    KeyKind::Word { folded: word.folded.clone(), stem: word.stem.clone() }
}

fn parts(date: &Date) -> impl Iterator<Item = (char, u32)> {
    let parts = [('y', date.year), ('q', date.quarter), ('m', date.month), ('d', date.day)];
    parts.into_iter().filter_map(|(part, value)| Some((part, value?)))
}

/// Whether word `at` is one capital letter that is no pronoun and no initial of a person.
fn is_letter(text: &Text, at: usize) -> bool {
    let span = text.words[at].span;
    let written = span.of(&text.text);
    let rest = &text.text[span.end..];
    let is_initial = rest.starts_with('.') && rest.len() > 1
        || rest.starts_with(' ') && text.words.get(at + 1).is_some_and(|next| next.capital && !next.stop);
    written.len() == 1 && written != "I" && written.chars().all(char::is_uppercase) && !is_initial
}

/// "P-12", "Unit 3", "X200" that begins with word `at`, in one form, and its words.
fn code(text: &Text, at: usize) -> Option<(String, usize)> {
    let word = &text.words[at];
    let has_letter = word.folded.chars().any(char::is_alphabetic);
    let has_digit = word.folded.chars().any(|c| c.is_ascii_digit());
    if has_letter && has_digit && !word.folded.starts_with(|c: char| c.is_ascii_digit()) {
        return Some((word.folded.clone(), 1));
    }
    let next = text.words.get(at + 1)?;
    // "Hall A", "Class B": a capital letter of its own after a capital word.
    let gap = &text.text[word.span.end..next.span.start];
    if word.capital && has_letter && word.folded.len() > 1 && !word.stop && gap == " " && is_letter(text, at + 1) {
        return Some((format!("{} {}", word.stem, next.folded), 2));
    }
    let number = text.quantities.iter().find(|q| q.span.start == next.span.start)?;
    (has_letter && is_part_of_name(text, number, at + 1)).then(|| (format!("{} {}", word.stem, next.folded), 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_number_or_a_letter_are_codes_and_initials_are_none() {
        for (text, expected) in [
            ("the price of P-150 in Unit 3", vec!["p 150", "unit 3"]),
            ("What is the rent of Hall A?", vec!["hall a"]),
            ("George W. Bush and John F Kennedy in Q3 2025", vec![]),
        ] {
            assert_eq!(codes(&Text::new(text)), expected, "{text}");
        }
    }
}
