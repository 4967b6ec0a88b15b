//! Archives of all kinds, made of the entries that the input names (`packing.rs`): a byte for the kind, then the entries.

#![no_main]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use ibid_fuzz::ingest::ReadSettings;
use ibid_fuzz::ingest::isolated::Reader;
use ibid_fuzz::ingest::members::read_all;
use ibid_fuzz::packing::{entries, gzipped, tarred, zipped};
use ibid_fuzz::{promises, target};

target!("packed", |data| {
    let Some((kind, rest)) = data.split_first() else { return };
    let entries = entries(rest);
    let (name, bytes) = match kind % 6 {
        0 => ("a.zip", zipped(&entries)),
        1 => ("a.tar", tarred(&entries)),
        2 => ("a.tar.gz", gzipped(&tarred(&entries))),
        3 => ("a.txt.gz", gzipped(rest)),
        // One inside the other, which limits of depth and the survey are for.
        4 => ("a.tgz", gzipped(&zipped(&entries))),
        _ => {
            let inner = zipped(&entries);
            let outer: Vec<_> =
                entries.iter().map(|entry| ibid_fuzz::packing::Entry { content: &inner, ..*entry }).collect();
            ("a.tar", tarred(&outer))
        }
    };
    let path = Path::new(name);
    promises::hold_inside(path, &bytes);
    // Reading one part alone gives what reading them all gave.
    let settings = ReadSettings::default();
    let mut last = None;
    let read = read_all(path, &bytes, &settings, &mut |part| {
        last = Some(part);
        Ok(())
    });
    if let (Ok(()), Some(last)) = (read, last) {
        let alone = Reader::new(settings).read_part(path, &bytes, &last.name, &AtomicBool::new(false));
        assert_eq!(alone.expect("the part is there"), last);
    }
});
