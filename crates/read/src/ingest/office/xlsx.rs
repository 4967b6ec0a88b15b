//! An Excel package goes in, its sheets come out in order, each a page with its cells as Excel shows them (ECMA-376 part 1, 18).
//!
//! calamine was weighed for this: it gives values and not what is shown, and holds a sheet as a full rectangle of cells.

mod sheet;
mod styles;

use std::rc::Rc;

use self::sheet::Workbook;
use self::styles::Styles;
use super::package::{Package, shown, without_main};
use super::relations::{by_id, main_part, relations, targets};
use super::xml::{Node, Xml};
use super::{Output, drawing, one_line};
use crate::document::BlockKind;
use crate::error::Result;
use crate::ingest::blocks::BlockWriter;

/// A sheet as the workbook lists it.
#[derive(Debug)]
struct Listed {
    name: String,
    id: String,
    is_hidden: bool,
}

/// Reads the package into `output`.
///
/// # Errors
/// As [`super::read_office`].
pub(super) fn read(package: &mut Package<'_>, output: &mut Output) -> Result<()> {
    let what = "xl/workbook.xml, the list of its sheets";
    let main = main_part(package, output, "xl/workbook.xml", what)?;
    let of_main = relations(package, output, &main)?;
    let Some(text) = package.text(&main)? else { return Err(without_main(what)) };
    let mut xml = Xml::new(&text, package.depth_max());
    let mut workbook = Workbook::default();
    let mut sheets = Vec::new();
    while let Some(node) = xml.next()? {
        let Node::Open(element) = node else { continue };
        match element.name() {
            "workbookPr" => workbook.is_1904 = element.is_true("date1904"),
            "sheet" => sheets.push(Listed {
                name: one_line(&element.attribute("name").unwrap_or_default()),
                id: element.prefixed("id").unwrap_or_default(),
                is_hidden: element.attribute("state").is_some_and(|state| state != "visible"),
            }),
            _ => {}
        }
    }
    output.note_end(None, &main, &xml);
    if let Some(part) = targets(&of_main, "styles").next() {
        workbook.styles = Styles::read(package, output, part)?;
    }
    if let Some(part) = targets(&of_main, "sharedStrings").next() {
        workbook.strings = strings(package, output, part)?;
    }
    let parts = by_id(&of_main);
    for (number, sheet) in (1..).zip(&sheets) {
        let mut blocks = BlockWriter::default();
        blocks.push(BlockKind::Heading { level: 1 }, &sheet.name);
        match parts.get(sheet.id.as_str()).copied() {
            Some(part) => read_sheet(package, output, &workbook, part, number, &mut blocks)?,
            None => output.warn(Some(number), true, format!("the sheet {} is not in the package", shown(&sheet.name))),
        }
        if sheet.is_hidden {
            output.warn(Some(number), false, format!("the sheet {} is hidden; its text was kept", shown(&sheet.name)));
        }
        output.page(number, &blocks)?;
    }
    Ok(())
}

/// The texts that cells refer to by number.
fn strings(package: &mut Package<'_>, output: &mut Output, part: &str) -> Result<Vec<Rc<str>>> {
    let Some(text) = package.text(part)? else { return Ok(Vec::new()) };
    let mut xml = Xml::new(&text, package.depth_max());
    let mut strings = Vec::new();
    while let Some(node) = xml.next()? {
        if let Node::Open(element) = node
            && element.name() == "si"
        {
            strings.push(sheet::rich_text(&mut xml)?.into());
        }
    }
    output.note_end(None, part, &xml);
    Ok(strings)
}

fn read_sheet(
    package: &mut Package<'_>,
    output: &mut Output,
    workbook: &Workbook,
    part: &str,
    number: u32,
    blocks: &mut BlockWriter,
) -> Result<()> {
    let of_sheet = relations(package, output, part)?;
    let Some(text) = package.text(part)? else {
        output.warn(Some(number), true, format!("the part {} of the sheet is not in the package", shown(part)));
        return Ok(());
    };
    let mut xml = Xml::new(&text, package.depth_max());
    let told = sheet::read(&mut xml, output, workbook, blocks)?;
    output.note_end(Some(number), part, &xml);
    for message in told {
        output.warn(Some(number), message.0, message.1);
    }
    drop(text);
    for part in targets(&of_sheet, "drawing") {
        read_drawing(package, output, part, number, blocks)?;
    }
    for part in targets(&of_sheet, "comments") {
        comments(package, output, part, number, blocks)?;
    }
    Ok(())
}

/// The text boxes and charts that lie over the cells.
fn read_drawing(
    package: &mut Package<'_>,
    output: &mut Output,
    part: &str,
    number: u32,
    blocks: &mut BlockWriter,
) -> Result<()> {
    let of_drawing = relations(package, output, part)?;
    let mut embedded = drawing::embedded(package, output, &of_drawing)?;
    let Some(text) = package.text(part)? else { return Ok(()) };
    let mut xml = Xml::new(&text, package.depth_max());
    while let Some(node) = xml.next()? {
        let Node::Open(element) = node else { continue };
        let id = match element.name() {
            "txBody" => {
                let level = xml.depth();
                drawing::write(&drawing::lines(&mut xml, level)?, false, blocks);
                None
            }
            "chart" => element.prefixed("id"),
            "relIds" => element.prefixed("dm"),
            "Fallback" => {
                xml.skip()?;
                None
            }
            _ => None,
        };
        if let Some(shown) = id.and_then(|id| embedded.remove(&id)) {
            blocks.append(&shown);
        }
    }
    output.note_end(Some(number), part, &xml);
    Ok(())
}

/// The notes on cells, each after the cell it belongs to.
fn comments(
    package: &mut Package<'_>,
    output: &mut Output,
    part: &str,
    number: u32,
    blocks: &mut BlockWriter,
) -> Result<()> {
    let Some(text) = package.text(part)? else { return Ok(()) };
    let mut xml = Xml::new(&text, package.depth_max());
    while let Some(node) = xml.next()? {
        if let Node::Open(element) = node
            && element.name() == "comment"
        {
            let cell = element.attribute("ref").unwrap_or_default();
            let text = one_line(&sheet::rich_text(&mut xml)?);
            if !text.is_empty() {
                blocks.push(BlockKind::Paragraph, &format!("[comment {cell}] {text}"));
            }
        }
    }
    output.note_end(Some(number), part, &xml);
    Ok(())
}
