//! Paths go in, documents come out: found, recognised, decoded and read; knows nothing of chunks, models or stores.

mod archive;
pub(crate) mod blocks;
pub mod code;
pub mod data;
mod dates;
pub mod detect;
pub mod encoding;
pub mod hidden;
pub mod html;
pub mod isolated;
mod items;
pub mod mail;
pub mod markdown;
mod marks;
pub mod members;
mod numbering;
pub mod ocr;
pub mod office;
pub mod pdf;
pub mod rst;
pub mod rtf;
pub mod separated;
mod symbols;
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

pub(crate) use self::blocks::first_lines;
use self::text::TextKind;
use crate::columns::find_headers;
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
    /// What becomes of text that a reader of the document does not see: hidden, struck out, not painted.
    pub hidden: hidden::HiddenText,
    /// Limits of reading one PDF.
    pub pdf: pdf::PdfSettings,
    /// Limits of reading one Office document or e-book.
    pub office: office::OfficeSettings,
    /// Limits of reading structured data (JSON, XML).
    pub data: data::DataSettings,
    /// Limits of reading mail.
    pub mail: mail::MailSettings,
    /// Limits of reading Rich Text.
    pub rtf: rtf::RtfSettings,
    /// Limits of reading files inside files.
    pub members: members::MembersSettings,
    /// Limits of the processes that read.
    pub process: isolated::ProcessSettings,
}

impl Default for ReadSettings {
    fn default() -> Self {
        Self {
            file_bytes_max: 256 << 20,
            text_bytes_max: 64 << 20,
            html_depth_max: 512,
            hidden: hidden::HiddenText::default(),
            pdf: pdf::PdfSettings::default(),
            office: office::OfficeSettings::default(),
            data: data::DataSettings::default(),
            mail: mail::MailSettings::default(),
            rtf: rtf::RtfSettings::default(),
            members: members::MembersSettings::default(),
            process: isolated::ProcessSettings::default(),
        }
    }
}

/// Version of what the readers make of files; raised when they read what they did not.
const READERS_VERSION: u32 = 3;

impl ReadSettings {
    /// A text that is another one whenever files may be read otherwise.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut settings = self.clone();
        // How the processes are bounded decides whether a file is read, too; where the program lies does not, and is not written.
        settings.process.enabled = true;
        let settings = serde_json::to_string(&settings).unwrap_or_default();
        let mut hash = sha256_of(format!("{READERS_VERSION} {settings}").as_bytes());
        hash.truncate(16);
        hash
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
    Ok(Source { path: path.to_path_buf(), sha256: sha256_of(&bytes), bytes })
}

/// SHA-256 of `bytes` in lower-case hexadecimal.
fn sha256_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Reads `bytes` as the document they are; `path` only helps to tell its format. A document without text is no error.
///
/// # Errors
/// [`Error::Document`]: `unsupported` for formats that are not read, `no_text` for archives, `limit_exceeded` above `text_bytes_max`,
/// `malformed` when the format's reader fails; for PDF, Office documents and e-books also what their readers say.
pub fn read(path: &Path, bytes: &[u8], settings: &ReadSettings) -> Result<Document> {
    if archive::kind_of(path, bytes).is_some() {
        return Err(is_archive());
    }
    read_whole(path, bytes, settings).map(|reading| reading.document)
}

/// The error of an archive that is asked for its text.
fn is_archive() -> Error {
    Error::document(FileStatus::NoText, "an archive: see the files inside it, which are documents of their own")
}

/// As [`read`] for what is no archive, with the files that the document holds; those of a mailbox are [`mail::members`].
fn read_whole(path: &Path, bytes: &[u8], settings: &ReadSettings) -> Result<Reading> {
    let format = detect::detect(path, bytes)?;
    // A reader that panics has met a file that its author did not think of; the next file is still read.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut reading = read_as(format, path, bytes, settings)?;
        hidden::settle(&mut reading.document, settings.hidden);
        find_headers(&mut reading.document);
        Ok(reading)
    }));
    let failed = |detail: &str| {
        let reason = format!("the {} reader failed on this file{detail}", format.name());
        Error::document(FileStatus::Malformed, reason)
    };
    let mut reading = outcome.map_err(|_| failed(""))??;
    let document = &mut reading.document;
    within_limit(document.text.len(), settings)?;
    document.check().map_err(|broken| failed(&format!(": {broken}")))?;
    document.warnings.extend(detect::mismatch(path, format));
    Ok(reading)
}

fn read_as(format: Format, path: &Path, bytes: &[u8], settings: &ReadSettings) -> Result<Reading> {
    let (text, depth) = (settings.text_bytes_max, settings.html_depth_max);
    // An empty file is empty, whatever its name says it is.
    if bytes.is_empty() {
        let document = text::read_text(String::new(), detect::text_kind(path));
        return Ok(Document { format, ..document }.into());
    }
    match format {
        Format::Pdf => pdf::read_pdf(bytes, &settings.pdf),
        Format::Docx | Format::Pptx | Format::Xlsx | Format::Odt | Format::Ods | Format::Odp | Format::Epub => {
            office::read_office(format, bytes, &settings.office, text, depth).map(Reading::from)
        }
        Format::Rtf => rtf::read_rtf(bytes, &settings.rtf).map(Reading::from),
        Format::Eml => mail::read_eml(bytes, &settings.mail, depth),
        Format::Mbox => Ok(mail::read_mbox(bytes, &settings.mail).into()),
        _ => read_decoded(format, path, bytes, settings).map(Reading::from),
    }
}

/// Reads a format that is text in some encoding.
fn read_decoded(format: Format, path: &Path, bytes: &[u8], settings: &ReadSettings) -> Result<Document> {
    let declares = format == Format::Html || bytes.starts_with(b"<?xml");
    let label = if declares { encoding::declared(bytes) } else { None };
    let decoded = encoding::decode(bytes, label.as_deref());
    within_limit(decoded.text.len(), settings)?;
    let warnings = decoded.warnings();
    let mut document = match format {
        Format::Html => html::read_html(&decoded.text, settings.html_depth_max),
        Format::Markdown => markdown::read_markdown(&decoded.text, settings.html_depth_max),
        Format::Json => data::read_json(decoded.text, &settings.data),
        Format::Jsonl => data::read_jsonl(&decoded.text, &settings.data),
        Format::Xml => data::read_xml(&decoded.text, &settings.data),
        Format::Rst => rst::read_rst(&decoded.text),
        Format::Csv => separated::read_csv(decoded.text, settings.text_bytes_max),
        Format::Code => match detect::language(path) {
            Some(language) => code::read_code(decoded.text, language),
            None => text::read_text(decoded.text, TextKind::Code),
        },
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
