//! Any file with what is inside it: a line with its name, then its bytes.

#![no_main]

use std::path::Path;

use ibid_fuzz::{promises, seeds, target};

target!("members", |data| {
    let (name, bytes) = seeds::named(data);
    promises::hold_inside(Path::new(&name), bytes);
});
