//! Lines of a region → which of them are rows of tables, with their headings and labels; knows where cells begin, not what they say.

use super::lines::Line;

/// Rows further apart than this many times their size are of two tables.
pub(super) const TABLE_LEADING_MAX: f32 = 4.2;
/// Lines without cells in a row that a table may hold, as wrapped labels.
const LABEL_LINES_MAX: usize = 3;
/// Lines above the first row that belong to a table: the headings of its columns and of its first section.
const HEAD_LINES_MAX: usize = 6;
/// A line further below the one above than this many times its size stands apart from it.
const LABEL_LEADING: f32 = 1.6;
/// The same where a bold line ends a table.
const HEADING_LEADING: f32 = 2.2;
/// Column headings begin at most this many em before their column, as they are centred over its numbers.
const HEADING_SLACK: f32 = 3.0;

/// Rows found so far, from `first` to `last`.
struct Found {
    first: usize,
    last: usize,
    rows: usize,
    cells: usize,
    /// Where the second column begins in the row furthest to the left: labels end before it.
    column: f32,
}

/// Which lines are rows of tables: two or more with cells near each other, their headings and wrapped labels.
pub(super) fn table_lines(lines: &[Line]) -> Vec<bool> {
    let mut out = vec![false; lines.len()];
    let mut index = 0;
    while index < lines.len() {
        if lines[index].cells < 2 {
            index += 1;
            continue;
        }
        let found = rows_from(lines, index);
        if found.rows >= 2 || found.cells >= 3 {
            let head = head(lines, &out, &found);
            out[head..=found.last].fill(true);
        }
        index = found.last + 1;
    }
    out
}

/// Whether the line after `at` is near enough to be of the same table.
fn is_near(lines: &[Line], at: usize) -> bool {
    lines[at + 1].ruled.is_none()
        && lines[at + 1].y - lines[at].y < TABLE_LEADING_MAX * lines[at].size.max(lines[at + 1].size)
}

/// Whether a line stands over or between numbers and not over labels.
fn is_over_numbers(line: &Line, column: f32) -> bool {
    line.x0 > column - HEADING_SLACK * line.size
}

fn is_label(line: &Line, column: f32) -> bool {
    line.cells < 2 && line.x1 < column + line.size
}

/// The rows of one table from its first row with cells on.
fn rows_from(lines: &[Line], first: usize) -> Found {
    let mut found = Found { first, last: first, rows: 1, cells: lines[first].cells, column: lines[first].second_cell };
    let mut next = first + 1;
    while next < lines.len() && is_near(lines, next - 1) && next - found.last <= LABEL_LINES_MAX {
        let line = &lines[next];
        if line.cells >= 2 {
            if let Some(other) = introduction(lines, &found, next) {
                // The lines up to it were rows; those between it and this one belong to the next table.
                found.last = (first..other).rev().find(|&at| lines[at].cells >= 2).unwrap_or(first);
                return found;
            }
            found.column = found.column.min(line.second_cell);
            (found.last, found.rows, found.cells) = (next, found.rows + 1, found.cells.max(line.cells));
        } else {
            let apart = line.y - lines[next - 1].y > HEADING_LEADING * line.size;
            let fits = is_label(line, found.column) || is_over_numbers(line, found.column);
            if !fits || apart && line.bold && !goes_on_below(lines, next, &found) {
                break;
            }
        }
        next += 1;
    }
    found
}

/// The line between the rows found and the row `next` that introduced another table: it is no label of the columns that now begin.
fn introduction(lines: &[Line], found: &Found, next: usize) -> Option<usize> {
    let row = &lines[next];
    let introduces = |at: &usize| {
        let (label, above) = (&lines[*at], &lines[*at - 1]);
        label.cells < 2
            && label.x1 > row.second_cell + row.size
            && !is_over_numbers(label, row.second_cell)
            && (label.bold || label.y - above.y > LABEL_LEADING * label.size)
    };
    (row.second_cell < found.column).then(|| (found.first + 1..next).rev().find(introduces)).flatten()
}

/// Whether the rows after a bold line have the columns of those before it, without headings of their own.
fn goes_on_below(lines: &[Line], bold: usize, found: &Found) -> bool {
    let below = lines.iter().skip(bold + 1).take(LABEL_LINES_MAX).find(|line| line.cells >= 2);
    below.is_some_and(|row| {
        let same_start = (row.x0 - lines[found.last].x0).abs() < HEADING_SLACK * row.size;
        let same_column = (row.second_cell - found.column).abs() < row.size;
        let numbers = row.text.split('\t').skip(1).all(|cell| !cell.contains(char::is_alphabetic));
        same_start && same_column && numbers && row.cells == lines[found.last].cells
    })
}

/// The first line of a table with the headings above its first row.
fn head(lines: &[Line], taken: &[bool], found: &Found) -> usize {
    let mut first = found.first;
    let lowest = found.first.saturating_sub(HEAD_LINES_MAX);
    for at in (lowest..found.first).rev() {
        if taken[at] || lines[at].ruled.is_some() || !is_near(lines, at) {
            break;
        }
        if is_over_numbers(&lines[at], found.column) {
            first = at;
        } else if !is_label(&lines[at], found.column) {
            break;
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of cells that begin at the given places, five points a letter.
    fn line(y: f32, cells: &[(f32, &str)]) -> Line {
        let texts: Vec<&str> = cells.iter().map(|(_, text)| *text).collect();
        let x1 = cells.last().map_or(0.0, |(x, text)| x + 5.0 * text.len() as f32);
        let second_cell = cells.get(1).map_or(f32::INFINITY, |(x, _)| *x);
        Line {
            text: texts.join("\t"),
            cells: cells.len(),
            x0: cells[0].0,
            x1,
            y,
            size: 10.0,
            second_cell,
            ..Line::default()
        }
    }

    #[test]
    fn headings_over_numbers_are_found_above_the_first_section() {
        let lines = [
            line(0.0, &[(0.0, "A sentence over the whole width of the page and its table")]),
            line(14.0, &[(190.0, "2023 2022")]),
            line(28.0, &[(0.0, "ASSETS")]),
            line(42.0, &[(0.0, "Current assets:")]),
            line(56.0, &[(0.0, "Cash"), (200.0, "5"), (240.0, "7")]),
            line(70.0, &[(0.0, "Debt"), (200.0, "3"), (240.0, "4")]),
        ];
        assert_eq!(table_lines(&lines), [false, true, true, true, true, true]);
    }

    #[test]
    fn a_bold_section_goes_on_where_its_rows_have_the_same_columns() {
        let mut bold = line(40.0, &[(0.0, "LIABILITIES")]);
        bold.bold = true;
        let rows = |y: f32, x: f32| [line(y, &[(0.0, "Cash"), (x, "5")]), line(y + 12.0, &[(0.0, "Debt"), (x, "3")])];
        let [a, b] = rows(0.0, 200.0);
        let [c, d] = rows(54.0, 200.0);
        assert_eq!(table_lines(&[a.clone(), b.clone(), bold.clone(), c, d]), [true; 5]);
        let [c, d] = rows(54.0, 150.0);
        assert_eq!(table_lines(&[a, b, bold, c, d]), [true, true, false, true, true]);
    }
}
