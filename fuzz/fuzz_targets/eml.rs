//! E-mail messages, and what is attached to them.

#![no_main]

use std::path::Path;

use ibid_fuzz::ingest::mail::read_eml;
use ibid_fuzz::{promises, target};

target!("eml", |data| {
    promises::hold(|settings| read_eml(data, &settings.mail, settings.html_depth_max));
    promises::hold_inside(Path::new("a.eml"), data);
});
