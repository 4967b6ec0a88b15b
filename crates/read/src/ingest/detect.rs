//! A name and its bytes go in, the format to read them as comes out; of packages it looks at the names of the parts.

use std::path::Path;

use super::code::Language;
use super::encoding::{has_mark, wide_without_mark};
use super::office;
use super::text::TextKind;
use crate::document::{FileStatus, Format, Warning};
use crate::error::{Error, Result};

/// Bytes at the start in which `%PDF-` counts (PDF 1.7 implementation note 13) and HTML must show itself.
const HEAD_BYTES: usize = 1024;
/// Where the name of the first entry of a zip archive stands (APPNOTE 4.3.7).
const FIRST_NAME_AT: usize = 30;
/// Bytes at the start that tell text from binary data.
const SAMPLE_BYTES: usize = 64 * 1024;

/// Formats known by their first bytes: offset, bytes, the name in plain words.
const MAGIC: &[(usize, &[u8], &str)] = &[
    (0, b"\x1f\x8b", "compressed files (.gz)"),
    (0, b"BZh", "compressed files (.bz2)"),
    (0, b"\xfd7zXZ\0", "compressed files (.xz)"),
    (0, b"\x28\xb5\x2f\xfd", "compressed files (.zst)"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip archives (.7z)"),
    (0, b"Rar!\x1a\x07", "RAR archives (.rar)"),
    (257, b"ustar", "tar archives (.tar)"),
    (0, b"%!PS", "PostScript documents (.ps)"),
    (0, b"\x89PNG\r\n\x1a\n", "images (.png)"),
    (0, b"\xff\xd8\xff", "images (.jpg)"),
    (0, b"GIF8", "images (.gif)"),
    (0, b"II*\0", "images (.tif)"),
    (0, b"MM\0*", "images (.tif)"),
    (8, b"WEBP", "images (.webp)"),
    (0, b"\0\0\x01\0", "images (.ico)"),
    (0, b"8BPS", "images (.psd)"),
    (0, b"AT&TFORM", "scanned documents (.djvu)"),
    (4, b"ftyp", "video or sound (.mp4)"),
    (8, b"WAVE", "sound (.wav)"),
    (8, b"AVI ", "video (.avi)"),
    (0, b"ID3", "sound (.mp3)"),
    (0, b"OggS", "sound or video (.ogg)"),
    (0, b"fLaC", "sound (.flac)"),
    (0, b"\x1a\x45\xdf\xa3", "video (.mkv)"),
    (0, b"\x7fELF", "executables"),
    (0, b"\xfe\xed\xfa", "executables"),
    (0, b"\xcf\xfa\xed\xfe", "executables"),
    (0, b"\xca\xfe\xba\xbe", "compiled programs"),
    (0, b"\0asm", "compiled programs (.wasm)"),
    (0, b"SQLite format 3\0", "SQLite databases"),
    (0, b"PAR1", "Parquet tables (.parquet)"),
    (0, b"!BDN", "Outlook mail stores (.pst)"),
    (0, b"ITSF", "Windows help files (.chm)"),
    (0, b"OTTO", "fonts"),
    (0, b"wOF", "fonts"),
];

/// Text formats that would be read badly as plain text: extension, the name in plain words.
const UNREAD: &[(&str, &str)] = &[
    ("mht", "saved web pages (.mht)"),
    ("mhtml", "saved web pages (.mhtml)"),
    ("svg", "images (.svg)"),
    ("ps", "PostScript documents (.ps)"),
    ("eps", "PostScript documents (.eps)"),
];

const MARKDOWN: &[&str] = &["md", "markdown", "mdown", "mkd", "mkdn", "mdx", "qmd", "rmd"];
const HTML: &[&str] = &["html", "htm", "xhtml", "xht", "shtml"];
const TABLES: &[&str] = &["csv", "tsv", "tab", "psv"];
#[rustfmt::skip]
const CODE: &[&str] = &[
    "rs", "py", "js", "mjs", "ts", "tsx", "jsx", "java", "kt", "c", "h", "cc", "cpp", "hpp", "cs", "go", "rb", "php", "pl",
    "sh", "bash", "zsh", "fish", "ps1", "bat", "sql", "r", "jl", "lua", "swift", "scala", "clj", "hs", "ml", "ex", "exs", "erl",
    "json", "jsonl", "ndjson", "json5", "yaml", "yml", "toml", "ini", "cfg", "conf", "env", "properties", "xml", "xsd", "xsl",
    "css", "scss", "log", "diff", "patch", "proto", "graphql", "tf", "gradle", "cmake", "mk", "dockerfile", "ipynb", "lock",
];

fn extension(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// The format to read `bytes` as: by what they hold first, by the name of `path` second.
///
/// # Errors
/// [`Error::Document`] with status `unsupported` for formats that are not read, naming the format.
pub fn detect(path: &Path, bytes: &[u8]) -> Result<Format> {
    let extension = extension(path);
    let extension = extension.as_str();
    if bytes.is_empty() {
        return Ok(by_extension(extension));
    }
    if is_pdf(extension, bytes) {
        return Ok(Format::Pdf);
    }
    if let Some(format) = packaged(extension, bytes)? {
        return Ok(format);
    }
    if bytes.starts_with(b"{\\rtf") {
        return Ok(Format::Rtf);
    }
    if let Some(name) = unread(extension, bytes) {
        return Err(Error::document(FileStatus::Unsupported, format!("{name} are not read yet; {}", advice(name))));
    }
    let wide = has_mark(bytes) || wide_without_mark(bytes).is_some();
    if !wide && is_binary(bytes) {
        // A damaged PDF can lack its first line; its reader says best what is wrong with it.
        if extension == "pdf" {
            return Ok(Format::Pdf);
        }
        let reason = "the file holds binary data of a kind that is not known, so there is no text to read";
        return Err(Error::document(FileStatus::Unsupported, reason));
    }
    if is_html(bytes) {
        return Ok(Format::Html);
    }
    match by_extension(extension) {
        Format::Pdf if find(bytes, b" obj").is_none() => Ok(Format::Text),
        // Plain text under the name of a package, or without what every Rich Text document starts with.
        format if is_package(format) || format == Format::Rtf => Ok(Format::Text),
        Format::Text if extension.is_empty() && is_mailbox(bytes) => Ok(Format::Mbox),
        Format::Text if extension.is_empty() && bytes.starts_with(b"<?xml") => Ok(Format::Xml),
        format => Ok(format),
    }
}

/// Whether files of the format are archives.
fn is_package(format: Format) -> bool {
    use Format::{Docx, Epub, Odp, Ods, Odt, Pptx, Xlsx};
    matches!(format, Docx | Pptx | Xlsx | Odt | Ods | Odp | Epub)
}

/// Whether the bytes start as a mailbox does, whose files often have no extension: a sender, a time, a header.
fn is_mailbox(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    let Some(end) = head.iter().position(|byte| *byte == b'\n') else { return false };
    let (first, rest) = head.split_at(end);
    let second = rest[1..].split(|byte| *byte == b'\n').next().unwrap_or_default();
    let name = second.iter().position(|byte| *byte == b':').map(|colon| &second[..colon]);
    let is_header = name.is_some_and(|name| !name.is_empty() && name.iter().all(u8::is_ascii_graphic));
    first.starts_with(b"From ") && first.contains(&b':') && is_header
}

fn by_extension(extension: &str) -> Format {
    match extension {
        "pdf" => Format::Pdf,
        "docx" | "docm" | "dotx" | "dotm" => Format::Docx,
        "pptx" | "pptm" | "ppsx" | "ppsm" | "potx" | "potm" => Format::Pptx,
        "xlsx" | "xlsm" | "xltx" | "xltm" => Format::Xlsx,
        "odt" | "ott" => Format::Odt,
        "ods" | "ots" => Format::Ods,
        "odp" | "otp" => Format::Odp,
        "epub" => Format::Epub,
        "rtf" => Format::Rtf,
        "eml" => Format::Eml,
        "mbox" | "mbx" => Format::Mbox,
        "json" | "geojson" => Format::Json,
        "jsonl" | "ndjson" => Format::Jsonl,
        "xml" | "xsd" | "xsl" | "rss" | "atom" | "dbk" | "docbook" | "dita" => Format::Xml,
        "rst" | "rest" => Format::Rst,
        _ if TABLES.contains(&extension) => Format::Csv,
        _ if Language::of_extension(extension).is_some() => Format::Code,
        _ if MARKDOWN.contains(&extension) => Format::Markdown,
        _ if HTML.contains(&extension) => Format::Html,
        _ => Format::Text,
    }
}

/// The family of the language that the name of `path` promises.
pub(crate) fn language(path: &Path) -> Option<Language> {
    Language::of_extension(&extension(path))
}

/// What kind of plain text the name of `path` promises.
pub(crate) fn text_kind(path: &Path) -> TextKind {
    match extension(path).as_str() {
        extension if TABLES.contains(&extension) => TextKind::Table,
        extension if CODE.contains(&extension) => TextKind::Code,
        _ => TextKind::Prose,
    }
}

/// A warning when the name of `path` promises another format than the one found.
pub(crate) fn mismatch(path: &Path, format: Format) -> Option<Warning> {
    let extension = extension(path);
    let named = by_extension(&extension);
    let others = ["doc", "xls", "ppt", "zip", "png", "jpg", "jpeg", "gif"];
    let promised = named != Format::Text || others.contains(&extension.as_str());
    (promised && (named != format || named == Format::Text)).then(|| {
        let message =
            format!("the name ends in .{extension} but the file holds {}; it was read as that", format.name());
        Warning { page: None, lossy: false, message }
    })
}

fn is_pdf(extension: &str, bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    let Some(at) = find(head, b"%PDF-") else { return false };
    // A text about PDF can hold the mark too; only a PDF also has an end or a binary body.
    let tail = &bytes[bytes.len().saturating_sub(HEAD_BYTES)..];
    at == 0 || extension == "pdf" || find(tail, b"%%EOF").is_some() || is_binary(bytes)
}

/// The plain name of the format when it is one of those known but not read.
fn unread(extension: &str, bytes: &[u8]) -> Option<&'static str> {
    if is_zip(bytes) {
        return Some(zip_name(bytes).unwrap_or("zip archives (.zip)"));
    }
    if bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Some(match extension {
            "doc" | "dot" => "old Word documents (.doc)",
            "xls" | "xlt" => "old Excel workbooks (.xls)",
            "ppt" | "pps" => "old PowerPoint presentations (.ppt)",
            "msg" => "Outlook messages (.msg)",
            _ => "old Office documents",
        });
    }
    let magic = MAGIC.iter().find(|(at, magic, _)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    if let Some((_, _, name)) = magic {
        return Some(name);
    }
    // Two letters alone would catch text that starts with them.
    if (bytes.starts_with(b"MZ") || bytes.starts_with(b"BM")) && is_binary(bytes) {
        return Some(if bytes[0] == b'M' { "executables (.exe)" } else { "images (.bmp)" });
    }
    UNREAD.iter().find(|(known, _)| *known == extension).map(|(_, name)| *name)
}

/// The format of an Office document or e-book; none when the bytes are anything else.
///
/// # Errors
/// `encrypted` for an Office document that a password protects.
fn packaged(extension: &str, bytes: &[u8]) -> Result<Option<Format>> {
    if office::is_encrypted(bytes) {
        let reason = "the document is protected by a password; save it without one to index it";
        return Err(Error::document(FileStatus::Encrypted, reason));
    }
    if !is_zip(bytes) {
        return Ok(None);
    }
    Ok(office::format_of(bytes).or_else(|| damaged_package(extension, bytes)))
}

/// Whether `bytes` are a zip archive of files, and no document or program that is packed in one.
pub(super) fn is_zip_archive(path: &Path, bytes: &[u8]) -> bool {
    is_zip(bytes) && packaged(&extension(path), bytes).is_ok_and(|format| format.is_none()) && zip_name(bytes).is_none()
}

/// Whether `bytes` start as a zip archive does.
pub(super) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// Whether an archive has an entry whose name starts with `entry`, or first of all an entry of this name and content.
///
/// Where the directory cannot be read, the name is looked for where names are plain bytes: at the entries and at the end. Else they would
/// be found in archives that hold such files as they are.
fn holds(bytes: &[u8], names: Option<&[String]>, entry: &[u8]) -> bool {
    if let Some(names) = names {
        let is_first = bytes.get(FIRST_NAME_AT..).is_some_and(|rest| rest.starts_with(entry));
        return is_first || names.iter().any(|name| starts_with_ignoring_case(name.as_bytes(), entry));
    }
    let head = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    let tail = &bytes[bytes.len().saturating_sub(SAMPLE_BYTES)..];
    find(head, entry).is_some() || find(tail, entry).is_some()
}

/// The format of a package whose directory cannot be read or lacks the main part; its reader says best what is wrong.
fn damaged_package(extension: &str, bytes: &[u8]) -> Option<Format> {
    let inside: [(&[u8], Format); 7] = [
        (b"mimetypeapplication/epub+zip", Format::Epub),
        (b"mimetypeapplication/vnd.oasis.opendocument.text", Format::Odt),
        (b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", Format::Ods),
        (b"mimetypeapplication/vnd.oasis.opendocument.presentation", Format::Odp),
        (b"word/document", Format::Docx),
        (b"xl/workbook.xml", Format::Xlsx),
        (b"ppt/presentation", Format::Pptx),
    ];
    let names = office::entry_names(bytes);
    let found = inside.iter().find(|(entry, _)| holds(bytes, names.as_deref(), entry)).map(|(_, format)| *format);
    let named = by_extension(extension);
    found.or_else(|| is_package(named).then_some(named))
}

/// What a zip archive is that is not read, by the names of its entries; none for an archive of files.
fn zip_name(bytes: &[u8]) -> Option<&'static str> {
    let inside: [(&[u8], &str); 5] = [
        (b"mimetypeapplication/vnd.oasis.opendocument", "OpenDocument drawings and the like"),
        (b"xl/workbook.bin", "binary Excel workbooks (.xlsb)"),
        (b"visio/document", "Visio documents (.vsdx)"),
        (b"META-INF/MANIFEST.MF", "compiled programs (.jar)"),
        (b"AndroidManifest.xml", "compiled programs (.apk)"),
    ];
    let names = office::entry_names(bytes);
    inside.iter().find(|(entry, _)| holds(bytes, names.as_deref(), entry)).map(|(_, name)| *name)
}

/// What a person can do about a format that is not read.
fn advice(name: &str) -> &'static str {
    if name.contains("archive") || name.contains("compressed") {
        "unpack the file and index what is inside"
    } else if name.contains("mages") || name.contains("scanned") {
        "run text recognition over the file and index the result"
    } else if ["documents", "workbooks", "presentations", "books", "messages", "pages", "OpenDocument"]
        .iter()
        .any(|word| name.contains(word))
    {
        "save the file as PDF, HTML or text and index that"
    } else {
        "leave the file out"
    }
}

/// Whether zero bytes or many control characters say that this is no text in a one-byte or UTF-8 encoding.
fn is_binary(bytes: &[u8]) -> bool {
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    let (mut zeros, mut controls) = (0_usize, 0_usize);
    for byte in sample {
        zeros += usize::from(*byte == 0);
        // Escapes belong to terminal logs and to ISO-2022-JP.
        controls += usize::from(*byte < 32 && !b"\t\n\r\x0b\x0c\x1b".contains(byte));
    }
    zeros * 1000 > sample.len() || controls * 10 > sample.len()
}

/// Whether the first thing in the bytes, of whatever width, is a tag that only an HTML document starts with.
fn is_html(bytes: &[u8]) -> bool {
    let head: Vec<u8> = bytes.iter().take(HEAD_BYTES * 4).filter(|byte| **byte != 0).copied().collect();
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let mut rest = head.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c == '\u{fffd}');
    loop {
        let skipped = if rest.starts_with("<!--") {
            rest.find("-->").map(|end| &rest[end + 3..])
        } else if rest.starts_with("<?xml") {
            rest.find("?>").map(|end| &rest[end + 2..])
        } else {
            None
        };
        match skipped {
            Some(after) => rest = after.trim_start(),
            None => break,
        }
    }
    ["<!doctype html", "<html", "<head>", "<head ", "<body", "<title>"].iter().any(|tag| rest.starts_with(tag))
}

fn starts_with_ignoring_case(name: &[u8], start: &[u8]) -> bool {
    name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests;
