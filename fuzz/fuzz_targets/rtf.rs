//! Rich Text Format.

#![no_main]

use ibid_fuzz::ingest::rtf::read_rtf;
use ibid_fuzz::{promises, target};

target!("rtf", |data| {
    promises::hold(|settings| read_rtf(data, &settings.rtf).map(Into::into));
});
