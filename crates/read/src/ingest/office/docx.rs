//! A Word package goes in, its text in reading order comes out: headers, body, notes, comments, footers (ECMA-376 part 1, 17).

mod body;
mod lists;
mod looks;
mod paragraph;
mod styles;

use std::collections::{HashMap, HashSet};

use self::body::Body;
use self::lists::Lists;
use self::styles::Styles;
use super::drawing;
use super::package::{Package, Relation};
use super::relations::{main_part, relations, targets};
use super::xml::{Node, Xml};
use super::{Output, one_line};
use crate::document::BlockKind;
use crate::error::Result;
use crate::ingest::blocks::BlockWriter;
use crate::ingest::html::read_html;
use crate::ingest::marks::plain;
use crate::ingest::numbering::{NumberStyle, written};

/// Relations that lead to embedded files whose text is not read.
const EMBEDDED: &[&str] = &["package", "oleObject", "control"];

/// Reads the package into `output`.
///
/// # Errors
/// As [`super::read_office`].
pub(super) fn read(package: &mut Package<'_>, output: &mut Output) -> Result<()> {
    let main = main_part(package, output, "word/document.xml", "word/document.xml, the text of the document")?;
    let of_main = relations(package, output, &main)?;
    let styles = match targets(&of_main, "styles").next() {
        Some(part) => Styles::read(package, output, part)?,
        None => Styles::default(),
    };
    let lists = match targets(&of_main, "numbering").next() {
        Some(part) => Lists::read(package, output, part)?,
        None => Lists::default(),
    };
    let mut body = Body::new(styles, lists, (output.cells_left, output.cells_max));
    around(package, output, &mut body, &of_main, "header")?;
    body.embedded = drawing::embedded(package, output, &of_main)?;
    body.embedded.extend(chunks(package, output, &of_main)?);
    let Some(text) = package.text(&main)? else { return Err(super::package::without_main(&main)) };
    let mut xml = Xml::new(&text, package.depth_max());
    let mut blocks = BlockWriter::marked();
    body.blocks(&mut xml, 1, &mut blocks)?;
    output.note_end(None, &main, &xml);
    output.append(&blocks)?;
    output.shown_title = body.title.take();
    for (kind, element) in [("footnotes", "footnote"), ("endnotes", "endnote"), ("comments", "comment")] {
        if let Some(part) = targets(&of_main, kind).next() {
            notes(package, output, &mut body, part, element)?;
        }
    }
    around(package, output, &mut body, &of_main, "footer")?;
    body.warn(output);
    let embedded = of_main.iter().filter(|relation| EMBEDDED.contains(&relation.kind.as_str())).count();
    if embedded > 0 {
        output.warn(
            None,
            false,
            format!("{embedded} embedded files were not read; save them on their own to index them"),
        );
    }
    Ok(())
}

/// Reads the headers or footers, each text once.
fn around(
    package: &mut Package<'_>,
    output: &mut Output,
    body: &mut Body,
    of_main: &[Relation],
    kind: &str,
) -> Result<()> {
    let mut seen = HashSet::new();
    for part in targets(of_main, kind) {
        let Some(text) = package.text(part)? else { continue };
        let mut xml = Xml::new(&text, package.depth_max());
        let mut blocks = BlockWriter::marked();
        body.blocks(&mut xml, 1, &mut blocks)?;
        output.note_end(None, part, &xml);
        let (text, found) = blocks.finish();
        if seen.insert(text.clone()) {
            for block in found {
                output.push_running(&text, &block)?;
            }
        }
    }
    body.title = None;
    Ok(())
}

/// The documents of other formats that the text includes, by relation.
fn chunks(
    package: &mut Package<'_>,
    output: &mut Output,
    of_main: &[Relation],
) -> Result<HashMap<String, BlockWriter>> {
    let mut found = HashMap::new();
    for relation in of_main.iter().filter(|relation| relation.kind == "aFChunk") {
        let Some(part) = relation.target.as_deref() else { continue };
        let is_html = ["htm", "html", "xhtml", "txt"].iter().any(|end| part.to_lowercase().ends_with(end));
        let text = if is_html { package.text(part)? } else { None };
        let Some(text) = text else {
            output.warn(
                None,
                true,
                "a part of the text is stored in another format and was not read; save the file again in Word",
            );
            continue;
        };
        let document = read_html(&text, output.html_depth_max);
        let mut blocks = BlockWriter::marked();
        for block in &document.blocks {
            blocks.push_block(&document.text, block);
        }
        found.insert(relation.id.clone(), blocks);
    }
    Ok(found)
}

/// Reads the notes or comments of one part, each after the mark that the text refers to it by.
fn notes(package: &mut Package<'_>, output: &mut Output, body: &mut Body, part: &str, element: &str) -> Result<()> {
    let of_part = relations(package, output, part)?;
    body.embedded = drawing::embedded(package, output, &of_part)?;
    let Some(text) = package.text(part)? else { return Ok(()) };
    let mut xml = Xml::new(&text, package.depth_max());
    let mut found = Vec::new();
    while let Some(node) = xml.next()? {
        let Node::Open(open) = node else { continue };
        if open.name() != element {
            continue;
        }
        // The lines that separate notes from the text are stored as notes.
        if open.attribute("type").is_some_and(|kind| kind != "normal") {
            xml.skip()?;
            continue;
        }
        let id = open.attribute("id").unwrap_or_default();
        let author = open.attribute("author").map(|author| one_line(&author)).filter(|author| !author.is_empty());
        let level = xml.depth();
        let mut blocks = BlockWriter::marked();
        body.blocks(&mut xml, level, &mut blocks)?;
        found.push((body.mark_of(element, &id), author, blocks));
    }
    output.note_end(None, part, &xml);
    // As the text refers to them; what it never refers to comes last.
    found.sort_by_key(|((order, _), _, _)| *order);
    for ((_, mark), author, blocks) in found {
        let (text, blocks) = blocks.finish();
        let author = author.map(|author| format!("{author}: ")).unwrap_or_default();
        for (at, block) in blocks.iter().enumerate() {
            let inner = block.span.of(&text);
            match at {
                0 => output.push_marked(BlockKind::Paragraph, 0, &format!("[{mark}] {}{inner}", plain(&author)))?,
                _ => output.push_block(&text, block)?,
            }
        }
    }
    Ok(())
}

/// How a note or comment is marked: its place in the order of its kind, and the words between the brackets.
fn mark(element: &str, order: u32) -> String {
    match element {
        "footnote" => order.to_string(),
        "endnote" => written(NumberStyle::LowerRoman, order),
        _ => format!("comment {order}"),
    }
}
