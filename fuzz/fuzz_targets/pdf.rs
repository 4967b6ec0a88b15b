//! PDF.

#![no_main]

use ibid_fuzz::ingest::pdf::{Ocr, PdfSettings, read_pdf};
use ibid_fuzz::{promises, target};

target!("pdf", |data| {
    // Pictures are unpacked only for a program, which does not run here.
    promises::hold(|settings| read_pdf(data, &PdfSettings { ocr: Ocr::Tesseract, ..settings.pdf.clone() }));
});
