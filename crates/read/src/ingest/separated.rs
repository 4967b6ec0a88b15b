//! Rows of cells in text (CSV and its relatives) go in, rows whose cells name their column come out; knows nothing of files.

use super::blocks::{BlockWriter, CELLS_MAX};
use super::text::{TextKind, read_text};
use crate::document::{ByteSpan, Cell, Document, Format, Warning};

/// Characters between cells that are tried, the likeliest first.
const DELIMITERS: &[u8] = b",\t;|";
/// Rows from the start that tell which of them it is.
const SAMPLE_ROWS: usize = 50;
/// Columns above which a file is no table for reading.
const COLUMNS_MAX: usize = 1024;
/// Characters of a column's name that stand before each of its cells.
const NAME_CHARS_MAX: usize = 80;
/// Bytes of a row above which it goes on in the next line, which names the row again.
const ROW_BYTES_MAX: usize = 600;
/// Bytes of the first cell that name a row again.
const LABEL_BYTES_MAX: usize = 60;

/// Reads a table. With a header, each row is a line such as `region: North | 2023: 1.5 | 2024: 1.7`: a part of a long table
/// says by itself what its numbers are.
///
/// Without a header, or where rows differ much in length, the text stays as it is. Above `text_bytes_max` bytes with the
/// names of the columns, too.
#[must_use]
pub fn read_csv(text: String, text_bytes_max: usize) -> Document {
    let rows = DELIMITERS.iter().find_map(|delimiter| named(&text, *delimiter, text_bytes_max));
    let Some(Rows { lines, cells, odd, .. }) = rows else {
        return Document { format: Format::Csv, ..read_text(text, TextKind::Table) };
    };
    let mut writer = BlockWriter::default();
    writer.push_table(&lines, &cells, 0);
    let mut warnings = Vec::new();
    if odd > 0 {
        let message = format!("{odd} rows have more or fewer cells than the header");
        warnings.push(Warning { page: None, lossy: false, message });
    }
    let (text, blocks) = writer.finish();
    Document { format: Format::Csv, text, blocks, warnings, ..Document::default() }
}

#[derive(Default)]
struct Rows {
    lines: String,
    /// The cells under the header, which is row 0 and stands in front of each of them.
    cells: Vec<Cell>,
    count: u32,
    /// Rows that have another number of cells than the header.
    odd: usize,
}

/// The rows with the names of their columns; none unless `delimiter` makes a table with a header of the text.
fn named(text: &str, delimiter: u8, text_bytes_max: usize) -> Option<Rows> {
    let reader = || {
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes())
    };
    let sample: Vec<csv::StringRecord> = reader().into_records().take(SAMPLE_ROWS).collect::<Result<_, _>>().ok()?;
    let header = sample.first()?;
    let width = header.len();
    let fitting = sample.iter().filter(|row| row.len() == width).count();
    if !(2..=COLUMNS_MAX).contains(&width) || fitting * 10 < sample.len() * 9 || !is_header(&sample) {
        return None;
    }
    let names: Vec<String> = header.iter().map(|name| one_line(name).chars().take(NAME_CHARS_MAX).collect()).collect();
    let mut rows = Rows::default();
    let mut record = csv::StringRecord::new();
    let mut reader = reader();
    let mut is_first = true;
    while reader.read_record(&mut record).ok()? {
        if std::mem::take(&mut is_first) {
            continue;
        }
        rows.odd += usize::from(record.len() != width);
        rows.push(&names, &record);
        if rows.lines.len() > text_bytes_max {
            return None;
        }
    }
    Some(rows)
}

impl Rows {
    /// Adds one row as one line, or as several that all start with its first cell.
    fn push(&mut self, names: &[String], record: &csv::StringRecord) {
        self.count += 1;
        let mut label = String::new();
        let mut start = self.lines.len();
        for (column, cell) in record.iter().enumerate() {
            let cell = one_line(cell);
            if cell.is_empty() {
                continue;
            }
            let name = match names.get(column).map(String::as_str) {
                None | Some("") => String::new(),
                Some(name) => format!("{name}: "),
            };
            let bytes = name.len() + cell.len();
            let is_first = self.lines.len() == start;
            if !is_first && self.lines.len() - start + bytes > ROW_BYTES_MAX {
                self.lines.push('\n');
                start = self.lines.len();
                self.lines.push_str(&label);
            }
            if !is_first && self.lines.len() > start {
                self.lines.push_str(" | ");
            }
            self.lines.push_str(&name);
            let at = self.lines.len();
            self.lines.push_str(&cell);
            if self.cells.len() <= CELLS_MAX {
                let span = ByteSpan::new(at, self.lines.len());
                self.cells.push(Cell { row: self.count, column: column as u32, span });
            }
            if label.is_empty() && cell.len() <= LABEL_BYTES_MAX {
                label = format!("{name}{cell}");
            }
        }
        if self.lines.len() > start {
            self.lines.push('\n');
        }
    }
}

/// Whether the first row names the columns: names without numbers, all different, over rows that are not like it.
fn is_header(sample: &[csv::StringRecord]) -> bool {
    let Some((header, rows)) = sample.split_first() else { return false };
    let mut names: Vec<&str> = header.iter().map(str::trim).filter(|name| !name.is_empty()).collect();
    let filled = names.len();
    names.sort_unstable();
    names.dedup();
    // A year or a quarter is a name as well; a price is not.
    let plain = names.iter().all(|name| name.len() <= 2 * NAME_CHARS_MAX && (!is_number(name) || is_year(name)));
    let words = names.iter().any(|name| !is_number(name));
    let differs = rows.iter().any(|row| row.iter().any(|cell| is_number(cell.trim())))
        || names.iter().all(|name| name.chars().all(|c| c.is_alphanumeric() || " _-./()%#".contains(c)));
    // One name may be missing: the corner above the names of the rows.
    !rows.is_empty() && filled == names.len() && filled + 1 >= header.len() && plain && words && differs
}

fn is_number(cell: &str) -> bool {
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    digits > 0
        && !cell.starts_with(char::is_alphabetic)
        && cell.chars().filter(|c| c.is_alphabetic()).count() <= 1
        && digits * 3 >= cell.len()
}

fn is_year(cell: &str) -> bool {
    cell.len() == 4 && cell.parse::<u16>().is_ok_and(|year| (1800..2200).contains(&year))
}

fn one_line(cell: &str) -> String {
    cell.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::BlockKind;

    fn read(text: &str) -> Document {
        let document = read_csv(text.into(), 1 << 20);
        document.check().expect("spans hold");
        document
    }

    #[test]
    fn every_cell_names_its_column() {
        let document = read("Region,2023,2024\nNorth,1.5,1.7\n\"South,\n East\",,\"2\"\"\"\n");
        assert_eq!(document.text, "Region: North | 2023: 1.5 | 2024: 1.7\nRegion: South, East | 2024: 2\"");
        assert_eq!((document.blocks.len(), document.blocks[0].kind), (1, BlockKind::Table));
        assert_eq!(read("a\tb\n1\t2\n").text, "a: 1 | b: 2");
        assert_eq!(read("name;price\nx;1,5\n").text, "name: x | price: 1,5");
        assert_eq!(read(",Q1\nNorth,5\n").text, "North | Q1: 5");
    }

    #[test]
    fn a_table_without_a_header_stays_as_it_is() {
        for text in ["1,2\n3,4\n", "no table here\nat all\n", "a,a\n1,2\n", "a,b\n1,2,3\n4\n5,6,7,8\n", "a,b", ""] {
            assert_eq!(read(text).text, text);
        }
        let document = read_csv("a,b\n1,2\n".into(), 3);
        assert_eq!(document.text, "a,b\n1,2\n");
    }

    #[test]
    fn a_wide_row_names_itself_on_each_line() {
        let names: Vec<String> = (0..100).map(|n| format!("column {n}")).collect();
        let cells: Vec<String> = (0..100).map(|n| format!("{n}.25")).collect();
        let document = read(&format!("{}\nTotal{}\n", names.join(","), cells.join(",").replacen("0.25", "", 1)));
        assert!(document.text.lines().count() > 2);
        assert!(document.text.lines().all(|line| line.starts_with("column 0: Total | ")), "{}", document.text);
        assert!(document.text.contains("column 99: 99.25"));
    }

    #[test]
    fn rows_of_another_length_are_kept_and_told() {
        let rows = "x,1\n".repeat(20);
        let document = read(&format!("name,n\n{rows}y,2,spare\n"));
        assert!(document.text.ends_with("name: y | n: 2 | spare"));
        assert_eq!(document.warnings[0].message, "1 rows have more or fewer cells than the header");
    }

    proptest! {
        #[test]
        fn any_text_gives_a_checked_document(text in "([a-c]|[,;\t|\"\n]|[0-9]{1,2}|\\PC){0,80}") {
            read(&text);
        }

        #[test]
        fn no_cell_is_lost(cells in prop::collection::vec(prop::collection::vec("[0-9]{3}", 3), 1..20)) {
            let rows: Vec<String> = cells.iter().map(|row| row.join(",")).collect();
            let document = read(&format!("a,b,c\n{}\n", rows.join("\n")));
            for (line, row) in document.text.lines().zip(&cells) {
                prop_assert_eq!(line, format!("a: {} | b: {} | c: {}", row[0], row[1], row[2]));
            }
        }
    }
}
