//! `ibid show`: the text of a file exactly as it is read, with its pages and warnings.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use super::context::Context;
use super::terminal::{Look, Stream, bytes, counted, note, one_line, out, out_json, shown_path, styled, visible};
use crate::document::{BlockKind, Cell, Document, FileStatus};
use crate::error::{Error, Result};
use crate::index::prepare::path_key;
use crate::ingest::isolated::Reader;
use crate::ingest::members::{Outcome, Part};
use crate::ingest::{load, walk};

/// Options of `ibid show`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ShowOptions {
    /// The file to read
    path: PathBuf,
    /// Only this page
    #[arg(long, value_name = "N")]
    page: Option<u32>,
    /// List the headings, paragraphs, list items, tables and code with their byte spans
    #[arg(long)]
    blocks: bool,
}

/// A file as it was read.
struct Shown {
    /// Absolute path; of a file inside another, below that of the other.
    path: PathBuf,
    sha256: String,
    /// None for an archive, which has no text of its own.
    document: Option<Document>,
    /// The files inside it, without their texts.
    members: Vec<Member>,
}

/// A file inside the one that is shown.
struct Member {
    name: String,
    sha256: String,
    bytes: u64,
    /// What it was read as; none where it was not.
    format: Option<&'static str>,
    /// Why it was not.
    failed: Option<(FileStatus, String)>,
}

pub(crate) fn run(options: &ShowOptions, context: &Context) -> Result<Exit> {
    context.catch_interrupts()?;
    let Shown { path, sha256, document, members } = read(&options.path, context)?;
    let Some(document) = document else {
        if context.json {
            out_json(&folder_to_json(&path_key(&path), &sha256, &members))?;
        } else {
            out(&listed(&members))?;
        }
        return Ok(Exit::Done);
    };
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
        let mut json = to_json(&path_key(&path), &sha256, &document, options.page);
        if !members.is_empty() {
            json["members"] = members.iter().map(Member::to_json).collect();
        }
        out_json(&json)?;
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
    if !members.is_empty() {
        note(&format!("{} inside it; show one with: ibid show PATH/NAME", counted(members.len() as u64, "file")));
        note(listed(&members).trim_end());
    }
    Ok(Exit::Done)
}

/// Reads the file at `path`, or the file inside another that `path` leads to.
fn read(path: &Path, context: &Context) -> Result<Shown> {
    let resolved = || {
        path.canonicalize().map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => walk::missing(path).into(),
            _ => Error::Io { action: "read", path: path.to_path_buf(), source },
        })
    };
    let reader = Reader::new(context.settings.read.clone());
    let container = path.ancestors().skip(1).find(|path| path.is_file()).filter(|_| !path.exists());
    let (container, name) = match container.and_then(|file| Some((file, path.strip_prefix(file).ok()?.to_str()?))) {
        Some((file, name)) => (file.canonicalize().map_err(Error::io("read", file))?, name.to_owned()),
        None => (resolved()?, String::new()),
    };
    let path = if name.is_empty() { container.clone() } else { container.join(&name) };
    let source = load(&container, &context.settings.read).map_err(|error| named(&container, error.into()))?;
    let mut shown = Shown { path: path.clone(), sha256: String::new(), document: None, members: Vec::new() };
    let mut failed = None;
    let mut is_found = false;
    let folder = format!("{name}/");
    let mut take = |part: Part| {
        if part.name == name {
            (is_found, shown.sha256) = (true, part.sha256);
            match part.outcome {
                Outcome::Document(document) => shown.document = Some(*document),
                Outcome::Failed { status, reason } => failed = Some(Error::document(status, reason)),
                Outcome::Folder => {}
            }
        } else if name.is_empty() || part.name.starts_with(&folder) {
            shown.members.extend(Member::of(part, if name.is_empty() { 0 } else { folder.len() }));
        }
        Ok(())
    };
    let read = reader.read_all(&container, &source.bytes, &context.stop, &mut take);
    match failed.map_or(read.map_err(Error::from), Err) {
        Err(error) => Err(named(&path, error)),
        // A folder of an archive is not told of by itself, only what is in it.
        Ok(()) if is_found || !shown.members.is_empty() => Ok(shown),
        Ok(()) => Err(Error::usage(format!(
            "there is no {} in {}; see what is inside with: ibid show {}",
            one_line(&name),
            container.display(),
            container.display()
        ))),
    }
}

impl Member {
    /// A part whose name loses its first bytes; archives in archives are told by what is in them.
    fn of(part: Part, cut: usize) -> Option<Self> {
        let (format, failed) = match part.outcome {
            Outcome::Document(document) => (Some(document.format.name()), None),
            Outcome::Failed { status, reason } => (None, Some((status, reason))),
            Outcome::Folder => return None,
        };
        Some(Self { name: part.name[cut..].to_owned(), sha256: part.sha256, bytes: part.bytes, format, failed })
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.name,
            "document": self.sha256,
            "bytes": self.bytes,
            "format": self.format,
            "status": self.failed.as_ref().map(|(status, _)| status.name()),
            "reason": self.failed.as_ref().map(|(_, reason)| reason),
        })
    }
}

/// The files inside a file, a line each.
fn listed(members: &[Member]) -> String {
    let width = members.iter().map(|member| member.name.chars().count()).max().unwrap_or(0).min(60);
    let mut lines = String::new();
    for member in members {
        let name = one_line(&member.name);
        let what = match &member.failed {
            None => member.format.unwrap_or_default().to_owned(),
            Some((status, reason)) => {
                styled(Stream::Out, Look::Warn, &format!("{}: {}", status.name(), one_line(reason)))
            }
        };
        lines.push_str(&format!("{name:<width$}  {:>9}  {what}\n", bytes(member.bytes)));
    }
    if members.is_empty() { "there is no file inside it\n".into() } else { lines }
}

/// An archive in the form `ibid.document/1`.
fn folder_to_json(path: &str, sha256: &str, members: &[Member]) -> serde_json::Value {
    serde_json::json!({
        "schema": "ibid.document/1",
        "path": path,
        "document": sha256,
        "format": "archive",
        "title": null,
        "text": "",
        "pages": [],
        "blocks": [],
        "warnings": [],
        "members": members.iter().map(Member::to_json).collect::<Vec<_>>(),
    })
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
            BlockKind::Hidden { cause } => cause.name().into(),
            BlockKind::Quoted => "quoted".into(),
            BlockKind::Signature => "signature".into(),
            BlockKind::Metadata => "metadata".into(),
            BlockKind::Running => "running".into(),
        };
        let span = format!("{}..{}", block.span.start, block.span.end);
        let text: String = one_line(block.span.of(&document.text)).chars().take(100).collect();
        lines.push_str(&format!("{span:>17}  {}  {text}\n", styled(Stream::Out, Look::Source, &format!("{kind:<9}"))));
        if let (Some(rows), Some(columns)) =
            (block.cells.iter().map(|cell| cell.row + 1).max(), block.cells.iter().map(|cell| cell.column + 1).max())
        {
            lines.push_str(&format!("{:>17}  {:<9}  {rows} rows, {columns} columns\n", "", ""));
        }
    }
    lines
}

/// The document in the form `ibid.document/1`; `text` is whole even when one page was asked for, so that spans hold.
fn to_json(path: &str, sha256: &str, document: &Document, only: Option<u32>) -> serde_json::Value {
    let pages: Vec<_> = document
        .pages
        .iter()
        .filter(|page| only.is_none_or(|number| page.number == number))
        .map(|page| {
            let mut value =
                serde_json::json!({ "number": page.number, "start": page.span.start, "end": page.span.end });
            if let Some(label) = &page.label {
                value["label"] = label.as_str().into();
            }
            if page.is_ocr {
                value["ocr"] = true.into();
            }
            value
        })
        .collect();
    let blocks: Vec<_> = document
        .blocks
        .iter()
        .map(|block| {
            let mut value = serde_json::to_value(block.kind).expect("a block kind is plain data");
            value["start"] = block.span.start.into();
            value["end"] = block.span.end.into();
            if !block.cells.is_empty() {
                let cell = |cell: &Cell| {
                    let Cell { row, column, span } = cell;
                    serde_json::json!({ "row": row, "column": column, "start": span.start, "end": span.end })
                };
                value["cells"] = block.cells.iter().map(cell).collect();
            }
            value
        })
        .collect();
    serde_json::json!({
        "schema": "ibid.document/1",
        "path": path,
        "document": sha256,
        "format": document.format.name(),
        "title": document.title,
        "dates": document.dates,
        "text": document.text,
        "pages": pages,
        "blocks": blocks,
        "warnings": document.warnings,
    })
}
