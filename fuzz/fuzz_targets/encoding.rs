//! Bytes in any encoding, as they declare it and without.

#![no_main]

use ibid_fuzz::ingest::encoding::{declared, decode};
use ibid_fuzz::{promises, target};

target!("encoding", |data| {
    let label = declared(data);
    for label in [None, label.as_deref()] {
        let decoded = decode(data, label);
        promises::plain(&decoded.text, "decoded text");
        assert!(decoded.text.matches('\u{fffd}').count() >= decoded.replaced, "more replaced than there are marks");
        assert!(decoded.warnings().iter().all(|warning| !warning.message.is_empty()));
    }
});
