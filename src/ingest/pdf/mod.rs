//! PDF bytes → [`Document`]: text in reading order with pages, headings, paragraphs and tables; knows nothing of files on disk.
//!
//! The steps, one file each: `file` opens and `inflate` unpacks, `interpret` draws with `font` (`encoding`, `cmap`, `metrics`,
//! `typeface`) and `matrix`, `words` collects glyphs, `rows` finds the reading order, `lines` reads rows, `furniture` sets running
//! lines apart, `blocks` gives lines their roles, `assemble` joins everything.

mod assemble;
mod blocks;
mod cmap;
mod encoding;
mod file;
mod font;
mod furniture;
mod inflate;
mod interpret;
mod lexer;
mod lines;
mod matrix;
mod metrics;
mod rows;
#[cfg(test)]
mod tests;
mod typeface;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use self::file::{PageNode, PdfFile};
use self::furniture::PageLines;
use self::interpret::{FontCache, Interpreter, text_string};
use self::lines::Line;
use self::words::PageWords;
use crate::document::{Document, FileStatus, Warning};
use crate::error::{Error, Result};

/// Limits of reading one PDF. What goes over a page's limit is left out with a warning.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PdfSettings {
    /// Pages read of one file; 1 or more.
    pub pages_max: u32,
    /// Operators run for one page, forms included.
    pub operations_max: u32,
    /// Forms (drawings used inside drawings) nested at most this deep.
    pub form_depth_max: u32,
    /// Bytes that one stream, or all content of one page, may unpack to.
    pub stream_bytes_max: usize,
    /// Bytes of stack for the thread that reads; damaged files can nest their objects deeply.
    pub stack_bytes: usize,
}

impl Default for PdfSettings {
    fn default() -> Self {
        Self {
            pages_max: 10_000,
            operations_max: 5_000_000,
            form_depth_max: 8,
            stream_bytes_max: 256 << 20,
            stack_bytes: 64 << 20,
        }
    }
}

/// Reads the text of a PDF. Blocks until done; uses one thread of its own.
///
/// A page that cannot be found or read in full, or that holds only images, gives a lossy warning; so does a file without its end. The
/// rest is read. A file without any text gives a document with empty text. Files encrypted with the empty password are read.
///
/// # Errors
/// [`Error::Document`] with the status `Encrypted` when a password is needed, `Malformed` when no structure can be found or the file
/// has neither text nor its end, `LimitExceeded` when a stream that holds objects unpacks to more than `stream_bytes_max`.
pub fn read_pdf(bytes: &[u8], settings: &PdfSettings) -> Result<Document> {
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new()
            .name("pdf".into())
            .stack_size(settings.stack_bytes)
            .spawn_scoped(scope, || read(bytes, settings));
        let damaged = |reason: &str| Error::document(FileStatus::Malformed, reason);
        match reader.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(damaged("the PDF is damaged in a way that the reader cannot handle")),
            Err(error) => {
                let reason = format!("cannot start a thread with pdf.stack_bytes = {}", settings.stack_bytes);
                Err(Error::Document { status: FileStatus::LimitExceeded, reason, source: Some(error.into()) })
            }
        }
    })
}

fn read(bytes: &[u8], settings: &PdfSettings) -> Result<Document> {
    let file = PdfFile::open(bytes, settings)?;
    let list = file.pages(settings.pages_max as usize);
    if list.pages.is_empty() {
        return Err(file.without_pages(bytes));
    }
    let is_cut = file::is_cut(bytes);
    let more = || format!("only the first pdf.pages_max = {} pages were read", settings.pages_max);
    let of_file = [is_cut.then(|| file::END_MISSING.to_string()), list.problem, list.more.then(more)];
    let mut warnings: Vec<Warning> =
        of_file.into_iter().flatten().map(|message| Warning { page: None, lossy: true, message }).collect();
    let mut fonts = FontCache::new();
    let mut pages: Vec<PageLines> = Vec::with_capacity(list.pages.len());
    for (number, node) in (1..).zip(&list.pages) {
        let Some(node) = node else {
            pages.push(PageLines::default());
            let message = "the page cannot be found in the file and was not read".to_string();
            warnings.push(Warning { page: Some(number), lossy: true, message });
            continue;
        };
        // The page's own code checks its input; this guards the rest of the file against what was not thought of.
        let lines = catch_unwind(AssertUnwindSafe(|| read_page(&file, settings, &mut fonts, node)));
        let (lines, found) = lines.unwrap_or_else(|_| {
            fonts = FontCache::new();
            (PageLines::default(), vec!["the page is damaged and was not read".to_string()])
        });
        pages.push(lines);
        warnings.extend(found.into_iter().map(|message| Warning { page: Some(number), lossy: true, message }));
    }
    furniture::set_apart(&mut pages);
    let document = assemble::assemble(&pages, title(&file), warnings);
    if is_cut && document.blocks.is_empty() {
        return Err(Error::document(FileStatus::Malformed, file::END_MISSING));
    }
    Ok(document)
}

fn read_page(
    file: &PdfFile,
    settings: &PdfSettings,
    fonts: &mut FontCache,
    node: &PageNode<'_>,
) -> (PageLines, Vec<String>) {
    let mut words = PageWords::default();
    let run = Interpreter::run_page(file, settings, fonts, &mut words, node);
    let mut problems: Vec<String> =
        run.problems.iter().map(|problem| format!("the page was not read in full: {problem}")).collect();
    if words.words.is_empty() && run.images > 0 {
        problems.push("the page is an image without text; run OCR on the file to make it searchable".into());
    } else if words.unknown > 3 && words.unknown * 50 > words.glyphs {
        let message =
            format!("{} of {} glyphs have no known character; their text is missing", words.unknown, words.glyphs);
        problems.push(message);
    }
    let regions = rows::regions(&words);
    let regions = regions.iter().map(|rows| rows.iter().map(|row| Line::read(&words, row)).collect()).collect();
    (PageLines { regions, ..PageLines::default() }, problems)
}

/// The title in the file's own description, unless it is what programs put there by themselves.
fn title(file: &PdfFile) -> Option<String> {
    let title = text_string(file.get(file.info()?, b"Title")?.as_str().ok()?);
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let title: String = title.chars().filter(|found| !found.is_control()).take(300).collect();
    let lower = title.to_lowercase();
    let letters = title.chars().filter(|found| found.is_alphabetic()).count();
    let made_up = letters * 2 < title.chars().filter(|found| !found.is_whitespace()).count()
        || ["untitled", "microsoft word", "microsoft powerpoint", "slide 1", "powerpoint presentation", "print"]
            .iter()
            .any(|start| lower.starts_with(start))
        || [
            ".doc", ".docx", ".indd", ".qxd", ".tex", ".dvi", ".pdf", ".xls", ".xlsx", ".ppt", ".pptx", ".htm", ".html",
        ]
        .iter()
        .any(|end| lower.ends_with(end));
    (letters >= 3 && !made_up).then_some(title)
}
