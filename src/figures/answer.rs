//! A question and documents go in, sentences with exact figures and the rows that they rest on come out; reads nothing and asks no model.

use rust_decimal::Decimal;

use super::choose::choose;
use super::compute::{Computed, amount, change, formula, rounded, shown, sum};
use super::find::{Document, Place, Wanted, find_column, find_line, find_values};
use super::question::{Asked, Formula, Operation, asked};
use super::table::{Cell, Source, Unit};
use crate::document::ByteSpan;
use crate::lexicon::{DAYS, Lexicon, Line, formula_names};
use crate::tables::Statement;

/// A sentence and the rows that it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiguredClaim {
    /// The sentence.
    pub text: String,
    /// Passages of the document with places in their texts, in the order in which the sentence names them.
    pub evidence: Vec<(usize, ByteSpan)>,
}

/// What was found and computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figured {
    /// Which of the documents it is from.
    pub source: usize,
    /// The sentences.
    pub claims: Vec<FiguredClaim>,
}

/// Whether `question` asks for a figure, so that it is worth looking for one.
#[must_use]
pub fn is_asked(question: &str, lexicon: &Lexicon) -> bool {
    asked(question, lexicon).is_some()
}

/// What to search for to find the documents that `question` may be answered from: itself, and the names and times in it with what statements
/// call the lines that it may mean.
#[must_use]
pub fn queries(question: &str, lexicon: &Lexicon) -> Vec<String> {
    const LINES_MAX: usize = 2;
    let mut queries = vec![question.to_owned()];
    if let Some(asked) = asked(question, lexicon) {
        let lines = asked.lines.iter().chain(asked.meant.iter().map(|meant| &meant.line)).take(LINES_MAX);
        let names = lines.flat_map(|line| [line.plain_names().next(), line.statement.map(Statement::words)]);
        let names: Vec<&str> = names.flatten().collect();
        if !names.is_empty() {
            let about = [asked.names.join(" "), asked.time_words.join(" "), names.join(" ")];
            queries.push(about.join(" ").trim().to_owned());
        }
    }
    queries
}

/// The answer of the first of `sources` that has one, in figures that it holds or that follow from them; none where none has exactly what is
/// asked for. Those that are known by more of the names and days of the question go first, else they keep their order.
#[must_use]
pub fn figure(question: &str, lexicon: &Lexicon, sources: &[Source]) -> Option<Figured> {
    let asked = asked(question, lexicon)?;
    let terms = crate::label::terms(question);
    let known = |source: &Source| terms.iter().filter(|term| source.label.binary_search(term).is_ok()).count();
    let mut order: Vec<usize> = (0..sources.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(known(&sources[at])));
    order.into_iter().find_map(|at| {
        let claims = answer(&Document::read(&sources[at]), &asked)?;
        Some(Figured { source: at, claims })
    })
}

fn answer(document: &Document<'_>, asked: &Asked) -> Option<Vec<FiguredClaim>> {
    if asked.is_beyond {
        return None;
    }
    let claim = match &asked.operation {
        Operation::Value => return values(document, asked),
        Operation::Change { relative } => changed(document, asked, *relative)?,
        Operation::Formula(formula) => ratio(document, asked, formula)?,
        // `What did it take in altogether?` may ask for one figure.
        Operation::Sum => match summed(document, asked, false) {
            Some(claim) => claim,
            None => return values(document, asked),
        },
        Operation::Average => summed(document, asked, true)?,
        Operation::Highest => extreme(document, asked, true)?,
        Operation::Lowest => extreme(document, asked, false)?,
    };
    Some(vec![claim])
}

/// What a document must say of itself for a question that names something: its company, its project.
fn is_about(document: &Document<'_>, asked: &Asked) -> bool {
    let says = |word: &String| {
        let terms = crate::label::terms(word);
        !terms.is_empty() && terms.iter().all(|term| document.source.label.binary_search(term).is_ok())
    };
    asked.own.iter().all(says)
}

fn values(document: &Document<'_>, asked: &Asked) -> Option<Vec<FiguredClaim>> {
    // A share or a multiple of something is no figure that stands anywhere.
    if asked.is_relative {
        return None;
    }
    // What is owned on a day lasts no time: a question about months means what moved in them.
    let lasts = asked.periods.iter().any(|period| period.months.is_some());
    let times = asked.periods.len().max(1);
    let mut claims = Vec::new();
    for at in 0..times {
        let wanted = Wanted { is_year_before: asked.is_year_before, ..Wanted::of(asked, at) };
        let is_named = !asked.is_meant_otherwise();
        let is_day = asked.lines.iter().any(|line| line.statement == Some(Statement::BalanceSheet));
        let mut places = if !is_named || lasts && is_day { vec![] } else { find_values(document, asked, wanted) };
        if places.is_empty() && is_named && !(lasts && is_day) && is_about(document, asked) && asked.lines.len() == 1 {
            places.extend(find_line(document, &asked.lines[0], wanted));
        }
        let mut line = asked.lines.iter().find(|line| asked.lines.len() == 1 && line.magnitude);
        if places.is_empty()
            && let Some((place, meant)) = choose(document, asked, wanted)
        {
            line = Some(meant);
            places.push(place);
        }
        // Of several times each must be there.
        if places.is_empty() {
            return None;
        }
        for place in places {
            let cell = document.cell(place);
            let cell = meant(cell, line);
            claims.push(FiguredClaim {
                text: format!("{}: {}.", told(document, place), shown(&cell)),
                evidence: vec![evidence(document, place)],
            });
        }
    }
    claims.dedup();
    Some(claims)
}

/// The figure without the sign that its statement gives it, where it is meant so.
fn meant(cell: &Cell, line: Option<&Line>) -> Cell {
    let value = if line.is_some_and(|line| line.magnitude) { cell.value.abs() } else { cell.value };
    Cell { value, ..cell.clone() }
}

/// Row and column of a cell, as a person names them.
fn told(document: &Document<'_>, place: Place) -> String {
    let row = document.row(place);
    let label = match row.label() {
        "" => document.tables[place.table].part.title.as_deref().unwrap_or("Total"),
        label => label,
    };
    // A row such as `Basic` says nothing without the one above it.
    let over = row
        .section
        .last()
        .map(|section| section.trim_end_matches(':'))
        .filter(|_| label.split_whitespace().count() <= 2);
    let over =
        over.filter(|over| !over.is_empty() && !row.is_total).map(|over| format!("{over}, ")).unwrap_or_default();
    match document.column_name(place) {
        "" => format!("{over}{label}"),
        column => format!("{over}{label}, {column}"),
    }
}

fn evidence(document: &Document<'_>, place: Place) -> (usize, ByteSpan) {
    let row = document.row(place);
    (row.hit, row.span)
}

/// The one cell that a question is about at a time.
fn one(document: &Document<'_>, asked: &Asked, wanted: Wanted) -> Option<Place> {
    if asked.is_meant_otherwise() {
        return choose(document, asked, wanted).map(|(place, _)| place);
    }
    match find_values(document, asked, wanted)[..] {
        [only] => Some(only),
        [] if asked.lines.len() == 1 && is_about(document, asked) => find_line(document, &asked.lines[0], wanted),
        [] => None,
        _ => return None,
    }
    .or_else(|| choose(document, asked, wanted).map(|(place, _)| place))
}

fn changed(document: &Document<'_>, asked: &Asked, relative: bool) -> Option<FiguredClaim> {
    let (one_time, other_time) = if asked.periods.len() >= 2 {
        (Wanted::of(asked, 0), Wanted::of(asked, 1))
    } else {
        let now = Wanted::of(asked, 0);
        (now, Wanted { is_year_before: true, ..now })
    };
    let (one_place, other_place) = (one(document, asked, one_time)?, one(document, asked, other_time)?);
    let is_in_order = document.period(one_place).order() <= document.period(other_place).order();
    let (from, to) = if is_in_order { (one_place, other_place) } else { (other_place, one_place) };
    if from == to {
        return None;
    }
    let line = asked.lines.first().filter(|_| asked.lines.len() == 1);
    let (before, after) = (meant(document.cell(from), line), meant(document.cell(to), line));
    let (difference, share) = change(&before, &after)?;
    let decimals = before.decimals.max(after.decimals);
    let verb = if difference.is_zero() {
        "did not change"
    } else if difference > Decimal::ZERO {
        "rose"
    } else {
        "fell"
    };
    let percent = share.map(|share| rounded(share, 2, &Unit { is_percent: true, ..Unit::default() }));
    let percent = percent.map(|percent| format!("{}{}", percent.text, note(&percent)));
    if relative && percent.is_none() {
        return None;
    }
    let by = amount(difference, decimals, &after.unit);
    let share = percent.map(|percent| format!(" ({percent})")).unwrap_or_default();
    let text = format!(
        "{} {verb} from {} ({}) to {} ({}): {} - {} = {by}{share}.",
        document.row(to).label(),
        shown(&before),
        document.column_name(from),
        shown(&after),
        document.column_name(to),
        shown(&after),
        shown(&before),
    );
    let mut rows = vec![evidence(document, to), evidence(document, from)];
    rows.dedup();
    Some(FiguredClaim { text, evidence: rows })
}

fn note(computed: &Computed) -> &'static str {
    if computed.is_rounded { ", rounded" } else { "" }
}

fn ratio(document: &Document<'_>, asked: &Asked, asked_for: &Formula) -> Option<FiguredClaim> {
    // A change of a ratio, or one of several times, is not computed.
    if !is_about(document, asked) || asked.periods.len() > 1 {
        return None;
    }
    let wanted = Wanted { is_year_before: asked.is_year_before, ..Wanted::of(asked, 0) };
    asked_for.formulas.iter().find_map(|text| computed(document, asked_for, text, wanted))
}

fn computed(document: &Document<'_>, asked_for: &Formula, text: &str, wanted: Wanted) -> Option<FiguredClaim> {
    let mut names = formula_names(text);
    let mut seen: Vec<String> = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(name.clone());
            true
        }
    });
    let mut given: Vec<(String, Cell)> = Vec::new();
    let mut places: Vec<(String, Place)> = Vec::new();
    for name in &names {
        let (_, line) = asked_for.lines.iter().find(|(own, _)| own == name)?;
        match find_line(document, line, wanted) {
            Some(place) => {
                given.push((name.clone(), meant(document.cell(place), Some(line))));
                places.push((name.clone(), place));
            }
            // Not there at all, and not only uncertain.
            None if asked_for.optional.contains(name) && !is_there(document, line) => {
                given.push((name.clone(), Cell { value: Decimal::ZERO, decimals: 0, unit: Unit::default() }));
            }
            None => return None,
        }
    }
    if places.is_empty() || !is_one_time(document, &places) {
        return None;
    }
    let months = places.iter().filter_map(|(_, place)| document.period(*place).months).max();
    let days = match text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == DAYS) {
        true => Some(Decimal::from(365 * u32::from(months?)).checked_div(Decimal::from(12))?),
        false => None,
    };
    let result = formula(text, &given, days, asked_for.result).ok()?;
    Some(FiguredClaim {
        text: formula_told(document, asked_for, text, &given, &places, days, &result),
        evidence: rows_of(document, &places),
    })
}

/// Whether the document has a row of the line, at whatever time.
fn is_there(document: &Document<'_>, line: &Line) -> bool {
    document.tables.iter().any(|table| {
        let is_own = line.statement.is_none() || table.statement() == line.statement;
        is_own && table.rows.iter().any(|row| super::find::is_called(row, line))
    })
}

/// Whether all figures that last some time last the same, and all days are the same.
fn is_one_time(document: &Document<'_>, places: &[(String, Place)]) -> bool {
    let periods: Vec<_> = places.iter().map(|(_, place)| document.period(*place)).collect();
    let mut lengths: Vec<u8> = periods.iter().filter_map(|period| period.months).collect();
    lengths.dedup();
    let mut ends: Vec<(i32, Option<u8>)> =
        periods.iter().filter_map(|period| Some((period.year?, period.month))).collect();
    ends.dedup();
    lengths.len() <= 1 && ends.len() <= 1
}

fn rows_of(document: &Document<'_>, places: &[(String, Place)]) -> Vec<(usize, ByteSpan)> {
    let mut rows: Vec<(usize, ByteSpan)> = Vec::new();
    for (_, place) in places {
        let row = evidence(document, *place);
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

fn formula_told(
    document: &Document<'_>,
    asked_for: &Formula,
    text: &str,
    given: &[(String, Cell)],
    places: &[(String, Place)],
    days: Option<Decimal>,
    result: &Computed,
) -> String {
    let (mut words, mut numbers) = (String::new(), String::new());
    let mut rest = text;
    while !rest.is_empty() {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let end = rest.find(|c: char| is_name(c) != rest.starts_with(is_name)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after;
        let place = places.iter().find(|(name, _)| name == part);
        let cell = given.iter().find(|(name, _)| name == part);
        match (place, cell) {
            (Some((_, place)), Some((_, cell))) => {
                words.push_str(document.row(*place).label());
                numbers.push_str(&shown(cell));
            }
            (None, Some(_)) => {
                words.push_str(&part.replace('_', " "));
                numbers.push('0');
            }
            _ if part == DAYS => {
                words.push_str(DAYS);
                let days = days.map(|days| rounded(days, 2, &Unit::default()).text);
                numbers.push_str(&days.unwrap_or_default());
            }
            _ => {
                words.push_str(part);
                numbers.push_str(part);
            }
        }
    }
    let time = places.first().map(|(_, place)| document.column_name(*place)).filter(|time| !time.is_empty());
    let time = time.map(|time| format!(" ({time})")).unwrap_or_default();
    let name = match asked_for.name.as_str() {
        "result" => String::new(),
        name => format!("{}{time} = ", capitalised(name)),
    };
    let time = if name.is_empty() { time } else { String::new() };
    format!("{name}{words}{time} = {numbers} = {}{}.", result.text, if result.is_rounded { " (rounded)" } else { "" })
}

/// A name as it begins a sentence.
fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn summed(document: &Document<'_>, asked: &Asked, is_mean: bool) -> Option<FiguredClaim> {
    let wanted = Wanted { is_year_before: asked.is_year_before, ..Wanted::of(asked, 0) };
    let places = find_column(document, asked, wanted);
    let cells: Vec<&Cell> = places.iter().map(|place| document.cell(*place)).collect();
    let (total, mean) = sum(&cells)?;
    let first = *places.first()?;
    let unit = &cells[0].unit;
    let decimals = cells.iter().map(|cell| cell.decimals).max().unwrap_or(0);
    let column = document.column_name(first);
    let shown_sum = amount(total, decimals, unit);
    let parts: Vec<String> = cells.iter().map(|cell| amount(cell.value, cell.decimals, unit)).collect();
    let parts = if parts.len() <= PARTS_SHOWN_MAX {
        parts.join(" + ")
    } else {
        format!("{} + … + {}", parts[0], parts[parts.len() - 1])
    };
    let text = if is_mean {
        let mean = rounded(mean, decimals.max(2), unit);
        let rounding = if mean.is_rounded { " (rounded)" } else { "" };
        format!("Average of {column} over {} rows: ({parts}) / {} = {}{rounding}.", cells.len(), cells.len(), mean.text)
    } else {
        format!("Sum of {column} over {} rows: {parts} = {shown_sum}.", cells.len())
    };
    Some(FiguredClaim { text, evidence: places.iter().map(|place| evidence(document, *place)).collect() })
}

/// Figures of a sum that are written out.
const PARTS_SHOWN_MAX: usize = 8;

fn extreme(document: &Document<'_>, asked: &Asked, is_highest: bool) -> Option<FiguredClaim> {
    let wanted = Wanted { is_year_before: asked.is_year_before, ..Wanted::of(asked, 0) };
    let places = find_column(document, asked, wanted);
    let first = *places.first()?;
    let unit = &document.cell(first).unit;
    if places.iter().any(|place| document.cell(*place).unit != *unit) {
        return None;
    }
    let value = |place: &Place| document.cell(*place).value;
    let best = if is_highest { places.iter().map(value).max() } else { places.iter().map(value).min() }?;
    let winners: Vec<Place> = places.iter().copied().filter(|place| value(place) == best).collect();
    let names: Vec<&str> = winners.iter().map(|place| document.row(*place).label()).collect();
    let word = if is_highest { "Highest" } else { "Lowest" };
    let column = document.column_name(first);
    let text = format!(
        "{word} {column} of {} rows: {}, {}.",
        places.len(),
        names.join(" and "),
        shown(document.cell(winners[0]))
    );
    Some(FiguredClaim { text, evidence: winners.iter().map(|place| evidence(document, *place)).collect() })
}

#[cfg(test)]
mod tests {
    use super::capitalised;

    /// A ratio of a lexicon of one's own may begin with any letter.
    #[test]
    fn a_name_begins_with_a_capital_whatever_its_first_letter() {
        for (name, expected) in
            [("überdeckung", "Überdeckung"), ("net margin", "Net margin"), ("ßatz", "SSatz"), ("", "")]
        {
            assert_eq!(capitalised(name), expected);
        }
    }
}
