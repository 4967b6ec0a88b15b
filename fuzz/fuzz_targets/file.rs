//! Any file: a line with its name, then its bytes.

#![no_main]

use std::path::Path;

use ibid_fuzz::ingest::read;
use ibid_fuzz::{promises, seeds, target};

target!("file", |data| {
    let (name, bytes) = seeds::named(data);
    promises::hold(|settings| Ok(read(Path::new(&name), bytes, settings)?.into()));
});
