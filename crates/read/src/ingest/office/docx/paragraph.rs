//! The runs of one Word paragraph go in, its text with its role comes out; fields give their result, deleted runs nothing.

use crate::ingest::numbering::LEVELS_MAX;
use super::super::without_soft_hyphens;
use super::super::xml::{Element, Xml};
use super::body::Body;
use super::styles::Meaning;
use crate::document::BlockKind;
use crate::error::Result;
use crate::ingest::blocks::{BlockWriter, title};

/// Spaces that a list inside a list is set in by.
const INDENT: usize = 2;
/// Characters from which a paragraph is running text, whatever its style says.
const HEADING_CHARS_MAX: usize = 300;
/// Fields inside fields that are followed.
const FIELDS_MAX: usize = 64;

/// A paragraph that is being read.
#[derive(Debug, Default)]
struct Line {
    text: String,
    style: Option<String>,
    list: Option<String>,
    list_level: Option<usize>,
    outline: Option<u8>,
    /// Whether the run that is open is hidden.
    is_hidden: bool,
    /// What floats beside the paragraph: text boxes, charts.
    beside: BlockWriter,
}

impl Body {
    /// Reads the paragraph that was opened last.
    ///
    /// # Errors
    /// As [`Body::blocks`].
    pub(super) fn paragraph(&mut self, xml: &mut Xml<'_>, into: &mut BlockWriter) -> Result<()> {
        let level = xml.depth();
        let mut line = Line::default();
        while let Some(element) = xml.next_open_in(level)? {
            self.inline(xml, &element, &mut line)?;
        }
        // A field whose code does not end in its paragraph is damaged and must not swallow the rest.
        self.fields.fill(false);
        let beside = std::mem::take(&mut line.beside);
        self.end_paragraph(line, into);
        into.append(&beside);
        Ok(())
    }

    fn inline(&mut self, xml: &mut Xml<'_>, element: &Element<'_>, line: &mut Line) -> Result<()> {
        match element.name() {
            "pPr" => properties(xml, line)?,
            "r" => line.is_hidden = false,
            "rPr" => line.is_hidden |= is_hidden(xml)?,
            "t" => {
                let text = xml.text()?;
                if !self.is_in_code() {
                    self.has_hidden |= line.is_hidden && !text.trim().is_empty();
                    line.text.push_str(&text);
                }
            }
            "tab" | "ptab" => line.text.push('\t'),
            "br" | "cr" => line.text.push('\n'),
            "noBreakHyphen" => line.text.push('-'),
            "sym" => line.text.extend(symbol(element)),
            "fldChar" => self.field(element),
            "checkBox" => line.text.push_str(checkbox(xml)?),
            "ddList" => line.text.push_str(&choice(xml)?),
            "footnoteReference" | "endnoteReference" | "commentReference" => {
                let kind = element.name().trim_end_matches("Reference");
                let (_, mark) = self.mark_of(kind, &element.attribute("id").unwrap_or_default());
                // A comment has no mark in the line, so it needs room.
                let space = if kind == "comment" { " " } else { "" };
                line.text.push_str(&format!("{space}[{mark}]"));
            }
            "txbxContent" => {
                let level = xml.depth();
                let fields = std::mem::take(&mut self.fields);
                let outcome = self.blocks(xml, level, &mut line.beside);
                self.fields = fields;
                outcome?;
            }
            "chart" => self.show(element.prefixed("id"), &mut line.beside),
            "relIds" => self.show(element.prefixed("dm"), &mut line.beside),
            // A paragraph of another kind inside a drawing.
            "p" if !line.text.is_empty() => line.text.push('\n'),
            // Formulas in one line: a fraction as a/b, a power as a^b.
            "den" => line.text.push('/'),
            "sup" => line.text.push('^'),
            "sub" => line.text.push('_'),
            "del" | "moveFrom" => self.leave_out(xml)?,
            "instrText" | "delText" | "delInstrText" | "sdtPr" | "rt" | "Fallback" | "ctrlPr" | "rPrChange" => {
                xml.skip()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn is_in_code(&self) -> bool {
        self.fields.iter().any(|in_code| *in_code)
    }

    /// A field starts with its code; its result follows until its end.
    fn field(&mut self, element: &Element<'_>) {
        match element.attribute("fldCharType").as_deref() {
            Some("begin") if self.fields.len() < FIELDS_MAX => self.fields.push(true),
            Some("separate") => {
                if let Some(in_code) = self.fields.last_mut() {
                    *in_code = false;
                }
            }
            Some("end") => {
                self.fields.pop();
            }
            _ => {}
        }
    }

    fn end_paragraph(&mut self, line: Line, into: &mut BlockWriter) {
        let style = line.style.as_deref().map(|style| self.styles.meaning(style)).unwrap_or_default();
        let Meaning { heading, is_title, list, is_hidden } = style;
        let text = without_soft_hyphens(&line.text);
        let text = text.trim();
        let by_style = list.map(|(id, level)| {
            let of_style = || self.lists.level_of_style(&id, line.style.as_deref().unwrap_or_default());
            let level = level.or_else(of_style).unwrap_or(0);
            (id, level)
        });
        let list = match (line.list, by_style) {
            (Some(id), of_style) => Some((id, line.list_level.or(of_style.map(|(_, level)| level)).unwrap_or(0))),
            (None, Some((id, level))) => Some((id, line.list_level.unwrap_or(level))),
            (None, None) => None,
        };
        // An item without text is counted all the same.
        let label = list.as_ref().and_then(|(id, level)| self.lists.next(id, *level));
        if text.is_empty() {
            return;
        }
        self.has_hidden |= is_hidden;
        if is_title && self.title.is_none() {
            self.title = title(text);
        }
        let heading = match line.outline {
            Some(outline) => (outline < 9).then(|| (outline + 1).min(6)),
            None => heading,
        };
        let heading = heading.filter(|_| text.chars().nth(HEADING_CHARS_MAX).is_none());
        let level = list.map_or(0, |(_, level)| level.min(LEVELS_MAX));
        match (heading, label) {
            (Some(level), Some(label)) if label != "-" => {
                into.push(BlockKind::Heading { level }, &format!("{label} {text}"));
            }
            (Some(level), _) => into.push(BlockKind::Heading { level }, text),
            (None, Some(label)) => into.push_indented(BlockKind::ListItem, level * INDENT, &format!("{label} {text}")),
            (None, None) => into.push(BlockKind::Paragraph, text),
        }
    }
}

fn properties(xml: &mut Xml<'_>, line: &mut Line) -> Result<()> {
    let level = xml.depth();
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "pStyle" => line.style = element.attribute("val"),
            "outlineLvl" => line.outline = element.number("val"),
            "numId" => line.list = element.attribute("val"),
            "ilvl" => line.list_level = element.number("val"),
            // The paragraph's mark, its former properties, and the section that ends with it.
            "rPr" | "pPrChange" | "sectPr" | "numberingChange" => xml.skip()?,
            _ => {}
        }
    }
    Ok(())
}

fn is_hidden(xml: &mut Xml<'_>) -> Result<bool> {
    let level = xml.depth();
    let mut is_hidden = false;
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "vanish" => is_hidden = element.is_switched_on(),
            "rPrChange" => xml.skip()?,
            _ => {}
        }
    }
    Ok(is_hidden)
}

/// The box of a form that can be ticked.
fn checkbox(xml: &mut Xml<'_>) -> Result<&'static str> {
    let level = xml.depth();
    let (mut default, mut checked) = (false, None);
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "default" => default = element.is_switched_on(),
            "checked" => checked = Some(element.is_switched_on()),
            _ => {}
        }
    }
    Ok(if checked.unwrap_or(default) { "[x]" } else { "[ ]" })
}

/// What is chosen in the list of a form.
fn choice(xml: &mut Xml<'_>) -> Result<String> {
    let level = xml.depth();
    let mut chosen = 0_usize;
    let mut entries = Vec::new();
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "default" | "result" => chosen = element.number("val").unwrap_or(chosen),
            "listEntry" => entries.push(element.attribute("val").unwrap_or_default()),
            _ => {}
        }
    }
    Ok(entries.into_iter().nth(chosen).unwrap_or_default())
}

/// A character of a font of signs; what such fonts draw is no text but for boxes, ticks and dots.
fn symbol(element: &Element<'_>) -> Option<char> {
    let code = u32::from_str_radix(element.attribute("char")?.trim(), 16).ok()?;
    match code {
        0xF0A8 | 0xF06F | 0xF071 | 0xF072 => Some('☐'),
        0xF0FE => Some('☑'),
        0xF078 | 0xF0FD => Some('☒'),
        0xF0FC => Some('✓'),
        0xF0FB => Some('✗'),
        0xF0B7 | 0xF0A7 => Some('•'),
        0xF0E0 => Some('→'),
        // The private area of the font: nobody else knows what it shows.
        0xE000..=0xF8FF => None,
        _ => char::from_u32(code).filter(|character| !character.is_control()),
    }
}
