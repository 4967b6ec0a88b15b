//! The passages of a document go in, its tables come out as rows and columns of cells with what their figures are; knows no question.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::period::{Period, period_of};
use crate::answer::Hit;
use crate::columns::cells_of;
use crate::document::ByteSpan;
use crate::lexicon::folded;
use crate::tables::{Statement, TablePart};

/// A document as the index holds it.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Its passages, in order.
    pub hits: Vec<Hit>,
    /// What it is known by: terms of [`crate::label`].
    pub label: Vec<u32>,
}

/// What a figure is counted in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// The sign of a currency, or nothing.
    pub(super) currency: String,
    /// How many of it a figure counts: a power of ten.
    pub(super) zeros: u32,
    /// Whether it is hundredths.
    pub(super) is_percent: bool,
}

/// A figure in a table.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    /// Its value in the table's own unit.
    pub(super) value: Decimal,
    /// Digits behind its point, as written.
    pub(super) decimals: u32,
    /// What it is counted in.
    pub(super) unit: Unit,
}

/// A row of a table.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Which passage holds it, and where in its text.
    pub(super) hit: usize,
    pub(super) span: ByteSpan,
    /// The texts of its cells.
    pub(super) texts: Vec<String>,
    /// Its figures by column.
    pub(super) cells: Vec<Option<Cell>>,
    /// The rows without figures that it stands under, the nearest last.
    pub(super) section: Vec<String>,
    /// Whether it counts other rows together.
    pub(super) is_total: bool,
}

/// A column of a table.
#[derive(Debug, Clone, Default)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: String,
    /// The time that its figures are of.
    pub(super) period: Period,
    /// Whether most of its cells are figures.
    pub(super) is_figures: bool,
}

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// What it is known by.
    pub(super) part: TablePart,
    /// Headings above it.
    pub(super) heading: Vec<String>,
    /// The columns from left to right; the first names the rows.
    pub(super) columns: Vec<Column>,
    /// The rows from top to bottom.
    pub(super) rows: Vec<Row>,
    /// Whether it is the statement itself and not a table that repeats or explains parts of it: the first of its kind.
    pub(super) is_primary: bool,
}

impl Row {
    /// What the row is called: its first cell with words.
    #[must_use]
    pub(super) fn label(&self) -> &str {
        self.texts.first().map_or("", String::as_str).trim_end_matches(':')
    }
}

impl Table {
    /// The statement that it is of, where it is one.
    #[must_use]
    pub(super) fn statement(&self) -> Option<Statement> {
        self.part.statement
    }
}

/// A row of a table as it stands: the passage that holds it, where in its text, and the text.
type RowLine<'a> = (usize, ByteSpan, &'a str);

/// Bytes between two parts of one table at most: headings and the end of a page.
const GAP_MAX: usize = 400;

/// The tables of a document, in order.
#[must_use]
pub(super) fn tables(source: &Source) -> Vec<Table> {
    // A table lies in several passages, which may repeat each other's last rows.
    let mut parts: BTreeMap<usize, (TablePart, Vec<usize>)> = BTreeMap::new();
    for (at, hit) in source.hits.iter().enumerate() {
        for part in &hit.tables {
            parts.entry(part.start).or_insert_with(|| (part.clone(), vec![])).1.push(at);
        }
    }
    let mut tables: Vec<Table> = Vec::with_capacity(parts.len());
    let mut before: Option<TablePart> = None;
    for (mut part, hits) in parts.into_values() {
        let lines = lines_of(source, &part, &hits);
        let mut goes_on = false;
        if let Some(before) = before.filter(|before| part.columns.is_empty() && part.start < before.end + GAP_MAX) {
            goes_on = go_on(&mut part, &lines, before);
        }
        // A line of dates alone names the columns of what follows.
        if let [(_, _, line)] = lines[..]
            && part.columns.is_empty()
            && let Some(names) = dates_of(line)
        {
            let remark = names[0].trim_matches(['(', ')']).to_owned();
            part.unit = part.unit.take().or(Some(remark).filter(|remark| scale_of(remark).is_some()));
            part.columns = names;
        } else {
            settle_names(&mut part);
            tables.push(table(source, part.clone(), &hits, lines, goes_on));
        }
        before = Some(part);
    }
    mark_primary(&mut tables);
    tables
}

/// Rows that a statement has at least.
const STATEMENT_ROWS_MIN: usize = 6;

/// Marks the first table of each kind of statement, and the parts that go on from it.
fn mark_primary(tables: &mut [Table]) {
    let mut ends: Vec<(Statement, usize)> = Vec::new();
    for table in tables.iter_mut() {
        let Some(statement) = table.part.statement else { continue };
        let is_dated = table.columns.iter().any(|column| column.is_figures && column.period.year.is_some());
        let known = ends.iter_mut().find(|(other, _)| *other == statement);
        match known {
            Some((_, end)) if table.part.start < *end + GAP_MAX => *end = table.part.end,
            None if is_dated && table.rows.len() >= STATEMENT_ROWS_MIN => ends.push((statement, table.part.end)),
            _ => continue,
        }
        table.is_primary = true;
    }
}

/// The rows of a table, each once.
fn lines_of<'a>(source: &'a Source, part: &TablePart, hits: &[usize]) -> Vec<RowLine<'a>> {
    let mut lines: Vec<RowLine<'a>> = Vec::new();
    let mut done = part.body;
    for &at in hits {
        let hit = &source.hits[at];
        let mut from = 0;
        for line in hit.text.split_inclusive('\n') {
            let span = ByteSpan::new(from, from + line.len()).trimmed(&hit.text);
            from += line.len();
            let place = hit.start + span.start;
            if !span.is_empty() && place >= done.max(part.body) && place < part.end {
                done = hit.start + span.end;
                lines.push((at, span, span.of(&hit.text)));
            }
        }
    }
    lines
}

/// Takes over what `before` is known by, where the rows fit its columns: a table that a heading or a page cuts in two.
fn go_on(part: &mut TablePart, lines: &[RowLine<'_>], before: TablePart) -> bool {
    let width = lines.iter().map(|(_, _, line)| cells_of(line).len()).max().unwrap_or(0);
    let mut columns = before.columns;
    // Columns without names and figures may be left out in the later part.
    while columns.len() > width.max(1) {
        let Some(empty) = (1..columns.len()).find(|&at| columns[at].is_empty()) else { break };
        columns.remove(empty);
    }
    if columns.len() != width || width < 2 {
        return false;
    }
    part.columns = columns;
    part.unit = part.unit.take().or(before.unit);
    part.statement = part.statement.or(before.statement);
    true
}

/// The cells of a line that names dates and nothing else, but for its first cell.
fn dates_of(line: &str) -> Option<Vec<String>> {
    let cells: Vec<String> = cells_of(line).into_iter().map(|cell| cell.of(line).trim().to_owned()).collect();
    let named = cells.iter().skip(1).filter(|cell| !cell.is_empty());
    let all = named.clone().all(|cell| period_of(cell).year.is_some());
    (named.count() > 0 && all).then_some(cells)
}

/// Where the first column is called after a time and the others after years, each is called after both: `Three Months Ended September 30,`
/// beside `2023`.
fn settle_names(part: &mut TablePart) {
    part.columns.iter_mut().for_each(|name| *name = without_remarks(name));
    let Some((first, others)) = part.columns.split_first_mut() else { return };
    let over = period_of(first);
    let is_year = |name: &String| name.len() == 4 && period_of(name).year.is_some();
    let has_time = over.year.is_none() && (over.month.is_some() || over.months.is_some());
    if !has_time || others.is_empty() || !others.iter().all(|name| name.is_empty() || is_year(name)) {
        return;
    }
    let end = first.rfind(|c: char| c.is_ascii_digit() || c == ',').map_or(first.len(), |at| at + 1);
    let time = first[..end].trim_end_matches(',').to_owned();
    for name in others.iter_mut().filter(|name| !name.is_empty()) {
        *name = format!("{time}, {name}");
    }
    // What stands behind the time is the head of the first section.
    *first = first[end..].trim().to_owned();
    if !first.ends_with(':') {
        first.clear();
    }
}

/// A name without what is said in brackets of audits and units.
fn without_remarks(name: &str) -> String {
    const REMARKS: [&str; 5] = ["audited", "million", "thousand", "billion", "per share"];
    let mut kept = String::new();
    let mut rest = name;
    while let Some(open) = rest.find('(') {
        let close = rest[open..].find(')').map_or(rest.len(), |at| open + at + 1);
        let inside = rest[open..close].to_lowercase();
        kept.push_str(&rest[..open]);
        if !REMARKS.iter().any(|remark| inside.contains(remark)) {
            kept.push_str(&rest[open..close]);
        }
        rest = &rest[close..];
    }
    kept.push_str(rest);
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn table(source: &Source, part: TablePart, hits: &[usize], lines: Vec<RowLine<'_>>, goes_on: bool) -> Table {
    let is_named = part.columns.is_empty() && !lines.is_empty() && lines.iter().all(|(_, _, line)| line.contains(": "));
    let mut columns: Vec<Column> = part.columns.iter().map(|name| column(name)).collect();
    let mut rows = Vec::with_capacity(lines.len());
    // The title of a part may be the row above its first: the head of a section, or the beginning of a long label.
    let over = part.title.clone().filter(|title| goes_on && statement_of(title).is_none());
    let headed = part.columns.first().filter(|name| name.ends_with(':'));
    let mut section: Vec<String> =
        headed.into_iter().chain(over.as_ref()).filter(|title| title.ends_with(':')).cloned().collect();
    let mut begun = over.filter(|title| !title.ends_with(':'));
    for (hit, span, line) in lines {
        let texts = match is_named {
            true => named_texts(line, &mut columns),
            false => cells_of(line).into_iter().map(|cell| cell.of(line).to_owned()).collect::<Vec<_>>(),
        };
        let texts = with_begun(texts, begun.take());
        let mut cells: Vec<Option<Cell>> = texts.iter().map(|text| cell(text)).collect();
        if let Some(first) = cells.first_mut() {
            *first = None;
        }
        if cells.iter().all(Option::is_none) && texts.iter().skip(1).all(String::is_empty) {
            section.push(texts.first().cloned().unwrap_or_default());
            if section.len() > 2 {
                section.remove(0);
            }
            continue;
        }
        let is_end = texts.first().is_some_and(|text| text.to_lowercase().starts_with("total"));
        rows.push(Row { hit, span, texts, cells, section: section.clone(), is_total: false });
        // What comes after its total is no part of a section.
        if is_end {
            section.pop();
        }
    }
    let width = rows.iter().map(|row| row.texts.len()).max().unwrap_or(0);
    columns.resize_with(width.max(columns.len()), Column::default);
    let heading = hits.first().map(|&at| source.hits[at].heading.clone()).unwrap_or_default();
    let mut table = Table { part, heading, columns, rows, is_primary: false };
    settle_units(&mut table);
    settle_columns(&mut table);
    mark_totals(&mut table.rows);
    table
}

/// The texts of a row, where its label goes on from `begun`: it begins with a small letter or a digit.
fn with_begun(mut texts: Vec<String>, begun: Option<String>) -> Vec<String> {
    if let (Some(begun), Some(first)) = (begun, texts.first_mut())
        && first.starts_with(|c: char| c.is_lowercase() || c.is_ascii_digit())
    {
        *first = format!("{begun} {first}");
    }
    texts
}

/// Whether a title names a statement itself.
fn statement_of(title: &str) -> Option<&str> {
    let lower = title.to_lowercase();
    (lower.contains("statement") || lower.contains("balance sheet")).then_some(title)
}

fn column(name: &str) -> Column {
    Column { name: name.to_owned(), period: period_of(name), is_figures: false }
}

/// The texts of a row whose cells name their columns, `Item: Egg | Price: 3`; what columns there are is added to `columns`.
fn named_texts(line: &str, columns: &mut Vec<Column>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for span in cells_of(line) {
        let cell = span.of(line);
        let (name, text) = cell.split_once(": ").unwrap_or(("", cell));
        let at = columns.iter().position(|column| column.name == name).unwrap_or_else(|| {
            columns.push(column(name));
            columns.len() - 1
        });
        if texts.len() <= at {
            texts.resize(at + 1, String::new());
        }
        text.clone_into(&mut texts[at]);
    }
    texts
}

/// The figure that a cell is, without its table's unit.
fn cell(text: &str) -> Option<Cell> {
    const SIGNS: [&str; 4] = ["$", "€", "£", "¥"];
    let text = text.trim();
    let currency = SIGNS.iter().find(|sign| text.contains(**sign)).copied().unwrap_or_default();
    let bare: String =
        text.chars().filter(|c| !c.is_whitespace() && !SIGNS.contains(&c.to_string().as_str())).collect();
    let is_percent = bare.contains('%');
    let bare = bare.replace('%', "");
    let is_negative = bare.starts_with('(') && bare.ends_with(')') || bare.starts_with(['-', '−', '–']);
    let digits = bare.trim_start_matches(['(', '-', '−', '–']).trim_end_matches(')');
    // Only a number: a date, a range or a code is none.
    let grouped = digits
        .split(',')
        .skip(1)
        .all(|group| group.len() == 3 || group.split('.').next().is_some_and(|whole| whole.len() == 3));
    if digits.is_empty()
        || !grouped
        || !digits.chars().all(|c| c.is_ascii_digit() || c == ',' || c == '.')
        || !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
    {
        return None;
    }
    let number = digits.replace(',', "");
    let value: Decimal = Decimal::from_str_exact(&number).ok()?;
    let decimals = number.split_once('.').map_or(0, |(_, part)| part.len() as u32);
    let value = if is_negative { -value } else { value };
    Some(Cell { value, decimals, unit: Unit { currency: currency.to_owned(), zeros: 0, is_percent } })
}

/// Gives every figure what its table says that figures are counted in: the scale, but for figures a share, numbers of shares, percentages
/// and days; the currency of its column.
fn settle_units(table: &mut Table) {
    let unit = table.part.unit.clone().unwrap_or_default().to_lowercase();
    let said = folded(&unit);
    let zeros = scale_of(&unit).or_else(|| (unit.contains("000")).then_some(3)).unwrap_or(0);
    let counts_shares_apart = unit.contains("share") || unit.contains("except");
    let signs: Vec<String> = (0..table.columns.len())
        .map(|at| {
            let of_column = |row: &Row| {
                row.cells.get(at).cloned().flatten().map(|cell| cell.unit.currency).filter(|sign| !sign.is_empty())
            };
            table.rows.iter().find_map(of_column).unwrap_or_default()
        })
        .collect();
    let whole = ["$", "€", "£"]
        .iter()
        .find(|sign| unit.contains(**sign))
        .copied()
        .or_else(|| said.iter().any(|word| word == "dollar").then_some("$"));
    // Of the sign of one column of a statement all are.
    let any = signs.iter().find(|sign| !sign.is_empty()).cloned().filter(|_| table.part.statement.is_some());
    let any = any.or_else(|| whole.map(str::to_owned)).unwrap_or_default();
    for row in &mut table.rows {
        let words = folded(&format!("{} {}", row.section.last().map_or("", String::as_str), row.label()));
        let has = |word: &str| words.iter().any(|own| own == word);
        let own_words = folded(row.label());
        // `Shares used in computing earnings per share` are no earnings per share.
        let counts = has("used") || has("weighted") || has("outstanding");
        let per_share = has("per") && has("share") && !counts || own_words.iter().any(|word| word == "eps");
        // Rows of these statements are amounts, though they be named after shares.
        let is_of_amounts = matches!(table.part.statement, Some(Statement::BalanceSheet | Statement::CashFlow));
        let is_count = !per_share
            && !is_of_amounts
            && (table.part.statement != Some(Statement::Equity) || has("outstanding") || has("weighted"))
            && (has("share") || has("employee") || has("headcount"))
            && (counts || counts_shares_apart)
            && !has("dividend")
            && !has("equity");
        for (at, cell) in row.cells.iter_mut().enumerate() {
            let Some(cell) = cell else { continue };
            let name = table.columns.get(at).map(|column| folded(&column.name)).unwrap_or_default();
            cell.unit.is_percent |= name.iter().any(|word| word == "percent" || word == "percentage")
                || table.columns[at].name.contains('%');
            if cell.unit.is_percent || is_count {
                continue;
            }
            if !per_share {
                cell.unit.zeros = zeros;
            }
            if cell.unit.currency.is_empty() {
                let sign = signs.get(at).filter(|sign| !sign.is_empty()).unwrap_or(&any);
                cell.unit.currency.clone_from(sign);
            }
        }
    }
}

/// The power of ten of the first scale that a text names.
fn scale_of(text: &str) -> Option<u32> {
    let said = folded(text);
    [("thousand", 3), ("million", 6), ("billion", 9)]
        .iter()
        .filter_map(|(word, zeros)| said.iter().position(|own| own == word).map(|at| (at, *zeros)))
        .min()
        .map(|(_, zeros)| zeros)
}

fn settle_columns(table: &mut Table) {
    for at in 1..table.columns.len() {
        let filled = || table.rows.iter().filter(|row| row.texts.get(at).is_some_and(|text| !text.is_empty()));
        let figures = filled().filter(|row| row.cells.get(at).is_some_and(Option::is_some)).count();
        table.columns[at].is_figures = figures > 0 && figures * 2 >= filled().count();
    }
    // Where the columns name days only, the title may say how long the time before them is.
    let title = format!(
        "{} {}",
        table.part.title.as_deref().unwrap_or_default(),
        table.part.unit.as_deref().unwrap_or_default()
    );
    let over = period_of(&title);
    for column in &mut table.columns {
        if !column.period.is_empty() && column.period.months.is_none() {
            column.period.months = over.months;
        }
    }
}

/// Marks the rows that count others together: those that say so, and those whose figures are the sums of two or more rows right above.
fn mark_totals(rows: &mut [Row]) {
    const WORDS: [&str; 8] = ["total", "subtotal", "sum", "overall", "average", "mean", "altogether", "combined"];
    for at in 0..rows.len() {
        let words = folded(rows[at].label());
        let says = words.first().is_some_and(|word| WORDS.contains(&word.as_str()))
            || words.last().is_some_and(|word| word == "total");
        rows[at].is_total = says || (at >= 2 && sums_up(&rows[..at], &rows[at]));
    }
}

/// Rows above a row that it may be the sum of.
const SUMMED_ROWS_MAX: usize = 200;

/// Whether each figure of `row` is the sum of those of the rows right above it, two or more of them and at most [`SUMMED_ROWS_MAX`].
fn sums_up(above: &[Row], row: &Row) -> bool {
    let columns: Vec<usize> = (0..row.cells.len()).filter(|&at| row.cells[at].is_some()).collect();
    let value = |row: &Row, at: usize| row.cells.get(at).and_then(Option::as_ref).map(|cell| cell.value);
    if columns.is_empty() {
        return false;
    }
    let mut sums = vec![Decimal::ZERO; columns.len()];
    for (count, other) in above.iter().rev().take(SUMMED_ROWS_MAX).enumerate() {
        if other.is_total || other.section != row.section {
            return false;
        }
        for (sum, &at) in sums.iter_mut().zip(&columns) {
            *sum = sum.checked_add(value(other, at).unwrap_or_default()).unwrap_or_default();
        }
        let is_sum = columns.iter().zip(&sums).all(|(&at, sum)| value(row, at) == Some(*sum));
        // A row of nothing but noughts is the sum of anything like it.
        if count >= 1 && is_sum && sums.iter().any(|sum| !sum.is_zero()) && (columns.len() > 1 || count >= 2) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(columns: &[&str]) -> Vec<String> {
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        let mut part = TablePart { columns, ..TablePart::default() };
        settle_names(&mut part);
        part.columns
    }

    #[test]
    fn years_below_a_time_are_called_after_both_and_remarks_are_no_name() {
        assert_eq!(
            names(&["Three Months Ended September 30, Revenue:", "2023", "2022"]),
            ["Revenue:", "Three Months Ended September 30, 2023", "Three Months Ended September 30, 2022"]
        );
        assert_eq!(names(&["", "(Unaudited) Six Months Ended July 30, 2023"]), ["", "Six Months Ended July 30, 2023"]);
        assert_eq!(names(&["Unit", "Rent (2023)"]), ["Unit", "Rent (2023)"]);
        assert_eq!(names(&["Region", "2023", "2022"]), ["Region", "2023", "2022"]);
    }

    #[test]
    fn a_line_of_dates_names_the_columns_of_the_table_below_it() {
        let dates = "(In Millions; Unaudited) | Sep 30, 2023 | Dec 31, 2022";
        let found = dates_of(dates).expect("names dates");
        assert_eq!(found[1..], ["Sep 30, 2023".to_owned(), "Dec 31, 2022".to_owned()]);
        assert_eq!(scale_of(&found[0]), Some(6));
        assert_eq!(dates_of("Inventories | $ 11 | $ 13"), None);
        let before = TablePart { columns: vec![String::new(), String::new(), "2023".into()], ..TablePart::default() };
        let mut part = TablePart::default();
        let line = "Term debt | 5";
        go_on(&mut part, &[(0, ByteSpan::new(0, line.len()), line)], before);
        assert_eq!(part.columns, [String::new(), "2023".into()], "a column without name and figures falls away");
    }

    #[test]
    fn a_row_is_the_sum_of_so_many_rows_at_most() {
        let row = |value: usize| {
            let figure = cell(&value.to_string());
            let (texts, cells) = (vec!["Unit".to_owned()], vec![None, figure.clone(), figure]);
            Row { hit: 0, span: ByteSpan::new(0, 0), texts, cells, section: vec![], is_total: false }
        };
        for (count, is_sum) in [(2, true), (SUMMED_ROWS_MAX, true), (SUMMED_ROWS_MAX + 1, false)] {
            let mut rows = vec![row(7); count];
            rows.push(row(7 * count));
            mark_totals(&mut rows);
            assert_eq!(rows[count].is_total, is_sum, "{count}");
        }
    }

    #[test]
    fn a_label_that_a_page_cuts_goes_on_behind_its_beginning() {
        let begun = || Some("Common stock, 4,188 issued as of December".to_owned());
        let texts = |first: &str| vec![first.to_owned(), "5".to_owned()];
        assert_eq!(with_begun(texts("31, 2022)"), begun())[0], "Common stock, 4,188 issued as of December 31, 2022)");
        assert_eq!(with_begun(texts("Retained earnings"), begun())[0], "Retained earnings");
    }

    #[test]
    fn a_cell_is_a_figure_or_none() {
        for (text, expected) in [
            ("$ 5,012", "5012"),
            ("(1,162)", "-1162"),
            ("$ (12.5)", "-12.5"),
            ("£41,000", "41000"),
            ("12.5 %", "12.5"),
            ("−3", "-3"),
        ] {
            assert_eq!(cell(text).map(|cell| cell.value.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "—", "2023-06-30", "P-150", "12 to 14", "1,2", "3.1.4x", "n/a", "24 June 2028"] {
            assert!(cell(text).is_none(), "{text}");
        }
    }
}
