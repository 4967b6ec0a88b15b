//! Pieces of text and the ends of paragraphs, cells and rows go in, blocks come out; knows nothing of control words.

use super::super::blocks::{BlockWriter, title};
use super::super::table::Rows;
use crate::document::{Block, BlockKind};

/// Spaces that a list inside a list is set in by.
const INDENT: usize = 2;

/// What is known of a paragraph beside its text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Layout {
    /// The level of the heading that it is.
    pub level: Option<u8>,
    pub in_table: bool,
    /// How deep its list is inside others; 0 is outermost.
    pub list_level: usize,
}

/// The text of the document as it is read.
#[derive(Debug, Default)]
pub(super) struct Paragraphs {
    writer: BlockWriter,
    /// Text of the paragraph or cell that is open.
    open: String,
    /// The mark before a list item.
    mark: String,
    rows: Rows,
    /// Paragraphs that wait for the end of a note inside them.
    waiting: Vec<String>,
    /// Notes that wait for the end of their paragraph.
    notes: Vec<String>,
    first_heading: Option<String>,
}

impl Paragraphs {
    pub(super) fn text(&mut self, text: &str) {
        self.open.push_str(text);
    }

    /// Adds to the mark of the list item that is open.
    pub(super) fn mark(&mut self, text: &str) {
        self.mark.push_str(text);
    }

    /// Bytes of text so far.
    pub(super) fn len(&self) -> usize {
        self.writer.len() + self.open.len()
    }

    pub(super) fn start_note(&mut self) {
        self.waiting.push(std::mem::take(&mut self.open));
    }

    pub(super) fn end_note(&mut self) {
        if let Some(before) = self.waiting.pop() {
            self.notes.push(std::mem::replace(&mut self.open, before));
        }
    }

    pub(super) fn end(&mut self, layout: Layout) {
        if layout.in_table || !self.waiting.is_empty() {
            // Inside a cell or a note the end of a paragraph is only that of a line.
            self.open.push('\n');
            return;
        }
        self.end_table();
        let open = std::mem::take(&mut self.open);
        let mark = std::mem::take(&mut self.mark);
        let (open, mark) = (open.trim(), mark.trim());
        match (layout.level, mark) {
            _ if open.is_empty() => {}
            (Some(level), _) => {
                let text = if mark.is_empty() { open.to_owned() } else { format!("{mark} {open}") };
                self.first_heading = self.first_heading.take().or_else(|| title(&text));
                self.writer.push(BlockKind::Heading { level }, &text);
            }
            (None, "") => self.writer.push(BlockKind::Paragraph, open),
            (None, mark) => {
                // A bullet is drawn with whatever sign a font has at its place.
                let mark = if mark.chars().any(char::is_alphanumeric) && mark != "o" { mark } else { "-" };
                let item = format!("{mark} {open}");
                self.writer.push_indented(BlockKind::ListItem, layout.list_level * INDENT, &item);
            }
        }
        self.end_notes();
    }

    fn end_notes(&mut self) {
        for note in std::mem::take(&mut self.notes) {
            self.writer.push(BlockKind::Paragraph, &note);
        }
    }

    pub(super) fn end_cell(&mut self) {
        let open = std::mem::take(&mut self.open);
        let mark = std::mem::take(&mut self.mark);
        self.rows.cell(&format!("{mark} {open}"));
    }

    pub(super) fn end_row(&mut self) {
        self.rows.row();
    }

    fn end_table(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        if !rows.is_empty() {
            rows.write(&mut self.writer);
        }
    }

    /// The text, its blocks and its first heading. The last paragraph need not be ended.
    pub(super) fn finish(mut self, layout: Layout) -> (String, Vec<Block>, Option<String>) {
        while !self.waiting.is_empty() {
            self.end_note();
        }
        self.end(Layout { in_table: false, ..layout });
        let (text, blocks) = self.writer.finish();
        (text, blocks, self.first_heading)
    }
}
