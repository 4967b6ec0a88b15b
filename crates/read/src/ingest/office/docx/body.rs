//! The blocks of one Word part go in, they come out with their roles; knows how parts hang together no more than a paragraph does.

use std::collections::{BTreeMap, HashMap};

use super::super::cells::{self, Cell};
use super::super::xml::{Node, Xml};
use super::super::{Output, over};
use super::lists::Lists;
use super::styles::Styles;
use crate::error::Result;
use crate::ingest::blocks::BlockWriter;
use crate::ingest::symbols::{self, SignFont};

/// Everything that reading a document's parts, one after the other, has to remember.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) styles: Styles,
    pub(super) lists: Lists,
    /// What relations of the part lead to: charts, diagrams, included documents. Each is shown once.
    pub(super) embedded: HashMap<String, BlockWriter>,
    /// The text of the first paragraph that is styled as the title.
    pub(super) title: Option<String>,
    /// Fields that are open; whether their code, and not yet their result, is being read.
    pub(super) fields: Vec<bool>,
    /// The order in which the text refers to notes and comments, by kind and id.
    marks: HashMap<(String, String), u32>,
    last_marks: HashMap<String, u32>,
    cells_left: usize,
    cells_max: usize,
    /// Whether text was left out because it is deleted.
    pub(super) has_deleted: bool,
    /// Signs of fonts of their own that cannot be told, by font.
    pub(super) lost_signs: BTreeMap<SignFont, usize>,
}

/// A row of a table.
struct Row {
    cells: Vec<Cell>,
    /// Whether it is repeated at the top of every page.
    is_header: bool,
    /// Whether change tracking deleted it.
    is_deleted: bool,
}

impl Body {
    /// Nothing read yet; `cells` are those left and those allowed at first.
    pub(super) fn new(styles: Styles, lists: Lists, cells: (usize, usize)) -> Self {
        Self { styles, lists, cells_left: cells.0, cells_max: cells.1, ..Self::default() }
    }

    /// Reads the blocks inside the element that was open at `level`.
    ///
    /// # Errors
    /// `limit_exceeded` for nesting and cells.
    pub(super) fn blocks(&mut self, xml: &mut Xml<'_>, level: usize, into: &mut BlockWriter) -> Result<()> {
        while let Some(element) = xml.next_open_in(level)? {
            match element.name() {
                "p" => self.paragraph(xml, into)?,
                "tbl" => self.table(xml, into)?,
                "altChunk" => self.show(element.prefixed("id"), into),
                "del" | "moveFrom" => self.leave_out(xml)?,
                // The fallback shows once more what the choice before it shows.
                "sectPr" | "sdtPr" | "Fallback" => xml.skip()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Leaves out what change tracking deleted or moved away.
    pub(super) fn leave_out(&mut self, xml: &mut Xml<'_>) -> Result<()> {
        let level = xml.depth();
        while let Some(node) = xml.next_in(level)? {
            self.has_deleted |= matches!(node, Node::Text(text) if !text.trim().is_empty());
        }
        Ok(())
    }

    /// Shows what the relation `id` leads to.
    pub(super) fn show(&mut self, id: Option<String>, into: &mut BlockWriter) {
        if let Some(blocks) = id.and_then(|id| self.embedded.remove(&id)) {
            into.append(&blocks);
        }
    }

    fn table(&mut self, xml: &mut Xml<'_>, into: &mut BlockWriter) -> Result<()> {
        let level = xml.depth();
        let mut rows = Vec::new();
        let mut header_rows = 0;
        while let Some(element) = xml.next_open_in(level)? {
            match element.name() {
                "tr" => {
                    let Row { cells, is_header, is_deleted } = self.row(xml)?;
                    if is_deleted {
                        continue;
                    }
                    header_rows += usize::from(is_header && header_rows == rows.len());
                    rows.push(cells);
                }
                "tblPr" | "tblGrid" | "sdtPr" => xml.skip()?,
                _ => {}
            }
        }
        cells::write(rows, header_rows, into);
        Ok(())
    }

    fn row(&mut self, xml: &mut Xml<'_>) -> Result<Row> {
        let level = xml.depth();
        let mut cells = Vec::new();
        let (mut is_deleted, mut is_header) = (false, false);
        while let Some(element) = xml.next_open_in(level)? {
            match element.name() {
                "tc" => cells.push(self.cell(xml)?),
                // In the properties of the row: the row itself.
                "del" => is_deleted = true,
                "tblHeader" => is_header = element.is_switched_on(),
                "gridBefore" => {
                    let columns = element.number("val").unwrap_or(0).min(64);
                    self.count(columns)?;
                    cells.extend((0..columns).map(|_| Cell { columns: 1, ..Cell::default() }));
                }
                "tblPrEx" | "sdtPr" | "trPrChange" => xml.skip()?,
                _ => {}
            }
        }
        self.has_deleted |= is_deleted;
        Ok(Row { cells, is_header, is_deleted })
    }

    fn cell(&mut self, xml: &mut Xml<'_>) -> Result<Cell> {
        let level = xml.depth();
        let mut columns = 1;
        let mut blocks = BlockWriter::marked();
        while let Some(element) = xml.next_open_in(level)? {
            match element.name() {
                "p" => self.paragraph(xml, &mut blocks)?,
                "tbl" => self.table(xml, &mut blocks)?,
                "gridSpan" => columns = element.number("val").unwrap_or(1).clamp(1, 64),
                "altChunk" => self.show(element.prefixed("id"), &mut blocks),
                "del" | "moveFrom" => self.leave_out(xml)?,
                "sdtPr" | "tcPrChange" | "Fallback" => xml.skip()?,
                _ => {}
            }
        }
        self.count(columns)?;
        let (text, blocks) = blocks.finish();
        Ok(Cell { text, blocks, columns })
    }

    fn count(&mut self, cells: usize) -> Result<()> {
        match self.cells_left.checked_sub(cells) {
            Some(left) => self.cells_left = left,
            None => return Err(over("cells of tables: more than", "cells_max", self.cells_max)),
        }
        Ok(())
    }

    /// Where the note or comment `id` stands in the order of its kind, and the mark that shows it.
    pub(super) fn mark_of(&mut self, kind: &str, id: &str) -> (u32, String) {
        let last = self.last_marks.entry(kind.to_owned()).or_default();
        let order = *self.marks.entry((kind.to_owned(), id.to_owned())).or_insert_with(|| {
            *last += 1;
            *last
        });
        (order, super::mark(kind, order))
    }

    /// Tells what was left out or kept.
    pub(super) fn warn(&self, output: &mut Output) {
        output.warn_of_changes(self.has_deleted, false);
        if let Some(warning) = symbols::warning(&self.lost_signs) {
            output.warn(None, warning.lossy, warning.message);
        }
    }
}
