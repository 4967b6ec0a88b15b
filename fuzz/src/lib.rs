//! The readers of files as the fuzz targets call them, with what each of them promises; knows nothing of the rest of the program.

pub use ibid_read::{document, error, ingest};

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
