//! The styles of an OpenDocument go in, its lists, titles and hidden parts come out (OpenDocument 1.3, part 3, 16).

use std::collections::{HashMap, HashSet};

use super::super::xml::{Element, Xml};
use crate::error::Result;
use crate::ingest::numbering::{LEVELS_MAX, Level, NumberStyle};

/// Styles that build on each other, followed at most this far.
const CHAIN_MAX: usize = 32;
/// The list that numbers headings, under a name that no list can have.
pub(super) const OUTLINE: &str = "\u{0}outline";

/// What is known of the styles by their names.
#[derive(Debug, Default)]
pub(super) struct Styles {
    lists: HashMap<String, Vec<Level>>,
    parents: HashMap<String, String>,
    hidden: HashSet<String>,
}

impl Styles {
    /// Adds the styles of a whole part.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub(super) fn read(&mut self, xml: &mut Xml<'_>) -> Result<()> {
        self.read_in(xml, 0)
    }

    /// Adds the styles inside the element that was open at `level`.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub(super) fn read_in(&mut self, xml: &mut Xml<'_>, level: usize) -> Result<()> {
        let mut style = None;
        while let Some(element) = xml.next_open_in(level)? {
            match element.name() {
                "style" => {
                    style = element.exact("style:name");
                    if let (Some(style), Some(parent)) = (&style, element.attribute("parent-style-name")) {
                        self.parents.insert(style.clone(), parent);
                    }
                }
                "table-properties" | "drawing-page-properties" | "text-properties" => {
                    let is_hidden = element.exact("table:display").is_some_and(|display| display == "false")
                        || element.exact("presentation:visibility").is_some_and(|visible| visible == "hidden")
                        || element.exact("text:display").is_some_and(|display| display == "none");
                    if let Some(style) = style.clone().filter(|_| is_hidden) {
                        self.hidden.insert(style);
                    }
                }
                "list-style" => {
                    if let Some(name) = element.exact("style:name") {
                        let levels = levels(xml)?;
                        self.lists.insert(name, levels);
                    }
                }
                "outline-style" => {
                    let levels = levels(xml)?;
                    self.lists.insert(OUTLINE.into(), levels);
                }
                "master-styles" => xml.skip()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The levels of the list style `name`.
    pub(super) fn levels(&self, name: &str) -> &[Level] {
        self.lists.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether the style `name` builds on the one for titles.
    pub(super) fn is_title(&self, name: &str) -> bool {
        let mut at = Some(name);
        for _ in 0..CHAIN_MAX {
            match at {
                Some("Title") => return true,
                Some(name) => at = self.parents.get(name).map(String::as_str),
                None => break,
            }
        }
        false
    }

    /// Whether what has the style `name` is hidden.
    pub(super) fn is_hidden(&self, name: &str) -> bool {
        self.hidden.contains(name)
    }
}

fn levels(xml: &mut Xml<'_>) -> Result<Vec<Level>> {
    let depth = xml.depth();
    let mut levels = Vec::new();
    while let Some(element) = xml.next_open_in(depth)? {
        let Some(kind) = element.name().split_once("-level-style").map(|(_, kind)| kind) else { continue };
        let at: usize = element.number("level").unwrap_or(levels.len() + 1);
        if !(1..=LEVELS_MAX).contains(&at) {
            continue;
        }
        if levels.len() < at {
            levels.resize(at, Level { style: NumberStyle::Bullet, ..Level::default() });
        }
        levels[at - 1] = match kind {
            // `text:outline-level-style` has no word after it and counts like a number.
            "-number" | "" => numbered(&element, at),
            _ => Level { style: NumberStyle::Bullet, ..Level::default() },
        };
    }
    Ok(levels)
}

fn numbered(element: &Element<'_>, at: usize) -> Level {
    let style = match element.attribute("num-format").as_deref() {
        Some("a") => NumberStyle::LowerLetter,
        Some("A") => NumberStyle::UpperLetter,
        Some("i") => NumberStyle::LowerRoman,
        Some("I") => NumberStyle::UpperRoman,
        None | Some("") => NumberStyle::Absent,
        Some(_) => NumberStyle::Decimal,
    };
    let above: usize = element.number("display-levels").unwrap_or(1);
    let first = at.saturating_sub(above.clamp(1, LEVELS_MAX)) + 1;
    // A pattern has one digit for a level, so the tenth stands alone.
    let counts: Vec<String> = (first.min(9)..=at.min(9)).map(|level| format!("%{level}")).collect();
    let prefix = element.attribute("num-prefix").unwrap_or_default();
    let suffix = element.attribute("num-suffix").unwrap_or_default();
    let pattern = format!("{prefix}{}{suffix}", counts.join("."));
    Level { style, pattern, start: element.number("start-value").unwrap_or(1) }
}
