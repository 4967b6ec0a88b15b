//! The bytes of an Office document or e-book go in, a [`Document`] comes out; macros, links and embedded programs are never run, followed or fetched.
//!
//! `package` opens the zip archive and `xml` reads its parts within limits, `relations` follows them to each other; `docx`, `pptx`, `xlsx`,
//! `odf` and `epub` know the formats. `drawing` reads what the Office formats share: text in shapes, tables, charts, diagrams. `cells`
//! writes the tables of texts and `grid` those of sheets, `number_format` shows numbers as a person sees them.

mod cells;
mod docx;
mod drawing;
mod epub;
mod grid;
mod number_format;
mod odf;
mod package;
mod pptx;
mod relations;
#[cfg(test)]
mod tests;
mod xlsx;
mod xml;

use serde::{Deserialize, Serialize};

use self::package::{Package, shown};
use self::xml::Xml;
use super::blocks::{BlockWriter, title};
use super::marks::Resolved;
use crate::document::{Block, BlockKind, ByteSpan, Dates, Document, FileStatus, Format, Page, Warning};
use crate::error::{Error, Result};

/// Warnings that a document keeps; the rest of more is told as a number.
const WARNINGS_MAX: usize = 100;

/// Limits of reading one Office document or e-book.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfficeSettings {
    /// Entries that the package may have.
    pub entries_max: usize,
    /// Bytes that one part of the package may unpack to.
    pub entry_bytes_max: u64,
    /// Bytes that all parts that are read may unpack to together; a part read twice counts twice.
    pub unpacked_bytes_max: u64,
    /// How many times its packed size a part of over 1 MiB may unpack to. Deflate reaches 1,032; sheets of real workbooks reach 100.
    pub ratio_max: u64,
    /// Nesting of XML elements.
    pub xml_depth_max: usize,
    /// Cells of all tables or sheets of one document, those that repeat others included.
    pub cells_max: usize,
}

impl Default for OfficeSettings {
    fn default() -> Self {
        Self {
            entries_max: 20_000,
            entry_bytes_max: 128 << 20,
            unpacked_bytes_max: 256 << 20,
            ratio_max: 250,
            xml_depth_max: 256,
            cells_max: 3_000_000,
        }
    }
}

/// The signature of the older container of Office files, which also holds encrypted packages (MS-CFB 2.2).
const COMPOUND_FILE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// The name of the stream that holds an encrypted package (MS-OFFCRYPTO 2.3.4.4), as such files write names.
const ENCRYPTED_PACKAGE: &[u8] = b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0";

/// Whether `bytes` are an Office document that a password protects.
#[must_use]
pub fn is_encrypted(bytes: &[u8]) -> bool {
    bytes.starts_with(COMPOUND_FILE) && bytes.windows(ENCRYPTED_PACKAGE.len()).any(|window| window == ENCRYPTED_PACKAGE)
}

/// What kind of document the package in `bytes` is, by the names of its parts; none when it is none of those that are read.
#[must_use]
pub fn format_of(bytes: &[u8]) -> Option<Format> {
    let mut package = Package::open(bytes, &OfficeSettings::default()).ok()?;
    if let Ok(Some(kind)) = package.bytes("mimetype") {
        let kind = String::from_utf8_lossy(&kind);
        if let Some(format) = odf::format_of(kind.trim()) {
            return Some(format);
        }
        if kind.trim() == "application/epub+zip" {
            return Some(Format::Epub);
        }
    }
    let named = [
        ("word/document", Format::Docx),
        ("ppt/presentation", Format::Pptx),
        ("xl/workbook.xml", Format::Xlsx),
        ("meta-inf/container.xml", Format::Epub),
    ];
    named.into_iter().find(|(prefix, _)| package.count_under(prefix) > 0).map(|(_, format)| format)
}

/// The names of the entries of the zip archive in `bytes` in lower case; none where its directory cannot be read.
pub(super) fn entry_names(bytes: &[u8]) -> Option<Vec<String>> {
    let package = Package::open(bytes, &OfficeSettings::default()).ok()?;
    Some(package.names().map(str::to_owned).collect())
}

/// Reads a document of one of the formats `Docx`, `Pptx`, `Xlsx`, `Odt`, `Ods`, `Odp` and `Epub`. Blocks until done.
///
/// Slides and sheets are pages. Text that a person can only see by asking for it (hidden text) stands in blocks of the kind `Hidden`; text
/// deleted under change tracking is left out with a warning. A part that breaks off gives its text so far and a lossy warning.
/// `text_bytes_max` bounds the text, `html_depth_max` the nesting of HTML inside.
///
/// # Errors
/// [`Error::Document`]: `malformed` when this is no package, lacks its main part or gives no text because it is broken, `encrypted` when
/// a password protects it, `limit_exceeded` with the setting's name, `unsupported` for any other format.
pub fn read_office(
    format: Format,
    bytes: &[u8],
    settings: &OfficeSettings,
    text_bytes_max: usize,
    html_depth_max: usize,
) -> Result<Document> {
    if is_encrypted(bytes) {
        let reason = "the document is protected by a password; save it without one to index it";
        return Err(Error::document(FileStatus::Encrypted, reason));
    }
    let mut package = Package::open(bytes, settings)?;
    let mut output = Output {
        writer: BlockWriter::marked(),
        text_bytes_max,
        html_depth_max,
        cells_left: settings.cells_max,
        cells_max: settings.cells_max,
        ..Output::default()
    };
    match format {
        Format::Docx => docx::read(&mut package, &mut output)?,
        Format::Pptx => pptx::read(&mut package, &mut output)?,
        Format::Xlsx => xlsx::read(&mut package, &mut output)?,
        Format::Odt | Format::Ods | Format::Odp => odf::read(format, &mut package, &mut output)?,
        Format::Epub => epub::read(&mut package, &mut output)?,
        _ => return Err(Error::document(FileStatus::Unsupported, format!("{} is no Office format", format.name()))),
    }
    output.finish(format, package.warnings)
}

/// What a reader gathers on its way through a package.
#[derive(Debug, Default)]
struct Output {
    writer: BlockWriter,
    pages: Vec<Page>,
    warnings: Vec<Warning>,
    warnings_left_out: usize,
    /// The title from the properties, and the one that the text itself shows.
    title: Option<String>,
    shown_title: Option<String>,
    dates: Dates,
    /// Why a part could not be read to its end.
    broken: Option<String>,
    text_bytes_max: usize,
    html_depth_max: usize,
    cells_left: usize,
    cells_max: usize,
}

impl Output {
    /// Adds a block of text with marks of looks.
    fn push_marked(&mut self, kind: BlockKind, indent: usize, text: &str) -> Result<()> {
        self.writer.push_indented(kind, indent, text);
        self.within_text(self.writer.len())
    }

    /// Adds a block of another text.
    fn push_block(&mut self, text: &str, block: &Block) -> Result<()> {
        self.writer.push_block(text, block);
        self.within_text(self.writer.len())
    }

    /// Adds a block of a header or footer: a running line is never a heading, whatever its style.
    fn push_running(&mut self, text: &str, block: &Block) -> Result<()> {
        match block.kind {
            BlockKind::Table => self.push_block(text, block),
            _ => self.push_marked(BlockKind::Paragraph, 0, block.span.of(text)),
        }
    }

    /// Adds the blocks of `blocks`.
    fn append(&mut self, blocks: &BlockWriter) -> Result<()> {
        self.within_text(self.writer.len().saturating_add(blocks.len()))?;
        self.writer.append(blocks);
        Ok(())
    }

    /// Adds `blocks` as page `number`, which may be empty.
    fn page(&mut self, number: u32, blocks: &BlockWriter) -> Result<()> {
        // The writer puts an empty line between what it has and what it appends.
        let before = self.writer.len();
        let gap = if blocks.is_empty() || before == 0 { 0 } else { 2 };
        self.append(blocks)?;
        self.pages.push(Page::new(number, ByteSpan::new(before + gap, self.writer.len())));
        Ok(())
    }

    /// Whether `bytes` of text are still within the limit.
    fn within_text(&self, bytes: usize) -> Result<()> {
        if bytes <= self.text_bytes_max {
            return Ok(());
        }
        let limit = self.text_bytes_max;
        let reason = format!("the file has more text than the limit read.text_bytes_max = {limit} bytes");
        Err(Error::document(FileStatus::LimitExceeded, reason))
    }

    /// Counts `cells` more.
    fn cells(&mut self, cells: usize) -> Result<()> {
        match self.cells_left.checked_sub(cells) {
            Some(left) => self.cells_left = left,
            None => return Err(over("cells of tables: more than", "cells_max", self.cells_max)),
        }
        Ok(())
    }

    /// Notes what happened, once.
    fn warn(&mut self, page: Option<u32>, lossy: bool, message: impl Into<String>) {
        let warning = Warning { page, lossy, message: message.into() };
        // The first loss is kept however late it comes: it decides the status of the file.
        let is_first_loss = lossy && self.warnings.iter().all(|warning| !warning.lossy);
        if self.warnings.len() >= WARNINGS_MAX && !is_first_loss {
            self.warnings_left_out += 1;
        } else if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Notes what became of tracked changes and of hidden text.
    fn warn_of_changes(&mut self, has_deleted: bool, has_hidden: bool) {
        if has_deleted {
            let message = "the document has tracked changes; deleted text was left out, inserted text was kept";
            self.warn(None, false, message);
        }
        if has_hidden {
            self.warn(None, false, "the document has hidden text, which was kept");
        }
    }

    /// Notes what the end of reading the part `name` says about it.
    fn note_end(&mut self, page: Option<u32>, name: &str, xml: &Xml<'_>) {
        if let Some(broken) = &xml.broken {
            let message = format!("the part {} is damaged ({broken}); its text was read up to there", shown(name));
            self.broken.get_or_insert_with(|| message.clone());
            self.warn(page, true, message);
        }
        if xml.entities_left_out > 0 {
            let message = format!(
                "the part {} uses {} entities of its own, which are never expanded; they were left out",
                shown(name),
                xml.entities_left_out
            );
            self.warn(page, true, message);
        }
    }

    /// The document; without any text from a broken part it is an error.
    fn finish(mut self, format: Format, told: Vec<Warning>) -> Result<Document> {
        let Resolved { text, blocks, warnings: guessed } = self.writer.resolve(&mut self.pages);
        let mut warnings = told;
        warnings.extend(self.warnings);
        warnings.extend(guessed);
        if text.is_empty()
            && let Some(broken) = self.broken
        {
            return Err(malformed(broken));
        }
        // A package whose only text could not be unpacked is broken too.
        if text.is_empty()
            && let Some(lost) = warnings.iter().find(|warning| warning.lossy)
        {
            return Err(malformed(lost.message.clone()));
        }
        if self.warnings_left_out > 0 {
            let message = format!("{} more warnings were left out", self.warnings_left_out);
            warnings.push(Warning { page: None, lossy: false, message });
        }
        let heading = || {
            let block = blocks.iter().find(|block| matches!(block.kind, BlockKind::Heading { .. }))?;
            title(block.span.of(&text))
        };
        // The first heading of a workbook is the name of a sheet, which says nothing of the whole.
        let is_named = !matches!(format, Format::Xlsx | Format::Ods);
        let title = self.title.or(self.shown_title).or_else(|| heading().filter(|_| is_named));
        Ok(Document {
            format,
            title,
            dates: self.dates,
            text,
            pages: self.pages,
            blocks,
            warnings,
            ..Document::default()
        })
    }
}

/// `text` as one line of single-spaced words, as it stands in a cell.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` without the hyphens that only show at the end of a line.
fn without_soft_hyphens(text: &str) -> String {
    text.replace('\u{ad}', "")
}

/// The error of a limit that is exceeded: `what` and then the setting.
fn over(what: &str, setting: &str, limit: impl std::fmt::Display) -> Error {
    Error::document(FileStatus::LimitExceeded, format!("{what} the limit read.office.{setting} = {limit}"))
}

fn malformed(reason: impl Into<String>) -> Error {
    Error::document(FileStatus::Malformed, reason)
}
