//! The list definitions of a Word document go in, the mark before each list item comes out (ECMA-376 part 1, 17.9).

use std::collections::{HashMap, HashSet};

use super::super::Output;
use super::super::package::Package;
use super::super::xml::{Element, Node, Xml};
use crate::error::Result;
use crate::ingest::numbering::{Counts, LEVELS_MAX, Level, NumberStyle};

/// The id of the list that takes a paragraph out of every list.
const NO_LIST: &str = "0";

/// The levels of one definition, and the paragraph style that each belongs to.
#[derive(Debug, Default)]
struct Definition {
    levels: Vec<Level>,
    styles: HashMap<String, usize>,
    counts: Counts,
}

/// A list: which definition it uses, and the levels that it starts anew.
#[derive(Debug, Default)]
struct List {
    definition: String,
    starts: Vec<(usize, u32)>,
}

/// All lists by id.
#[derive(Debug, Default)]
pub(super) struct Lists {
    definitions: HashMap<String, Definition>,
    all: HashMap<String, List>,
    /// Lists that counted an item already.
    begun: HashSet<String>,
}

impl Lists {
    /// Reads the part `part`.
    ///
    /// # Errors
    /// As [`Package::text`].
    pub(super) fn read(package: &mut Package<'_>, output: &mut Output, part: &str) -> Result<Self> {
        let Some(text) = package.text(part)? else { return Ok(Self::default()) };
        let mut xml = Xml::new(&text, package.depth_max());
        let mut lists = Self::default();
        while let Some(node) = xml.next()? {
            let Node::Open(element) = node else { continue };
            match element.name() {
                "abstractNum" => {
                    let id = element.attribute("abstractNumId").unwrap_or_default();
                    let definition = definition(&mut xml)?;
                    lists.definitions.insert(id, definition);
                }
                "num" => {
                    let id = element.attribute("numId").unwrap_or_default();
                    let list = list(&mut xml)?;
                    lists.all.insert(id, list);
                }
                _ => {}
            }
        }
        output.note_end(None, part, &xml);
        Ok(lists)
    }

    /// The level of the list `id` that the paragraph style `style` stands for.
    pub(super) fn level_of_style(&self, id: &str, style: &str) -> Option<usize> {
        self.definitions.get(&self.all.get(id)?.definition)?.styles.get(style).copied()
    }

    /// Counts an item of the list `id` at `level` and gives its mark; none for what is in no list or has no mark.
    pub(super) fn next(&mut self, id: &str, level: usize) -> Option<String> {
        if id == NO_LIST {
            return None;
        }
        let Some(list) = self.all.get(id) else { return Some("-".into()) };
        let Some(definition) = self.definitions.get_mut(&list.definition) else { return Some("-".into()) };
        if !list.starts.is_empty() && self.begun.insert(id.to_owned()) {
            for (level, start) in &list.starts {
                definition.counts.restart(*level);
                if let Some(level) = definition.levels.get_mut(*level) {
                    level.start = *start;
                }
            }
        }
        if definition.levels.is_empty() {
            return Some("-".into());
        }
        definition.counts.next(&definition.levels, level.min(definition.levels.len() - 1))
    }
}

fn definition(xml: &mut Xml<'_>) -> Result<Definition> {
    let level = xml.depth();
    let mut definition = Definition::default();
    while let Some(element) = xml.next_open_in(level)? {
        if element.name() != "lvl" {
            continue;
        }
        let at: usize = element.number("ilvl").unwrap_or(definition.levels.len());
        if at >= LEVELS_MAX {
            continue;
        }
        if definition.levels.len() <= at {
            definition.levels.resize(at + 1, Level::default());
        }
        let (level, style) = one_level(xml)?;
        definition.levels[at] = level;
        if let Some(style) = style {
            definition.styles.insert(style, at);
        }
    }
    Ok(definition)
}

/// A level and the style that it belongs to.
fn one_level(xml: &mut Xml<'_>) -> Result<(Level, Option<String>)> {
    let depth = xml.depth();
    let mut level = Level { start: 0, ..Level::default() };
    let mut style = None;
    while let Some(element) = xml.next_open_in(depth)? {
        match element.name() {
            "start" => level.start = element.number("val").unwrap_or(1),
            "numFmt" => level.style = number_style(&element),
            "lvlText" => level.pattern = element.attribute("val").unwrap_or_default(),
            "pStyle" => style = element.attribute("val"),
            _ => {}
        }
    }
    Ok((level, style))
}

fn number_style(element: &Element<'_>) -> NumberStyle {
    match element.attribute("val").as_deref() {
        Some("bullet") => NumberStyle::Bullet,
        Some("none") => NumberStyle::Absent,
        Some("decimalZero") => NumberStyle::DecimalZero,
        Some("lowerLetter") => NumberStyle::LowerLetter,
        Some("upperLetter") => NumberStyle::UpperLetter,
        Some("lowerRoman") => NumberStyle::LowerRoman,
        Some("upperRoman") => NumberStyle::UpperRoman,
        _ => NumberStyle::Decimal,
    }
}

fn list(xml: &mut Xml<'_>) -> Result<List> {
    let level = xml.depth();
    let mut list = List::default();
    let mut at = 0;
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "abstractNumId" => list.definition = element.attribute("val").unwrap_or_default(),
            "lvlOverride" => at = element.number("ilvl").unwrap_or(0),
            "startOverride" if list.starts.len() < LEVELS_MAX => {
                list.starts.push((at, element.number("val").unwrap_or(1)));
            }
            // A level that one list writes in its own way; rare, and the shared definition is near enough.
            "lvl" => xml.skip()?,
            _ => {}
        }
    }
    Ok(list)
}
