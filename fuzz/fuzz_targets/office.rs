//! Office documents and e-books as they are: a byte for the format, then the package.

#![no_main]

use ibid_fuzz::ingest::office::read_office;
use ibid_fuzz::packing::PACKAGES;
use ibid_fuzz::{promises, target};

target!("office", |data| {
    let Some((kind, bytes)) = data.split_first() else { return };
    let format = PACKAGES[usize::from(*kind) % PACKAGES.len()];
    promises::hold(|settings| {
        read_office(format, bytes, &settings.office, settings.text_bytes_max, settings.html_depth_max).map(Into::into)
    });
});
