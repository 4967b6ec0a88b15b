//! Time and stack: a byte for the format, then a start, a piece and an end with bytes 0xFF between them; the piece is repeated up to 100 kB.
//!
//! A fuzzer hardly ever grows an input to a size at which a loop inside a loop is slow. It finds the piece, and libFuzzer's `-timeout` the
//! rest.

#![no_main]

use std::path::Path;

use ibid_fuzz::ingest::{ReadSettings, read};
use ibid_fuzz::packing::{PACKAGES, package};
use ibid_fuzz::{promises, target};

/// Bytes that the pieces make up together.
const BYTES: usize = 100_000;
/// Bytes of stack of the reading thread: what threads of the program have.
const STACK_BYTES: usize = 2 << 20;
/// Formats that are no packages, by the names of their files.
const NAMES: [&str; 17] = [
    "a.rtf", "a.eml", "a.mbox", "a.html", "a.md", "a.json", "a.jsonl", "a.xml", "a.rst", "a.rs", "a.py", "a.rb",
    "a.sh", "a.sql", "a.csv", "a.txt", "a.log",
];

target!("repeated", |data| {
    let Some((kind, rest)) = data.split_first() else { return };
    let mut pieces = rest.splitn(3, |byte| *byte == 0xff);
    let (start, piece, end) = (pieces.next().unwrap_or_default(), pieces.next().unwrap_or_default(), pieces.next());
    let times = BYTES / piece.len().max(1);
    let content = [start, &piece.repeat(times), end.unwrap_or_default()].concat();
    let kind = usize::from(*kind) % (NAMES.len() + PACKAGES.len());
    let (name, bytes) = match NAMES.get(kind) {
        Some(name) => (*name, content),
        None => ("a", package(PACKAGES[kind - NAMES.len()], &content)),
    };
    let reading = || read(Path::new(name), &bytes, &ReadSettings::default());
    let read = std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, reading);
        reader.expect("a thread starts").join().expect("a panic has ended the process")
    });
    promises::reading(&read.map(Into::into));
});
