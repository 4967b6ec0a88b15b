//! The cells of a table go in as they are met, its rows come out as lines; knows nothing of elements.

/// Columns and rows that one cell may span; more is a mistake or an attack.
const SPAN_MAX: usize = 64;
/// Columns a table may have; cells further right are joined to the last.
const COLUMNS_MAX: usize = 1024;

/// A table that is being read.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    /// For each column, how many of the coming rows a cell from above still fills.
    filled: Vec<usize>,
}

impl Table {
    /// Starts a row.
    pub(super) fn row(&mut self) {
        self.rows.push(Vec::new());
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

    /// The rows as lines of cells between bars, without rows and columns that are empty throughout.
    pub(super) fn lines(self) -> String {
        let width = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let used: Vec<bool> =
            (0..width).map(|at| self.rows.iter().any(|row| row.get(at).is_some_and(|cell| !cell.is_empty()))).collect();
        let mut lines = Vec::new();
        for row in self.rows {
            if row.iter().all(String::is_empty) {
                continue;
            }
            let cells = row.iter().zip(&used).filter(|(_, used)| **used).map(|(cell, _)| cell.as_str());
            lines.push(cells.collect::<Vec<_>>().join(" | ").trim_end_matches([' ', '|']).to_owned());
        }
        lines.join("\n")
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
        assert_eq!(table.lines(), "name | year\n | 2023 | 2024\na |  | 2");
    }
}
