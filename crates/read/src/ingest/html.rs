//! HTML goes in, the text that a browser would show of the page itself comes out with blocks; scripts, styles and navigation stay behind.

mod depth;

use std::borrow::Cow;
use std::ops::Deref;

use scraper::node::Element;
use scraper::{ElementRef, Html, Node};

use super::blocks::{BlockWriter, title};
use super::table::Table;
use crate::document::{BlockKind, Document, Format, Warning};

type NodeRef<'a> = <ElementRef<'a> as Deref>::Target;

/// Spaces that a list inside a list is set in by.
const INDENT: usize = 2;
/// Levels of lists that are still set in; deeper ones stay at this depth.
const INDENT_LEVELS_MAX: usize = 16;
/// Characters of a table cell from which the table is taken for page layout.
const CELL_CHARS_MAX: usize = 1000;
/// Bytes of text below which a page may have lost its content to the search for navigation.
const CONTENT_BYTES_MIN: usize = 200;

#[rustfmt::skip]
const DROPPED: &[&str] = &[
    "script", "style", "noscript", "template", "svg", "iframe", "object", "embed", "canvas", "audio", "video", "select",
    "datalist", "button", "textarea", "noframes", "noembed", "map",
];
#[rustfmt::skip]
const BLOCK: &[&str] = &[
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "dir", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr",
    "html", "legend", "li", "listing", "main", "menu", "nav", "ol", "p", "plaintext", "pre", "search", "section", "summary",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "xmp",
];

/// Reads an HTML page; elements nested deeper than `depth_max` are flattened.
///
/// Navigation, headers, footers and asides of the page are left out, unless the page holds little else.
#[must_use]
pub fn read_html(text: &str, depth_max: usize) -> Document {
    let source = depth::limited(text, depth_max);
    let mut warnings = Vec::new();
    if matches!(source, Cow::Owned(_)) {
        let message = format!("elements nested deeper than read.html_depth_max = {depth_max} were flattened");
        warnings.push(Warning { page: None, lossy: false, message });
    }
    let page = Html::parse_document(&source);
    let mut reader = Reader::over(&page, false);
    if reader.writer.len() < CONTENT_BYTES_MIN {
        let whole = Reader::over(&page, true);
        if reader.writer.is_empty() || whole.writer.len() > CONTENT_BYTES_MIN.max(4 * reader.writer.len()) {
            reader = whole;
        }
    }
    let title = reader.title.or(reader.first_heading);
    let (text, blocks) = reader.writer.finish();
    Document { format: Format::Html, title, text, blocks, warnings, ..Document::default() }
}

/// The blocks of a piece of HTML inside another format.
pub(crate) fn fragment(source: &str, depth_max: usize) -> BlockWriter {
    Reader::over(&Html::parse_fragment(&depth::limited(source, depth_max)), true).writer
}

#[derive(Default)]
struct Reader {
    /// Whether navigation and the like is kept.
    whole: bool,
    writer: BlockWriter,
    /// Text of the block that is open, and whether white space came after it.
    buffer: String,
    spaced: bool,
    heading: Option<u8>,
    /// How many preformatted elements and how many `main` and `article` elements are open.
    preformatted: usize,
    content: usize,
    /// The next number of each open list; none for lists without numbers.
    lists: Vec<Option<i64>>,
    marker: Option<String>,
    /// The table that is open, when it holds data and not the layout of the page, and where its header stands.
    table: Option<Table>,
    header: Header,
    title: Option<String>,
    first_heading: Option<String>,
}

/// Which rows of a table name its columns: those from the top that lie in its head or hold nothing but cells of headings.
#[derive(Default)]
struct Header {
    in_head: bool,
    /// Of the row that is open: whether it lies in the head, how many cells it has, and how many of them are headings.
    is_head: bool,
    cells: usize,
    headings: usize,
    /// Whether the first of them is no heading: the corner above the names of the rows is often not marked as one.
    has_corner: bool,
    is_over: bool,
}

impl Header {
    fn cell(&mut self, name: &str) {
        self.is_head |= self.in_head;
        self.has_corner |= self.cells == 0 && name != "th";
        self.cells += 1;
        self.headings += usize::from(name == "th");
    }

    /// Takes the end of the open row, which is the last of `table`.
    fn row(&mut self, table: &mut Table) {
        let Self { is_head, cells, headings, has_corner, is_over, .. } = *self;
        *self = Self { in_head: self.in_head, is_over, ..Self::default() };
        if cells == 0 {
            return;
        }
        let is_head = is_head || headings > 1 && headings + usize::from(has_corner) == cells;
        if is_head && !is_over {
            table.end_header();
        }
        self.is_over |= !is_head;
    }
}

impl Reader {
    fn over(page: &Html, whole: bool) -> Self {
        let mut reader = Self { whole, ..Self::default() };
        let root = page.tree.root();
        let mut node = root;
        // By hand and not by recursion: the depth of the tree is the document's choice.
        loop {
            let descends = reader.open(node);
            if descends && let Some(child) = node.first_child() {
                node = child;
                continue;
            }
            if descends {
                reader.close(node);
            }
            while node != root && node.next_sibling().is_none() {
                let Some(parent) = node.parent() else { break };
                node = parent;
                reader.close(node);
            }
            match node.next_sibling() {
                Some(next) if node != root => node = next,
                _ => break,
            }
        }
        reader.flush();
        reader
    }

    /// Takes the start of a node; whether its children count.
    fn open(&mut self, node: NodeRef<'_>) -> bool {
        match node.value() {
            Node::Text(text) => {
                self.text(text);
                false
            }
            Node::Element(element) => self.open_element(node, element),
            Node::Document | Node::Fragment => true,
            _ => false,
        }
    }

    fn open_element(&mut self, node: NodeRef<'_>, element: &Element) -> bool {
        let name = element.name();
        if name == "title" {
            self.title = self.title.take().or_else(|| title(&text_of(node)));
            return false;
        }
        if DROPPED.contains(&name) || is_hidden(element) || (!self.whole && self.is_boilerplate(node, element)) {
            return false;
        }
        if BLOCK.contains(&name) {
            self.flush();
        }
        match name {
            "br" => self.break_line(),
            "main" | "article" => self.content += 1,
            "pre" | "listing" | "xmp" | "plaintext" => self.preformatted += 1,
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.heading = Some(name.as_bytes()[1] - b'0'),
            "ul" | "menu" | "dir" => self.lists.push(None),
            "ol" => {
                let first = element.attr("start").and_then(|start| start.trim().parse().ok()).unwrap_or(1);
                self.lists.push(Some(first));
            }
            "li" if self.table.is_none() => {
                self.marker = Some(match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let marker = format!("{number}. ");
                        *number = number.saturating_add(1);
                        marker
                    }
                    _ => "- ".to_owned(),
                });
            }
            "table" if self.table.is_none() && is_data(node) => {
                (self.table, self.header) = (Some(Table::default()), Header::default());
            }
            "thead" => self.header.in_head = true,
            "tr" => {
                if let Some(table) = &mut self.table {
                    self.header.row(table);
                    table.row();
                }
            }
            "td" | "th" if self.table.is_some() => {
                self.header.cell(name);
                self.clear();
            }
            // What stands between the cells belongs to none of them.
            "caption" if self.table.is_some() => self.clear(),
            "q" => self.text("\""),
            _ => {}
        }
        true
    }

    /// Takes the end of an element that was opened.
    fn close(&mut self, node: NodeRef<'_>) {
        let Node::Element(element) = node.value() else { return };
        let name = element.name();
        match name {
            "td" | "th" if self.table.is_some() => {
                let text = std::mem::take(&mut self.buffer);
                let span = |name| element.attr(name).and_then(|value| value.trim().parse().ok()).unwrap_or(1);
                if let Some(table) = &mut self.table {
                    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    table.cell(&text, span("colspan"), span("rowspan"));
                }
                self.clear();
            }
            "caption" if self.table.is_some() => {
                let text = std::mem::take(&mut self.buffer);
                self.writer.push(BlockKind::Paragraph, &text);
                self.clear();
            }
            "table" => {
                if let Some(mut table) = self.table.take() {
                    self.header.row(&mut table);
                    self.clear();
                    table.write(&mut self.writer);
                }
            }
            "thead" => self.header.in_head = false,
            "h1" if self.first_heading.is_none() && self.table.is_none() => self.first_heading = title(&self.buffer),
            "q" => self.text("\""),
            _ => {}
        }
        if BLOCK.contains(&name) {
            self.flush();
        }
        match name {
            "main" | "article" => self.content -= 1,
            "pre" | "listing" | "xmp" | "plaintext" => self.preformatted -= 1,
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.heading = None,
            "ul" | "menu" | "dir" | "ol" => {
                self.lists.pop();
            }
            "li" => self.marker = None,
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.preformatted > 0 {
            self.buffer.push_str(text);
            return;
        }
        for character in text.chars() {
            if character.is_whitespace() {
                self.spaced = true;
            } else if character != '\u{ad}' {
                if std::mem::take(&mut self.spaced) && !self.buffer.is_empty() && !self.buffer.ends_with('\n') {
                    self.buffer.push(' ');
                }
                self.buffer.push(character);
            }
        }
    }

    fn break_line(&mut self) {
        self.spaced = self.table.is_some();
        if !self.spaced {
            self.buffer.push('\n');
        }
    }

    fn clear(&mut self) {
        self.buffer.clear();
        self.spaced = false;
    }

    /// Ends the open block; inside a cell it is only a space.
    fn flush(&mut self) {
        self.spaced = self.table.is_some();
        if self.spaced || self.buffer.is_empty() {
            return;
        }
        let buffer = std::mem::take(&mut self.buffer);
        if buffer.trim().is_empty() {
            return;
        }
        let kind = match self.heading {
            Some(level) => BlockKind::Heading { level },
            None if self.preformatted > 0 => BlockKind::Code,
            None => BlockKind::Paragraph,
        };
        match self.marker.take() {
            Some(marker) if kind == BlockKind::Paragraph => {
                let levels = self.lists.len().saturating_sub(1).min(INDENT_LEVELS_MAX);
                self.writer.push_indented(BlockKind::ListItem, levels * INDENT, &format!("{marker}{}", buffer.trim()));
            }
            _ => self.writer.push(kind, &buffer),
        }
    }

    /// Whether the element is around the page and not part of what it says.
    fn is_boilerplate(&self, node: NodeRef<'_>, element: &Element) -> bool {
        match (element.name(), element.attr("role").unwrap_or_default()) {
            ("nav", _) | (_, "navigation" | "search") => true,
            ("footer" | "aside", _) | (_, "contentinfo" | "complementary") => self.content == 0,
            ("header", _) | (_, "banner") => self.content == 0 && !inside(node).any(|node| is_named(node, &["h1"])),
            _ => false,
        }
    }
}

/// Whether a browser would not show the element.
fn is_hidden(element: &Element) -> bool {
    let style = || {
        let style = element.attr("style").unwrap_or_default();
        style.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase()
    };
    element.attr("hidden").is_some()
        || element.attr("aria-hidden").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || element.attr("style").is_some() && ["display:none", "visibility:hidden"].iter().any(|s| style().contains(s))
}

/// Whether a table holds data: several columns, several rows or a head, short cells, no table and no heading inside.
fn is_data(table: NodeRef<'_>) -> bool {
    if let Node::Element(element) = table.value()
        && matches!(element.attr("role"), Some("presentation" | "none"))
    {
        return false;
    }
    let (mut columns, mut columns_most, mut characters) = (0_usize, 0_usize, 0_usize);
    let (mut rows, mut has_head) = (0_usize, false);
    for node in inside(table) {
        match node.value() {
            Node::Text(text) => characters += text.len(),
            Node::Element(element) => match element.name() {
                "table" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "pre" => return false,
                "tr" => {
                    columns = 0;
                    rows += 1;
                }
                name @ ("td" | "th") => {
                    has_head |= name == "th";
                    characters = 0;
                    columns += 1;
                    columns_most = columns_most.max(columns);
                }
                _ => {}
            },
            _ => {}
        }
        if characters > CELL_CHARS_MAX {
            return false;
        }
    }
    columns_most >= 2 && (rows >= 2 || has_head)
}

/// Every node below `root` in document order.
fn inside(root: NodeRef<'_>) -> impl Iterator<Item = NodeRef<'_>> {
    let mut next = root.first_child();
    std::iter::from_fn(move || {
        let node = next?;
        let mut at = node;
        next = node.first_child().or_else(|| {
            loop {
                if let Some(sibling) = at.next_sibling() {
                    return Some(sibling);
                }
                at = at.parent().filter(|parent| *parent != root)?;
            }
        });
        Some(node)
    })
}

fn is_named(node: NodeRef<'_>, names: &[&str]) -> bool {
    matches!(node.value(), Node::Element(element) if names.contains(&element.name()))
}

fn text_of(node: NodeRef<'_>) -> String {
    inside(node).filter_map(|node| node.value().as_text().map(|text| &**text)).collect()
}

#[cfg(test)]
mod tests;
