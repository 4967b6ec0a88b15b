//! The runs of one Word paragraph go in, its text with its role comes out; fields give their result, deleted runs nothing.

use super::super::without_soft_hyphens;
use super::super::xml::{Element, Xml};
use super::body::Body;
use super::looks::RunProperties;
use super::styles::Meaning;
use crate::document::BlockKind;
use crate::error::Result;
use crate::ingest::blocks::{BlockWriter, title};
use crate::ingest::marks::{self, Look, Shift};
use crate::ingest::numbering::LEVELS_MAX;
use crate::ingest::symbols::{self, SignFont};

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
    /// How the run that is open is seen, and the font of signs that it is in.
    look: Look,
    font: Option<SignFont>,
    /// What floats beside the paragraph: text boxes, charts.
    beside: BlockWriter,
}

impl Line {
    /// Adds text of the run that is open.
    fn write(&mut self, text: &str) {
        self.look.write(&mut self.text, text);
    }
}

impl Body {
    /// Reads the paragraph that was opened last.
    ///
    /// # Errors
    /// As [`Body::blocks`].
    pub(super) fn paragraph(&mut self, xml: &mut Xml<'_>, into: &mut BlockWriter) -> Result<()> {
        let level = xml.depth();
        let mut line = Line { beside: BlockWriter::marked(), ..Line::default() };
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
            "r" => self.begin_run(line, &RunProperties::default()),
            "rPr" => {
                let own = RunProperties::read(xml)?;
                self.begin_run(line, &own);
            }
            "t" => {
                let text = xml.text()?;
                if !self.is_in_code() {
                    let shown = line.font.map(|font| symbols::shown(font, &text, &mut self.lost_signs));
                    line.write(shown.as_deref().unwrap_or(&text));
                }
            }
            "tab" | "ptab" => line.write("\t"),
            "br" | "cr" => line.write("\n"),
            "noBreakHyphen" => line.write("-"),
            "sym" => {
                let sign = self.sign(element);
                line.write(sign.map(String::from).as_deref().unwrap_or_default());
            }
            "fldChar" => self.field(element),
            "checkBox" => line.write(checkbox(xml)?),
            "ddList" => line.write(&choice(xml)?),
            "footnoteReference" | "endnoteReference" | "commentReference" => {
                let kind = element.name().trim_end_matches("Reference");
                let (_, mark) = self.mark_of(kind, &element.attribute("id").unwrap_or_default());
                // What a run that is not seen refers to is not referred to.
                Look { shift: Shift::Note, ..line.look }.write(&mut line.text, &mark);
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

    /// Begins a run with the properties `own`.
    fn begin_run(&mut self, line: &mut Line, own: &RunProperties) {
        (line.look, line.font) = self.styles.look(line.style.as_deref(), own);
    }

    /// A character of a font of signs.
    fn sign(&mut self, element: &Element<'_>) -> Option<char> {
        let code = u32::from_str_radix(element.attribute("char")?.trim(), 16).ok()?;
        let code = char::from_u32(code).filter(|character| !character.is_control())?;
        let name = element.attribute("font").unwrap_or_default();
        let font = SignFont::named(&name);
        let sign = match font {
            Some(font) => font.sign(code),
            // The private area of some font: nobody else knows what it shows.
            None if matches!(code, '\u{e000}'..='\u{f8ff}') => symbols::unnamed(code),
            None => Some(code),
        };
        if sign.is_none() {
            *self.lost_signs.entry(font.unwrap_or(SignFont::Unknown)).or_default() += 1;
        }
        sign
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
        let Meaning { heading, is_title, list, .. } = style;
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
        if marks::is_blank(text) {
            return;
        }
        // The number of an item that is not seen is not seen either.
        let label = label.map(|label| {
            let mut shown = String::new();
            Look { cause: marks::cause_of(text), ..Look::default() }.write(&mut shown, &label);
            shown
        });
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
