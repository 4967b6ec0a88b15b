//! Tables of separated values.

#![no_main]

use ibid_fuzz::ingest::encoding::decode;
use ibid_fuzz::ingest::separated::read_csv;
use ibid_fuzz::{promises, target};

target!("csv", |data| {
    let text = decode(data, None).text;
    promises::hold(|settings| Ok(read_csv(text.clone(), settings.text_bytes_max).into()));
});
