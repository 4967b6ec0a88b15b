//! PDF.

#![no_main]

use ibid_fuzz::ingest::pdf::read_pdf;
use ibid_fuzz::{promises, target};

target!("pdf", |data| {
    promises::hold(|settings| read_pdf(data, &settings.pdf));
});
