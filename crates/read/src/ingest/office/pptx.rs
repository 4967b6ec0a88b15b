//! A PowerPoint package goes in, its slides come out in order, each a page with its title, text, tables and notes (ECMA-376 part 1, 19).

use std::collections::{HashMap, HashSet};

use super::Output;
use super::drawing::{self, Line};
use super::one_line;
use super::package::{Package, shown, without_main};
use super::relations::{by_id, main_part, relations, targets};
use super::xml::{Node, Xml};
use crate::document::BlockKind;
use crate::error::Result;
use crate::ingest::blocks::BlockWriter;

/// Places of a layout that are filled with text about the slide and not of it.
const FURNITURE: &[&str] = &["sldNum", "sldImg", "hdr", "ftr", "dt"];

/// Reads the package into `output`.
///
/// # Errors
/// As [`super::read_office`].
pub(super) fn read(package: &mut Package<'_>, output: &mut Output) -> Result<()> {
    let what = "ppt/presentation.xml, the list of its slides";
    let main = main_part(package, output, "ppt/presentation.xml", what)?;
    let of_main = relations(package, output, &main)?;
    let Some(text) = package.text(&main)? else { return Err(without_main(what)) };
    let mut xml = Xml::new(&text, package.depth_max());
    let mut ids = Vec::new();
    while let Some(node) = xml.next()? {
        if let Node::Open(element) = node
            && element.name() == "sldId"
        {
            ids.push(element.prefixed("id").unwrap_or_default());
        }
    }
    output.note_end(None, &main, &xml);
    let (mut seen, mut furniture) = (HashSet::new(), HashSet::new());
    let parts = by_id(&of_main);
    for (number, id) in (1..).zip(ids) {
        match parts.get(id.as_str()).copied() {
            // A slide that is listed twice would only be found twice.
            Some(part) if seen.insert(part.to_owned()) => slide(package, output, part, number, &mut furniture)?,
            Some(_) => output.page(number, &BlockWriter::default())?,
            None => {
                output.warn(Some(number), true, "the slide is not in the package");
                output.page(number, &BlockWriter::default())?;
            }
        }
    }
    Ok(())
}

/// What a slide shows.
#[derive(Debug, Default)]
struct Slide {
    title: Option<String>,
    body: BlockWriter,
    embedded: HashMap<String, BlockWriter>,
    is_hidden: bool,
    has_hidden_shape: bool,
}

/// Which place of the layout a shape fills.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    /// Its type; none for the place of any content.
    kind: Option<String>,
    is_placeholder: bool,
}

fn slide(
    package: &mut Package<'_>,
    output: &mut Output,
    part: &str,
    number: u32,
    furniture: &mut HashSet<String>,
) -> Result<()> {
    let of_slide = relations(package, output, part)?;
    let embedded = drawing::embedded(package, output, &of_slide)?;
    let Some(text) = package.text(part)? else {
        output.warn(Some(number), true, format!("the part {} of the slide is not in the package", shown(part)));
        return output.page(number, &BlockWriter::default());
    };
    let mut xml = Xml::new(&text, package.depth_max());
    let mut slide = Slide { embedded, ..Slide::default() };
    read_slide(&mut xml, output, &mut slide, furniture)?;
    output.note_end(Some(number), part, &xml);
    if slide.is_hidden {
        output.warn(Some(number), false, "the slide is hidden; its text was kept");
    }
    if slide.has_hidden_shape {
        output.warn(Some(number), false, "the slide has hidden shapes, whose text was kept");
    }
    let mut blocks = BlockWriter::default();
    if let Some(title) = &slide.title {
        blocks.push(BlockKind::Heading { level: 1 }, title);
    }
    blocks.append(&slide.body);
    for part in targets(&of_slide, "notesSlide").take(1) {
        let notes = notes(package, output, part, number)?;
        if !notes.is_empty() {
            blocks.push(BlockKind::Paragraph, "Notes");
            blocks.append(&notes);
        }
    }
    let comments = comments(package, output, targets(&of_slide, "comments"), number)?;
    if !comments.is_empty() {
        blocks.push(BlockKind::Paragraph, "Comments");
        blocks.append(&comments);
    }
    output.page(number, &blocks)
}

fn read_slide(
    xml: &mut Xml<'_>,
    output: &mut Output,
    slide: &mut Slide,
    furniture: &mut HashSet<String>,
) -> Result<()> {
    let mut place = Place::default();
    while let Some(node) = xml.next()? {
        let Node::Open(element) = node else { continue };
        match element.name() {
            "sld" => slide.is_hidden = element.attribute("show").is_some_and(|show| !super::xml::is_on(&show)),
            "sp" | "graphicFrame" | "cxnSp" => place = Place::default(),
            "cNvPr" => slide.has_hidden_shape |= element.is_true("hidden"),
            "ph" => place = Place { kind: element.attribute("type"), is_placeholder: true },
            "txBody" => {
                let level = xml.depth();
                let lines = drawing::lines(xml, level)?;
                shape(&lines, &place, slide, furniture);
            }
            "tbl" => drawing::table(xml, output, &mut slide.body)?,
            "chart" => {
                if let Some(blocks) = element.prefixed("id").and_then(|id| slide.embedded.remove(&id)) {
                    slide.body.append(&blocks);
                }
            }
            "relIds" => {
                if let Some(blocks) = element.prefixed("dm").and_then(|id| slide.embedded.remove(&id)) {
                    slide.body.append(&blocks);
                }
            }
            "Fallback" | "timing" | "transition" => xml.skip()?,
            _ => {}
        }
    }
    Ok(())
}

/// Takes the text of one shape to the place it has on the slide.
fn shape(lines: &[Line], place: &Place, slide: &mut Slide, furniture: &mut HashSet<String>) {
    let all = || one_line(&lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join(" "));
    match place.kind.as_deref() {
        Some("title" | "ctrTitle") if slide.title.is_none() => {
            slide.title = Some(all()).filter(|title| !title.is_empty());
        }
        Some("sldNum" | "sldImg") => {}
        // Date and footer stand on every slide; once is enough.
        Some(kind) if FURNITURE.contains(&kind) => {
            let text = all();
            if furniture.insert(text.clone()) {
                slide.body.push(BlockKind::Paragraph, &text);
            }
        }
        // The place of any content is a list in nearly every layout; those of a kind are not.
        kind => drawing::write(lines, place.is_placeholder && kind.is_none_or(|kind| kind == "obj"), &mut slide.body),
    }
}

fn notes(package: &mut Package<'_>, output: &mut Output, part: &str, number: u32) -> Result<BlockWriter> {
    let mut blocks = BlockWriter::default();
    let Some(text) = package.text(part)? else { return Ok(blocks) };
    let mut xml = Xml::new(&text, package.depth_max());
    let mut kind = None;
    while let Some(node) = xml.next()? {
        let Node::Open(element) = node else { continue };
        match element.name() {
            "sp" => kind = None,
            "ph" => kind = element.attribute("type"),
            "txBody" => {
                let level = xml.depth();
                let lines = drawing::lines(&mut xml, level)?;
                if !kind.as_deref().is_some_and(|kind| FURNITURE.contains(&kind)) {
                    drawing::write(&lines, false, &mut blocks);
                }
            }
            "Fallback" => xml.skip()?,
            _ => {}
        }
    }
    output.note_end(Some(number), part, &xml);
    Ok(blocks)
}

fn comments<'r>(
    package: &mut Package<'_>,
    output: &mut Output,
    parts: impl Iterator<Item = &'r str>,
    number: u32,
) -> Result<BlockWriter> {
    let mut blocks = BlockWriter::default();
    for part in parts {
        let Some(text) = package.text(part)? else { continue };
        let mut xml = Xml::new(&text, package.depth_max());
        while let Some(node) = xml.next()? {
            let Node::Open(element) = node else { continue };
            match element.name() {
                "text" => blocks.push(BlockKind::Paragraph, &xml.text()?),
                "txBody" => {
                    let level = xml.depth();
                    drawing::write(&drawing::lines(&mut xml, level)?, false, &mut blocks);
                }
                _ => {}
            }
        }
        output.note_end(Some(number), part, &xml);
    }
    Ok(blocks)
}
