//! The lines of a table go in, which of them name its columns and what each column is called come out; knows nothing of formats.

use crate::document::{Block, BlockKind, ByteSpan, Document, Format};
use crate::ingest::first_lines;

/// Rows from the top that may name columns.
const HEADER_ROWS_MAX: usize = 8;
/// Rows from the top that tell what a table holds.
const SAMPLE_ROWS: usize = 60;
/// Bytes of a text that may name a column.
const NAME_BYTES_MAX: usize = 120;
/// Columns that a table has for this; those further right have no name.
const COLUMNS_MAX: usize = 256;
/// Words of a line that may stand between the parts of a table: what is printed at the top and bottom of pages.
const FURNITURE_WORDS_MAX: usize = 16;

/// Where the cells of a row stand in its line, empty ones too.
#[must_use]
pub fn cells_of(line: &str) -> Vec<ByteSpan> {
    // White space before the bar of an empty first cell may have been trimmed.
    let mut at = line.len() - line.trim_start().len();
    let mut cells = Vec::new();
    if line[at..].starts_with('|') && !line[at..].starts_with("||") {
        cells.push(ByteSpan::new(at, at));
        at += 1;
        at += usize::from(line[at..].starts_with(' '));
    }
    loop {
        let end = line[at..].find(" | ").map_or(line.len(), |end| at + end);
        cells.push(ByteSpan::new(at, end).trimmed(line));
        if end == line.len() {
            // Nor must the white space behind the bar of an empty last one be there.
            if let Some(last) = cells.last_mut()
                && last.of(line).ends_with(" |")
            {
                *last = ByteSpan::new(last.start, last.end - " |".len()).trimmed(line);
                cells.push(ByteSpan::new(line.len(), line.len()));
            }
            return cells;
        }
        at = end + " | ".len();
    }
}

/// What the columns of a table are called, from left to right; a name that stands over several columns is said with each of them. Empty
/// where no line names them.
#[must_use]
pub fn column_names(text: &str, block: &Block) -> Vec<String> {
    let Some(header) = block.header else { return vec![] };
    let rows: Vec<Vec<&str>> = header.of(text).lines().map(texts).collect();
    let width = rows.iter().map(Vec::len).max().unwrap_or(0).min(COLUMNS_MAX);
    let mut names = vec![String::new(); width];
    for row in &rows {
        // A title over the whole table is no name of its first column.
        if row.iter().skip(1).all(|cell| cell.is_empty()) && rows.len() > 1 {
            continue;
        }
        let over = spread(row, rows.last().map_or(&[], Vec::as_slice));
        for (name, said) in names.iter_mut().zip(over) {
            if !said.is_empty() && !name.ends_with(said) {
                if !name.is_empty() {
                    name.push(' ');
                }
                name.push_str(said);
            }
        }
    }
    if names.iter().all(String::is_empty) { vec![] } else { names }
}

/// What a row of names says of each column. Fewer names than `lowest`, the last row of names, has stand over as many columns each, where that
/// comes out even and each stands over one of its own; otherwise over the one that they are written in.
fn spread<'a>(row: &[&'a str], lowest: &[&str]) -> Vec<&'a str> {
    let filled = |row: &[&str]| (1..row.len()).filter(|&at| !row[at].is_empty()).collect::<Vec<_>>();
    let (upper, lower) = (filled(row), filled(lowest));
    let mut said = row.to_vec();
    if upper.is_empty() || upper.len() >= lower.len() || !lower.len().is_multiple_of(upper.len()) {
        return said;
    }
    let each = lower.len() / upper.len();
    let groups: Vec<&[usize]> = lower.chunks(each).collect();
    if !upper.iter().zip(&groups).all(|(at, group)| (group[0]..=group[each - 1]).contains(at)) {
        return said;
    }
    said.resize(said.len().max(lowest.len()), "");
    for (&at, group) in upper.iter().zip(groups) {
        group.iter().for_each(|&column| said[column] = row[at]);
    }
    said
}

/// The table before, while nothing that parts it from the next one was met.
struct Above {
    header: Option<ByteSpan>,
    width: usize,
    page: Option<u32>,
}

/// Finds the header of every table whose format did not say where it is, and of every table that goes on from the page before.
pub(crate) fn find_headers(document: &mut Document) {
    // Each cell of such a row names its column itself.
    if matches!(document.format, Format::Csv | Format::Json | Format::Jsonl) {
        return;
    }
    let mut above: Option<Above> = None;
    for index in 0..document.blocks.len() {
        let block = &document.blocks[index];
        let (kind, span, known) = (block.kind, block.span, block.header);
        // A table goes on around what its reader does not see.
        if kind.is_hidden() {
            continue;
        }
        if kind != BlockKind::Table {
            let words = span.of(&document.text).split_whitespace().count();
            if words > FURNITURE_WORDS_MAX || matches!(kind, BlockKind::Heading { .. }) {
                above = None;
            }
            continue;
        }
        let rows: Vec<Vec<&str>> = span.of(&document.text).lines().take(SAMPLE_ROWS).map(texts).collect();
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let page = document.page_at(span.start);
        let own = || match header_rows(&rows) {
            0 => None,
            count => Some(first_lines(&document.text, span, count)),
        };
        let goes_on = || {
            let above = above.as_ref()?;
            let next_page = above.page.is_some() && above.page.map(|page| page + 1) == page;
            above.header.filter(|_| next_page && above.width == width)
        };
        let header = known.or_else(own).or_else(goes_on);
        above = Some(Above { header, width, page });
        document.blocks[index].header = header;
    }
}

fn texts(line: &str) -> Vec<&str> {
    cells_of(line).into_iter().map(|cell| cell.of(line)).collect()
}

/// How many rows from the top name the columns: those above the first row with an amount, as far down as one that names as many columns
/// as rows have amounts.
fn header_rows(rows: &[Vec<&str>]) -> usize {
    let names_only = |row: &Vec<&str>| row.iter().all(|cell| !is_amount(cell) && cell.len() <= NAME_BYTES_MAX);
    let lead = rows.iter().take(HEADER_ROWS_MAX).take_while(|row| names_only(row)).count();
    let filled = |row: &Vec<&str>| row.iter().skip(1).filter(|cell| !cell.is_empty()).count();
    if lead == rows.len() || lead == HEADER_ROWS_MAX {
        return usize::from(rows.len() >= 3 && is_full_of_names(rows));
    }
    let body = &rows[lead..];
    let mut counts: Vec<usize> = body.iter().filter(|row| row.iter().any(|c| is_amount(c))).map(filled).collect();
    counts.sort_unstable();
    let typical = counts.get(counts.len() / 2).copied().unwrap_or(0);
    if lead == 0 || typical == 0 {
        return 0;
    }
    // A row whose cells stand over several columns each is only the upper part of the names: the first of the fullest is the last part.
    let most = rows[..lead].iter().map(filled).max().unwrap_or(0);
    let last = rows[..lead].iter().position(|row| filled(row) == most).unwrap_or(0);
    if most == 0 || most * 2 < typical && !rows[last][0].is_empty() {
        return 0;
    }
    if has_amounts_below(&rows[last], &rows[last + 1..]) { last + 1 } else { 0 }
}

/// Whether a column that `names` names holds amounts in most of its cells: a list of names with values has such names in no row.
fn has_amounts_below(names: &[&str], rows: &[Vec<&str>]) -> bool {
    (1..names.len()).filter(|column| !names[*column].is_empty()).any(|column| {
        let cells = || rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty());
        let amounts = cells().filter(|cell| is_amount(cell) || is_blank_amount(cell)).count();
        amounts > 0 && amounts * 2 >= cells().count()
    })
}

/// Whether the first row of a table without amounts names its columns: three or more, each with a short name of its own.
fn is_full_of_names(rows: &[Vec<&str>]) -> bool {
    let mut names: Vec<&str> = rows[0].clone();
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let plain = names.iter().all(|name| {
        !name.is_empty() && name.len() <= NAME_BYTES_MAX / 2 && !name.ends_with('.') && !name.contains(':')
    });
    names.sort_unstable();
    names.dedup();
    width >= 3 && plain && names.len() == width
}

/// Whether a cell holds an amount: a number with at most signs and a letter around it, and no year.
#[must_use]
pub fn is_amount(cell: &str) -> bool {
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    let is_year = cell.len() == 4 && cell.parse::<u16>().is_ok_and(|year| (1800..2200).contains(&year));
    let is_date = cell.len() == 10
        && cell.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    digits > 0
        && !is_year
        && !is_date
        && !cell.starts_with(char::is_alphabetic)
        && cell.chars().filter(|c| c.is_alphabetic()).count() <= 1
        && digits * 3 >= cell.chars().count()
}

/// Whether a cell says that there is no amount.
fn is_blank_amount(cell: &str) -> bool {
    matches!(cell.trim_start_matches(['$', '€', '£', ' ']), "-" | "–" | "—" | "n/a" | "N/A" | "NM")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Page;

    fn table(text: &str) -> Document {
        let block = Block::new(BlockKind::Table, ByteSpan::new(0, text.len()));
        let mut document =
            Document { format: Format::Pdf, text: text.into(), blocks: vec![block], ..Document::default() };
        find_headers(&mut document);
        document.check().unwrap();
        document
    }

    #[test]
    fn empty_cells_at_the_ends_of_a_trimmed_line_are_cells() {
        let of = |line: &'static str| cells_of(line).into_iter().map(|cell| cell.of(line)).collect::<Vec<_>>();
        assert_eq!(of("Net sales | 81,797 |"), ["Net sales", "81,797", ""]);
        assert_eq!(of("| 2023 | 2022"), ["", "2023", "2022"]);
    }

    fn names(text: &str) -> Vec<String> {
        let document = table(text);
        column_names(&document.text, &document.blocks[0])
    }

    #[test]
    fn names_over_several_columns_are_said_with_each() {
        let text = "BALANCE SHEETS\n | Three Months Ended |  | Six Months Ended\nIn millions | 2023 | 2022 | 2023 | 2022\nSales | 1 | 2 | 3 | 4\nCost | $5 | (6) | 7 | —";
        assert_eq!(
            names(text),
            [
                "In millions",
                "Three Months Ended 2023",
                "Three Months Ended 2022",
                "Six Months Ended 2023",
                "Six Months Ended 2022"
            ]
        );
        let header = table(text).blocks[0].header.unwrap();
        assert!(header.of(text).ends_with("2023 | 2022"), "{}", header.of(text));
    }

    #[test]
    fn a_name_written_between_its_columns_is_that_of_both() {
        let text = "(In millions) |  | Three Months |  | Nine Months\n | 2023 | 2022 | 2023 | 2022\nSales | 1 | 2 | 3 | 4\nCost | 5 | 6 | 7 | 8";
        let expected =
            ["(In millions)", "Three Months 2023", "Three Months 2022", "Nine Months 2023", "Nine Months 2022"];
        assert_eq!(names(text), expected);
        // Which two of three it stands over cannot be told.
        assert_eq!(
            names(" | Sales |  | \n | 2023 | 2022 | Change\nNorth | 1 | 2 | 3\nSouth | 1 | 2 | 3")[1..],
            ["Sales 2023", "Sales 2022", "Sales Change"]
        );
        assert_eq!(
            names(" | Sales | Cost | \n | 2023 | 2022 | Change\nNorth | 1 | 2 | 3\nSouth | 1 | 2 | 3")[1..],
            ["Sales 2023", "Cost 2022", "Change"]
        );
    }

    #[test]
    fn a_trimmed_bar_is_an_empty_first_cell() {
        assert_eq!(
            names("| July 1, 2023 | June 25, 2022\nASSETS\nCash | 5 | 7\nDebt | 3 | 4"),
            ["", "July 1, 2023", "June 25, 2022"]
        );
        assert_eq!(texts(" |  | 3 | a|b"), ["", "", "3", "a|b"]);
        assert_eq!(texts("a |  | 2"), ["a", "", "2"]);
    }

    #[test]
    fn what_names_no_column_is_no_header() {
        for text in [
            "Cash | 5 | 7\nDebt | 3 | 4",
            "Tenant | Orrin Glass Ltd\nRent | £41,000\nBreak | 24 June 2028\nAddress | Mill Lane",
            "a line\nanother line",
            "North | Mill Lane\nSouth | High Street",
        ] {
            assert_eq!(names(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_row_of_words_under_the_header_is_no_part_of_it() {
        assert_eq!(
            names("Item | Colour | Count\nDesk | red | none\nChair | blue | 3\nLamp | red | 4"),
            ["Item", "Colour", "Count"]
        );
        assert_eq!(
            names("Unit | Tenant | Break\nUnit 1 | Orrin | 24 June 2028\nUnit 2 | Hale | none"),
            ["Unit", "Tenant", "Break"]
        );
    }

    #[test]
    fn a_table_goes_on_over_the_end_of_a_page() {
        let text = "Item | Price\nEgg | 1\nHam | 2\n\nPage 1 of 2\n\nJam | 3\nTea | 4\n\nRent | 9\nHeat | 8";
        let mut document = table(text);
        let at = |part: &str| text.find(part).unwrap();
        let block = |part: &str| Block::new(BlockKind::Table, ByteSpan::new(at(part), at(part) + part.len()));
        let furniture = Block::new(BlockKind::Paragraph, ByteSpan::new(at("Page"), at("Page") + 11));
        document.blocks = vec![
            block("Item | Price\nEgg | 1\nHam | 2"),
            furniture,
            block("Jam | 3\nTea | 4"),
            block("Rent | 9\nHeat | 8"),
        ];
        document.pages =
            vec![Page::new(1, ByteSpan::new(0, at("Jam"))), Page::new(2, ByteSpan::new(at("Jam"), text.len()))];
        find_headers(&mut document);
        document.check().unwrap();
        assert_eq!(column_names(text, &document.blocks[2]), ["Item", "Price"]);
        assert_eq!(document.blocks[3].header, None, "a table of its own on the same page");
    }
}
