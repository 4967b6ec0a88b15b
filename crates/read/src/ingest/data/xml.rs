//! XML goes in, its text in document order comes out: known elements as headings, paragraphs, lists, tables and code, all others as
//! lines that name their place.

mod tree;

use std::collections::HashMap;

use super::super::html;
use super::super::table::Rows;
use super::{DataSettings, Lines, Place, is_prose};
use crate::document::{BlockKind, Document, Format};
use tree::{Child, Node, Tree};

const TITLE: &[&str] = &["title", "h1", "h2", "h3", "h4", "h5", "h6"];
#[rustfmt::skip]
const PARAGRAPH: &[&str] = &[
    "p", "para", "simpara", "subtitle", "caption", "attribution", "term", "dt", "dd", "l", "quote", "shortdesc", "note",
];
const CODE: &[&str] =
    &["programlisting", "screen", "literallayout", "synopsis", "code", "pre", "codeblock", "preformat"];
const ITEM: &[&str] = &["listitem", "item", "li", "step"];
const TABLE: &[&str] = &["table", "informaltable", "simpletable"];
const ROW: &[&str] = &["row", "tr", "strow", "sthead"];
const DROPPED: &[&str] = &["script", "style"];
/// Attributes that hold words for a reader, on elements that hold running text.
const WORDS: &[&str] = &["title", "name", "label", "alt", "summary", "caption", "value", "description"];
/// Attributes that say how to show an element.
const SHOWING: &[&str] = &["class", "style", "lang", "space", "base", "role", "align", "valign", "width", "height"];

/// Bytes from which a value with tags in it is read as the page that feeds hold escaped.
const PAGE_BYTES_MIN: usize = 100;

/// Reads XML. Definitions of the document itself are not followed, inside or outside: nothing is fetched, nothing expanded.
///
/// Malformed XML gives the text ahead of the mistake, and a warning.
#[must_use]
pub fn read_xml(text: &str, settings: &DataSettings) -> Document {
    let Tree { nodes, warnings, cut } = tree::read(text, settings);
    let lines = Lines::new(settings);
    let mut reader = Reader { nodes: &nodes, lines, place: Place::default(), level: 0, marker: false };
    reader.children(0);
    reader.lines.cut |= cut;
    reader.lines.finish(Format::Xml, warnings)
}

struct Reader<'a> {
    nodes: &'a [Node],
    lines: Lines<'a>,
    place: Place,
    /// How many of the elements around have a title.
    level: u8,
    /// Whether the next paragraph is the first of a list item.
    marker: bool,
}

impl<'a> Reader<'a> {
    fn elements(&self, id: usize) -> impl Iterator<Item = usize> + use<'a> {
        let nodes = self.nodes;
        nodes[id].children.iter().filter_map(|child| match child {
            Child::Element(id) => Some(*id),
            Child::Text(_) => None,
        })
    }

    fn is(&self, id: usize, names: &[&str]) -> bool {
        let name = self.nodes[id].name.as_str();
        names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Whether the element holds running text of its own.
    fn is_mixed(&self, id: usize) -> bool {
        let node = &self.nodes[id];
        let text = node.children.iter().any(|child| matches!(child, Child::Text(text) if !text.trim().is_empty()));
        text && self.elements(id).next().is_some()
    }

    fn is_document(&self, id: usize) -> bool {
        [PARAGRAPH, CODE, ITEM, TABLE].iter().any(|names| self.is(id, names)) || self.is_mixed(id)
    }

    /// Takes one element; recursion ends at the depth of the tree, which is limited.
    fn element(&mut self, id: usize) {
        if self.lines.is_full() || self.is(id, DROPPED) {
            return;
        }
        let is_leaf = self.elements(id).next().is_none();
        if self.is(id, TITLE) {
            let text = self.inline(id);
            self.heading(id, &text);
        } else if self.is(id, CODE) && (is_leaf || self.is_mixed(id)) {
            let text = self.whole(id);
            self.lines.end();
            self.lines.writer.push(BlockKind::Code, &text);
        } else if self.is(id, TABLE) {
            self.table(id);
        } else if self.is(id, ITEM) && self.is_list_item(id) {
            self.marker = true;
            self.flow(id);
            self.marker = false;
        } else if self.is(id, PARAGRAPH) || self.is_mixed(id) {
            self.flow(id);
        } else if is_leaf {
            self.leaf(id);
        } else {
            self.container(id);
        }
    }

    fn heading(&mut self, id: usize, text: &str) {
        self.lines.end();
        let name = &self.nodes[id].name;
        let level = name.as_bytes().get(1).filter(|digit| name.len() == 2 && digit.is_ascii_digit());
        let level = level.map_or(self.level, |digit| digit - b'0').clamp(1, 6);
        self.lines.writer.push(BlockKind::Heading { level }, text);
        self.lines.set_title(text);
    }

    /// Whether an `item` is one of a list and not a record.
    fn is_list_item(&self, id: usize) -> bool {
        self.is_mixed(id)
            || self
                .elements(id)
                .all(|child| self.is_document(child) || self.elements(child).any(|child| self.is(child, ITEM)))
    }

    /// Running text: elements inside are part of it, save those that are blocks.
    fn flow(&mut self, id: usize) {
        let mut open = String::new();
        self.flow_into(id, &mut open);
        self.paragraph(&mut open);
    }

    fn flow_into(&mut self, id: usize, open: &mut String) {
        let nodes = self.nodes;
        for child in &nodes[id].children {
            match child {
                Child::Text(text) => open.push_str(text),
                Child::Element(child) => {
                    let child = *child;
                    if self.is_block(child) {
                        self.paragraph(open);
                        self.element(child);
                    } else if !self.is(child, DROPPED) {
                        let alt = nodes[child].attributes.iter().find(|(name, _)| name == "alt");
                        open.push_str(alt.map_or("", |(_, alt)| alt));
                        self.flow_into(child, open);
                    }
                }
            }
        }
    }

    /// Whether an element inside running text stands apart from it: by itself, or for what it holds, as a list does.
    fn is_block(&self, id: usize) -> bool {
        if self.is(id, CODE) {
            // Most names of code are used inside a sentence, too.
            return self.whole(id).contains('\n');
        }
        (self.is_document(id) && !self.is_mixed(id))
            || self.is(id, TITLE)
            || self.elements(id).any(|child| [PARAGRAPH, ITEM, TABLE, ROW].iter().any(|names| self.is(child, names)))
    }

    fn paragraph(&mut self, open: &mut String) {
        let text = words(&std::mem::take(open));
        if text.is_empty() {
            return;
        }
        self.lines.end();
        match std::mem::take(&mut self.marker) {
            true => self.lines.writer.push(BlockKind::ListItem, &format!("- {text}")),
            false => self.lines.writer.push(BlockKind::Paragraph, &text),
        }
    }

    /// Rows as lines of cells.
    fn table(&mut self, id: usize) {
        let mut rows = Rows::default();
        self.rows(id, &mut rows);
        self.lines.end();
        rows.write(&mut self.lines.writer);
    }

    fn rows(&mut self, id: usize, rows: &mut Rows) {
        for child in self.elements(id) {
            if self.lines.is_full() {
                return;
            }
            if self.is(child, ROW) {
                rows.row();
                self.elements(child).for_each(|cell| rows.cell(&self.whole(cell)));
            } else if self.elements(child).next().is_some() {
                self.rows(child, rows);
            } else {
                rows.row();
                rows.cell(&self.whole(child));
            }
        }
    }

    /// A value with a name, and attributes beside it.
    fn leaf(&mut self, id: usize) {
        let text = self.whole(id);
        let text = match text.len() >= PAGE_BYTES_MIN && (text.contains("</") || text.contains("<br")) {
            true => html::text_of_fragment(&text, self.lines.settings.depth_max),
            false => text,
        };
        let text = if is_prose(&text) { text.trim().to_owned() } else { words(&text) };
        let attributes = self.attributes(id, &[]);
        match (text.is_empty(), attributes.is_empty()) {
            (true, true) => {}
            (true, false) => self.attribute_line(&attributes),
            (false, true) => self.lines.value(&self.place, &text),
            (false, false) => self.lines.value(&self.place, &format!("{text} | {attributes}")),
        }
    }

    fn attribute_line(&mut self, attributes: &str) {
        self.lines.line(&format!("{} | {attributes}", self.place.shown()));
    }

    fn container(&mut self, id: usize) {
        let has_title = self.elements(id).any(|child| self.is(child, TITLE));
        let is_text = has_title || self.elements(id).any(|child| self.is_document(child));
        self.lines.end();
        let attributes = self.attributes(id, if is_text { WORDS } else { &[] });
        if !attributes.is_empty() {
            self.attribute_line(&attributes);
        }
        self.level = self.level.saturating_add(u8::from(has_title));
        self.children(id);
        self.level = self.level.saturating_sub(u8::from(has_title));
        self.lines.end();
    }

    fn children(&mut self, id: usize) {
        let nodes = self.nodes;
        let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
        for child in self.elements(id) {
            counts.entry(&nodes[child].name).or_default().0 += 1;
        }
        for child in self.elements(id) {
            let before = self.place.name(&nodes[child].name);
            if let Some((all, next)) = counts.get_mut(nodes[child].name.as_str())
                && *all > 1
            {
                self.place.index(*next);
                *next += 1;
            }
            self.element(child);
            self.place.back(before);
            if self.lines.cut {
                break;
            }
        }
    }

    /// The attributes as cells that name their column: those of `only`, or all but those about looks.
    fn attributes(&self, id: usize, only: &[&str]) -> String {
        let shown = |name: &str| match only {
            [] => !SHOWING.contains(&name),
            only => only.contains(&name),
        };
        let cells = self.nodes[id].attributes.iter().filter(|(name, _)| shown(name));
        cells.map(|(name, value)| format!("{name}: {}", words(value))).collect::<Vec<_>>().join(" | ")
    }

    /// All text inside as one line.
    fn inline(&self, id: usize) -> String {
        words(&self.whole(id))
    }

    /// All text inside as it is.
    fn whole(&self, id: usize) -> String {
        let mut text = String::new();
        self.collect(id, &mut text);
        text
    }

    fn collect(&self, id: usize, text: &mut String) {
        for child in &self.nodes[id].children {
            match child {
                Child::Text(piece) => text.push_str(piece),
                Child::Element(child) => self.collect(*child, text),
            }
        }
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
