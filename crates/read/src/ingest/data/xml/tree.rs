//! XML text goes in, a tree of elements comes out; nothing is fetched and no entity of the document is expanded.

use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesStart, Event};

use super::super::{DataSettings, told};
use crate::document::Warning;

/// Attributes of one element that are looked at.
const ATTRIBUTES_MAX: usize = 64;

/// An element or the document itself.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The name without its prefix; empty for the document.
    pub name: String,
    /// Attributes in order, without namespaces.
    pub attributes: Vec<(String, String)>,
    /// Elements and text in order.
    pub children: Vec<Child>,
}

/// What stands inside an element.
#[derive(Debug)]
pub(super) enum Child {
    /// The number of its node.
    Element(usize),
    /// Text between tags.
    Text(String),
}

/// The document, its elements after the document node 0.
#[derive(Debug)]
pub(super) struct Tree {
    pub nodes: Vec<Node>,
    pub warnings: Vec<Warning>,
    /// Whether elements were left out.
    pub cut: bool,
}

/// Reads as far as the text is well-formed. Elements deeper than `depth_max` give their text to the one above.
pub(super) fn read(text: &str, settings: &DataSettings) -> Tree {
    let mut reader = Reader::from_str(text);
    // A lone `&` is common in hand-made files and harms nothing.
    reader.config_mut().allow_dangling_amp = true;
    let mut builder = Builder { nodes: vec![Node::default()], open: vec![0], flattened: 0, unknown: Vec::new() };
    let mut warnings = Vec::new();
    let mut cut = false;
    let mut is_deep = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                if builder.flattened > 0 || builder.open.len() > settings.depth_max {
                    builder.flattened += 1;
                    is_deep = true;
                } else {
                    let id = builder.add(&start);
                    builder.open.push(id);
                }
            }
            Ok(Event::Empty(start)) => {
                builder.add(&start);
            }
            Ok(Event::End(_)) => match builder.flattened {
                0 if builder.open.len() > 1 => {
                    // Lists grow by doubling, and a large file is made of short ones.
                    builder.top().children.shrink_to_fit();
                    builder.open.pop();
                }
                more => builder.flattened = more.saturating_sub(1),
            },
            Ok(Event::Text(piece)) => builder.text(&piece.xml10_content()),
            Ok(Event::CData(piece)) => builder.text(&piece.xml10_content()),
            Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                Ok(Some(character)) => builder.text(character.encode_utf8(&mut [0; 4])),
                _ => builder.entity(&reference.into_inner()),
            },
            Ok(Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_)) => {}
            Ok(Event::Eof) => break,
            Err(error) => {
                let at = (reader.error_position() as usize).min(text.len());
                let line = text.as_bytes()[..at].split(|byte| *byte == b'\n').count();
                warnings.push(told(
                    true,
                    format!(
                        "the file is not well-formed XML from line {line} on ({error}); what stands before was read"
                    ),
                ));
                break;
            }
        }
        if builder.nodes.len() > settings.values_max {
            cut = true;
            break;
        }
    }
    if !cut && warnings.is_empty() && builder.open.len() > 1 {
        warnings.push(told(true, "the file ends inside an element; part of it may be missing"));
    }
    if is_deep {
        let depth = settings.depth_max;
        warnings.push(told(false, format!("elements nested deeper than read.data.depth_max = {depth} were flattened")));
    }
    if !builder.unknown.is_empty() {
        let names = builder.unknown.join(", ");
        warnings.push(told(true, format!("entities that the file defines itself are not expanded: {names}")));
    }
    Tree { nodes: builder.nodes, warnings, cut }
}

/// Names of unknown entities that a warning tells.
const UNKNOWN_TOLD_MAX: usize = 5;
/// Bytes of such a name.
const UNKNOWN_BYTES_MAX: usize = 60;

struct Builder {
    nodes: Vec<Node>,
    /// The elements that are open, outermost first; the document is always.
    open: Vec<usize>,
    /// How many open elements are too deep to have a node.
    flattened: usize,
    unknown: Vec<String>,
}

impl Builder {
    fn top(&mut self) -> &mut Node {
        let id = self.open.last().copied().unwrap_or(0);
        &mut self.nodes[id]
    }

    fn add(&mut self, start: &BytesStart<'_>) -> usize {
        let id = self.nodes.len();
        let name = start.local_name().as_ref().to_owned();
        let mut attributes = Vec::new();
        // Looking for attributes given twice takes time with their square, and both would be shown anyway.
        for attribute in start.attributes().with_checks(false).flatten().take(ATTRIBUTES_MAX) {
            let key = attribute.key.as_ref();
            if key == "xmlns" || key.starts_with("xmlns:") || key.starts_with("xsi:") {
                continue;
            }
            let value =
                unescape(&attribute.value).map_or_else(|_| attribute.value.to_string(), |value| value.to_string());
            if !value.trim().is_empty() {
                attributes.push((attribute.key.local_name().as_ref().to_owned(), value));
            }
        }
        attributes.shrink_to_fit();
        self.nodes.push(Node { name, attributes, children: Vec::new() });
        self.top().children.push(Child::Element(id));
        id
    }

    fn text(&mut self, text: &str) {
        match self.top().children.last_mut() {
            Some(Child::Text(before)) => before.push_str(text),
            _ => self.top().children.push(Child::Text(text.to_owned())),
        }
    }

    fn entity(&mut self, name: &str) {
        match (resolve_predefined_entity(name), name) {
            (Some(known), _) => self.text(known),
            // The one name that XML made from web pages is full of.
            (None, "nbsp") => self.text(" "),
            (None, _) => {
                if self.unknown.len() < UNKNOWN_TOLD_MAX
                    && name.len() <= UNKNOWN_BYTES_MAX
                    && !self.unknown.iter().any(|known| known == name)
                {
                    self.unknown.push(name.to_owned());
                }
                self.text(&format!("&{name};"));
            }
        }
    }
}
