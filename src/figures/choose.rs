//! The lines that a question may mean and a document go in, the one cell that it asks for comes out, or none where that is not sure; computes
//! nothing.
//!
//! Everyday words fit several lines. Which are possible is told by the document: its statements have few of all lines, and a question about
//! a day is about what is owned and owed then, one about a stretch about what moved in it.

use super::beyond::is_turned;
use super::find::{Document, Place, Wanted, find_line};
use super::question::{Asked, Meaning, Time};
use crate::lexicon::Line;
use crate::tables::Statement;

/// How well a line must fit at least, how much of the question it must account for, and how far it must go before the next: chosen on
/// questions about the cells of quarterly reports (`corpora/filings-dev`).
const SCORE_MIN: f32 = 1.3;
const SHARE_MIN: f32 = 0.7;
const LEAD_MIN: f32 = 0.4;
/// What a line that the document does not have may be ahead by.
const AHEAD_MAX: f32 = 0.4;

/// The cell that `asked` asks for in everyday words at the time wanted, and its line.
#[must_use]
pub(super) fn choose<'a>(document: &Document<'_>, asked: &'a Asked, wanted: Wanted) -> Option<(Place, &'a Line)> {
    let is_about = asked.names.iter().all(|name| document.says(name));
    // A question that names nothing may speak of something that no lexicon knows.
    if !is_about || asked.names.is_empty() && !asked.unknown.is_empty() {
        return None;
    }
    // Nor may it speak of a part of the business that the document knows: a segment, a product, a country.
    if asked.is_of_part || asked.unknown.iter().any(|word| document.is_part(word)) {
        return None;
    }
    let possible: Vec<&Meaning> = asked.meant.iter().filter(|meant| is_possible(&meant.line, asked.time)).collect();
    let best_of_all = possible.first()?.score;
    let mut found =
        possible.into_iter().filter_map(|meant| Some((meant, cell_of(document, asked, &meant.line, wanted)?)));
    let (first, place) = found.next()?;
    let value = &document.cell(place).value;
    let second = found.find(|(_, other)| document.cell(*other).value != *value).map_or(0.0, |(meant, _)| meant.score);
    let is_sure = first.score >= SCORE_MIN
        && first.share >= SHARE_MIN
        && first.score - second >= LEAD_MIN
        && best_of_all - first.score <= AHEAD_MAX
        && !is_turned(&asked.words, document.row(place).label());
    is_sure.then_some((place, &first.line))
}

/// Whether a line has figures of that kind of time.
fn is_possible(line: &Line, time: Time) -> bool {
    let is_of_day = line.statement == Some(Statement::BalanceSheet);
    match time {
        Time::Day => line.statement.is_none() || is_of_day,
        Time::Stretch => !is_of_day,
        Time::Open => true,
    }
}

/// The cell of a line, where its column is of the kind of time that the question is about.
fn cell_of(document: &Document<'_>, asked: &Asked, line: &Line, wanted: Wanted) -> Option<Place> {
    let place = find_line(document, line, wanted)?;
    let months = document.period(place).months;
    let fits = match asked.time {
        Time::Day => months.is_none(),
        Time::Stretch => months.is_some(),
        Time::Open => true,
    };
    fits.then_some(place)
}
