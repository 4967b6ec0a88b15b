//! The rows of one table of a text go in, lines of cells come out; a table that only lays out the page gives its cells one after the other.

use super::one_line;
use crate::document::{Block, BlockKind};
use crate::ingest::blocks::BlockWriter;
use crate::ingest::table::Table;

/// Bytes of a cell from which the table is taken for page layout, as in HTML.
const CELL_BYTES_MAX: usize = 1000;

/// What stands in a cell.
#[derive(Debug, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) blocks: Vec<Block>,
    /// How many columns it spans.
    pub(super) columns: usize,
}

impl Cell {
    /// The cell as one line; a table inside loses its bars, which would pass for columns.
    fn line(&self) -> String {
        if !self.blocks.iter().any(|block| block.kind == BlockKind::Table) {
            return one_line(&self.text);
        }
        let flat = |block: &Block| match block.kind {
            BlockKind::Table => one_line(&block.span.of(&self.text).replace(" | ", " ")),
            _ => one_line(block.span.of(&self.text)),
        };
        self.blocks.iter().map(flat).collect::<Vec<_>>().join(" ")
    }
}

/// Writes the table of `rows`, the first `header_rows` of which name the columns, into `into`.
pub(super) fn write(rows: Vec<Vec<Cell>>, header_rows: usize, into: &mut BlockWriter) {
    let columns = rows.iter().map(|row| row.iter().map(|cell| cell.columns).sum()).max().unwrap_or(0);
    let is_layout_cell = |cell: &Cell| {
        cell.text.len() > CELL_BYTES_MAX
            || cell.blocks.iter().any(|block| matches!(block.kind, BlockKind::Heading { .. }))
    };
    let is_data = columns >= 2 && rows.len() >= 2 && !rows.iter().flatten().any(is_layout_cell);
    if is_data {
        let mut table = Table::default();
        for (at, row) in rows.into_iter().enumerate() {
            if at == header_rows {
                table.end_header();
            }
            table.row();
            for cell in row {
                table.cell(&cell.line(), cell.columns, 1);
            }
        }
        table.write(into);
        return;
    }
    for cell in rows.iter().flatten() {
        for block in &cell.blocks {
            into.push_block(&cell.text, block);
        }
    }
}
