//! The slides of an OpenDocument presentation go in, each comes out as a page with its title, text and notes.

use super::super::xml::Xml;
use super::super::{Output, one_line};
use super::text::Text;
use crate::document::BlockKind;
use crate::error::Result;
use crate::ingest::blocks::BlockWriter;

/// Places of a layout that are filled with text about the slide and not of it.
const FURNITURE: &[&str] = &["page", "page-number", "header", "footer", "date-time"];

/// Reads the slides inside the element that was open at `level`.
///
/// # Errors
/// `limit_exceeded` for nesting, cells and text.
pub(super) fn read(xml: &mut Xml<'_>, level: usize, output: &mut Output, text: &mut Text) -> Result<()> {
    let mut number = 0;
    while let Some(element) = xml.next_open_in(level)? {
        if element.name() != "page" {
            continue;
        }
        number += 1;
        let style = element.attribute("style-name").unwrap_or_default();
        if text.styles.is_hidden(&style) {
            output.warn(Some(number), false, "the slide is hidden; its text was kept");
        }
        let (mut title, mut body, mut notes) = (String::new(), BlockWriter::default(), BlockWriter::default());
        let level = xml.depth();
        shapes(xml, level, text, (&mut title, &mut body, &mut notes))?;
        let mut blocks = BlockWriter::default();
        blocks.push(BlockKind::Heading { level: 1 }, &title);
        blocks.append(&body);
        // Comments belong to their slide and not to the end of the file.
        blocks.append(&std::mem::take(&mut text.notes));
        if !notes.is_empty() {
            blocks.push(BlockKind::Paragraph, "Notes");
            blocks.append(&notes);
        }
        output.page(number, &blocks)?;
    }
    Ok(())
}

/// Reads the shapes of a slide, or of its notes, to where they belong: title, body, notes.
fn shapes(
    xml: &mut Xml<'_>,
    level: usize,
    text: &mut Text,
    (title, body, notes): (&mut String, &mut BlockWriter, &mut BlockWriter),
) -> Result<()> {
    while let Some(element) = xml.next_open_in(level)? {
        let class = element.exact("presentation:class");
        match (element.name(), class.as_deref()) {
            (_, Some(class)) if FURNITURE.contains(&class) => xml.skip()?,
            (_, Some("title")) if title.is_empty() => {
                let level = xml.depth();
                let mut blocks = BlockWriter::default();
                text.blocks(xml, level, &mut blocks)?;
                *title = one_line(&blocks.finish().0);
            }
            ("notes", _) if element.has_prefix("presentation") => {
                let level = xml.depth();
                while let Some(element) = xml.next_open_in(level)? {
                    let class = element.exact("presentation:class");
                    if class.is_some_and(|class| FURNITURE.contains(&class.as_str())) {
                        xml.skip()?;
                    } else {
                        text.one(xml, &element, notes)?;
                    }
                }
            }
            _ => text.one(xml, &element, body)?,
        }
    }
    Ok(())
}
