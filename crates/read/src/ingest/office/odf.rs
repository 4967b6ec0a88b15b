//! An OpenDocument package goes in, its text, slides or sheets come out (OASIS OpenDocument 1.3, part 3).

mod sheets;
mod slides;
mod styles;
mod text;

use std::collections::HashSet;

use self::styles::Styles;
use self::text::Text;
use super::Output;
use super::package::{Package, without_main};
use super::relations::properties;
use super::xml::{Node, Xml};
use crate::document::{FileStatus, Format};
use crate::error::{Error, Result};
use crate::ingest::blocks::BlockWriter;

/// The format that the part `mimetype` names; templates are read as what they are templates of.
pub(super) fn format_of(mimetype: &str) -> Option<Format> {
    let kind = mimetype.strip_prefix("application/vnd.oasis.opendocument.")?;
    match kind.trim_end_matches("-template") {
        "text" | "text-master" | "text-web" => Some(Format::Odt),
        "spreadsheet" => Some(Format::Ods),
        "presentation" => Some(Format::Odp),
        _ => None,
    }
}

/// Reads the package into `output`.
///
/// # Errors
/// As [`super::read_office`].
pub(super) fn read(format: Format, package: &mut Package<'_>, output: &mut Output) -> Result<()> {
    if is_encrypted(package)? {
        let reason = "the document is protected by a password; save it without one to index it";
        return Err(Error::document(FileStatus::Encrypted, reason));
    }
    properties(package, output, "meta.xml")?;
    let mut styles = Styles::default();
    let of_styles = package.text("styles.xml")?;
    if let Some(text) = &of_styles {
        let mut xml = Xml::new(text, package.depth_max());
        styles.read(&mut xml)?;
        output.note_end(None, "styles.xml", &xml);
    }
    let Some(content) = package.text("content.xml")? else {
        return Err(without_main("content.xml, the text of the document"));
    };
    let depth_max = package.depth_max();
    let mut xml = Xml::new(&content, depth_max);
    let mut text = Text::new(styles, (output.cells_left, output.cells_max));
    let around = of_styles.as_deref().filter(|_| format == Format::Odt);
    if let Some(styles) = around {
        running_lines(styles, depth_max, output, &mut text, "header")?;
    }
    while let Some(node) = xml.next()? {
        let Node::Open(element) = node else { continue };
        let level = xml.depth();
        match element.name() {
            "automatic-styles" => text.styles.read_in(&mut xml, level)?,
            // The format was told from what the package says; its content has the last word.
            "text" if element.has_prefix("office") => {
                let mut blocks = BlockWriter::default();
                text.blocks(&mut xml, level, &mut blocks)?;
                output.append(&blocks)?;
            }
            "spreadsheet" => sheets::read(&mut xml, level, output, &mut text)?,
            "presentation" if element.has_prefix("office") => slides::read(&mut xml, level, output, &mut text)?,
            _ => {}
        }
    }
    output.note_end(None, "content.xml", &xml);
    output.shown_title = text.title.take();
    let notes = std::mem::take(&mut text.notes);
    output.append(&notes)?;
    if let Some(styles) = around {
        running_lines(styles, depth_max, output, &mut text, "footer")?;
    }
    text.warn(output);
    Ok(())
}

fn is_encrypted(package: &mut Package<'_>) -> Result<bool> {
    let Some(text) = package.text("META-INF/manifest.xml")? else { return Ok(false) };
    let mut xml = Xml::new(&text, package.depth_max());
    while let Some(node) = xml.next()? {
        if matches!(node, Node::Open(element) if element.name() == "encryption-data") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The headers or footers of all kinds of pages, each text once.
fn running_lines(styles: &str, depth_max: usize, output: &mut Output, text: &mut Text, kind: &str) -> Result<()> {
    let mut xml = Xml::new(styles, depth_max);
    let mut seen = HashSet::new();
    while let Some(node) = xml.next()? {
        let Node::Open(element) = node else { continue };
        // For left, first and other pages: `header`, `header-left`, `header-first`.
        if !element.has_prefix("style") || !matches!(element.name().strip_prefix(kind), Some("" | "-left" | "-first")) {
            continue;
        }
        let level = xml.depth();
        let mut blocks = BlockWriter::default();
        text.blocks(&mut xml, level, &mut blocks)?;
        let (lines, blocks) = blocks.finish();
        if seen.insert(lines.clone()) {
            for block in blocks {
                output.push_running(&lines, &block)?;
            }
        }
    }
    text.title = None;
    Ok(())
}
