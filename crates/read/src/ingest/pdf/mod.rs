//! PDF bytes → [`Document`](crate::document::Document): text in reading order with pages, headings, paragraphs and tables; knows nothing of files on disk.
//!
//! The steps, one file each: `file` opens, `repair` finds more and `inflate` unpacks, `interpret` draws with `font` (`encoding`, `cmap`, `predefined`, `metrics`,
//! `typeface`) and `matrix`, `words` collects glyphs, `rows` finds the reading order, `lines` reads rows, `furniture` sets running
//! lines apart, `outline` knows headings by bookmarks, `blocks` gives lines their roles, `tabular` finds the rows of tables, `table` puts cells into columns, `ruling` finds those between lines that
//! `path` drew, `notes` reads comments and form fields,
//! `labels` and `describe` tell what the file says of its pages and of itself, `assemble` joins everything. Beside the text,
//! `attachments` takes out the files inside and `pictures` the pages to recognise the text of, which `inline` finds in content, `bilevel`
//! and `samples` unpack, `raster` joins and `tiff` turns.

mod assemble;
mod attachments;
mod bilevel;
mod blocks;
mod cmap;
mod describe;
mod encoding;
mod file;
mod font;
mod furniture;
mod inflate;
mod inline;
mod interpret;
mod labels;
mod lexer;
mod lines;
mod matrix;
mod metrics;
mod notes;
mod outline;
mod path;
mod pictures;
mod predefined;
mod raster;
mod repair;
mod rows;
mod ruling;
mod samples;
mod table;
mod tabular;
#[cfg(test)]
pub(super) mod tests;
mod tiff;
mod typeface;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use self::assemble::Description;
use self::file::{PageNode, PdfFile};
use self::furniture::PageLines;
use self::interpret::{FontCache, Interpreter};
use self::lines::Line;
pub use self::pictures::{PagePicture, PictureFormat};
use super::Reading;
use crate::document::{FileStatus, Warning};
use crate::error::{Error, Result};

/// What recognises the text of pages that are pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ocr {
    /// Nothing: such pages stay without text, with a warning.
    #[default]
    Off,
    /// The program `tesseract`.
    Tesseract,
}

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
    /// Attached files that are taken out of one PDF; 0 takes out none.
    pub attachments_max: usize,
    /// Bytes that all attached files of one PDF may unpack to together.
    pub attachment_bytes_max: usize,
    /// What recognises the text of pages that are pictures.
    pub ocr: Ocr,
    /// The languages of such pages as the program names them, joined with `+`.
    pub ocr_languages: String,
    /// Seconds that one such page may take.
    pub ocr_seconds_max: f64,
    /// Bytes of text of one such page.
    pub ocr_text_bytes_max: u64,
    /// Bytes that all pictures of pages without text of one PDF may have together.
    pub picture_bytes_max: usize,
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
            attachments_max: 100,
            attachment_bytes_max: 64 << 20,
            ocr: Ocr::Off,
            ocr_languages: "eng".into(),
            ocr_seconds_max: 60.0,
            ocr_text_bytes_max: 1 << 20,
            picture_bytes_max: 256 << 20,
            stack_bytes: 64 << 20,
        }
    }
}

/// Reads the text of a PDF and the files attached to it. Blocks until done; uses one thread of its own.
///
/// A page that cannot be found or read in full, or that holds only images, gives a lossy warning; so does a file without its end. The
/// rest is read. A file without any text gives a document with empty text. Files encrypted with the empty password are read.
///
/// # Errors
/// [`Error::Document`] with the status `Encrypted` when a password is needed, `Malformed` when no structure can be found or the file
/// has neither text nor its end, `LimitExceeded` when a stream that holds objects unpacks to more than `stream_bytes_max`.
pub fn read_pdf(bytes: &[u8], settings: &PdfSettings) -> Result<Reading> {
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
                let reason = format!("cannot start a thread with read.pdf.stack_bytes = {}", settings.stack_bytes);
                Err(Error::Document { status: FileStatus::LimitExceeded, reason, source: Some(error.into()) })
            }
        }
    })
}

fn read(bytes: &[u8], settings: &PdfSettings) -> Result<Reading> {
    let file = PdfFile::open(bytes, settings)?;
    let list = file.pages(settings.pages_max as usize);
    if list.pages.is_empty() {
        return Err(file.without_pages(bytes));
    }
    let is_cut = file::is_cut(bytes);
    let more = || format!("only the first read.pdf.pages_max = {} pages were read", settings.pages_max);
    let of_file = [is_cut.then(|| file::END_MISSING.to_string()), list.problem.clone(), list.more.then(more)];
    let mut warnings: Vec<Warning> = of_file.into_iter().flatten().map(|message| lossy(None, message)).collect();
    let mut reader = PageReader { file: &file, settings, fonts: FontCache::new(), pictures: vec![], scanned: vec![] };
    let mut pages: Vec<PageLines> = Vec::with_capacity(list.pages.len());
    for (number, node) in (1..).zip(&list.pages) {
        let Some(node) = node else {
            pages.push(PageLines::default());
            warnings.push(lossy(Some(number), "the page cannot be found in the file and was not read".to_string()));
            continue;
        };
        // The page's own code checks its input; this guards the rest of the file against what was not thought of.
        let lines = catch_unwind(AssertUnwindSafe(|| reader.read(number, node)));
        let (lines, found) = lines.unwrap_or_else(|_| {
            reader.fonts = FontCache::new();
            (PageLines::default(), vec!["the page is damaged and was not read".to_string()])
        });
        pages.push(lines);
        warnings.extend(found.into_iter().map(|message| lossy(Some(number), message)));
    }
    warnings.extend(scan_warnings(&reader.scanned, pages.len(), settings.ocr));
    let pictures = reader.pictures;
    furniture::set_apart(&mut pages);
    outline::mark(&file, &list, &mut pages);
    let description = Description {
        title: describe::title(&file),
        dates: describe::dates(&file),
        labels: labels::labels(&file, pages.len()),
    };
    let members = attachments::attachments(&file, &list, settings, &mut warnings);
    let document = assemble::assemble(&pages, description, warnings);
    if is_cut && document.blocks.is_empty() {
        return Err(Error::document(FileStatus::Malformed, file::END_MISSING));
    }
    Ok(Reading { document, members, pictures })
}

fn lossy(page: Option<u32>, message: String) -> Warning {
    Warning { page, lossy: true, message }
}

/// Reads one page after another.
struct PageReader<'a> {
    file: &'a PdfFile,
    settings: &'a PdfSettings,
    fonts: FontCache,
    pictures: Vec<PagePicture>,
    /// The numbers of pages that are images without text.
    scanned: Vec<u32>,
}

impl PageReader<'_> {
    fn read(&mut self, number: u32, node: &PageNode<'_>) -> (PageLines, Vec<String>) {
        let (mut words, run) = Interpreter::run_page(self.file, self.settings, &mut self.fonts, node);
        let mut problems: Vec<String> =
            run.problems.iter().map(|problem| format!("the page was not read in full: {problem}")).collect();
        if words.words.is_empty() && run.images > 0 {
            self.scanned.push(number);
            if self.settings.ocr != Ocr::Off {
                let used: usize = self.pictures.iter().map(|picture| picture.bytes.len()).sum();
                let bytes_max = self.settings.picture_bytes_max.saturating_sub(used);
                let made = pictures::pictures(self.file, &run.placed, run.size, bytes_max);
                let what =
                    |problem: String| format!("a picture of the page cannot be given to OCR as it is: {problem}");
                problems.extend(made.problems.into_iter().map(what));
                let files = made.files.into_iter();
                self.pictures.extend(files.map(|(bytes, format)| PagePicture { page: number, bytes, format }));
            }
        } else if words.unknown > 3 && words.unknown * 50 > words.glyphs {
            let message =
                format!("{} of {} glyphs have no known character; their text is missing", words.unknown, words.glyphs);
            problems.push(message);
        }
        let notes = notes::notes(self.file, &run.annotations);
        let tables = ruling::take_tables(&mut words, &run.rulings);
        let regions = rows::regions(&words);
        let read = |row| Line::read(&words, row, &tables);
        let regions = regions.iter().map(|rows| rows.iter().map(read).collect()).collect();
        (PageLines { regions, notes, ..PageLines::default() }, problems)
    }
}

/// Tells of pages that are images without text: page by page, or once where all pages are.
fn scan_warnings(scanned: &[u32], pages: usize, ocr: Ocr) -> Vec<Warning> {
    let advice = match ocr {
        Ocr::Off => {
            "to make it searchable, install tesseract and set read.pdf.ocr = \"tesseract\", or run OCR on the file"
        }
        Ocr::Tesseract => "nothing was recognised on it",
    };
    if pages > 1 && scanned.len() == pages {
        return vec![lossy(None, format!("pages 1 to {pages} are pictures without text; {advice}"))];
    }
    let message = || format!("the page is a picture without text; {advice}");
    scanned.iter().map(|&number| lossy(Some(number), message())).collect()
}
