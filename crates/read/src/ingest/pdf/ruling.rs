//! Lines drawn on a page and the words between them → tables of cells; knows places, nothing of how lines were drawn.

use super::lines::Line;
use super::rows::{Row, rows};
use super::table::push;
use super::words::{PageWords, Word};

/// Lines kept of one page; drawings and charts have many more than tables.
pub(super) const RULINGS_MAX: usize = 4_000;
/// Lines that do not continue each other; a page with more shows a drawing.
const LINES_MAX: usize = 1_000;
/// Cells that one table may have.
const CELLS_MAX: usize = 10_000;
/// A drawn area no thicker than this is a line, in points.
pub(super) const THICKNESS_MAX: f32 = 3.0;
/// Lines shorter than this part no cells, in points.
const LENGTH_MIN: f32 = 4.0;
/// How far lines that are meant to meet may be apart, in points.
const SLACK: f32 = 3.0;
/// The part of all cells that has text in a table; frames and forms leave more of them empty.
const FILLED_MIN: f32 = 0.3;
/// A cell with more words is a part of the page, not of a table.
const CELL_WORDS_MAX: usize = 250;
/// As many lines side by side in two cells are rows that no line parts.
const ROW_LINES_MAX: usize = 3;

/// A horizontal or vertical line in points, y downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ruling {
    pub(super) is_horizontal: bool,
    /// Its place across its direction.
    pub(super) at: f32,
    pub(super) from: f32,
    pub(super) to: f32,
}

impl Ruling {
    /// The line from one point to another, if it is straight along an axis and long enough.
    pub(super) fn between((x0, y0): (f32, f32), (x1, y1): (f32, f32)) -> Option<Self> {
        let (width, height) = ((x1 - x0).abs(), (y1 - y0).abs());
        let is_horizontal = width >= height;
        let (length, thickness) = if is_horizontal { (width, height) } else { (height, width) };
        let fits = length >= LENGTH_MIN && thickness <= THICKNESS_MAX && length > 2.0 * thickness;
        let (at, a, b) = if is_horizontal { (f32::midpoint(y0, y1), x0, x1) } else { (f32::midpoint(x0, x1), y0, y1) };
        (fits && at.is_finite() && length.is_finite()).then(|| Self { is_horizontal, at, from: a.min(b), to: a.max(b) })
    }

    fn meets(&self, other: &Self) -> bool {
        let within = |ruling: &Self, at: f32| ruling.from - SLACK <= at && at <= ruling.to + SLACK;
        self.is_horizontal != other.is_horizontal && within(self, other.at) && within(other, self.at)
    }
}

/// A table whose cells are parted by lines.
#[derive(Debug)]
pub(super) struct RuledTable {
    /// Rows of the same length; empty texts where there is no cell.
    pub(super) rows: Vec<Vec<String>>,
    /// Left, top, right and bottom edge.
    pub(super) edges: [f32; 4],
    /// The size of its largest word.
    pub(super) size: f32,
    /// Indices into [`PageWords::words`].
    words: Vec<u32>,
}

/// Takes the words between lines off the page and leaves one word in their place for each table, which names its index.
pub(super) fn take_tables(page: &mut PageWords, rulings: &[Ruling]) -> Vec<RuledTable> {
    let mut tables: Vec<RuledTable> = Vec::new();
    for grid in grids(rulings) {
        let Some(table) = grid.table(page) else { continue };
        for &index in &table.words {
            page.words[index as usize].table = Some(u32::MAX);
        }
        let [x0, y0, x1, _] = table.edges;
        let word = Word {
            x0,
            x1,
            y: y0 + table.size,
            size: table.size,
            table: Some(tables.len() as u32),
            order: page.words.len() as u32,
            ..Word::default()
        };
        page.words.push(word);
        tables.push(table);
    }
    tables
}

/// Lines that meet each other, with the places of columns and rows between them.
struct Grid {
    lines: Vec<Ruling>,
    xs: Vec<f32>,
    ys: Vec<f32>,
}

fn grids(rulings: &[Ruling]) -> Vec<Grid> {
    let lines = joined(rulings);
    if lines.len() > LINES_MAX {
        return vec![];
    }
    let mut group: Vec<usize> = (0..lines.len()).collect();
    let mut open: Vec<usize> = Vec::new();
    let mut seen = vec![false; lines.len()];
    for start in 0..lines.len() {
        open.push(start);
        while let Some(index) = open.pop() {
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            group[index] = start;
            open.extend((0..lines.len()).filter(|&other| !seen[other] && lines[index].meets(&lines[other])));
        }
    }
    let mut out = Vec::new();
    for start in 0..lines.len() {
        let members: Vec<Ruling> =
            lines.iter().zip(&group).filter(|(_, group)| **group == start).map(|(line, _)| *line).collect();
        let places = |is_horizontal: bool| {
            let mut places: Vec<f32> =
                members.iter().filter(|line| line.is_horizontal == is_horizontal).map(|line| line.at).collect();
            places.sort_by(f32::total_cmp);
            places.dedup_by(|next, kept| *next - *kept < SLACK);
            places
        };
        let (xs, ys) = (places(false), places(true));
        if xs.len() >= 3 && ys.len() >= 3 && xs.len() * ys.len() <= CELLS_MAX {
            out.push(Grid { lines: members, xs, ys });
        }
    }
    out
}

/// Lines that continue or repeat each other put together.
fn joined(rulings: &[Ruling]) -> Vec<Ruling> {
    let mut sorted: Vec<Ruling> = rulings.iter().take(RULINGS_MAX).copied().collect();
    sorted.sort_by(|a, b| {
        let place = |line: &Ruling| (line.is_horizontal, (line.at / SLACK).round() as i32);
        place(a).cmp(&place(b)).then(a.from.total_cmp(&b.from))
    });
    let mut out: Vec<Ruling> = Vec::new();
    for line in sorted {
        match out.last_mut() {
            Some(last)
                if last.is_horizontal == line.is_horizontal
                    && (last.at - line.at).abs() < SLACK
                    && line.from <= last.to + SLACK =>
            {
                last.to = last.to.max(line.to);
            }
            _ => out.push(line),
        }
    }
    out
}

impl Grid {
    /// Whether a line parts the places `at` and its neighbour behind the border `border`.
    fn parts(&self, is_horizontal: bool, border: f32, at: f32) -> bool {
        self.lines.iter().any(|line| {
            line.is_horizontal == is_horizontal && (line.at - border).abs() < SLACK && line.from < at && at < line.to
        })
    }

    /// For each cell by rows, the one at the top left of all those that no line parts from it.
    fn anchors(&self) -> Vec<usize> {
        let columns = self.xs.len() - 1;
        let middle = |places: &[f32], index: usize| f32::midpoint(places[index], places[index + 1]);
        let mut out: Vec<usize> = Vec::with_capacity(columns * (self.ys.len() - 1));
        for cell in 0..columns * (self.ys.len() - 1) {
            let (row, column) = (cell / columns, cell % columns);
            let anchor = if column > 0 && !self.parts(false, self.xs[column], middle(&self.ys, row)) {
                out[cell - 1]
            } else if row > 0 && !self.parts(true, self.ys[row], middle(&self.xs, column)) {
                out[cell - columns]
            } else {
                cell
            };
            out.push(anchor);
        }
        out
    }

    /// The table, if what stands between the lines is one.
    fn table(&self, page: &PageWords) -> Option<RuledTable> {
        let (columns, count) = (self.xs.len() - 1, self.ys.len() - 1);
        let edges = [self.xs[0], self.ys[0], self.xs[columns], self.ys[count]];
        let place = |places: &[f32], at: f32| places.partition_point(|place| *place <= at).checked_sub(1);
        let mut cells: Vec<Vec<u32>> = vec![vec![]; columns * count];
        let anchors = self.anchors();
        let mut words = Vec::new();
        for (index, word) in (0..).zip(&page.words) {
            let x = f32::midpoint(word.x0, word.x1);
            // The middle of a word is above its baseline.
            let (column, row) = (place(&self.xs, x), place(&self.ys, word.y - 0.3 * word.size));
            let free = word.turns == 0 && word.table.is_none();
            let (Some(column), Some(row)) = (column.filter(|&at| at < columns), row.filter(|&at| at < count)) else {
                continue;
            };
            if free {
                cells[anchors[row * columns + column]].push(index);
                words.push(index);
            }
        }
        if cells.iter().any(|cell| cell.len() > CELL_WORDS_MAX) {
            return None;
        }
        let cells: Vec<Vec<Row>> = cells.into_iter().map(|words| rows(page, words)).collect();
        if cells.chunks(columns).any(has_rows_inside) {
            return None;
        }
        let texts: Vec<Vec<String>> =
            cells.chunks(columns).map(|row| row.iter().map(|lines| text(page, lines)).collect()).collect();
        let filled = |row: &[String]| row.iter().filter(|text| !text.is_empty()).count();
        let used_rows = texts.iter().filter(|row| filled(row) >= 2).count();
        let used_columns =
            (0..columns).filter(|&at| texts.iter().filter(|row| !row[at].is_empty()).count() >= 2).count();
        let all: usize = texts.iter().map(|row| filled(row)).sum();
        if used_rows < 2 || used_columns < 2 || (all as f32) < FILLED_MIN * (columns * count) as f32 {
            return None;
        }
        let size = words.iter().map(|&index| page.words[index as usize].size).fold(0.0, f32::max);
        Some(RuledTable { rows: without_empty(texts), edges, size, words })
    }
}

/// Whether the cells of one row between lines hold rows of their own: as many lines at the same heights in two or more of them.
fn has_rows_inside(cells: &[Vec<Row>]) -> bool {
    let many: Vec<&Vec<Row>> = cells.iter().filter(|lines| lines.len() >= ROW_LINES_MAX).collect();
    let level = |a: &[Row], b: &[Row]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a.y - b.y).abs() < SLACK);
    many.iter().enumerate().any(|(index, first)| many[index + 1..].iter().any(|second| level(first, second)))
}

fn text(page: &PageWords, lines: &[Row]) -> String {
    let mut out = String::new();
    for row in lines {
        push(&mut out, &Line::read(page, row, &[]).text.replace('\t', " "));
    }
    out
}

/// The rows without rows and columns in which nothing stands.
fn without_empty(rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let columns = rows.first().map_or(0, Vec::len);
    let used: Vec<bool> = (0..columns).map(|at| rows.iter().any(|row| !row[at].is_empty())).collect();
    let rows = rows.into_iter().filter(|row| row.iter().any(|text| !text.is_empty()));
    rows.map(|row| row.into_iter().zip(&used).filter(|(_, used)| **used).map(|(text, _)| text).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::pdf::words::Glyph;

    fn page(words: &[(f64, f64, &str)]) -> PageWords {
        let mut page = PageWords::default();
        for &(x, y, text) in words {
            let to = (x + 5.0 * text.len() as f64, y);
            page.push(Glyph { text, from: (x, y), to, direction: (1.0, 0.0), size: 10.0, bold: false });
            page.end_word();
        }
        page
    }

    fn horizontal(y: f32) -> Ruling {
        Ruling::between((0.0, y), (200.0, y)).unwrap()
    }

    fn vertical(x: f32) -> Ruling {
        Ruling::between((x, 0.0), (x, 80.0)).unwrap()
    }

    #[test]
    fn cells_between_lines_hold_all_their_lines() {
        let mut page = page(&[
            (5.0, 15.0, "Name"),
            (105.0, 15.0, "Meaning"),
            (5.0, 35.0, "alpha"),
            (105.0, 35.0, "the"),
            (105.0, 47.0, "first"),
            (5.0, 75.0, "beta"),
            (105.0, 75.0, "second"),
            (5.0, 110.0, "outside"),
        ]);
        let rulings = [0.0, 20.0, 60.0, 80.0].map(horizontal).into_iter().chain([0.0, 100.0, 200.0].map(vertical));
        let tables = take_tables(&mut page, &rulings.collect::<Vec<_>>());
        assert_eq!(tables[0].rows, [["Name", "Meaning"], ["alpha", "the first"], ["beta", "second"]]);
        let left = page.words.iter().filter(|word| word.table.is_none()).count();
        assert_eq!((tables.len(), left), (1, 1));
    }

    #[test]
    fn a_cell_over_two_columns_is_read_once() {
        let mut page =
            page(&[(60.0, 15.0, "Both"), (5.0, 35.0, "a"), (105.0, 35.0, "b"), (5.0, 75.0, "c"), (105.0, 75.0, "d")]);
        let short = Ruling::between((100.0, 20.0), (100.0, 80.0)).unwrap();
        let rulings: Vec<Ruling> = [0.0, 20.0, 60.0, 80.0]
            .map(horizontal)
            .into_iter()
            .chain([vertical(0.0), short, vertical(200.0)])
            .collect();
        let tables = take_tables(&mut page, &rulings);
        assert_eq!(tables[0].rows, [["Both", ""], ["a", "b"], ["c", "d"]]);
    }

    #[test]
    fn a_frame_is_no_table() {
        let mut page = page(&[(5.0, 15.0, "Some"), (30.0, 15.0, "text")]);
        let rulings: Vec<Ruling> = [0.0, 80.0].map(horizontal).into_iter().chain([0.0, 200.0].map(vertical)).collect();
        assert!(take_tables(&mut page, &rulings).is_empty());
        assert_eq!(Ruling::between((0.0, 0.0), (50.0, 50.0)), None);
    }
}
