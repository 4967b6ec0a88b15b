//! HTML goes in, the text that a browser would show of the page itself comes out with blocks; scripts, styles and navigation stay behind.

mod css;
mod depth;
mod seen;
mod tables;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;

use scraper::node::Element;
use scraper::{ElementRef, Html, Node};

use self::css::Styles;
use self::seen::{Seen, note_at};
use self::tables::{Header, is_data};
use super::blocks::{BlockWriter, title};
use super::hidden::{HiddenText, settle};
use super::marks::{self, Look, Resolved};
use super::symbols::{self, SignFont};
use super::table::Table;
use crate::document::{BlockKind, Document, Format, Warning};

type NodeRef<'a> = <ElementRef<'a> as Deref>::Target;

/// Spaces that a list inside a list is set in by.
const INDENT: usize = 2;
/// Levels of lists that are still set in; deeper ones stay at this depth.
const INDENT_LEVELS_MAX: usize = 16;
/// Bytes of text below which a page may have lost its content to the search for navigation.
const CONTENT_BYTES_MIN: usize = 200;
/// Nodes and characters that are looked at to see whether an element holds the mark of a note.
const BEGINNING_MAX: usize = 32;

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
/// Navigation, headers, footers and asides of the page are left out, unless the page holds little else. What a browser does not show stands in
/// blocks of the kind `Hidden`.
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
    let length = reader.writer.visible_len();
    if length < CONTENT_BYTES_MIN {
        let whole = Reader::over(&page, true);
        if length == 0 || whole.writer.visible_len() > CONTENT_BYTES_MIN.max(4 * length) {
            reader = whole;
        }
    }
    warnings.extend(symbols::warning(&reader.lost_signs));
    let title = reader.title.or(reader.first_heading);
    let Resolved { text, blocks, warnings: guessed } = reader.writer.resolve(&mut []);
    warnings.extend(guessed);
    Document { format: Format::Html, title, text, blocks, warnings, ..Document::default() }
}

/// The text of a piece of HTML that is a value of another format, without what is not seen.
pub(crate) fn text_of_fragment(source: &str, depth_max: usize) -> String {
    let Resolved { text, blocks, .. } = fragment(source, depth_max).resolve(&mut []);
    let mut document = Document { text, blocks, ..Document::default() };
    settle(&mut document, HiddenText::LeaveOut);
    document.text
}

/// The blocks of a piece of HTML inside another format, with marks.
pub(crate) fn fragment(source: &str, depth_max: usize) -> BlockWriter {
    Reader::over(&Html::parse_fragment(&depth::limited(source, depth_max)), true).writer
}

#[derive(Default)]
struct Reader {
    /// Whether navigation and the like is kept.
    whole: bool,
    styles: Rc<Styles>,
    /// How the text of each open element is seen.
    seen: Vec<Seen>,
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
    /// Signs of fonts of their own that cannot be told, by font.
    lost_signs: BTreeMap<SignFont, usize>,
}

impl Reader {
    fn over(page: &Html, whole: bool) -> Self {
        let root = page.tree.root();
        let mut styles = Styles::default();
        inside(root).filter(|node| is_named(*node, &["style"])).for_each(|sheet| styles.add(&text_of(sheet)));
        let mut reader = Self { whole, styles: Rc::new(styles), writer: BlockWriter::marked(), ..Self::default() };
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
        if DROPPED.contains(&name) || (!self.whole && self.is_boilerplate(node, element)) {
            return false;
        }
        let anchor = element.id().or_else(|| element.attr("name").filter(|_| name == "a"));
        if let Some(mark) = anchor.and_then(note_at) {
            self.writer.know_note(mark);
        }
        let around = self.seen.last().copied().unwrap_or_default();
        let seen = around.inside(element, &self.styles, || beginning_of(node));
        if BLOCK.contains(&name) {
            self.flush();
        }
        self.seen.push(seen);
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
            // What has no place is not counted.
            "li" if seen.is_gone() => self.marker = None,
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
        self.seen.pop();
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
        let seen = self.seen.last().copied().unwrap_or_default();
        let shown = seen.font.map(|font| symbols::shown(font, text, &mut self.lost_signs));
        let text = shown.as_deref().unwrap_or(text);
        if self.preformatted > 0 {
            seen.look().write(&mut self.buffer, text);
            return;
        }
        let mut run = String::with_capacity(text.len());
        for character in text.chars() {
            if character.is_whitespace() {
                self.spaced = true;
            } else if character != '\u{ad}' {
                if std::mem::take(&mut self.spaced) {
                    // A blank before a run is none of it.
                    match run.is_empty() {
                        false => run.push(' '),
                        true if !self.buffer.is_empty() && !self.buffer.ends_with('\n') => self.buffer.push(' '),
                        true => {}
                    }
                }
                run.push(character);
            }
        }
        seen.look().write(&mut self.buffer, &run);
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
        if marks::is_blank(&buffer) {
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
                let mut item = String::new();
                // The number of an item that is not seen is not seen either.
                Look { cause: marks::cause_of(&buffer), ..Look::default() }.write(&mut item, &marker);
                item.push_str(buffer.trim());
                self.writer.push_indented(BlockKind::ListItem, levels * INDENT, &item);
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

/// The text of `node`, or so much of it that it is seen to be long.
fn beginning_of(node: NodeRef<'_>) -> String {
    let mut text = String::new();
    for part in inside(node).take(BEGINNING_MAX).filter_map(|node| node.value().as_text()) {
        text.extend(part.chars().take(BEGINNING_MAX));
        if text.len() > BEGINNING_MAX {
            break;
        }
    }
    text
}

fn text_of(node: NodeRef<'_>) -> String {
    inside(node).filter_map(|node| node.value().as_text().map(|text| &**text)).collect()
}

#[cfg(test)]
mod tests;
