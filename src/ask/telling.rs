//! A row of a table to the words that say it, each figure with the name of its row and its column, and from such words back to the row.

use crate::answer::Hit;
use crate::cite::lexical::words;
use crate::cite::verdict::{Checked, EvidenceSpan, Verdict};
use crate::columns::{cells_of, is_amount};
use crate::document::ByteSpan;
use crate::tables::TablePart;

/// The method of a verdict on words that say a row of a table cell by cell, names of columns included.
pub const ROW: &str = "row/1";
/// Cells of a row that are told at most where the question asks for none of them by name.
const CELLS_MAX: usize = 6;
/// Columns of a row beyond which a sentence is not looked for among its cells.
const COLUMNS_MAX: usize = 64;

/// A row with the names of its columns.
struct Row<'a> {
    /// What the row is called: its first cell.
    name: &'a str,
    /// Names of columns, and the cells in them, from the second on; empty ones are left out.
    cells: Vec<(&'a str, &'a str)>,
    /// What the figures are counted in, where the table says it.
    unit: Option<&'a str>,
}

/// The row at `span` of the hit's text as a sentence that answers `question`: `Hotel limit, London: £210`. `None` where it is no row of a
/// table whose columns have names, nor one of two cells.
#[must_use]
pub fn told(question: &str, hit: &Hit, span: ByteSpan) -> Option<String> {
    let row = row(hit, span)?;
    if row.cells.iter().all(|(name, _)| name.is_empty()) {
        return Some(row.said(&[0]));
    }
    let asked: Vec<String> = words(question).into_iter().filter(|word| !word.stop).map(|word| word.stem).collect();
    let is_asked = |name: &str| words(name).iter().any(|word| asked.contains(&word.stem));
    let named: Vec<usize> = (0..row.cells.len()).filter(|&at| is_asked(row.cells[at].0)).collect();
    // Where the row itself is what is asked for ("who pays £210?"), all of it is told.
    let chosen = match named.is_empty() || !is_asked(row.name) {
        true => (0..row.cells.len().min(CELLS_MAX)).collect(),
        false => named,
    };
    Some(row.said(&chosen))
}

/// The verdict on a sentence that says a row of one of `hits` as [`told`] does; `None` where it says none.
#[must_use]
pub fn checked(claim: &str, hits: &[Hit]) -> Option<Checked> {
    if !claim.contains(": ") {
        return None;
    }
    let claim = format!("{}.", one_line(claim).trim_end_matches('.'));
    for (index, hit) in hits.iter().enumerate().filter(|(_, hit)| !hit.tables.is_empty()) {
        for span in lines(&hit.text) {
            if row(hit, span).is_some_and(|row| row.says(&claim)) {
                return Some(Checked {
                    verdict: Verdict::Supported,
                    method: ROW.into(),
                    score: 1.0,
                    evidence: vec![EvidenceSpan { index, span }],
                    reasons: vec![],
                });
            }
        }
    }
    None
}

impl Row<'_> {
    /// The row with the cells `chosen`.
    fn said(&self, chosen: &[usize]) -> String {
        let mut said = if let [only] = chosen {
            match self.cells[*only] {
                ("", cell) => format!("{}: {cell}", self.name),
                // A time or a number says of what row it is a column: `Net sales, 2023`.
                (name, cell) if name.contains(|c: char| c.is_ascii_digit()) => format!("{}, {name}: {cell}", self.name),
                (name, cell) => format!("{name}, {}: {cell}", self.name),
            }
        } else {
            let said = |&at: &usize| format!("{}: {}", self.cells[at].0, self.cells[at].1);
            format!("{} – {}", self.name, chosen.iter().map(said).collect::<Vec<_>>().join("; "))
        };
        if let Some(unit) = self.unit.filter(|_| chosen.iter().any(|&at| is_amount(self.cells[at].1))) {
            said = format!("{said} ({unit})");
        }
        // A sentence of its own, also where it is joined with others.
        format!("{}.", one_line(&said).trim_end_matches('.'))
    }

    /// Whether `claim` is the row with one cell, or with cells in their order.
    fn says(&self, claim: &str) -> bool {
        let holds = |(name, cell): &(&str, &str)| claim.contains(name) && claim.contains(cell);
        let held: Vec<usize> = (0..self.cells.len()).filter(|&at| holds(&self.cells[at])).collect();
        if !claim.contains(self.name) || held.is_empty() {
            return false;
        }
        // A name of a column may be part of another's, so one cell may be meant where two are held.
        held.iter().any(|&at| self.said(&[at]) == claim)
            || (1..=held.len()).any(|count| {
                held.windows(count).any(|some| self.said(some) == claim) || self.said(&held[..count]) == claim
            })
    }
}

/// The row at `span`, where the hit has a table there whose columns are named, and the line is below those names.
fn row(hit: &Hit, span: ByteSpan) -> Option<Row<'_>> {
    let place = hit.start + span.start;
    let table: &TablePart =
        hit.tables.iter().find(|table| place >= table.body.max(table.start) && place < table.end)?;
    let line = span.of(&hit.text);
    if table.columns.len() > COLUMNS_MAX || line.contains('\n') {
        return None;
    }
    let texts: Vec<&str> = cells_of(line).into_iter().map(|cell| cell.of(line).trim()).collect();
    let name = *texts.first().filter(|name| !name.is_empty())?;
    // Of two cells without names of columns the first names the second.
    if let ([name, cell], 0..=1) = (texts.as_slice(), table.columns.len()) {
        let is_pair = !cell.is_empty() && !name.contains(": ");
        return is_pair.then(|| Row { name: name.trim_end_matches(':'), cells: vec![("", cell)], unit: None });
    }
    if table.columns.len() < 2 {
        return None;
    }
    if texts.len() > table.columns.len() {
        return None;
    }
    let named = table.columns.iter().map(|name| name.trim()).zip(texts.iter().copied());
    let cells: Vec<(&str, &str)> = named.skip(1).filter(|(name, cell)| !name.is_empty() && !cell.is_empty()).collect();
    (!cells.is_empty()).then(|| Row { name: name.trim_end_matches(':'), cells, unit: table.unit.as_deref() })
}

/// The lines of a text, as spans without the space around them.
fn lines(text: &str) -> impl Iterator<Item = ByteSpan> {
    let mut from = 0;
    text.split_inclusive('\n').map(move |line| {
        let span = ByteSpan::new(from, from + line.len()).trimmed(text);
        from += line.len();
        span
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A passage that is a table under a line of names.
    fn hit(text: &str, columns: &[&str], unit: Option<&str>) -> Hit {
        let body = text.find('\n').map_or(0, |end| end + 1);
        let table = TablePart {
            start: 100,
            end: 100 + text.len(),
            body: 100 + body,
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            unit: unit.map(str::to_owned),
            ..TablePart::default()
        };
        Hit { tables: vec![table], ..super::super::tests::hit("travel.md", 100, text) }
    }

    fn line(hit: &Hit, start: &str) -> ByteSpan {
        lines(&hit.text).find(|span| span.of(&hit.text).starts_with(start)).expect("is there")
    }

    #[test]
    fn a_row_is_told_with_the_names_of_row_and_column_and_found_again() {
        let rates = hit(
            "City | Hotel limit | Meals\nLondon | £210 | £45\nOther cities | £160 | £40\n",
            &["City", "Hotel limit", "Meals"],
            None,
        );
        let london = line(&rates, "London");
        let of = |question: &str| told(question, &rates, london).expect("is a row");
        assert_eq!(of("What is the hotel limit in London?"), "Hotel limit, London: £210.");
        assert_eq!(of("Which city has £210?"), "London – Hotel limit: £210; Meals: £45.");
        assert_eq!(told("hotel limit", &rates, line(&rates, "City")), None, "names of columns are no row");
        for claim in ["Hotel limit, London: £210", "London – Hotel limit: £210; Meals: £45"] {
            let found = checked(claim, std::slice::from_ref(&rates)).expect("stands there");
            assert_eq!((found.verdict, found.evidence[0].span), (Verdict::Supported, london), "{claim}");
        }
        for claim in [
            "Hotel limit, London: £160",
            "Meals, London: £210",
            "Hotel limit, Leeds: £210",
            "London – Hotel limit: £210; Meals: £40",
            "Hotel limit, London: £210, and breakfast",
        ] {
            assert_eq!(checked(claim, std::slice::from_ref(&rates)), None, "{claim}");
        }
    }

    #[test]
    fn of_two_cells_the_first_names_the_second() {
        let terms = hit("\nRent | £41,000 a year\nBreak date: | 24 June 2035\n", &[], None);
        let row = line(&terms, "Break");
        assert_eq!(told("When can the tenant leave?", &terms, row).as_deref(), Some("Break date: 24 June 2035."));
        assert!(checked("Break date: 24 June 2035", std::slice::from_ref(&terms)).is_some());
        assert!(checked("Rent: 24 June 2035", &[terms]).is_none());
    }

    #[test]
    fn a_figure_is_told_with_its_unit_and_a_cell_that_is_empty_not_at_all() {
        let sales = hit("Row | 2023 | 2022\nNet sales | 81,797 | \n", &["Row", "2023", "2022"], Some("in millions"));
        let row = line(&sales, "Net");
        for question in ["net sales in 2023", "net sales in 2022"] {
            assert_eq!(told(question, &sales, row).as_deref(), Some("Net sales, 2023: 81,797 (in millions)."));
        }
        assert!(checked("Net sales, 2022: 81,797 (in millions)", &[sales]).is_none());
    }
}
