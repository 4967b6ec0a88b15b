//! The readers of files as the fuzz targets call them, with what each of them promises; knows nothing of the rest of the program.
//!
//! The readers are compiled from where they are. They need nothing of the program but these files beside them, and of `error.rs` only
//! what stands in the copy here.

// Much of what readers offer is for the rest of the program.
#![allow(dead_code)]

#[path = "../../src/data_folder.rs"]
pub mod data_folder;
#[path = "../../src/document.rs"]
pub mod document;
pub mod error;
#[path = "../../src/ingest/mod.rs"]
pub mod ingest;

pub mod packing;
pub mod promises;
pub mod seeds;

/// A fuzz target: what runs for each input `data`. Told a folder in `IBID_FUZZ_SEEDS`, it writes its first inputs there and ends.
#[macro_export]
macro_rules! target {
    ($name:literal, |$data:ident| $body:expr) => {
        libfuzzer_sys::fuzz_target!(
            init: $crate::seeds::write_if_asked($name),
            |$data: &[u8]| { $body }
        );
    };
}
