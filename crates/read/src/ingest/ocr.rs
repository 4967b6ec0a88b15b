//! A document whose pages are pictures and the pictures go in, the document with the text that an installed program recognises comes out.
//!
//! The program runs beside this one, not in the child that read the file: that may start nothing. It gets the picture on its standard
//! input and no name of a file.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::pdf::{Ocr, PagePicture, PdfSettings};
use crate::document::{Block, BlockKind, ByteSpan, Document, Page, Warning};
use crate::error::{Error, Result};

/// How often it is looked whether the program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What a person does about a program that is not there.
const INSTALL: &str = "install it (Debian and Ubuntu: apt install tesseract-ocr; macOS: brew install tesseract)";

/// Recognises the text of the pages whose pictures are given. A picture that cannot be read leaves a warning on its page.
///
/// # Errors
/// [`Error::Interrupted`] once `stop` is set.
pub fn recognise(
    document: Document,
    pictures: &[PagePicture],
    settings: &PdfSettings,
    stop: &AtomicBool,
) -> Result<Document> {
    if pictures.is_empty() || settings.ocr == Ocr::Off {
        return Ok(document);
    }
    let mut recognised = Vec::new();
    let mut warnings = Vec::new();
    for picture in pictures {
        match tesseract(picture, settings, stop) {
            Ok(text) => recognised.push((picture.page, text)),
            Err(Failed::Stopped) => return Err(Error::Interrupted),
            Err(Failed::Missing) => {
                let message = format!("text in pictures is not read: tesseract is not installed; {INSTALL}");
                warnings.push(Warning { page: None, lossy: true, message });
                break;
            }
            Err(Failed::Words(words)) => {
                let message = format!("tesseract cannot read the picture: {words}");
                warnings.push(Warning { page: Some(picture.page), lossy: true, message });
            }
        }
    }
    let mut document = with_texts(&document, &recognised);
    document.warnings.extend(warnings);
    Ok(document)
}

/// Why there is no text.
enum Failed {
    Stopped,
    Missing,
    Words(String),
}

fn tesseract(picture: &PagePicture, settings: &PdfSettings, stop: &AtomicBool) -> Result<String, Failed> {
    let words = |error: std::io::Error| Failed::Words(error.to_string());
    let mut command = Command::new("tesseract");
    command.args(["stdin", "stdout", "-l", &settings.ocr_languages, "--dpi", "300"]);
    // It would take every core for one picture, and the embedder has them.
    command.env("OMP_THREAD_LIMIT", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failed::Missing,
        _ => words(error),
    })?;
    let until =
        Instant::now() + Duration::try_from_secs_f64(settings.ocr_seconds_max.max(0.0)).unwrap_or(Duration::MAX / 4);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A program that does not read to the end says why on its standard error.
            let _ = stdin.map(|mut stdin| stdin.write_all(&picture.bytes));
        });
        let read = |pipe: Option<Box<dyn std::io::Read + Send>>| {
            let mut bytes = Vec::new();
            let _ = pipe.map(|pipe| pipe.take(settings.ocr_text_bytes_max).read_to_end(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let text = scope.spawn(move || read(stdout.map(|pipe| Box::new(pipe) as _)));
        let said = scope.spawn(move || read(stderr.map(|pipe| Box::new(pipe) as _)));
        let ended = loop {
            match child.try_wait() {
                Ok(Some(status)) => break Ok(status),
                Ok(None) if stop.load(Ordering::Relaxed) => break Err(Failed::Stopped),
                Ok(None) if Instant::now() >= until => {
                    let limit = settings.ocr_seconds_max;
                    break Err(Failed::Words(format!("it takes longer than read.pdf.ocr_seconds_max = {limit}")));
                }
                Ok(None) => std::thread::sleep(LOOK_EVERY),
                Err(error) => break Err(words(error)),
            }
        };
        if ended.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let (text, said) = (text.join().unwrap_or_default(), said.join().unwrap_or_default());
        match ended {
            Ok(status) if status.success() => Ok(text),
            Ok(status) => {
                let said = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned();
                Err(Failed::Words(if said.is_empty() { format!("it ended with {status}") } else { said }))
            }
            Err(failed) => Err(failed),
        }
    })
}

/// The document with texts in place of those of its pages, each paragraph a block. What was said of these pages as pictures is taken back.
fn with_texts(document: &Document, texts: &[(u32, String)]) -> Document {
    let text_of = |number: u32| {
        let of_page = texts.iter().filter(|(page, _)| *page == number);
        of_page.flat_map(|(_, text)| paragraphs(text)).collect::<Vec<_>>()
    };
    let mut made =
        Document { text: String::new(), pages: vec![], blocks: vec![], warnings: vec![], ..document.clone() };
    let mut is_blank = true;
    for page in &document.pages {
        let new = text_of(page.number);
        let old: Vec<&Block> = document.blocks.iter().filter(|block| page.span.contains(block.span)).collect();
        let has_text = !new.is_empty() || !old.is_empty();
        if has_text && !is_blank {
            made.text.push_str("\n\n");
        }
        is_blank &= !has_text;
        let start = made.text.len();
        // Where a page has text of its own beside the picture, that comes first.
        if !old.is_empty() {
            let moved = |span: ByteSpan| {
                ByteSpan::new(span.start - page.span.start + start, span.end - page.span.start + start)
            };
            made.text.push_str(page.span.of(&document.text));
            for block in old {
                let mut block = block.clone();
                block.span = moved(block.span);
                block.cells.iter_mut().for_each(|cell| cell.span = moved(cell.span));
                // One on another page may have moved otherwise.
                block.header = block.header.filter(|header| page.span.contains(*header)).map(moved);
                made.blocks.push(block);
            }
        }
        let is_ocr = !new.is_empty();
        for paragraph in new {
            if made.text.len() > start {
                made.text.push_str("\n\n");
            }
            let from = made.text.len();
            made.text.push_str(&paragraph);
            made.blocks.push(Block::new(BlockKind::Paragraph, ByteSpan::new(from, made.text.len())));
        }
        let span = ByteSpan::new(start, made.text.len());
        made.pages.push(Page { is_ocr, span, ..page.clone() });
        if is_ocr {
            let message = "the text was recognised from the picture of the page and may have errors".to_owned();
            made.warnings.push(Warning { page: Some(page.number), lossy: false, message });
        }
    }
    let is_done = |number: u32| made.pages.iter().any(|page| page.number == number && page.is_ocr);
    let all_done = made.pages.iter().all(|page| page.is_ocr || !page.span.is_empty());
    let is_settled =
        |warning: &&Warning| warning.message.contains("without text") && warning.page.map_or(all_done, is_done);
    let mut warnings: Vec<Warning> = document.warnings.iter().filter(|warning| !is_settled(warning)).cloned().collect();
    warnings.append(&mut made.warnings);
    Document { warnings, ..made }
}

/// Recognised text as paragraphs without control characters, their lines joined.
fn paragraphs(text: &str) -> Vec<String> {
    let clean: String = text.chars().map(|c| if c == '\u{c}' { '\n' } else { c }).collect();
    let paragraphs = clean.split("\n\n").map(|paragraph| {
        let words =
            paragraph.split_whitespace().map(|word| word.chars().filter(|c| !c.is_control()).collect::<String>());
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    });
    paragraphs.filter(|paragraph| !paragraph.is_empty()).collect()
}

#[cfg(test)]
mod tests;
