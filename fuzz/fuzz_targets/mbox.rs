//! Mailboxes, and the messages in them.

#![no_main]

use std::path::Path;

use ibid_fuzz::ingest::mail::read_mbox;
use ibid_fuzz::{promises, target};

target!("mbox", |data| {
    promises::hold(|settings| Ok(read_mbox(data, &settings.mail).into()));
    promises::hold_inside(Path::new("a.mbox"), data);
});
