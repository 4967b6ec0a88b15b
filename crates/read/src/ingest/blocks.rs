//! Pieces of text with a role go in, one clean text with block spans comes out; knows nothing of the formats that the pieces come from.

use std::collections::HashSet;

use super::marks::{self, Resolved};
use crate::document::{Block, BlockKind, ByteSpan, Cell, Page};

/// Cells of one document whose places are kept. A table that goes beyond is text alone: its places would outweigh it.
pub(crate) const CELLS_MAX: usize = 300_000;
/// Characters of a title that are kept; the rest of a longer one is no title any more.
const TITLE_CHARS_MAX: usize = 300;

/// What a character of a document becomes before anyone sees it.
pub(crate) enum Cleaned {
    /// Itself.
    Keep(char),
    /// A line break.
    Break,
    /// The end of a page.
    Page,
    /// Nothing: it would reach the terminal as a command.
    Drop,
}

/// What becomes of `character`: control characters never reach a terminal.
pub(crate) fn clean(character: char) -> Cleaned {
    match character {
        '\n' | '\t' => Cleaned::Keep(character),
        '\r' | '\u{85}' | '\u{b}' => Cleaned::Break,
        '\u{c}' => Cleaned::Page,
        _ if character.is_control() => Cleaned::Drop,
        _ => Cleaned::Keep(character),
    }
}

/// `text` as a title: one line of single-spaced words without control characters and without what marks hide; none when nothing is left.
pub(crate) fn title(text: &str) -> Option<String> {
    let text = &marks::visible(text);
    let mut words = String::new();
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.extend(word.chars().filter(|character| !character.is_control()));
    }
    let kept: String = words.trim().chars().take(TITLE_CHARS_MAX).collect();
    (!kept.is_empty()).then_some(kept)
}

/// `block` of `text`, and the spaces that it is set in by.
fn indent_of(text: &str, block: &Block) -> usize {
    let line = text[..block.span.start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line..block.span.start];
    if before.trim().is_empty() { before.len() } else { 0 }
}

/// Collects blocks into one text. Blocks are separated by an empty line, items of one list by a line break.
#[derive(Debug, Default)]
pub(crate) struct BlockWriter {
    text: String,
    blocks: Vec<Block>,
    /// How many cells the blocks have.
    cells: usize,
    /// Whether marks of looks are let through, and the marks of the notes that are known.
    is_marked: bool,
    notes: HashSet<String>,
}

impl BlockWriter {
    /// A writer of texts that [`Look::write`](marks::Look::write) made: marks stay in them until [`resolve`](Self::resolve).
    pub(crate) fn marked() -> Self {
        Self { is_marked: true, ..Self::default() }
    }

    /// Says that the document has a note whose mark is `name`.
    pub(crate) fn know_note(&mut self, name: &str) {
        self.notes.insert(name.trim().to_owned());
    }

    /// Adds `content` as a block of its own; content without visible text adds nothing.
    pub(crate) fn push(&mut self, kind: BlockKind, content: &str) {
        self.push_indented(kind, 0, content);
    }

    /// Adds `content`, set in by `indent` spaces that lie outside its block.
    ///
    /// An item right after another item follows on the next line; everything else after an empty line.
    pub(crate) fn push_indented(&mut self, kind: BlockKind, indent: usize, content: &str) {
        self.write(kind, indent, content, &[], 0);
    }

    /// Adds the rows of a table, the first `header_rows` of which name the columns. The spans of `cells` count from the start of `content`,
    /// in order.
    pub(crate) fn push_table(&mut self, content: &str, cells: &[Cell], header_rows: usize) {
        self.write(BlockKind::Table, 0, content, cells, header_rows);
    }

    /// Adds a block of another text with its cells, set in as it is there.
    pub(crate) fn push_block(&mut self, text: &str, block: &Block) {
        let at = block.span.start;
        let moved = |cell: &Cell| Cell { span: ByteSpan::new(cell.span.start - at, cell.span.end - at), ..*cell };
        let cells: Vec<Cell> = block.cells.iter().map(moved).collect();
        let header_rows = block.header.filter(|header| block.span.contains(*header));
        let header_rows = header_rows.map_or(0, |header| header.of(text).lines().count());
        self.write(block.kind, indent_of(text, block), block.span.of(text), &cells, header_rows);
    }

    fn write(&mut self, kind: BlockKind, indent: usize, content: &str, cells: &[Cell], header_rows: usize) {
        let kept = if kind == BlockKind::Code { trim_lines(content) } else { content.trim() };
        if self.is_marked && marks::is_blank(kept) || kept.is_empty() {
            return;
        }
        let before = self.text.len();
        if let Some(last) = self.blocks.last() {
            let tight = kind == BlockKind::ListItem && last.kind == BlockKind::ListItem;
            self.text.push_str(if tight { "\n" } else { "\n\n" });
        }
        self.text.extend(std::iter::repeat_n(' ', indent));
        let start = self.text.len();
        // Where the cells begin and end, as they are met.
        let cells = if self.cells.saturating_add(cells.len()) > CELLS_MAX { &[] } else { cells };
        let offset = content.trim_end().len() - kept.len();
        let mut bounds = cells.iter().flat_map(|cell| [cell.span.start, cell.span.end]).peekable();
        let mut moved = Vec::with_capacity(cells.len() * 2);
        for (at, character) in kept.char_indices() {
            while bounds.next_if(|bound| *bound <= at + offset).is_some() {
                moved.push(self.text.len());
            }
            if self.is_marked && marks::is_mark(character) {
                self.text.push(character);
                continue;
            }
            match clean(character) {
                Cleaned::Keep(kept) => self.text.push(kept),
                Cleaned::Break | Cleaned::Page => self.text.push('\n'),
                Cleaned::Drop => {}
            }
        }
        self.text.truncate(start + self.text[start..].trim_end().len());
        let end = self.text.len();
        if end == start {
            self.text.truncate(before);
            return;
        }
        moved.extend(bounds.map(|_| end));
        let span = |pair: &[usize]| ByteSpan::new(pair[0].min(end), pair[1].min(end)).trimmed(&self.text);
        let cells = cells.iter().zip(moved.chunks_exact(2)).map(|(cell, pair)| Cell { span: span(pair), ..*cell });
        let cells: Vec<Cell> = cells.filter(|cell| !cell.span.is_empty()).collect();
        self.cells += cells.len();
        let header = (header_rows > 0).then(|| first_lines(&self.text, ByteSpan::new(start, end), header_rows));
        self.blocks.push(Block { kind, span: ByteSpan::new(start, end), cells, header });
    }

    /// Whether nothing visible was added yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Bytes of text so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Bytes of text so far that a reader of the document sees.
    pub(crate) fn visible_len(&self) -> usize {
        if self.is_marked { marks::visible(&self.text).len() } else { self.len() }
    }

    /// Adds the blocks of another writer, in order, after an empty line.
    ///
    /// # Panics
    /// In debug builds when the other one has marks and this one does not take them.
    pub(crate) fn append(&mut self, other: &Self) {
        debug_assert!(self.is_marked || !other.is_marked, "marks are only resolved where they are taken");
        self.notes.extend(other.notes.iter().cloned());
        if other.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        let shift = self.text.len();
        self.text.push_str(&other.text);
        let keeps_cells = self.cells + other.cells <= CELLS_MAX;
        self.cells += if keeps_cells { other.cells } else { 0 };
        self.blocks.extend(other.blocks.iter().map(|block| {
            let moved = |span: ByteSpan| ByteSpan::new(span.start + shift, span.end + shift);
            let cells = block.cells.iter().filter(|_| keeps_cells);
            let cells = cells.map(|cell| Cell { span: moved(cell.span), ..*cell }).collect();
            Block { kind: block.kind, span: moved(block.span), cells, header: block.header.map(moved) }
        }));
    }

    /// The text and its blocks; of a [`marked`](Self::marked) writer with the marks, to be written into another one.
    pub(crate) fn finish(self) -> (String, Vec<Block>) {
        (self.text, self.blocks)
    }

    /// The text and its blocks without marks. `pages` are places of blocks in what was written so far, and move with it.
    pub(crate) fn resolve(self, pages: &mut [Page]) -> Resolved {
        marks::resolve(self.text, self.blocks, pages, self.notes)
    }
}

/// The first `count` lines of `span`, without the break after them.
pub(crate) fn first_lines(text: &str, span: ByteSpan, count: usize) -> ByteSpan {
    let lines = span.of(text);
    let end = lines.match_indices('\n').nth(count.saturating_sub(1)).map_or(lines.len(), |(at, _)| at);
    ByteSpan::new(span.start, span.start + end)
}

/// `content` without empty lines around it; the first line keeps its indentation.
fn trim_lines(content: &str) -> &str {
    let content = content.trim_end();
    let blank = content.len() - content.trim_start().len();
    let start = content[..blank].rfind(['\n', '\r']).map_or(0, |at| at + 1);
    &content[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_follow_on_the_next_line_and_blocks_after_an_empty_one() {
        let mut writer = BlockWriter::default();
        writer.push(BlockKind::Paragraph, " one ");
        writer.push(BlockKind::ListItem, "- two");
        writer.push_indented(BlockKind::ListItem, 2, "- three");
        writer.push(BlockKind::Paragraph, "\u{1b}\u{7}");
        writer.push(BlockKind::Code, "\n\n    four\n  five\n");
        let (text, blocks) = writer.finish();
        assert_eq!(text, "one\n\n- two\n  - three\n\n    four\n  five");
        assert_eq!(blocks[2].span.of(&text), "- three");
        assert_eq!(blocks.len(), 4);
    }

    #[test]
    fn no_control_character_gets_through() {
        let mut writer = BlockWriter::default();
        writer.push(BlockKind::Paragraph, "a\u{1b}[31mb\u{9b}c\u{7f}\u{0}d\r\ne");
        assert_eq!(writer.finish().0, "a[31mbcd\n\ne");
        assert_eq!(title(" a\u{1b}\n b "), Some("a b".into()));
        assert_eq!(title("\u{7}"), None);
    }

    #[test]
    fn appended_blocks_keep_their_text() {
        let mut first = BlockWriter::default();
        first.push(BlockKind::Paragraph, "é");
        let mut second = BlockWriter::default();
        second.push(BlockKind::Paragraph, "ü");
        first.append(&second);
        let (text, blocks) = first.finish();
        assert_eq!((text.as_str(), blocks[1].span.of(&text)), ("é\n\nü", "ü"));
    }

    #[test]
    fn cells_move_with_their_text() {
        let table = "\n|\u{7} é |  b\u{1b}c| \u{7}\n";
        let cell = |column, from: &str, to: &str| {
            let start = table.find(from).unwrap();
            Cell { row: 0, column, span: ByteSpan::new(start, start + table[start..].find(to).unwrap()) }
        };
        let cells = [cell(0, "\u{7} é", "|"), cell(1, "  b", "|"), cell(2, " \u{7}\n", "\n")];
        let mut writer = BlockWriter::default();
        writer.push(BlockKind::Paragraph, "before");
        writer.push_table(table, &cells, 0);
        let (text, blocks) = writer.finish();
        let mut again = BlockWriter::default();
        again.push(BlockKind::Paragraph, "other words");
        again.push_block(&text, &blocks[1]);
        for (text, blocks) in [(text, blocks), again.finish()] {
            let shown: Vec<_> = blocks[1].cells.iter().map(|cell| (cell.column, cell.span.of(&text))).collect();
            assert_eq!(shown, [(0, "é"), (1, "bc")], "{text}");
        }
    }
}
