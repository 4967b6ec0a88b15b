//! The blocks of an OpenDocument text go in, they come out with their roles; notes and comments are kept for the end.

use std::collections::HashMap;

use super::super::cells::{self, Cell};
use super::super::xml::{Element, Node, Xml};
use super::super::{Output, one_line, over};
use super::styles::{OUTLINE, Styles};
use crate::document::BlockKind;
use crate::error::Result;
use crate::ingest::blocks::{BlockWriter, title};
use crate::ingest::numbering::{Counts, LEVELS_MAX};

/// Spaces that a list inside a list is set in by.
const INDENT: usize = 2;
/// Characters from which a heading is running text.
const HEADING_CHARS_MAX: usize = 300;
/// Spaces that one element can stand for, and columns that one cell can repeat in a table of a text.
const REPEAT_MAX: usize = 64;

/// Everything that reading the text has to remember.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) styles: Styles,
    /// Notes and comments, each after its mark.
    pub(super) notes: BlockWriter,
    /// The text of the first paragraph that is styled as the title.
    pub(super) title: Option<String>,
    comments: u32,
    counts: HashMap<String, Counts>,
    cells_left: usize,
    cells_max: usize,
    has_deleted: bool,
    pub(super) has_hidden: bool,
}

/// Where in lists a paragraph stands.
#[derive(Debug, Clone, Default)]
struct Item {
    list: String,
    level: usize,
    /// Whether its mark is still to come.
    is_first: bool,
}

/// A paragraph that is being read.
#[derive(Debug, Default)]
struct Line {
    text: String,
    /// What floats beside the paragraph.
    beside: BlockWriter,
}

impl Line {
    /// Adds text whose white space counts as one space.
    fn push(&mut self, text: &str) {
        for character in text.chars() {
            if !matches!(character, ' ' | '\t' | '\n' | '\r') {
                if character != '\u{ad}' {
                    self.text.push(character);
                }
            } else if !self.text.ends_with([' ', '\n', '\t']) {
                self.text.push(' ');
            }
        }
    }
}

impl Text {
    /// Nothing read yet; `cells` are those left and those allowed at first.
    pub(super) fn new(styles: Styles, cells: (usize, usize)) -> Self {
        Self { styles, cells_left: cells.0, cells_max: cells.1, ..Self::default() }
    }

    /// Reads the blocks inside the element that was open at `level`.
    ///
    /// # Errors
    /// `limit_exceeded` for nesting and cells.
    pub(super) fn blocks(&mut self, xml: &mut Xml<'_>, level: usize, into: &mut BlockWriter) -> Result<()> {
        while let Some(element) = xml.next_open_in(level)? {
            self.block(xml, &element, &mut Item::default(), into)?;
        }
        Ok(())
    }

    /// Reads the element that was opened last, where it is a block.
    ///
    /// # Errors
    /// As [`Text::blocks`].
    pub(super) fn one(&mut self, xml: &mut Xml<'_>, element: &Element<'_>, into: &mut BlockWriter) -> Result<()> {
        self.block(xml, element, &mut Item::default(), into)
    }

    fn block(
        &mut self,
        xml: &mut Xml<'_>,
        element: &Element<'_>,
        item: &mut Item,
        into: &mut BlockWriter,
    ) -> Result<()> {
        match element.name() {
            "p" | "h" => self.paragraph(xml, element, item, into)?,
            "list" => self.list(xml, element, item, into)?,
            "table" if element.has_prefix("table") => self.table(xml, into)?,
            "tracked-changes" => {
                let level = xml.depth();
                while let Some(element) = xml.next_open_in(level)? {
                    self.has_deleted |= element.name() == "deletion";
                }
            }
            "section" => self.has_hidden |= element.attribute("display").is_some_and(|display| display != "true"),
            "title" | "desc" if element.has_prefix("svg") => xml.skip()?,
            "annotation" => drop(self.comment(xml)?),
            // What an index is made from, declarations, and messages that only show while typing.
            name if name.ends_with("-source") || name.ends_with("-decls") => xml.skip()?,
            "forms" | "script" | "event-listeners" | "content-validations" | "settings" => xml.skip()?,
            _ => {}
        }
        Ok(())
    }

    fn list(&mut self, xml: &mut Xml<'_>, start: &Element<'_>, outer: &Item, into: &mut BlockWriter) -> Result<()> {
        let level = xml.depth();
        let is_inner = !outer.list.is_empty();
        let own = start.exact("text:style-name").filter(|name| !name.is_empty());
        let list = own.unwrap_or_else(|| if is_inner { outer.list.clone() } else { "-".into() });
        let goes_on = start.is_true("continue-numbering") || start.attribute("continue-list").is_some();
        if !is_inner && !goes_on {
            self.counts.remove(&list);
        }
        let depth = if is_inner { outer.level + 1 } else { 0 };
        let mut item = Item { list, level: depth.min(LEVELS_MAX - 1), is_first: false };
        while let Some(element) = xml.next_open_in(level)? {
            match element.name() {
                "list-item" => item.is_first = true,
                "list-header" => item.is_first = false,
                _ => self.block(xml, &element, &mut item, into)?,
            }
        }
        Ok(())
    }

    fn paragraph(
        &mut self,
        xml: &mut Xml<'_>,
        start: &Element<'_>,
        item: &mut Item,
        into: &mut BlockWriter,
    ) -> Result<()> {
        let style = start.attribute("style-name").unwrap_or_default();
        let mut line = Line::default();
        self.inline(xml, &mut line)?;
        let text = line.text.trim();
        if !text.is_empty() {
            self.has_hidden |= self.styles.is_hidden(&style);
            let is_title = self.styles.is_title(&style);
            if is_title && self.title.is_none() {
                self.title = title(text);
            }
            let outline = start.attribute("outline-level").and_then(|level| level.parse::<u8>().ok());
            let outline = outline.or((start.name() == "h").then_some(1)).or(is_title.then_some(1));
            let heading = outline.filter(|_| text.chars().nth(HEADING_CHARS_MAX).is_none());
            let label = self.label(item, start, heading.filter(|_| !is_title));
            match (heading, label) {
                (Some(level), Some(label)) if label != "-" => {
                    into.push(BlockKind::Heading { level: level.clamp(1, 6) }, &format!("{label} {text}"));
                }
                (Some(level), _) => into.push(BlockKind::Heading { level: level.clamp(1, 6) }, text),
                (None, Some(label)) => {
                    into.push_indented(BlockKind::ListItem, item.level * INDENT, &format!("{label} {text}"));
                }
                (None, None) => into.push(BlockKind::Paragraph, text),
            }
        }
        into.append(&line.beside);
        Ok(())
    }

    /// The mark before the first paragraph of a list item, or before a heading whose level is numbered.
    fn label(&mut self, item: &mut Item, start: &Element<'_>, heading: Option<u8>) -> Option<String> {
        if std::mem::take(&mut item.is_first) {
            let levels = self.styles.levels(&item.list);
            if levels.is_empty() {
                return Some("-".into());
            }
            return self.counts.entry(item.list.clone()).or_default().next(levels, item.level.min(levels.len() - 1));
        }
        let level = heading.filter(|_| item.list.is_empty() && !start.is_true("is-list-header"))?;
        let levels = self.styles.levels(OUTLINE);
        let level = usize::from(level).checked_sub(1).filter(|level| *level < levels.len())?;
        self.counts.entry(OUTLINE.into()).or_default().next(levels, level)
    }

    fn inline(&mut self, xml: &mut Xml<'_>, line: &mut Line) -> Result<()> {
        let level = xml.depth();
        while let Some(node) = xml.next_in(level)? {
            let element = match node {
                Node::Open(element) => element,
                Node::Text(text) => {
                    line.push(&text);
                    continue;
                }
                Node::Close => continue,
            };
            match element.name() {
                "s" => {
                    let spaces = element.number("c").unwrap_or(1).min(REPEAT_MAX);
                    line.text.extend(std::iter::repeat_n(' ', spaces));
                }
                "tab" => line.text.push('\t'),
                "line-break" => line.text.push('\n'),
                "span" => {
                    let style = element.attribute("style-name").unwrap_or_default();
                    self.has_hidden |= self.styles.is_hidden(&style);
                }
                "note" => {
                    let mark = self.note(xml)?;
                    line.text.push_str(&mark);
                }
                "annotation" => {
                    let mark = self.comment(xml)?;
                    line.text.push_str(&mark);
                }
                "text-box" => {
                    let level = xml.depth();
                    self.blocks(xml, level, &mut line.beside)?;
                }
                // Shapes hold their text without a box.
                "p" | "h" | "list" | "table" => self.one(xml, &element, &mut line.beside)?,
                "title" | "desc" if element.has_prefix("svg") => xml.skip()?,
                "ruby-text" | "script" | "event-listeners" | "forms" => xml.skip()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Keeps a footnote or endnote for the end; the mark that refers to it.
    fn note(&mut self, xml: &mut Xml<'_>) -> Result<String> {
        let level = xml.depth();
        let mut citation = String::new();
        let mut body = BlockWriter::default();
        while let Some(element) = xml.next_open_in(level)? {
            match element.name() {
                "note-citation" => citation = one_line(&xml.text()?),
                "note-body" => {
                    let level = xml.depth();
                    self.blocks(xml, level, &mut body)?;
                }
                _ => {}
            }
        }
        let mark = format!("[{citation}]");
        self.keep(&mark, body);
        Ok(mark)
    }

    /// Keeps a comment for the end; the mark that refers to it.
    pub(super) fn comment(&mut self, xml: &mut Xml<'_>) -> Result<String> {
        let level = xml.depth();
        self.comments += 1;
        let mut author = String::new();
        let mut body = BlockWriter::default();
        while let Some(element) = xml.next_open_in(level)? {
            match element.name() {
                "creator" => author = one_line(&xml.text()?),
                "date" | "date-string" | "creator-initials" | "sender-initials" => xml.skip()?,
                _ => self.one(xml, &element, &mut body)?,
            }
        }
        let mark = format!("[comment {}]", self.comments);
        let shown = if author.is_empty() { mark.clone() } else { format!("{mark} {author}:") };
        self.keep(&shown, body);
        Ok(format!(" {mark}"))
    }

    fn keep(&mut self, mark: &str, body: BlockWriter) {
        let (text, _) = body.finish();
        // A note is one paragraph to whoever looks it up.
        let text = text.replace("\n\n", "\n");
        if !text.is_empty() {
            self.notes.push(BlockKind::Paragraph, &format!("{mark} {text}"));
        }
    }

    fn table(&mut self, xml: &mut Xml<'_>, into: &mut BlockWriter) -> Result<()> {
        let level = xml.depth();
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        let (mut header_rows, mut header) = (0, None);
        while let Some(element) = xml.next_open_in(level)? {
            match element.name() {
                "table-header-rows" => header = rows.is_empty().then(|| xml.depth()),
                "table-rows" | "table-row-group" => header = None,
                "table-row" => {
                    // Inside the element of the header as long as the row is deeper than it.
                    header_rows += usize::from(header.is_some_and(|depth| xml.depth() > depth));
                    rows.push(Vec::new());
                }
                "table-cell" | "covered-table-cell" => {
                    let repeated = element.number("number-columns-repeated").unwrap_or(1_usize).min(REPEAT_MAX);
                    let level = xml.depth();
                    let mut blocks = BlockWriter::default();
                    self.blocks(xml, level, &mut blocks)?;
                    let (text, blocks) = blocks.finish();
                    self.count(repeated)?;
                    let Some(row) = rows.last_mut() else { continue };
                    // What repeats is empty, or it would stand there as often.
                    row.push(Cell { text, blocks, columns: repeated });
                }
                "title" | "desc" | "table-source" | "forms" => xml.skip()?,
                _ => {}
            }
        }
        cells::write(rows, header_rows, into);
        Ok(())
    }

    fn count(&mut self, cells: usize) -> Result<()> {
        match self.cells_left.checked_sub(cells) {
            Some(left) => self.cells_left = left,
            None => return Err(over("cells of tables: more than", "cells_max", self.cells_max)),
        }
        Ok(())
    }

    /// Tells what was left out or kept.
    pub(super) fn warn(&self, output: &mut Output) {
        output.warn_of_changes(self.has_deleted, self.has_hidden);
    }
}
