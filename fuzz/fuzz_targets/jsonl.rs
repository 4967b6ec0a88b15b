//! JSON Lines.

#![no_main]

use ibid_fuzz::ingest::data::read_jsonl;
use ibid_fuzz::ingest::encoding::decode;
use ibid_fuzz::{promises, target};

target!("jsonl", |data| {
    let text = decode(data, None).text;
    promises::hold(|settings| Ok(read_jsonl(&text, &settings.data).into()));
});
