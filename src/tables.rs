//! A document in, what each of its tables is known by out: columns, title, unit and kind of statement; never part of a quote.
//!
//! A chunk holds a part of a table. What says what its figures are stands elsewhere: in the first rows, in the line above, on the page before.

use serde::{Deserialize, Serialize};

use crate::columns::column_names;
use crate::document::{Block, BlockKind, ByteSpan, Document};

/// Blocks above a table that may be its title or say its unit.
const ABOVE_MAX: usize = 5;
/// Words of a line that may be a title; more are running text.
const TITLE_WORDS_MAX: usize = 24;
/// Bytes of the names of all columns of a table that are kept.
const COLUMNS_BYTES_MAX: usize = 2_000;
/// Bytes of the words that say a unit.
const UNIT_BYTES_MAX: usize = 160;

/// A table of which a passage holds rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TablePart {
    /// First byte of the whole table in the document's text.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// First byte of its rows, behind the lines that name the columns; those belong to no row.
    pub body: usize,
    /// What its columns are called, from left to right; empty where nothing says it, or each cell does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The line above that says what it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The words that say what its figures are counted in: `in millions, except per share amounts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Which statement of accounts it is, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Statement>,
}

impl TablePart {
    /// What its figures are counted in, by the first such word of its unit: 1e6 for `in millions`. `None` where nothing says it.
    #[must_use]
    pub fn scale(&self) -> Option<f64> {
        let unit = self.unit.as_ref()?.to_lowercase();
        let words = unit.split(|c: char| !c.is_alphanumeric());
        let scales = [("thousand", 1e3), ("million", 1e6), ("billion", 1e9), ("000", 1e3), ("000s", 1e3)];
        words
            .filter_map(|word| {
                scales.iter().find(|(name, _)| word.strip_suffix('s').unwrap_or(word) == *name || word == *name)
            })
            .map(|(_, scale)| *scale)
            .next()
    }
}

/// A kind of statement of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statement {
    /// What is owned and owed on a day.
    BalanceSheet,
    /// What was earned and spent over a time.
    Income,
    /// The same with what was not realised.
    ComprehensiveIncome,
    /// Money in and out over a time.
    CashFlow,
    /// What became of the owners' share.
    Equity,
    /// Figures by part of the business.
    Segment,
}

impl Statement {
    /// What people call it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::BalanceSheet => "balance sheet",
            Self::Income => "income statement",
            Self::ComprehensiveIncome => "statement of comprehensive income",
            Self::CashFlow => "cash flow statement",
            Self::Equity => "statement of equity",
            Self::Segment => "segment",
        }
    }
}

impl TablePart {
    /// Whether a passage at `span` has the lines that name the columns in its own text.
    #[must_use]
    pub fn is_headed_in(&self, span: ByteSpan) -> bool {
        self.body > self.start && span.start <= self.start && span.end >= self.body
    }

    /// The names of the columns on one line.
    #[must_use]
    pub fn columns_line(&self) -> String {
        self.columns.join(" | ")
    }
}

/// The tables of `document`, in order.
#[must_use]
pub fn tables(document: &Document) -> Vec<TablePart> {
    let mut all: Vec<TablePart> = Vec::new();
    for (index, block) in document.blocks.iter().enumerate().filter(|(_, block)| block.kind == BlockKind::Table) {
        let table = labelled(document, index, block, &all);
        all.push(table);
    }
    all
}

/// Those of `tables` that have rows within `span`, in order.
#[must_use]
pub fn tables_in(tables: &[TablePart], span: ByteSpan) -> Vec<TablePart> {
    let first = tables.partition_point(|table| table.end <= span.start);
    tables[first..].iter().take_while(|table| table.start < span.end).cloned().collect()
}

fn labelled(document: &Document, index: usize, block: &Block, before: &[TablePart]) -> TablePart {
    let text = &document.text;
    let ByteSpan { start, end } = block.span;
    let mut columns = column_names(text, block);
    let mut room = COLUMNS_BYTES_MAX;
    let kept = columns.iter().take_while(|name| {
        room = room.saturating_sub(name.len() + 3);
        room > 0
    });
    let kept = kept.count();
    columns.truncate(kept);
    let own_header = block.header.filter(|header| block.span.contains(*header));
    let body = own_header.map_or(start, |header| (header.end + 1).min(end));
    let goes_on_from = block.header.filter(|header| header.start < start);
    if let Some(first) = goes_on_from
        .and_then(|header| before.iter().find(|table| table.start <= header.start && header.end <= table.end))
    {
        return TablePart { start, end, body, columns, ..first.clone() };
    }
    let above = lines_above(document, index);
    let heads: Vec<&str> = own_header.map(|header| header.of(text).lines().collect()).unwrap_or_default();
    let all: Vec<&str> = above.iter().copied().chain(heads.iter().copied()).collect();
    let unit = all.iter().rev().find_map(|line| unit_words(line));
    // Of the lines above and the titles inside the header, the last one that says something of its own.
    let inner = heads.iter().copied().filter(|line| !line.contains(" | ") && !line.starts_with('|'));
    let titles: Vec<&str> = above.iter().copied().chain(inner).filter(|line| is_title(line)).collect();
    let named = titles.iter().rev().find_map(|line| Some((*line, statement_of_title(line)?)));
    let title = named.map(|(line, _)| line).or_else(|| titles.last().copied());
    let of_title = named.filter(|(line, _)| says_statement(line)).map(|(_, statement)| statement);
    let statement =
        of_title.or_else(|| statement_of_rows(block.span.of(text))).or(named.map(|(_, statement)| statement));
    TablePart { start, end, body, columns, title: title.map(one_line), unit, statement }
}

/// The short blocks right above the block `index` on its page, from top to bottom.
fn lines_above(document: &Document, index: usize) -> Vec<&str> {
    let page = document.page_at(document.blocks[index].span.start);
    let near = document.blocks[..index]
        .iter()
        .rev()
        .filter(|block| !block.kind.is_hidden())
        .take(ABOVE_MAX)
        .take_while(|block| block.kind != BlockKind::Table && document.page_at(block.span.start) == page);
    let mut lines = Vec::new();
    for block in near {
        let line = block.span.of(&document.text).trim();
        let is_long = line.split_whitespace().count() > TITLE_WORDS_MAX;
        // The end of a sentence that introduces the table may say its unit.
        if is_long && !line.ends_with(':') && unit_words(line).is_none() {
            break;
        }
        lines.push(line);
        if is_long
            || matches!(block.kind, BlockKind::Heading { .. })
                && unit_words(line).is_none()
                && statement_of_title(line).is_some()
        {
            break;
        }
    }
    lines.reverse();
    lines
}

/// Whether a line can be the title of a table: short, no sentence, and more than a unit or a remark in parentheses.
fn is_title(line: &str) -> bool {
    let words = line.split_whitespace().count();
    let line = line.trim();
    let is_remark = line.starts_with('(') && line.ends_with(')');
    let ends = line.ends_with('.') && !line.to_lowercase().starts_with("table ");
    let has_words =
        line.split_whitespace().filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() > 2).count() > 0;
    words <= TITLE_WORDS_MAX && has_words && !is_remark && !ends
}

/// What a line says that figures are counted in, in its own words.
fn unit_words(line: &str) -> Option<String> {
    const MARKS: [&str; 20] = [
        "£ million",
        "€ million",
        "$ million",
        "£m",
        "€m",
        "$m",
        "in millions",
        "in thousands",
        "in billions",
        "in £",
        "in €",
        "in us$",
        "in $",
        "$000",
        "£000",
        "€000",
        "£'000",
        "€'000",
        "$'000",
        "in percent",
    ];
    let lower = line.to_ascii_lowercase();
    let whole = |at: usize| !lower[..at].ends_with(|c: char| c.is_alphanumeric());
    let found = MARKS.iter().filter_map(|mark| lower.find(mark).filter(|at| whole(*at))).min()?;
    // Words before it in the same parentheses or line belong to it: `dollars in millions`.
    let from = lower[..found].rfind(['(', '.', '|', ';', ':', ',']).map_or(0, |at| at + 1);
    let from = if lower[from..found].split_whitespace().count() > 3 { found } else { from };
    let after = &line[from..];
    let end = after.find([')', '|', '\n', ';']).unwrap_or(after.len());
    let end = after[..end].find(". ").unwrap_or(end).min(UNIT_BYTES_MAX);
    let end = (0..=end).rev().find(|at| after.is_char_boundary(*at))?;
    Some(after[..end].trim().trim_end_matches([':', '.']).to_owned())
}

fn one_line(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The statement that a title names.
fn statement_of_title(title: &str) -> Option<Statement> {
    let title = title.to_lowercase();
    let has = |words: &str| title.contains(words);
    if has("balance sheet") || has("financial position") {
        Some(Statement::BalanceSheet)
    } else if has("cash flow") {
        Some(Statement::CashFlow)
    } else if has("comprehensive") && !has("and comprehensive") {
        Some(Statement::ComprehensiveIncome)
    } else if has("statements of operations")
        || has("statement of operations")
        || has("statements of income")
        || has("income statement")
        || has("statement of income")
        || has("statements of earnings")
        || has("profit and loss")
        || has("profit or loss")
    {
        Some(Statement::Income)
    } else if has("comprehensive income") || has("comprehensive loss") {
        Some(Statement::ComprehensiveIncome)
    } else if has("equity") && (has("statement") || has("changes")) {
        Some(Statement::Equity)
    } else if has("segment") {
        Some(Statement::Segment)
    } else {
        None
    }
}

/// Whether a title is that of a statement and does not only speak of one.
fn says_statement(title: &str) -> bool {
    let title = title.to_lowercase();
    title.contains("statement") || title.contains("balance sheet") || title.contains("profit and loss")
}

/// The statement that the rows of a table are those of.
fn statement_of_rows(rows: &str) -> Option<Statement> {
    let rows = rows.to_lowercase();
    let has = |words: &str| rows.contains(words);
    if has("total assets") && has("total liabilities") {
        Some(Statement::BalanceSheet)
    } else if has("operating activities") && has("investing activities") {
        Some(Statement::CashFlow)
    } else if (has("net income") || has("net loss") || has("net earnings") || has("profit for the"))
        && has("tax")
        && (has("sales") || has("revenue"))
    {
        Some(Statement::Income)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::{ReadSettings, read};

    fn all(markdown: &str) -> Vec<TablePart> {
        let document = read(std::path::Path::new("a.md"), markdown.as_bytes(), &ReadSettings::default()).unwrap();
        tables(&document)
    }

    #[test]
    fn a_table_has_the_title_and_the_unit_above_it() {
        let found = all(
            "# Report\n\nSales rose again in all regions of the world.\n\nTable 2. Sales by region (dollars in millions, except per share)\n\n| Region | 2023 |\n|--|--|\n| North | 5 |\n",
        );
        assert_eq!(found[0].title.as_deref(), Some("Table 2. Sales by region (dollars in millions, except per share)"));
        assert_eq!(found[0].unit.as_deref(), Some("dollars in millions, except per share"));
        assert_eq!(found[0].columns, ["Region", "2023"]);
        assert_eq!(found[0].statement, None);
    }

    #[test]
    fn a_statement_is_known_by_its_title_or_its_rows() {
        let found = all(
            "## Condensed consolidated statements of cash flows\n\n(Unaudited)\n\n| In thousands | 2023 |\n|--|--|\n| Paid | 5 |\n\n\
            | | 2023 |\n|--|--|\n| Total assets | 5 |\n| Total liabilities | 3 |\n",
        );
        assert_eq!(found[0].statement, Some(Statement::CashFlow));
        assert_eq!(found[0].title.as_deref(), Some("Condensed consolidated statements of cash flows"));
        assert_eq!(found[0].unit.as_deref(), Some("In thousands"));
        assert_eq!(found[1].statement, Some(Statement::BalanceSheet));
        assert_eq!(found[1].title, None, "what stands above another table is not its title");
    }

    #[test]
    fn a_passage_knows_whether_it_holds_the_header() {
        let found = all("| a | b |\n|--|--|\n| x | 1 |\n| y | 2 |\n");
        let whole = ByteSpan::new(found[0].start, found[0].end);
        assert!(found[0].is_headed_in(whole));
        let later = ByteSpan::new(found[0].body, found[0].end);
        assert!(!found[0].is_headed_in(later));
        assert_eq!(tables_in(&found, later), found);
        assert!(tables_in(&found, ByteSpan::new(found[0].end, found[0].end + 5)).is_empty());
    }
}
