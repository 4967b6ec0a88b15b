//! What any file is: a line with its name, then its bytes.

#![no_main]

use std::path::Path;

use ibid_fuzz::error::Error;
use ibid_fuzz::ingest::detect::detect;
use ibid_fuzz::{promises, seeds, target};

target!("detect", |data| {
    let (name, bytes) = seeds::named(data);
    match detect(Path::new(&name), bytes) {
        Ok(_) => {}
        Err(Error::Document { status, reason, .. }) => promises::failure(status, &reason),
        Err(other) => panic!("not an error of a document: {other}"),
    }
});
