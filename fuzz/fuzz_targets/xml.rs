//! XML.

#![no_main]

use ibid_fuzz::ingest::data::read_xml;
use ibid_fuzz::ingest::encoding::decode;
use ibid_fuzz::{promises, target};

target!("xml", |data| {
    let text = decode(data, None).text;
    promises::hold(|settings| Ok(read_xml(&text, &settings.data).into()));
});
