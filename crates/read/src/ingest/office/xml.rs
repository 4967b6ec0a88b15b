//! The text of one XML part goes in, its elements and text come out one by one; document types and entities of its own are never expanded.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::{resolve_xml_entity, unescape_with};
use quick_xml::events::{BytesStart, Event};

use super::over;
use crate::error::Result;

/// What stands next in a part.
pub(super) enum Node<'a> {
    /// An element starts; one without content is followed by its end all the same.
    Open(Element<'a>),
    /// The element that was opened last ends.
    Close,
    /// Text with its references resolved. Neighbouring pieces are not joined.
    Text(Cow<'a, str>),
}

/// The start of an element. Names are compared without their prefix, which is the writer's choice.
pub(super) struct Element<'a> {
    start: BytesStart<'a>,
}

impl Element<'_> {
    /// The name without its prefix.
    pub(super) fn name(&self) -> &str {
        local(self.start.name().0)
    }

    /// The value of the first attribute called `name`, whatever its prefix.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        self.find(|key| local(key) == name)
    }

    /// The value of the first attribute called `name` that has a prefix: `r:id` beside `id`.
    pub(super) fn prefixed(&self, name: &str) -> Option<String> {
        self.find(|key| key.contains(':') && local(key) == name)
    }

    /// The value of the first attribute whose whole name is `name`, prefix included.
    pub(super) fn exact(&self, name: &str) -> Option<String> {
        self.find(|key| key == name)
    }

    /// Whether the name has the prefix `prefix`, for the few names that mean two things.
    pub(super) fn has_prefix(&self, prefix: &str) -> bool {
        self.start.name().0.split_once(':').is_some_and(|(own, _)| own == prefix)
    }

    /// The value of the attribute `name` as a number.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.attribute(name)?.trim().parse().ok()
    }

    /// Whether the attribute `name` says yes.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.attribute(name).is_some_and(|value| is_on(&value))
    }

    /// Whether an element that switches something on, such as `<w:vanish/>`, does so.
    pub(super) fn is_switched_on(&self) -> bool {
        self.attribute("val").is_none_or(|value| is_on(&value))
    }

    fn find(&self, matches: impl Fn(&str) -> bool) -> Option<String> {
        // The check for attributes that are given twice takes time that grows with their square.
        let mut attributes = self.start.attributes();
        let found = attributes.with_checks(false).flatten().find(|attribute| matches(attribute.key.0))?;
        Some(match unescape_with(&found.value, resolve_xml_entity) {
            Ok(value) => value.into_owned(),
            Err(_) => found.value.into_owned(),
        })
    }
}

/// Whether the value of a switch says yes.
pub(super) fn is_on(value: &str) -> bool {
    matches!(value.trim(), "1" | "true" | "on" | "t")
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// A part that is being read.
pub(super) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    depth: usize,
    depth_max: usize,
    is_done: bool,
    /// Why the part could not be read to its end.
    pub(super) broken: Option<String>,
    /// References to entities that only the part itself could have declared; they were left out.
    pub(super) entities_left_out: usize,
}

impl<'a> Xml<'a> {
    /// Starts at the beginning of `text`; elements may nest `depth_max` deep.
    pub(super) fn new(text: &'a str, depth_max: usize) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        Self { reader, depth: 0, depth_max, is_done: false, broken: None, entities_left_out: 0 }
    }

    /// How many elements are open.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// What stands next; none at the end of the part, and for good once the part turned out to be broken.
    ///
    /// # Errors
    /// `limit_exceeded` where elements nest deeper than allowed.
    pub(super) fn next(&mut self) -> Result<Option<Node<'a>>> {
        while !self.is_done {
            match self.reader.read_event() {
                Ok(Event::Start(start)) => {
                    self.depth += 1;
                    if self.depth > self.depth_max {
                        return Err(over("XML elements nested deeper than", "xml_depth_max", self.depth_max));
                    }
                    return Ok(Some(Node::Open(Element { start })));
                }
                Ok(Event::End(_)) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Some(Node::Close));
                }
                Ok(Event::Text(text)) => return Ok(Some(Node::Text(text.xml10_content()))),
                Ok(Event::CData(text)) => return Ok(Some(Node::Text(text.xml10_content()))),
                Ok(Event::GeneralRef(reference)) => {
                    if let Ok(Some(character)) = reference.resolve_char_ref() {
                        return Ok(Some(Node::Text(character.to_string().into())));
                    }
                    if let Some(text) = resolve_xml_entity(&reference) {
                        return Ok(Some(Node::Text(text.into())));
                    }
                    self.entities_left_out += 1;
                }
                Ok(Event::Eof) => {
                    self.is_done = true;
                    if self.depth > 0 {
                        self.broken = Some("it ends in the middle".into());
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    self.is_done = true;
                    self.broken = Some(error.to_string());
                }
            }
        }
        Ok(None)
    }

    /// What stands next inside the element that was open at `level`; none once it ends.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub(super) fn next_in(&mut self, level: usize) -> Result<Option<Node<'a>>> {
        Ok(match self.next()? {
            Some(Node::Close) if self.depth < level => None,
            node => node,
        })
    }

    /// The next element that starts inside the element that was open at `level`; none once that one ends.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub(super) fn next_open_in(&mut self, level: usize) -> Result<Option<Element<'a>>> {
        loop {
            match self.next_in(level)? {
                Some(Node::Open(element)) => return Ok(Some(element)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Leaves out the rest of the element that was opened last.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub(super) fn skip(&mut self) -> Result<()> {
        let level = self.depth;
        while self.next_in(level)?.is_some() {}
        Ok(())
    }

    /// All text inside the element that was opened last.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub(super) fn text(&mut self) -> Result<String> {
        let level = self.depth;
        let mut all = String::new();
        while let Some(node) = self.next_in(level)? {
            if let Node::Text(text) = node {
                all.push_str(&text);
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_and_own_entities_left_out() {
        let mut xml = Xml::new("<!DOCTYPE a [<!ENTITY b 'bomb'>]><a x='1 &lt; 2'>&amp;&b;&#x41;<![CDATA[<]]></a>", 8);
        let Some(Node::Open(element)) = xml.next().unwrap() else { panic!("an element") };
        assert_eq!(element.attribute("x").as_deref(), Some("1 < 2"));
        assert_eq!(xml.text().unwrap(), "&A<");
        assert_eq!((xml.entities_left_out, xml.broken), (1, None));
    }

    #[test]
    fn prefixes_are_the_writers_choice() {
        let mut xml = Xml::new("<p:sldId id='256' r:id='rId2'><w:t/></p:sldId>", 8);
        let Some(Node::Open(element)) = xml.next().unwrap() else { panic!("an element") };
        assert_eq!(
            (element.name(), element.attribute("id"), element.prefixed("id")),
            ("sldId", Some("256".into()), Some("rId2".into()))
        );
    }

    #[test]
    fn a_part_that_breaks_off_gives_what_came_before() {
        let mut xml = Xml::new("<a><b>one</b><b>tw", 8);
        assert!(matches!(xml.next().unwrap(), Some(Node::Open(_))));
        assert_eq!(xml.text().unwrap(), "onetw");
        assert!(xml.broken.is_some());
        let mut xml = Xml::new("<a><b>one</a>", 8);
        assert_eq!(xml.next().unwrap().map(|_| xml.text().unwrap()).as_deref(), Some("one"));
        assert!(xml.broken.is_some());
    }

    #[test]
    fn nesting_over_the_limit_names_the_setting() {
        let text = "<a>".repeat(9);
        let mut xml = Xml::new(&text, 8);
        let error = loop {
            match xml.next() {
                Ok(node) => assert!(node.is_some(), "the limit comes first"),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("read.office.xml_depth_max = 8"), "{error}");
    }
}
