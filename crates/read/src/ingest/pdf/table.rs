//! Lines of a table → its rows and columns of cells; knows where cells stand and how they wrap, nothing of pages or files.

use super::lines::Line;

/// A cell lies over a column when it covers this part of the narrower of the two.
const COVER_MIN: f32 = 0.25;
/// Lines further apart than this many times their size are not one cell that wraps.
const WRAP_LEADING_MAX: f32 = 1.7;
/// A cell of as many words whose sentence has not ended goes on in the next line.
const FULL_WORDS_MIN: usize = 5;
/// Headings nearer than this many times their size stand side by side, one a little lower.
const SAME_LINE_MAX: f32 = 0.9;
/// Rows at the top of a table that column headings may take.
const HEADING_ROWS_MAX: usize = 6;

/// One row of cells by column; empty where there is none.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    cells: Vec<String>,
    /// Whether a cell lies over several columns.
    spans: bool,
    /// The baselines of its first and last line, downwards.
    top: f32,
    bottom: f32,
    size: f32,
}

/// The rows of a table, all of the same length, with cells that wrap put together.
pub(super) fn grid(lines: &[Line]) -> Vec<Vec<String>> {
    if let [Line { ruled: Some(rows), .. }] = lines {
        return rows.clone();
    }
    let columns = without_splinters(columns(lines), lines);
    let rows: Vec<Row> = lines.iter().map(|line| row(line, &columns)).collect();
    let rows = join_headings(rows);
    let rows = join_texts(join_labels(rows));
    rows.into_iter().map(|row| row.cells).collect()
}

/// Where the columns stand, from left to right. Rows with many cells are trusted before rows with few.
fn columns(lines: &[Line]) -> Vec<(f32, f32)> {
    let mut order: Vec<&Line> = lines.iter().collect();
    order.sort_by_key(|line| std::cmp::Reverse(line.edges.len()));
    let mut columns: Vec<(f32, f32)> = Vec::new();
    for &(x0, x1) in order.iter().flat_map(|line| &line.edges) {
        let touched: Vec<usize> = (0..columns.len()).filter(|&index| covers(columns[index], (x0, x1))).collect();
        match touched[..] {
            [] => {
                // A cell that stands beside all columns begins one; one that touches a neighbour leaves it its place.
                let at = columns.partition_point(|column| column.0 + column.1 < x0 + x1);
                let left = at.checked_sub(1).map_or(f32::NEG_INFINITY, |left| columns[left].1);
                let right = columns.get(at).map_or(f32::INFINITY, |column| column.0);
                let column = (x0.max(left), x1.min(right));
                if column.0 < column.1 {
                    columns.insert(at, column);
                }
            }
            [index] => {
                let left = index.checked_sub(1).map_or(f32::NEG_INFINITY, |left| columns[left].1);
                let right = columns.get(index + 1).map_or(f32::INFINITY, |column| column.0);
                let column = &mut columns[index];
                *column = (column.0.min(x0.max(left)), column.1.max(x1.min(right)));
            }
            _ => {}
        }
    }
    columns
}

/// Joins neighbouring columns that are one: no row has cells in both, and a heading lies over both or next to nothing between them.
/// Ranges and single numbers in a column can stand beside each other.
fn without_splinters(mut columns: Vec<(f32, f32)>, lines: &[Line]) -> Vec<(f32, f32)> {
    let mut index = 1;
    while index + 1 < columns.len() {
        let (left, right) = (columns[index], columns[index + 1]);
        let over = |column: (f32, f32), line: &Line| line.edges.iter().any(|&cell| covers(column, cell));
        let both = |cell: (f32, f32)| covers(left, cell) && covers(right, cell);
        let apart = lines
            .iter()
            .all(|line| line.edges.iter().any(|&cell| both(cell)) || !(over(left, line) && over(right, line)));
        let headed = lines.iter().any(|line| {
            let outside = |cell: (f32, f32)| {
                cell.0 < columns[index - 1].1 || columns.get(index + 2).is_some_and(|next| cell.1 > next.0)
            };
            line.edges.len() > 2 && line.edges.iter().any(|&cell| both(cell) && !outside(cell))
        });
        if apart && headed {
            columns[index].1 = right.1;
            columns.remove(index + 1);
        } else {
            index += 1;
        }
    }
    columns
}

fn overlap(a: (f32, f32), b: (f32, f32)) -> f32 {
    a.1.min(b.1) - a.0.max(b.0)
}

fn covers(column: (f32, f32), cell: (f32, f32)) -> bool {
    overlap(column, cell) > COVER_MIN * (column.1 - column.0).min(cell.1 - cell.0)
}

fn row(line: &Line, columns: &[(f32, f32)]) -> Row {
    let mut cells = vec![String::new(); columns.len().max(1)];
    let mut spans = false;
    for (text, edges) in pieces(line, columns) {
        let mut covered = (0..columns.len()).filter(|&index| covers(columns[index], edges));
        let first = covered.next();
        spans |= covered.next().is_some();
        let nearest =
            || (0..columns.len()).max_by(|&a, &b| overlap(columns[a], edges).total_cmp(&overlap(columns[b], edges)));
        push(&mut cells[first.or_else(nearest).unwrap_or(0)], text);
    }
    Row { cells, spans, top: line.y, bottom: line.y, size: line.size }
}

/// The parts of a line with their edges, cut also at gaps in which a column of other rows begins.
fn pieces<'a>(line: &'a Line, columns: &[(f32, f32)]) -> Vec<(&'a str, (f32, f32))> {
    let mut out = Vec::new();
    let mut start = 0;
    for (text, &(x0, x1)) in line.text.split('\t').zip(&line.edges) {
        let (mut from, mut left) = (0, x0);
        for gap in line.gaps.iter().filter(|gap| (start..start + text.len()).contains(&gap.at)) {
            let begins = |column: &(f32, f32)| gap.x0 < column.0 + 1.0 && gap.x1 > column.0 - 1.0;
            let last = columns.iter().rposition(|&column| covers(column, (left, gap.x0)));
            let next = columns.iter().position(|&column| covers(column, (gap.x1, x1)));
            // The first column begins where lines do.
            let parts = columns.iter().skip(1).any(begins) || last.is_some() && last < next;
            if parts && let Some(piece) = text.get(from..gap.at - start) {
                out.push((piece, (left, gap.x0)));
                (from, left) = (gap.at - start + 1, gap.x1);
            }
        }
        out.push((text.get(from..).unwrap_or_default(), (left, x1)));
        start += text.len() + 1;
    }
    out
}

/// Appends a piece of a cell.
pub(super) fn push(cell: &mut String, text: &str) {
    let is_cut = cell.ends_with('-') && cell[..cell.len() - 1].ends_with(char::is_alphanumeric);
    if !cell.is_empty() && !text.is_empty() && !is_cut {
        cell.push(' ');
    }
    cell.push_str(text);
}

impl Row {
    fn used(&self) -> impl Iterator<Item = usize> {
        self.cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()).map(|(index, _)| index)
    }

    fn has_label_only(&self) -> bool {
        self.used().eq([0])
    }

    fn follows(&self, above: &Self) -> bool {
        self.top - above.bottom < WRAP_LEADING_MAX * self.size.max(above.size)
    }

    /// Adds the cells of the row below.
    fn append(&mut self, below: &Self) {
        for (cell, more) in self.cells.iter_mut().zip(&below.cells) {
            push(cell, more);
        }
        self.bottom = below.bottom;
    }
}

/// Puts together column headings that run over several lines, such as `December 31,` over `2022`.
fn join_headings(rows: Vec<Row>) -> Vec<Row> {
    let mut out: Vec<Row> = Vec::with_capacity(rows.len());
    let mut in_headings = true;
    for (index, row) in rows.into_iter().enumerate() {
        in_headings &= index < HEADING_ROWS_MAX && is_heading(&row);
        let joins = in_headings && out.last().is_some_and(|above| is_one_heading(above, &row));
        match out.last_mut() {
            Some(above) if joins => above.append(&row),
            _ => out.push(row),
        }
    }
    out
}

/// Whether two rows of headings are one: the lower goes on with each cell of the upper, or they stand side by side.
fn is_one_heading(above: &Row, row: &Row) -> bool {
    let side_by_side = row.top - above.bottom < SAME_LINE_MAX * row.size;
    if side_by_side && above.used().all(|column| row.cells[column].is_empty()) {
        return true;
    }
    let upper: Vec<usize> = above.used().filter(|&column| column > 0).collect();
    // What stands alone over several columns names the time of them all.
    let names_all = upper.len() == 1 && row.used().count() > 2 && names_time(&above.cells[upper[0]]);
    let label_goes_on =
        above.cells[0].is_empty() || row.cells[0].is_empty() || row.cells[0].starts_with(char::is_lowercase);
    !above.spans
        && !row.spans
        && row.follows(above)
        && label_goes_on
        && !names_all
        && !upper.is_empty()
        && upper.iter().all(|&column| has_letter(&above.cells[column]) && !row.cells[column].is_empty())
}

fn names_time(text: &str) -> bool {
    text.ends_with("Ended") || text.split([' ', ',']).any(is_year)
}

/// Whether a row can be of column headings: no amounts in it.
fn is_heading(row: &Row) -> bool {
    let is_amount =
        |text: &str| text.starts_with(|found: char| found.is_ascii_digit()) && !text.split(' ').any(is_year);
    let fits = |text: &str| is_year(text) || has_letter(text) && !is_amount(text);
    row.used().filter(|&column| column > 0).all(|column| fits(&row.cells[column]))
}

fn has_letter(text: &str) -> bool {
    text.contains(char::is_alphabetic)
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.parse::<u32>().is_ok_and(|year| (1900..2100).contains(&year))
}

/// Puts labels together that run over several lines, the numbers on the first or the last of them.
fn join_labels(rows: Vec<Row>) -> Vec<Row> {
    let mut out: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        let joins = out.last().is_some_and(|above| {
            let (label, more) = (&above.cells[0], &row.cells[0]);
            let is_open = !label.is_empty() && !label.ends_with([':', '.']);
            let goes_on = more.starts_with(char::is_lowercase) || !more.is_empty() && is_unfinished(label);
            goes_on && is_open && row.follows(above) && (row.has_label_only() || above.has_label_only())
        });
        match out.last_mut() {
            Some(above) if joins => above.append(&row),
            _ => out.push(row),
        }
    }
    out
}

/// Puts rows of running text together that go on with the row above, as in tables of terms and their meanings.
fn join_texts(rows: Vec<Row>) -> Vec<Row> {
    let mut out: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match out.last_mut() {
            Some(above) if text_goes_on(above, &row) => above.append(&row),
            _ => out.push(row),
        }
    }
    out
}

fn text_goes_on(above: &Row, row: &Row) -> bool {
    let is_text = |row: &Row| row.used().filter(|&column| column > 0).all(|column| has_letter(&row.cells[column]));
    let goes_on = |column: usize| {
        let (text, more) = (&above.cells[column], &row.cells[column]);
        let is_full = text.split(' ').count() >= FULL_WORDS_MIN && !text.ends_with('.');
        more.starts_with(char::is_lowercase) || is_unfinished(text) || is_full
    };
    let texts: Vec<usize> = row.used().filter(|&column| column > 0).collect();
    row.follows(above)
        && !(row.spans || above.spans || texts.is_empty())
        && is_text(row)
        && is_text(above)
        && texts.iter().all(|&column| !above.cells[column].is_empty())
        && (row.cells[0].is_empty() && texts.iter().any(|&column| goes_on(column))
            || row.cells[0].starts_with(char::is_lowercase)
                && goes_on(0)
                && texts.iter().all(|&column| goes_on(column)))
}

/// Whether a label cannot end where it does.
fn is_unfinished(label: &str) -> bool {
    let last = label.rsplit(' ').next().unwrap_or_default();
    label.matches('(').count() > label.matches(')').count()
        || label.ends_with(',')
        || ["and", "or", "of", "the", "to", "for", "in", "on", "from", "with", "by"].contains(&last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::pdf::lines::Gap;

    /// A line whose cells begin at the given places, five points a letter.
    fn line(y: f32, cells: &[(f32, &str)]) -> Line {
        let texts: Vec<&str> = cells.iter().map(|(_, text)| *text).collect();
        let edges: Vec<(f32, f32)> = cells.iter().map(|(x, text)| (*x, x + 5.0 * text.len() as f32)).collect();
        Line { text: texts.join("\t"), cells: cells.len(), edges, y, size: 10.0, ..Line::default() }
    }

    fn rows(lines: &[Line]) -> Vec<String> {
        grid(lines).iter().map(|row| row.join("|")).collect()
    }

    #[test]
    fn numbers_stand_under_their_headings() {
        let lines = [
            line(0.0, &[(190.0, "Three Months Ended")]),
            line(12.0, &[(180.0, "June 30,"), (250.0, "June 30,")]),
            line(24.0, &[(0.0, "In millions"), (190.0, "2023"), (260.0, "2022")]),
            line(40.0, &[(0.0, "Net sales"), (195.0, "$ 5"), (265.0, "$ 7")]),
            line(52.0, &[(0.0, "Costs"), (270.0, "4")]),
        ];
        assert_eq!(
            rows(&lines),
            ["|Three Months Ended|", "In millions|June 30, 2023|June 30, 2022", "Net sales|$ 5|$ 7", "Costs||4"]
        );
    }

    #[test]
    fn labels_that_wrap_are_one_cell() {
        let lines = [
            line(0.0, &[(0.0, "Assets:")]),
            line(12.0, &[(0.0, "Accumulated other")]),
            line(24.0, &[(0.0, "comprehensive loss"), (200.0, "3"), (250.0, "4")]),
            line(36.0, &[(0.0, "Purchases, net of"), (200.0, "5"), (250.0, "6")]),
            line(48.0, &[(0.0, "cash acquired")]),
            line(60.0, &[(0.0, "Total"), (200.0, "8"), (245.0, "10")]),
        ];
        assert_eq!(
            rows(&lines),
            [
                "Assets:||",
                "Accumulated other comprehensive loss|3|4",
                "Purchases, net of cash acquired|5|6",
                "Total|8|10"
            ]
        );
    }

    #[test]
    fn a_label_next_to_its_column_is_cut_where_the_column_begins() {
        let mut close = line(12.0, &[(0.0, "Corporate notes Level 2"), (200.0, "10")]);
        close.gaps = vec![Gap { at: 15, x0: 75.0, x1: 81.0 }];
        let lines = [line(0.0, &[(0.0, "Bonds"), (80.0, "Level 2"), (200.0, "11")]), close];
        assert_eq!(rows(&lines), ["Bonds|Level 2|11", "Corporate notes|Level 2|10"]);
    }

    #[test]
    fn ranges_and_numbers_under_one_heading_are_one_column() {
        let lines = [
            line(0.0, &[(0.0, "Issue"), (100.0, "Stated rate"), (200.0, "2023")]),
            line(12.0, &[(0.0, "First"), (100.0, "1–2%"), (200.0, "11")]),
            line(24.0, &[(0.0, "Second"), (140.0, "3%"), (205.0, "1")]),
        ];
        assert_eq!(rows(&lines), ["Issue|Stated rate|2023", "First|1–2%|11", "Second|3%|1"]);
    }

    #[test]
    fn texts_that_wrap_beside_each_other_are_one_row() {
        let lines = [
            line(0.0, &[(0.0, "Term"), (100.0, "Definition"), (300.0, "Use")]),
            line(20.0, &[(0.0, "Share-based"), (100.0, "What is paid in shares of the"), (300.0, "Left out of sums")]),
            line(32.0, &[(0.0, "pay"), (100.0, "company and what follows from"), (300.0, "and of means")]),
            line(44.0, &[(100.0, "that.")]),
            line(64.0, &[(0.0, "Other"), (100.0, "All the rest"), (300.0, "Kept")]),
        ];
        assert_eq!(
            rows(&lines),
            [
                "Term|Definition|Use",
                "Share-based pay|What is paid in shares of the company and what follows from that.|Left out of sums and of means",
                "Other|All the rest|Kept"
            ]
        );
    }

    #[test]
    fn totals_without_a_label_are_no_heading() {
        let lines = [
            line(0.0, &[(0.0, "a"), (200.0, "1,000"), (250.0, "2,000")]),
            line(12.0, &[(200.0, "3,000"), (250.0, "4,000")]),
        ];
        assert_eq!(rows(&lines), ["a|1,000|2,000", "|3,000|4,000"]);
    }
}
