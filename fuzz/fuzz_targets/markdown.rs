//! Markdown.

#![no_main]

use ibid_fuzz::ingest::encoding::decode;
use ibid_fuzz::ingest::markdown::read_markdown;
use ibid_fuzz::{promises, target};

target!("markdown", |data| {
    let text = decode(data, None).text;
    promises::hold(|settings| Ok(read_markdown(&text, settings.html_depth_max).into()));
});
