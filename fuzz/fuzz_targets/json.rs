//! JSON.

#![no_main]

use ibid_fuzz::ingest::data::read_json;
use ibid_fuzz::ingest::encoding::decode;
use ibid_fuzz::{promises, target};

target!("json", |data| {
    let text = decode(data, None).text;
    promises::hold(|settings| Ok(read_json(text.clone(), &settings.data).into()));
});
