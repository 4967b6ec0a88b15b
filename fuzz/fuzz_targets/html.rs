//! HTML.

#![no_main]

use ibid_fuzz::ingest::encoding::decode;
use ibid_fuzz::ingest::html::read_html;
use ibid_fuzz::{promises, target};

target!("html", |data| {
    let text = decode(data, None).text;
    promises::hold(|settings| Ok(read_html(&text, settings.html_depth_max).into()));
});
