//! reStructuredText.

#![no_main]

use ibid_fuzz::ingest::encoding::decode;
use ibid_fuzz::ingest::rst::read_rst;
use ibid_fuzz::{promises, target};

target!("rst", |data| {
    let text = decode(data, None).text;
    promises::hold(|_| Ok(read_rst(&text).into()));
});
