//! Source code: a byte for the family of languages, then the code.

#![no_main]

use ibid_fuzz::ingest::code::{Language, read_code};
use ibid_fuzz::ingest::encoding::decode;
use ibid_fuzz::{promises, target};

const LANGUAGES: [Language; 5] =
    [Language::Braces, Language::Indentation, Language::Words, Language::Shell, Language::Sql];

target!("code", |data| {
    let Some((kind, code)) = data.split_first() else { return };
    let text = decode(code, None).text;
    let document = read_code(text.clone(), LANGUAGES[usize::from(*kind) % LANGUAGES.len()]);
    promises::document(&document);
    promises::whole(&document);
    assert_eq!(document.text, text, "the text is changed");
});
