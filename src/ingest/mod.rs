//! Paths go in, documents come out: found, recognised, decoded and read; knows nothing of chunks, models or stores.

pub(crate) mod blocks;
pub mod detect;
pub mod encoding;
pub mod html;
pub mod isolated;
pub mod markdown;
pub mod office;
pub mod pdf;
mod table;
pub mod text;
pub mod walk;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::document::{Document, FileStatus, Format, Member};
use crate::error::{Error, Result};

/// How much of a file is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadSettings {
    /// Bytes above which a file is not read.
    pub file_bytes_max: u64,
    /// Bytes of decoded or extracted text above which a file is not read.
    pub text_bytes_max: usize,
    /// Nesting of HTML elements above which tags are ignored.
    pub html_depth_max: usize,
    /// Limits of reading one PDF.
    pub pdf: pdf::PdfSettings,
    /// Limits of reading one Office document or e-book.
    pub office: office::OfficeSettings,
    /// Limits of the processes that read.
    pub process: isolated::ProcessSettings,
}

impl Default for ReadSettings {
    fn default() -> Self {
        Self {
            file_bytes_max: 256 << 20,
            text_bytes_max: 64 << 20,
            html_depth_max: 512,
            pdf: pdf::PdfSettings::default(),
            office: office::OfficeSettings::default(),
            process: isolated::ProcessSettings::default(),
        }
    }
}

/// What reading a file gives: its own text, and the files that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Its own text.
    pub document: Document,
    /// What it holds, in order.
    pub members: Vec<Member>,
    /// Pages to recognise the text of, in order; empty unless the settings ask for them.
    pub pictures: Vec<pdf::PagePicture>,
}

impl From<Document> for Reading {
    fn from(document: Document) -> Self {
        Self { document, members: Vec::new(), pictures: Vec::new() }
    }
}

/// The bytes of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As given.
    pub path: PathBuf,
    /// All of them.
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes in lower-case hexadecimal.
    pub sha256: String,
}

/// Reads the bytes of a file.
///
/// # Errors
/// [`Error::Document`]: `denied` when the system does not give the file, `unsupported` when it is not a regular file,
/// `limit_exceeded` when it is larger than `file_bytes_max`.
pub fn load(path: &Path, settings: &ReadSettings) -> Result<Source> {
    let denied = |source: std::io::Error| {
        let reason = match source.kind() {
            std::io::ErrorKind::NotFound => "the file is not there any more",
            std::io::ErrorKind::PermissionDenied => "you do not have permission to read the file",
            _ => "the system does not give the file",
        };
        Error::Document { status: FileStatus::Denied, reason: reason.into(), source: Some(Box::new(source)) }
    };
    // Looked at before it is opened: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(denied)?;
    if !metadata.is_file() {
        let reason = format!("{} is not a document", walk::special(metadata.file_type()));
        return Err(Error::document(FileStatus::Unsupported, reason));
    }
    let over = |bytes: u64| {
        let limit = settings.file_bytes_max;
        let reason = format!("the file has {bytes} bytes, over the limit read.file_bytes_max = {limit}");
        Error::document(FileStatus::LimitExceeded, reason)
    };
    if metadata.len() > settings.file_bytes_max {
        return Err(over(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    // The file can grow while it is read.
    let most = settings.file_bytes_max.saturating_add(1);
    File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(denied)?;
    if bytes.len() as u64 > settings.file_bytes_max {
        return Err(over(bytes.len() as u64));
    }
    let sha256 = Sha256::digest(&bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok(Source { path: path.to_path_buf(), bytes, sha256 })
}

/// Reads `bytes` as the document they are; `path` only helps to tell its format. A document without text is no error.
///
/// # Errors
/// [`Error::Document`]: `unsupported` for formats that are not read, `limit_exceeded` above `text_bytes_max`, `malformed`
/// when the format's reader fails; for PDF, Office documents and e-books also what their readers say.
pub fn read(path: &Path, bytes: &[u8], settings: &ReadSettings) -> Result<Document> {
    let format = detect::detect(path, bytes)?;
    // A reader that panics has met a file that its author did not think of; the next file is still read.
    let outcome = catch_unwind(AssertUnwindSafe(|| read_as(format, path, bytes, settings)));
    let failed = |detail: &str| {
        let reason = format!("the {} reader failed on this file{detail}", format.name());
        Error::document(FileStatus::Malformed, reason)
    };
    let mut document = outcome.map_err(|_| failed(""))??;
    within_limit(document.text.len(), settings)?;
    document.check().map_err(|broken| failed(&format!(": {broken}")))?;
    document.warnings.extend(detect::mismatch(path, format));
    Ok(document)
}

fn read_as(format: Format, path: &Path, bytes: &[u8], settings: &ReadSettings) -> Result<Document> {
    // An empty file is empty, whatever its name says it is.
    if !bytes.is_empty() {
        match format {
            Format::Pdf => return pdf::read_pdf(bytes, &settings.pdf).map(|reading| reading.document),
            Format::Docx | Format::Pptx | Format::Xlsx | Format::Odt | Format::Ods | Format::Odp | Format::Epub => {
                let (text, depth) = (settings.text_bytes_max, settings.html_depth_max);
                return office::read_office(format, bytes, &settings.office, text, depth);
            }
            Format::Markdown | Format::Html | Format::Text => {}
        }
    }
    let declares = format == Format::Html || bytes.starts_with(b"<?xml");
    let label = if declares { encoding::declared(bytes) } else { None };
    let decoded = encoding::decode(bytes, label.as_deref());
    within_limit(decoded.text.len(), settings)?;
    let warnings = decoded.warnings();
    let mut document = match format {
        Format::Html => html::read_html(&decoded.text, settings.html_depth_max),
        Format::Markdown => markdown::read_markdown(&decoded.text, settings.html_depth_max),
        _ => text::read_text(decoded.text, detect::text_kind(path)),
    };
    document.warnings.splice(0..0, warnings);
    Ok(document)
}

fn within_limit(bytes: usize, settings: &ReadSettings) -> Result<()> {
    let limit = settings.text_bytes_max;
    if bytes > limit {
        let reason = format!("the file has {bytes} bytes of text, over the limit read.text_bytes_max = {limit}");
        return Err(Error::document(FileStatus::LimitExceeded, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
