//! `ibid show`: the text of a file exactly as it is read, with its pages and warnings.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use super::context::Context;
use super::terminal::{Look, Stream, note, one_line, out, out_json, shown_path, styled, visible};
use crate::document::{BlockKind, Document};
use crate::error::{Error, Result};
use crate::index::prepare::path_key;
use crate::ingest::isolated::Reader;
use crate::ingest::load;

/// Options of `ibid show`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ShowOptions {
    /// The file to read
    path: PathBuf,
    /// Only this page
    #[arg(long, value_name = "N")]
    page: Option<u32>,
    /// List the headings, paragraphs, list items and tables with their byte spans
    #[arg(long)]
    blocks: bool,
}

pub(crate) fn run(options: &ShowOptions, context: &Context) -> Result<Exit> {
    let path = options.path.canonicalize().map_err(Error::io("read", &options.path))?;
    let source = load(&path, &context.settings.read).map_err(|error| named(&path, error))?;
    let reader = Reader::new(context.settings.read.clone());
    context.catch_interrupts()?;
    let document = reader.read(&path, &source.bytes, &context.stop).map_err(|error| named(&path, error))?;
    let range = match options.page {
        None => 0..document.text.len(),
        Some(number) => {
            let page = document.pages.iter().find(|page| page.number == number).ok_or_else(|| {
                Error::usage(match document.pages.last() {
                    Some(last) => format!("{} has pages 1 to {}, not {number}", options.path.display(), last.number),
                    None => format!("{} has no pages; leave out --page", options.path.display()),
                })
            })?;
            page.span.start..page.span.end
        }
    };
    if context.json {
        out_json(&to_json(&path_key(&path), &source.sha256, &document, options.page))?;
        return Ok(Exit::Done);
    }
    for warning in &document.warnings {
        let page = warning.page.map(|page| format!("page {page}: ")).unwrap_or_default();
        note(&styled(Stream::Err, Look::Warn, &format!("warning: {page}{}", one_line(&warning.message))));
    }
    if options.blocks {
        out(&blocks(&document, &range))?;
    } else {
        let text = visible(&document.text[range]);
        out(&if text.ends_with('\n') || text.is_empty() { text } else { text + "\n" })?;
    }
    if document.text.trim().is_empty() {
        note(&format!("{} holds no text", shown_path(&path_key(&path))));
    }
    Ok(Exit::Done)
}

/// A reader says what is wrong, not with which file.
fn named(path: &Path, error: Error) -> Error {
    match error {
        Error::Document { status, reason, source } => {
            Error::Document { status, reason: format!("{}: {reason}", shown_path(&path_key(path))), source }
        }
        other => other,
    }
}

fn blocks(document: &Document, range: &std::ops::Range<usize>) -> String {
    let mut lines = String::new();
    for block in document.blocks.iter().filter(|block| range.contains(&block.span.start)) {
        let kind = match block.kind {
            BlockKind::Heading { level } => format!("heading {level}"),
            BlockKind::Paragraph => "paragraph".into(),
            BlockKind::ListItem => "list item".into(),
            BlockKind::Table => "table".into(),
            BlockKind::Code => "code".into(),
        };
        let span = format!("{}..{}", block.span.start, block.span.end);
        let text: String = one_line(block.span.of(&document.text)).chars().take(100).collect();
        lines.push_str(&format!("{span:>17}  {}  {text}\n", styled(Stream::Out, Look::Source, &format!("{kind:<9}"))));
    }
    lines
}

/// The document in the form `ibid.document/1`; `text` is whole even when one page was asked for, so that spans hold.
fn to_json(path: &str, sha256: &str, document: &Document, only: Option<u32>) -> serde_json::Value {
    let pages: Vec<_> = document
        .pages
        .iter()
        .filter(|page| only.is_none_or(|number| page.number == number))
        .map(|page| serde_json::json!({ "number": page.number, "start": page.span.start, "end": page.span.end }))
        .collect();
    let blocks: Vec<_> = document
        .blocks
        .iter()
        .map(|block| {
            let mut value = serde_json::to_value(block.kind).expect("a block kind is plain data");
            value["start"] = block.span.start.into();
            value["end"] = block.span.end.into();
            value
        })
        .collect();
    serde_json::json!({
        "schema": "ibid.document/1",
        "path": path,
        "document": sha256,
        "format": document.format.name(),
        "title": document.title,
        "text": document.text,
        "pages": pages,
        "blocks": blocks,
        "warnings": document.warnings,
    })
}
