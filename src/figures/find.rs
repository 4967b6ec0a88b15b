//! What is asked for and the tables of a document go in, the cells that answer come out, or none where they are not exactly those; computes
//! nothing.

use std::collections::HashSet;

use super::calendar::{Calendar, closes};
use super::period::{Period, is_around, period_of, periods};
use super::question::{Asked, Time};
use super::table::{Cell, Row, Source, Table, tables};
use crate::label::{quarter_term, terms};
use crate::lexicon::{Line, folded, stems_of};
use crate::stop_words::is_stop_word;
use crate::tables::Statement;

/// A cell: its table, row and column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) table: usize,
    pub(super) row: usize,
    pub(super) column: usize,
}

/// A document with its tables.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) source: &'a Source,
    pub(super) tables: Vec<Table>,
    /// When the business years of its company end, where it says so.
    pub(super) calendar: Option<Calendar>,
    /// Stems of the words of rows outside of its statements: of segments, products, countries.
    parts: HashSet<String>,
}

/// The time that a figure is wanted of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// As the question names it.
    pub(super) period: Option<Period>,
    /// The year before that.
    pub(super) is_year_before: bool,
    /// Whether the time since the start of the business year is asked for.
    pub(super) is_to_date: bool,
    /// Whether a day is asked for and not a stretch of time.
    pub(super) is_day: bool,
    /// Whether years and quarters are those of the company's business.
    pub(super) is_fiscal: bool,
}

impl Wanted {
    /// The time at `at` of those that `asked` names; the only one where there is none at `at`.
    #[must_use]
    pub(super) fn of(asked: &Asked, at: usize) -> Self {
        let pairs = |one: &str, two: &str| asked.words.windows(2).any(|pair| pair[0] == one && pair[1] == two);
        let is_to_date = pairs("to", "date") || pairs("year", "date") || pairs("so", "far");
        let (is_day, is_fiscal) = (asked.time == Time::Day, asked.is_fiscal);
        Self { period: asked.periods.get(at).copied(), is_year_before: false, is_to_date, is_day, is_fiscal }
    }
}

impl Wanted {
    /// Whether what moved in so many months is wanted.
    fn lasts(&self) -> bool {
        self.period.is_some_and(|period| period.months.is_some())
    }

    /// Whether what moved in one month is wanted.
    fn is_month(&self) -> bool {
        self.period.is_some_and(|p| p.month.is_some() && p.day.is_none() && p.months.is_none()) && !self.is_day
    }
}

impl<'a> Document<'a> {
    /// A document as the index holds it, its tables read.
    #[must_use]
    pub(super) fn read(source: &'a Source) -> Self {
        let tables = tables(source);
        let calendar = Calendar::of(&tables);
        let outside = tables.iter().filter(|table| !table.is_primary || table.statement() == Some(Statement::Segment));
        let labels = outside.flat_map(|table| &table.rows).flat_map(|row| stems_of(&folded(row.label())));
        let parts = labels.collect();
        Self { source, tables, calendar, parts }
    }

    /// The row of a place.
    #[must_use]
    pub(super) fn row(&self, place: Place) -> &Row {
        &self.tables[place.table].rows[place.row]
    }

    /// The figure of a place.
    ///
    /// # Panics
    /// When the place has none: places are only made of figures.
    #[must_use]
    pub(super) fn cell(&self, place: Place) -> &Cell {
        self.row(place).cells[place.column].as_ref().expect("a place is that of a figure")
    }

    /// The name of the column of a place.
    #[must_use]
    pub(super) fn column_name(&self, place: Place) -> &str {
        &self.tables[place.table].columns[place.column].name
    }

    /// The time of the column of a place.
    #[must_use]
    pub(super) fn period(&self, place: Place) -> Period {
        self.tables[place.table].columns[place.column].period
    }

    fn is_of_quarter(&self, year: i32, quarter: u8) -> bool {
        self.source.label.binary_search(&quarter_term(year, quarter)).is_ok()
    }

    /// Whether a word, by its stem, is of a row outside of its statements.
    pub(super) fn is_part(&self, stem: &str) -> bool {
        self.parts.contains(stem)
    }

    /// Whether its name, its title or its first words hold `word`.
    pub(super) fn says(&self, word: &str) -> bool {
        let own = terms(word);
        !own.is_empty() && own.iter().all(|term| self.source.label.binary_search(term).is_ok())
    }
}

/// The column of `table` that is of the time wanted; none where there is none or more than one.
#[must_use]
pub(super) fn column_of(document: &Document<'_>, table: &Table, wanted: Wanted) -> Option<usize> {
    let dated: Vec<(usize, Period)> = (1..table.columns.len())
        .map(|at| (at, table.columns[at].period))
        .filter(|(at, period)| period.year.is_some() && table.columns[*at].is_figures)
        // What is owned on a day lasts no time, and a month is not the quarter that ends in it.
        .filter(|(_, period)| !wanted.lasts() || period.day.is_none() || period.months.is_some())
        .filter(|(_, period)| !wanted.is_month() || period.day.is_none() || period.months == Some(1))
        .collect();
    let latest = dated.iter().map(|(_, period)| period.order()).max()?;
    let of_time = |year: Option<i32>, month: Option<u8>, day: Option<u8>| -> Vec<(usize, Period)> {
        let same = |period: &Period| {
            (year.is_none() || period.year == year)
                && (month.is_none() || period.month == month)
                && (day.is_none() || period.day.is_none() || period.day == day)
        };
        dated.iter().copied().filter(|(_, period)| same(period)).collect()
    };
    let asked = wanted.period.unwrap_or_default();
    let newest = || dated.iter().copied().filter(|(_, period)| period.order() == latest).collect::<Vec<_>>();
    let mut months = asked.months;
    let mut found = if let (Some(quarter), Some(year)) = (asked.quarter, asked.year) {
        // A quarter is three months, unless all of the year so far is asked for.
        months = months.or((!wanted.is_to_date).then_some(3));
        let of_business = |calendar: Calendar| -> Vec<_> {
            dated.iter().copied().filter(|(_, period)| calendar.quarter(period) == Some((year, quarter))).collect()
        };
        let own: Vec<_> =
            dated.iter().copied().filter(|(_, p)| p.quarter == Some(quarter) && p.year == Some(year)).collect();
        if !own.is_empty() {
            own
        } else if let Some(calendar) = document.calendar.filter(|_| wanted.is_fiscal) {
            of_business(calendar)
        } else if document.is_of_quarter(year, quarter) {
            newest()
        } else if document.is_of_quarter(year + 1, quarter) {
            year_before(&dated, &newest())
        } else {
            return None;
        }
    } else if let (Some(length @ (3 | 6 | 9 | 12)), Some(year), None, Some(calendar), true) =
        (months, asked.year, asked.month, document.calendar, wanted.is_fiscal)
    {
        // `The first six months of fiscal 2023`.
        let is_it = |period: &Period| calendar.quarter(period) == Some((year, length / 3));
        dated.iter().copied().filter(|(_, period)| is_it(period)).collect()
    } else if let (Some(year), Some(month), None, true) = (asked.year, asked.month, asked.day, wanted.is_day) {
        dated.iter().copied().filter(|(_, period)| closes(period, year, month)).collect()
    } else if asked.year.is_some() || asked.month.is_some() {
        let of_time = of_time(asked.year, asked.month, asked.day);
        // Of days, a year is its last: the newest of an interim report lies within it, the one beside that ended the year before.
        let is_day = |period: &Period| period.months.is_none() && period.day.is_some();
        let is_end = |period: &Period| period.month == Some(12) || period.order() < latest;
        let year_alone = asked.month.is_none() && asked.months.is_none();
        of_time.into_iter().filter(|(_, period)| !year_alone || !is_day(period) || is_end(period)).collect()
    } else {
        newest()
    };
    if wanted.is_year_before {
        found = year_before(&dated, &found);
    }
    narrowed(&found, months, wanted)
}

/// The columns of the times a year before `found`.
fn year_before(dated: &[(usize, Period)], found: &[(usize, Period)]) -> Vec<(usize, Period)> {
    let is_before = |one: &Period, other: &Period| {
        one.year == other.year.map(|year| year - 1)
            && (one.month == other.month || is_near(one, other))
            && one.quarter == other.quarter
            && one.months == other.months
    };
    dated.iter().copied().filter(|(_, period)| found.iter().any(|(_, other)| is_before(period, other))).collect()
}

/// Whether two days are of about the same time of the year: business years end on a day of the week.
fn is_near(one: &Period, other: &Period) -> bool {
    let day = |period: &Period| Some(i32::from(period.month?) * 30 + i32::from(period.day?));
    day(one).zip(day(other)).is_some_and(|(one, other)| (one - other).abs() <= 8)
}

/// The one of the columns of one time that lasts as long as asked.
fn narrowed(found: &[(usize, Period)], months: Option<u8>, wanted: Wanted) -> Option<usize> {
    let lasting: Vec<_> = found.iter().filter(|(_, period)| period.months.is_some()).collect();
    let kept: Vec<usize> = match months {
        _ if lasting.is_empty() => found.iter().map(|(at, _)| *at).collect(),
        Some(months) => lasting.iter().filter(|(_, period)| period.months == Some(months)).map(|(at, _)| *at).collect(),
        None => {
            let lengths = lasting.iter().filter_map(|(_, period)| period.months);
            let length = if wanted.is_to_date { lengths.max() } else { lengths.min() };
            lasting.iter().filter(|(_, period)| period.months == length).map(|(at, _)| *at).collect()
        }
    };
    match kept[..] {
        [only] => Some(only),
        _ => None,
    }
}

/// The forms of a row's label by which it is known: as it is, and without what is said of allowances and numbers after it.
fn label_forms(label: &str) -> Vec<Vec<String>> {
    let lower = label.to_lowercase();
    let cuts = [
        " (",
        ", net of",
        " net of",
        ", less",
        " less ",
        ", including",
        " of $",
        "; ",
        ", par value",
        ", $",
        " – ",
        " — ",
    ];
    let mut forms = vec![folded(&lower)];
    // `Common stock, 4,188 issued`: numbers are no part of a name.
    if let Some(at) =
        lower.match_indices(", ").map(|(at, _)| at).find(|at| lower[at + 2..].starts_with(|c: char| c.is_ascii_digit()))
    {
        forms.push(folded(&lower[..at]));
    }
    let plain = without_brackets(&lower);
    if plain.contains("per share") {
        // `Earnings (loss) per share attributable to Intel—basic`.
        let words = folded(&plain);
        let to = words.windows(2).position(|pair| pair[0] == "attributable" && pair[1] == "to");
        forms.push(
            words
                .iter()
                .enumerate()
                .filter(|(at, _)| to.is_none_or(|to| !(to..to + 3).contains(at)))
                .map(|(_, word)| word.clone())
                .collect(),
        );
    }
    forms.push(folded(&plain));
    if let Some(less) = lower.strip_prefix("less: ") {
        forms.push(folded(less));
    }
    for cut in cuts {
        if let Some(at) = lower.find(cut) {
            forms.push(folded(&lower[..at]));
            // `Accounts receivable, net of …` is net as well.
            if cut.contains("net of") {
                forms.push(folded(&format!("{}, net", &lower[..at])));
            }
        }
    }
    forms
}

/// A label without what stands in brackets: `(loss)`, `/(decrease)`.
fn without_brackets(label: &str) -> String {
    let mut depth = 0_usize;
    let kept = label.chars().filter(|c| {
        depth += usize::from(*c == '(');
        let is_out = depth == 0;
        depth = depth.saturating_sub(usize::from(*c == ')'));
        is_out
    });
    kept.collect::<String>().replace("/ ", " ").trim_end_matches('/').to_owned()
}

/// Which name of `line` a row has; lower is nearer to what statements say.
fn name_of(row: &Row, line: &Line) -> Option<usize> {
    let forms = label_forms(row.label());
    let section = row.section.last().map(|section| folded(section)).unwrap_or_default();
    line.names.iter().position(|name| match name.split_once(" > ") {
        Some((over, name)) => section.starts_with(&folded(over)) && forms.contains(&folded(name)),
        None => forms.contains(&folded(name)),
    })
}

/// Whether a row is called as `line` is.
#[must_use]
pub(super) fn is_called(row: &Row, line: &Line) -> bool {
    name_of(row, line).is_some()
}

/// The cell of `line` at the time wanted; none where the document has several that differ, or none.
#[must_use]
pub(super) fn find_line(document: &Document<'_>, line: &Line, wanted: Wanted) -> Option<Place> {
    let mut found: Vec<(Place, usize)> = Vec::new();
    for (at, table) in document.tables.iter().enumerate() {
        let Some(column) = column_of(document, table, wanted).or_else(|| only_column(table, wanted)) else { continue };
        for (row, own) in table.rows.iter().enumerate() {
            if own.cells.get(column).is_some_and(Option::is_some)
                && let Some(name) = name_of(own, line)
            {
                found.push((Place { table: at, row, column }, name));
            }
        }
    }
    let is_own = |place: &Place| line.statement.is_some() && document.tables[place.table].statement() == line.statement;
    // Where the statement is there, a table that repeats a line of the same name may be another company's.
    let has_statement =
        line.statement.is_some() && document.tables.iter().any(|t| t.is_primary && t.statement() == line.statement);
    if has_statement || found.iter().any(|(place, _)| is_own(place)) {
        found.retain(|(place, _)| is_own(place));
    }
    let is_primary = |place: &Place| document.tables[place.table].is_primary;
    if found.iter().any(|(place, _)| is_primary(place)) {
        found.retain(|(place, _)| is_primary(place));
    }
    let nearest = found.iter().map(|(_, name)| *name).min()?;
    found.retain(|(_, name)| *name == nearest);
    one_value(document, &found.into_iter().map(|(place, _)| place).collect::<Vec<_>>())
}

/// The one column with figures of a table whose columns name no time, where no time is wanted.
fn only_column(table: &Table, wanted: Wanted) -> Option<usize> {
    if wanted.period.is_some() || wanted.is_year_before {
        return None;
    }
    let figures: Vec<usize> = (1..table.columns.len()).filter(|&at| table.columns[at].is_figures).collect();
    match figures[..] {
        [only] => Some(only),
        _ => None,
    }
}

/// The first of the places, where all hold the same figure.
fn one_value(document: &Document<'_>, places: &[Place]) -> Option<Place> {
    let first = *places.first()?;
    let cell = document.cell(first);
    let same = |place: &Place| {
        let other = document.cell(*place);
        other.value == cell.value
            && other.unit.zeros == cell.unit.zeros
            && other.unit.is_percent == cell.unit.is_percent
    };
    places.iter().all(same).then_some(first)
}

/// A candidate for a figure that stands as it is asked for.
struct Candidate {
    place: Place,
    /// Words of the question that its row and column have.
    score: usize,
}

/// The cells that a question for a figure as it stands asks for: one, or several rows of one column where it names several.
#[must_use]
pub(super) fn find_values(document: &Document<'_>, asked: &Asked, wanted: Wanted) -> Vec<Place> {
    let mut found: Vec<Candidate> = Vec::new();
    for (at, table) in document.tables.iter().enumerate() {
        let around = words_around(document, table);
        for column in columns_asked(document, table, asked, wanted) {
            for row in 0..table.rows.len() {
                found.extend(candidate(document, asked, wanted, &around, Place { table: at, row, column }));
            }
        }
    }
    let Some(best) = found.iter().map(|candidate| candidate.score).max() else { return vec![] };
    found.retain(|candidate| candidate.score == best);
    let places: Vec<Place> = found.iter().map(|candidate| candidate.place).collect();
    if let Some(place) = one_value(document, &places) {
        return vec![place];
    }
    // A line of the lexicon stands in a statement of its own.
    let of_statement: Vec<Place> = places
        .iter()
        .copied()
        .filter(|place| {
            asked
                .lines
                .iter()
                .any(|line| line.statement.is_some() && line.statement == document.tables[place.table].statement())
        })
        .collect();
    let of_statement = if of_statement.is_empty() { places } else { of_statement };
    let primary: Vec<Place> =
        of_statement.iter().copied().filter(|place| document.tables[place.table].is_primary).collect();
    one_value(document, if primary.is_empty() { &of_statement } else { &primary }).into_iter().collect()
}

/// The words that stand around a table: its title, the headings above it.
fn words_around(document: &Document<'_>, table: &Table) -> Vec<String> {
    let mut text = table.heading.join(" ");
    for part in [
        table.part.title.as_deref(),
        table.part.unit.as_deref(),
        table.statement().map(crate::tables::Statement::words),
    ] {
        text.push(' ');
        text.push_str(part.unwrap_or_default());
    }
    if let Some(hit) = table.rows.first().map(|row| &document.source.hits[row.hit]) {
        text.push(' ');
        text.push_str(&crate::label::file_words(std::path::Path::new(&hit.path)));
    }
    folded(&text)
}

/// The words of a column's name that say what its figures are, and not of what time.
fn own_words(name: &str) -> Vec<String> {
    let words = folded(name);
    let times: Vec<_> = periods(&words).into_iter().map(|(_, range)| range).collect();
    let is_time = |at: usize| times.iter().any(|range| range.contains(&at));
    let kept = words.iter().enumerate().filter(|(at, word)| !is_time(*at) && !is_stop_word(word) && !is_around(word));
    kept.map(|(_, word)| word.clone()).collect()
}

/// The columns that the question names, by what they are or by their time.
fn columns_asked(document: &Document<'_>, table: &Table, asked: &Asked, wanted: Wanted) -> Vec<usize> {
    let named: Vec<(usize, usize)> = (1..table.columns.len())
        .filter(|&at| table.columns[at].is_figures)
        .map(|at| (at, own_words(&table.columns[at].name)))
        .filter(|(_, words)| !words.is_empty() && words.iter().all(|word| asked.words.contains(word)))
        .map(|(at, words)| (at, words.len()))
        .collect();
    let dated = table.columns.iter().skip(1).any(|column| column.is_figures && column.period.year.is_some());
    if let Some(most) = named.iter().map(|(_, count)| *count).max() {
        let columns: Vec<usize> = named.iter().filter(|(_, count)| *count == most).map(|(at, _)| *at).collect();
        if columns.len() > 1 && dated {
            // Of columns of the same name the one of the time.
            return column_of(document, table, wanted).filter(|at| columns.contains(at)).into_iter().collect();
        }
        return columns;
    }
    if dated {
        return column_of(document, table, wanted)
            .filter(|at| own_words(&table.columns[*at].name).is_empty())
            .into_iter()
            .collect();
    }
    let figures: Vec<usize> = (1..table.columns.len()).filter(|&at| table.columns[at].is_figures).collect();
    if figures.len() == 1 { figures } else { vec![] }
}

/// A cell as a candidate: its row is named by the question, and everything that the question says is accounted for.
fn candidate(
    document: &Document<'_>,
    asked: &Asked,
    wanted: Wanted,
    around: &[String],
    place: Place,
) -> Option<Candidate> {
    let table = &document.tables[place.table];
    let row = &table.rows[place.row];
    row.cells.get(place.column)?.as_ref()?;
    // The change of inventories in a cash flow statement is not what the balance sheet calls so.
    let is_elsewhere =
        |line: &Line| line.statement.is_some() && table.statement().is_some() && table.statement() != line.statement;
    if asked.lines.iter().any(|line| name_of(row, line).is_some() && is_elsewhere(line)) {
        return None;
    }
    let of_line = asked.lines.iter().any(|line| name_of(row, line).is_some());
    let names: Vec<Vec<String>> =
        row.texts.iter().zip(&row.cells).filter(|(_, cell)| cell.is_none()).map(|(text, _)| content(text)).collect();
    let said: Vec<&Vec<String>> = names.iter().filter(|name| is_said(name, &asked.words)).collect();
    if !of_line && said.is_empty() {
        return None;
    }
    let mut words: Vec<String> = folded(
        &row.texts
            .iter()
            .zip(&row.cells)
            .filter(|(_, cell)| cell.is_none())
            .map(|(text, _)| text.as_str())
            .collect::<Vec<_>>()
            .join(" "),
    );
    words.extend(row.section.iter().flat_map(|section| folded(section)));
    words.extend(folded(&table.columns[place.column].name));
    let has = |word: &String| words.contains(word);
    if !asked.own.iter().all(|word| has(word) || around.contains(word) || document.says(word)) {
        return None;
    }
    // A line that the question names and the row is not must be what the rows around it are of.
    let is_of = |line: &Line| {
        name_of(row, line).is_some()
            || line.plain_names().any(|name| holds(&words, &folded(name)) || holds(around, &folded(name)))
    };
    if !asked.lines.iter().all(is_of) {
        return None;
    }
    let dated = table.columns[place.column].period.year.is_some();
    if let Some(period) = wanted.period.filter(|_| !dated) {
        let own = period_of(row.label());
        let year = period.year.map(|year| year.to_string());
        let is_known = own == period || year.is_some_and(|year| around.contains(&year) || document.says(&year));
        if !is_known && !period.is_empty() {
            return None;
        }
    }
    let said_words = said.iter().map(|name| name.len()).max().unwrap_or(0);
    let score = 4 * asked.own.iter().filter(|word| has(word)).count() + 3 * usize::from(of_line) + said_words;
    Some(Candidate { place, score })
}

fn content(text: &str) -> Vec<String> {
    folded(text).into_iter().filter(|word| !is_stop_word(word)).collect()
}

/// Whether `words` say a name: a short one as it stands, a long one by all of its words.
fn is_said(name: &[String], words: &[String]) -> bool {
    const SHORT: usize = 3;
    let has_letters = name.iter().any(|word| word.chars().any(char::is_alphabetic));
    let is_year = matches!(name, [only] if only.len() == 4);
    (has_letters || is_year)
        && if name.len() <= SHORT { holds(words, name) } else { name.iter().all(|word| words.contains(word)) }
}

/// Whether `part` stands in `words` as it is.
fn holds(words: &[String], part: &[String]) -> bool {
    !part.is_empty() && words.windows(part.len()).any(|window| window == part)
}

/// The rows of one column that a question over all rows asks for, without those that count others together.
#[must_use]
pub(super) fn find_column(document: &Document<'_>, asked: &Asked, wanted: Wanted) -> Vec<Place> {
    let mut found: Vec<(Vec<Place>, usize)> = Vec::new();
    for (at, table) in document.tables.iter().enumerate() {
        let around = words_around(document, table);
        let first = table.columns.first().map(|column| folded(&column.name)).unwrap_or_default();
        for column in columns_asked(document, table, asked, wanted) {
            let places: Vec<Place> = (0..table.rows.len())
                .filter(|&row| {
                    !table.rows[row].is_total && table.rows[row].cells.get(column).is_some_and(Option::is_some)
                })
                .map(|row| Place { table: at, row, column })
                .collect();
            if places.len() < 2 {
                continue;
            }
            let name = folded(&table.columns[column].name);
            // What every row is called as well: `Unit 1`, `Unit 2`.
            let common = |word: &String| places.iter().all(|place| folded(document.row(*place).label()).contains(word));
            let has = |word: &String| name.contains(word) || first.contains(word) || common(word);
            let is_known = |word: &String| has(word) || around.contains(word) || document.says(word);
            let of_lines = asked
                .lines
                .iter()
                .all(|line| line.plain_names().any(|own| holds(&name, &folded(own)) || holds(&around, &folded(own))));
            if of_lines && asked.own.iter().all(is_known) {
                let score = asked.own.iter().filter(|word| has(word)).count() + asked.lines.len();
                found.push((places, score));
            }
        }
    }
    let Some(best) = found.iter().map(|(_, score)| *score).max() else { return vec![] };
    found.retain(|(_, score)| *score == best);
    // Which of several tables is meant cannot be told.
    if found.len() == 1 { found.remove(0).0 } else { vec![] }
}
