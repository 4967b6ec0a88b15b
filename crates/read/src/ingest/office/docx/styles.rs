//! The styles of a Word document go in, which of them are headings, titles or list items comes out (ECMA-376 part 1, 17.7).

use std::collections::HashMap;

use super::super::Output;
use super::super::package::Package;
use super::super::xml::{Node, Xml};
use super::looks::{RunProperties, Sources};
use crate::error::Result;
use crate::ingest::marks::Look;
use crate::ingest::symbols::SignFont;

/// Styles that build on each other, followed at most this far; real chains have under ten.
const CHAIN_MAX: usize = 32;
/// The outline level of body text.
const BODY: u8 = 9;

/// What a style says of a paragraph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The level of a heading, 1 to 6.
    pub(super) heading: Option<u8>,
    /// Whether this is the title of the document.
    pub(super) is_title: bool,
    /// The list and, where the style says, the level in it.
    pub(super) list: Option<(String, Option<usize>)>,
    /// What it says of its runs.
    pub(super) runs: RunProperties,
}

#[derive(Debug, Clone, Default)]
struct Style {
    name: String,
    based_on: Option<String>,
    outline: Option<u8>,
    list: Option<String>,
    list_level: Option<usize>,
    runs: RunProperties,
}

/// All styles by id.
#[derive(Debug, Default)]
pub(super) struct Styles {
    by_id: HashMap<String, Style>,
    /// What holds for every run that nothing else is said of.
    defaults: RunProperties,
    known: HashMap<String, Meaning>,
}

impl Styles {
    /// Reads the part `part`.
    ///
    /// # Errors
    /// As [`Package::text`].
    pub(super) fn read(package: &mut Package<'_>, output: &mut Output, part: &str) -> Result<Self> {
        let Some(text) = package.text(part)? else { return Ok(Self::default()) };
        let mut xml = Xml::new(&text, package.depth_max());
        let mut styles = HashMap::new();
        let mut defaults = RunProperties::default();
        while let Some(node) = xml.next()? {
            let Node::Open(element) = node else { continue };
            if element.name() == "rPrDefault" {
                defaults = RunProperties::read(&mut xml)?;
            } else if element.name() == "style"
                && let Some(id) = element.attribute("styleId")
            {
                let style = style(&mut xml)?;
                styles.insert(id, style);
            }
        }
        output.note_end(None, part, &xml);
        Ok(Self { by_id: styles, defaults, known: HashMap::new() })
    }

    /// The look of a run with the properties `own` in a paragraph of the style `paragraph`, and the font of signs that it is in.
    pub(super) fn look(&mut self, paragraph: Option<&str>, own: &RunProperties) -> (Look, Option<SignFont>) {
        let of_paragraph = paragraph.map(|style| self.meaning(style).runs).unwrap_or_default();
        let of_characters = own.style.as_deref().map(|style| self.meaning(style).runs).unwrap_or_default();
        let sources =
            Sources { defaults: &self.defaults, of_paragraph: &of_paragraph, of_characters: &of_characters, own };
        (sources.look(), sources.font())
    }

    /// What the style `id` says.
    pub(super) fn meaning(&mut self, id: &str) -> Meaning {
        if let Some(known) = self.known.get(id) {
            return known.clone();
        }
        let meaning = self.follow(id);
        self.known.insert(id.to_owned(), meaning.clone());
        meaning
    }

    /// Along the styles that `id` builds on; the nearest that says something decides.
    fn follow(&self, id: &str) -> Meaning {
        let mut meaning = Meaning::default();
        let (mut outline, mut named, mut list_level) = (None, None, None);
        let mut at = Some(id);
        for _ in 0..CHAIN_MAX {
            let Some(id) = at else { break };
            let Some(style) = self.by_id.get(id) else {
                // Some writers use the well-known ids and define none of them.
                named = named.or_else(|| heading_name(id));
                meaning.is_title |= id.eq_ignore_ascii_case("title");
                break;
            };
            outline = outline.or(style.outline);
            named = named.or_else(|| heading_name(&style.name));
            meaning.is_title |= style.name.eq_ignore_ascii_case("title");
            list_level = list_level.or(style.list_level);
            meaning.runs.or(&style.runs);
            if meaning.list.is_none() {
                meaning.list = style.list.clone().map(|list| (list, None));
            }
            at = style.based_on.as_deref();
        }
        meaning.heading = match outline {
            Some(BODY..) => None,
            Some(level) => Some(level + 1),
            None => named,
        };
        if meaning.is_title {
            meaning.heading = meaning.heading.or(Some(1));
        }
        meaning.heading = meaning.heading.map(|level| level.min(6));
        if let Some((_, level)) = &mut meaning.list {
            *level = list_level;
        }
        meaning
    }
}

/// The level that a style's name states. Word stores the names of its own styles in English whatever its language.
fn heading_name(name: &str) -> Option<u8> {
    let name = name.to_ascii_lowercase();
    let level = name.strip_prefix("heading")?.trim().parse().ok()?;
    (1..=9).contains(&level).then_some(level)
}

fn style(xml: &mut Xml<'_>) -> Result<Style> {
    let level = xml.depth();
    let mut style = Style::default();
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "name" => style.name = element.attribute("val").unwrap_or_default(),
            "basedOn" => style.based_on = element.attribute("val"),
            "outlineLvl" => style.outline = element.number("val"),
            "numId" => style.list = element.attribute("val"),
            "ilvl" => style.list_level = element.number("val"),
            // What only some cells of a table style get is no property of the style.
            "tblStylePr" | "pPrChange" | "rPrChange" => xml.skip()?,
            _ => style.runs.take(&element),
        }
    }
    Ok(style)
}
