//! The cells of a table go in as they are met, its rows come out as lines with the place of each cell; knows nothing of elements.

use super::blocks::{BlockWriter, CELLS_MAX};
use crate::document::{ByteSpan, Cell};

/// Columns and rows that one cell may span; more is a mistake or an attack.
const SPAN_MAX: usize = 64;
/// Columns a table may have; cells further right are joined to the last.
const COLUMNS_MAX: usize = 1024;

/// Rows as they are written: one a line, cells between bars. Rows that are empty take no line.
#[derive(Debug, Default)]
pub(super) struct Rows {
    text: String,
    cells: Vec<Cell>,
    /// Rows that were started, less those that are empty.
    count: u32,
    /// The column of the next cell, and how many bars the row has.
    column: u32,
    bars: u32,
    is_open: bool,
    /// How many rows from the top name the columns.
    heads: u32,
}

impl Rows {
    /// Starts a row.
    pub(super) fn row(&mut self) {
        self.count += u32::from(std::mem::take(&mut self.is_open));
        (self.column, self.bars) = (0, 0);
    }

    /// Says that the rows so far name the columns.
    pub(super) fn end_header(&mut self) {
        self.heads = self.count + u32::from(self.is_open);
    }

    /// Adds a cell, whose words stand on one line. The bars before an empty cell are only written once another follows.
    pub(super) fn cell(&mut self, text: &str) {
        let column = self.column;
        self.column += 1;
        let mut words = text.split_whitespace();
        let Some(first) = words.next() else { return };
        if !std::mem::replace(&mut self.is_open, true) && !self.text.is_empty() {
            self.text.push('\n');
        }
        for _ in self.bars..column {
            self.text.push_str(" | ");
        }
        self.bars = column;
        let start = self.text.len();
        self.text.push_str(first);
        for word in words {
            self.text.push(' ');
            self.text.push_str(word);
        }
        // One more than is kept tells the writer that they are not whole.
        if self.cells.len() <= CELLS_MAX {
            let span = ByteSpan::new(start, self.text.len());
            self.cells.push(Cell { row: self.count, column, span });
        }
    }

    /// The lines so far.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether there is no cell with text.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Writes the rows as one table.
    pub(super) fn write(&self, into: &mut BlockWriter) {
        into.push_table(&self.text, &self.cells, self.heads as usize);
    }
}

/// A table that is being read.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    /// For each column, how many of the coming rows a cell from above still fills.
    filled: Vec<usize>,
    /// How many rows from the top name the columns.
    heads: usize,
}

impl Table {
    /// Starts a row.
    pub(super) fn row(&mut self) {
        self.rows.push(Vec::new());
    }

    /// Says that the rows so far name the columns.
    pub(super) fn end_header(&mut self) {
        self.heads = self.rows.len();
    }

    /// How many rows were started.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a cell to the open row.
    pub(super) fn cell(&mut self, text: &str, columns: usize, rows: usize) {
        if self.rows.is_empty() {
            self.row();
        }
        let Some(row) = self.rows.last_mut() else { return };
        while let Some(left) = self.filled.get_mut(row.len()).filter(|left| **left > 0) {
            *left -= 1;
            row.push(String::new());
        }
        if row.len() >= COLUMNS_MAX {
            if let Some(last) = row.last_mut() {
                last.push(' ');
                last.push_str(text);
            }
            return;
        }
        for column in 0..columns.clamp(1, SPAN_MAX) {
            if self.filled.len() <= row.len() {
                self.filled.resize(row.len() + 1, 0);
            }
            self.filled[row.len()] = rows.clamp(1, SPAN_MAX) - 1;
            row.push(if column == 0 { text.to_owned() } else { String::new() });
        }
    }

    /// The rows without rows and columns that are empty throughout.
    pub(super) fn rows(self) -> Rows {
        let width = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let used: Vec<bool> =
            (0..width).map(|at| self.rows.iter().any(|row| row.get(at).is_some_and(|cell| !cell.is_empty()))).collect();
        let mut rows = Rows::default();
        for (at, row) in self.rows.into_iter().enumerate() {
            if at > 0 && at == self.heads {
                rows.end_header();
            }
            rows.row();
            for (cell, _) in row.iter().zip(&used).filter(|(_, used)| **used) {
                rows.cell(cell);
            }
        }
        rows
    }

    /// Writes the rows as one table.
    pub(super) fn write(self, into: &mut BlockWriter) {
        self.rows().write(into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_keep_the_columns_apart_and_empty_columns_go() {
        let mut table = Table::default();
        table.row();
        for (text, columns, rows) in [("name", 1, 2), ("year", 2, 1), ("", 1, 1)] {
            table.cell(text, columns, rows);
        }
        table.row();
        table.cell("2023", 1, 1);
        table.cell("2024", 1, 1);
        table.row();
        table.row();
        table.cell("a", 1, 1);
        table.cell("", 1, 1);
        table.cell("2", 1, 1);
        let rows = table.rows();
        assert_eq!(rows.text(), "name | year\n | 2023 | 2024\na |  | 2");
        let cells: Vec<_> = rows.cells.iter().map(|cell| (cell.row, cell.column, cell.span.of(rows.text()))).collect();
        let expected = [(0, 0, "name"), (0, 1, "year"), (1, 1, "2023"), (1, 2, "2024"), (2, 0, "a"), (2, 2, "2")];
        assert_eq!(cells, expected);
    }
}
