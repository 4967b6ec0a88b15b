//! Office documents and e-books made of the parts that the input names (`packing.rs`): a byte for the format, then the parts.

#![no_main]

use ibid_fuzz::ingest::office::read_office;
use ibid_fuzz::packing::{PACKAGES, entries, zipped};
use ibid_fuzz::{promises, target};

target!("office_parts", |data| {
    let Some((kind, parts)) = data.split_first() else { return };
    let format = PACKAGES[usize::from(*kind) % PACKAGES.len()];
    let bytes = zipped(&entries(parts));
    promises::hold(|settings| {
        read_office(format, &bytes, &settings.office, settings.text_bytes_max, settings.html_depth_max).map(Into::into)
    });
});
