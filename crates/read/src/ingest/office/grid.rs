//! The cells of one sheet go in row by row, lines of cells between bars come out; empty rows and columns cost nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Output;
use crate::document::BlockKind;
use crate::error::Result;
use crate::ingest::blocks::BlockWriter;
use crate::ingest::table::Rows;

/// Columns and texts; in order once the sheet is read.
type Row = Vec<(u32, Rc<str>)>;

/// The cells of a sheet that hold something.
#[derive(Debug, Default)]
pub(super) struct Grid {
    rows: BTreeMap<u32, Row>,
    /// Bytes of the texts, each counted as often as it is shown.
    bytes: usize,
}

impl Grid {
    /// Puts `text` into the cell of `row` and `column`; a text without anything visible is no text.
    ///
    /// # Errors
    /// `limit_exceeded` for cells and text.
    pub(super) fn put(&mut self, output: &mut Output, row: u32, column: u32, text: Rc<str>) -> Result<()> {
        if text.trim().is_empty() {
            return Ok(());
        }
        output.cells(1)?;
        self.bytes = self.bytes.saturating_add(text.len());
        output.within_text(self.bytes)?;
        self.rows.entry(row).or_default().push((column, text));
        Ok(())
    }

    /// Repeats the cells of `row` in the `times` rows after it.
    ///
    /// # Errors
    /// As [`Grid::put`].
    pub(super) fn repeat(&mut self, output: &mut Output, row: u32, times: u32) -> Result<()> {
        let Some(cells) = self.rows.get(&row).cloned() else { return Ok(()) };
        let bytes: usize = cells.iter().map(|(_, text)| text.len()).sum();
        output.cells(cells.len().saturating_mul(times as usize))?;
        self.bytes = self.bytes.saturating_add(bytes.saturating_mul(times as usize));
        output.within_text(self.bytes)?;
        for at in 1..=times {
            self.rows.insert(row.saturating_add(at), cells.clone());
        }
        Ok(())
    }

    /// Writes the sheet: rows without an empty row between them are one table, a lone cell is a paragraph.
    ///
    /// # Errors
    /// `limit_exceeded` for text.
    pub(super) fn write(self, output: &Output, into: &mut BlockWriter) -> Result<()> {
        let mut table: Vec<Row> = Vec::new();
        let mut last = None;
        for (at, mut row) in self.rows {
            // Of two cells in one place the last is shown, as a program that reads them in order would.
            row.reverse();
            row.sort_by_key(|(column, _)| *column);
            row.dedup_by_key(|(column, _)| *column);
            if last.is_some_and(|last| at > last + 1) {
                write_table(&std::mem::take(&mut table), output, into)?;
            }
            last = Some(at);
            table.push(row);
        }
        write_table(&table, output, into)
    }
}

fn write_table(rows: &[Row], output: &Output, into: &mut BlockWriter) -> Result<()> {
    let columns: BTreeSet<u32> = rows.iter().flatten().map(|(column, _)| *column).collect();
    let mut table = Rows::default();
    for row in rows {
        table.row();
        // Columns to the right of the last cell of a row are not written.
        let last = row.last().map_or(0, |(column, _)| *column);
        let mut cells = row.iter().peekable();
        for column in columns.range(..=last) {
            table.cell(cells.next_if(|(at, _)| at == column).map_or("", |(_, text)| text));
        }
        // Checked as it grows: cells in a diagonal take bars that grow with their square.
        output.within_text(into.len().saturating_add(table.text().len()))?;
    }
    match columns.len() == 1 && rows.len() == 1 {
        true => into.push(BlockKind::Paragraph, table.text()),
        false => table.write(into),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> Output {
        Output { text_bytes_max: 1 << 20, cells_left: 10_000, cells_max: 10_000, ..Output::default() }
    }

    #[test]
    fn empty_rows_part_tables_and_empty_columns_go() {
        let (mut grid, mut output) = (Grid::default(), output());
        let cells = [
            (0, 3, "Sales"),
            (2, 0, "Year"),
            (2, 5, "EUR\n m"),
            (3, 0, "2023"),
            (3, 5, "1"),
            (1_000_000, 16_000, "far"),
        ];
        for (row, column, text) in cells {
            grid.put(&mut output, row, column, text.into()).unwrap();
        }
        let mut writer = BlockWriter::default();
        grid.write(&output, &mut writer).unwrap();
        let (text, blocks) = writer.finish();
        assert_eq!(text, "Sales\n\nYear | EUR m\n2023 | 1\n\nfar");
        assert_eq!(blocks[1].kind, BlockKind::Table);
    }

    #[test]
    fn what_grows_without_bound_ends_at_a_limit() {
        let (mut grid, mut output) = (Grid::default(), output());
        grid.put(&mut output, 0, 0, "x".into()).unwrap();
        assert!(grid.repeat(&mut output, 0, 1_000_000).unwrap_err().to_string().contains("cells_max"));
        let (mut grid, mut output) = (Grid::default(), self::output());
        (0..2000).for_each(|at| grid.put(&mut output, at, at, "x".into()).unwrap());
        assert!(grid.write(&output, &mut BlockWriter::default()).unwrap_err().to_string().contains("text_bytes_max"));
    }
}
