//! Plain text: a byte for its kind, then the text.

#![no_main]

use ibid_fuzz::ingest::encoding::decode;
use ibid_fuzz::ingest::text::{TextKind, read_text};
use ibid_fuzz::{promises, target};

const KINDS: [TextKind; 3] = [TextKind::Prose, TextKind::Table, TextKind::Code];

target!("text", |data| {
    let Some((kind, bytes)) = data.split_first() else { return };
    let text = decode(bytes, None).text;
    let document = read_text(text.clone(), KINDS[usize::from(*kind) % KINDS.len()]);
    promises::document(&document);
    promises::whole(&document);
    assert_eq!(document.text, text, "the text is changed");
});
