//! What a reader gives goes in; panics where it breaks a promise of `document.rs` or of `ingest/`.

use std::collections::HashSet;
use std::path::Path;

use crate::document::{BlockKind, Document, FileStatus, Member};
use crate::error::{Error, Result};
use crate::ingest::members::{Outcome, Part, read_all};
use crate::ingest::{ReadSettings, Reading};

/// Characters of a title, as `ingest/blocks.rs` bounds it.
const TITLE_CHARS_MAX: usize = 300;

/// Settings whose limits small inputs reach.
pub fn tight() -> ReadSettings {
    let mut settings = ReadSettings { text_bytes_max: 2000, html_depth_max: 6, ..ReadSettings::default() };
    settings.pdf.pages_max = 2;
    settings.pdf.operations_max = 200;
    settings.pdf.form_depth_max = 2;
    settings.pdf.stream_bytes_max = 4000;
    settings.pdf.attachments_max = 1;
    settings.pdf.attachment_bytes_max = 100;
    settings.office.entries_max = 12;
    settings.office.entry_bytes_max = 2000;
    settings.office.unpacked_bytes_max = 6000;
    settings.office.xml_depth_max = 12;
    settings.office.cells_max = 6;
    settings.data.depth_max = 4;
    settings.data.values_max = 12;
    settings.data.text_bytes_max = 300;
    settings.mail.parts_max = 4;
    settings.mail.attachment_bytes_max = 60;
    settings.mail.messages_max = 2;
    settings.rtf.depth_max = 4;
    settings.members.depth_max = 2;
    settings.members.members_max = 4;
    settings.members.bytes_max = 2000;
    settings.members.entries_max = 6;
    settings
}

/// Reads with the default settings and with tight ones, and checks what comes of it; with the default ones twice, since chunks and
/// citations are found again by what reading gave the last time.
pub fn hold(read: impl Fn(&ReadSettings) -> Result<Reading>) {
    let settings = ReadSettings::default();
    let (first, again) = (read(&settings), read(&settings));
    match (&first, &again) {
        (Ok(first), Ok(again)) => assert_eq!(first, again, "read twice, it is another document"),
        (Err(first), Err(again)) => assert_eq!(first.to_string(), again.to_string(), "read twice, it fails otherwise"),
        _ => panic!("read twice, it fails only once"),
    }
    reading(&first);
    reading(&read(&tight()));
}

/// Checks what a reader gives or why it gives nothing.
pub fn reading(outcome: &Result<Reading>) {
    match outcome {
        Ok(reading) => {
            document(&reading.document);
            members(&reading.members);
        }
        Err(Error::Document { status, reason, .. }) => failure(*status, reason),
        Err(other) => panic!("not an error of a document: {other}"),
    }
}

/// Checks a document.
///
/// # Panics
/// Where it breaks a promise.
pub fn document(document: &Document) {
    document.check().expect("the spans hold");
    plain(&document.text, "the text");
    if let Some(title) = &document.title {
        assert!(!title.trim().is_empty(), "a blank title");
        assert!(title.chars().count() <= TITLE_CHARS_MAX, "a title of {} characters", title.chars().count());
        one_line(title, "the title");
    }
    for date in [&document.dates.created, &document.dates.modified].into_iter().flatten() {
        let is_day = date.parse::<jiff::civil::Date>().is_ok() && date.len() == 10;
        assert!(is_day || date.parse::<jiff::Timestamp>().is_ok(), "no RFC 3339 date: {date:?}");
    }
    for block in &document.blocks {
        let held = block.span.of(&document.text);
        assert!(!held.trim().is_empty(), "a blank block");
        assert!(held.trim_end().len() == held.len(), "a block ends in white space: {held:?}");
        assert!(!matches!(block.kind, BlockKind::Heading { level: 0 | 7.. }), "{:?}", block.kind);
        for cell in &block.cells {
            let text = cell.span.of(&document.text);
            assert!(!text.trim().is_empty() && text.trim() == text, "a cell with white space around it: {text:?}");
        }
        let places: Vec<_> = block.cells.iter().map(|cell| (cell.row, cell.column)).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "cells out of order: {places:?}");
    }
    assert!(document.pages.is_sorted_by(|a, b| a.number < b.number), "pages out of order");
    for page in &document.pages {
        assert!(page.number >= 1, "pages count from 1");
        if let Some(label) = &page.label {
            one_line(label, "the label of a page");
        }
    }
    assert!(document.warnings.iter().all(|warning| !warning.message.trim().is_empty()), "a warning without words");
}

/// Checks that blocks hold every word of the text, for formats whose text stays as it is; lines under headings may lie between them.
pub fn whole(document: &Document) {
    let mut last = 0;
    let ends = [document.text.len()];
    for (start, end) in
        document.blocks.iter().map(|block| (block.span.start, block.span.end)).chain(ends.map(|end| (end, end)))
    {
        let between = &document.text[last..start];
        assert!(!between.contains(char::is_alphanumeric), "words outside the blocks: {between:?}");
        last = end;
    }
}

/// Checks why a file was not read.
pub fn failure(status: FileStatus, reason: &str) {
    assert!(status.is_problem(), "it failed as {status:?}");
    assert!(!reason.trim().is_empty(), "it failed without a reason");
    assert!(!reason.contains("reader failed"), "{reason}");
}

/// Checks the files that a document holds.
pub fn members(members: &[Member]) {
    let mut names = HashSet::new();
    for member in members {
        name(&member.name);
        assert!(names.insert(&member.name), "two members are called {:?}", member.name);
    }
}

/// Reads `bytes` with everything inside, with the default settings and with tight ones, and checks all parts.
pub fn hold_inside(path: &Path, bytes: &[u8]) {
    for settings in [ReadSettings::default(), tight()] {
        let mut names = HashSet::new();
        let outcome = read_all(path, bytes, &settings, &mut |part| {
            assert!(names.insert(part.name.clone()), "two parts are called {:?}", part.name);
            checked(&part);
            Ok(())
        });
        match outcome {
            Ok(()) => assert!(names.contains(""), "the file itself is no part of it"),
            Err(Error::Document { status, reason, .. }) => failure(status, &reason),
            Err(other) => panic!("not an error of a document: {other}"),
        }
    }
}

fn checked(part: &Part) {
    if !part.name.is_empty() {
        name(&part.name);
    }
    match &part.outcome {
        Outcome::Document(found) => document(found),
        Outcome::Failed { status, reason } => failure(*status, reason),
        Outcome::Folder => {}
    }
}

/// Checks that `name` is a relative path that leads nowhere else.
pub fn name(name: &str) {
    assert!(!name.is_empty() && !name.starts_with('/'), "no relative path: {name:?}");
    one_line(name, "the name of a member");
    assert!(!name.contains('\\'), "a name with a backslash: {name:?}");
    assert!(name.split('/').all(|part| !matches!(part.trim(), "" | "." | "..")), "no plain path: {name:?}");
}

/// Checks that no control character but line breaks and tabs is left in `text`.
pub fn plain(text: &str, what: &str) {
    let control = text.chars().find(|found| found.is_control() && !matches!(found, '\n' | '\t'));
    assert_eq!(control, None, "in {what}");
}

fn one_line(text: &str, what: &str) {
    assert_eq!(text.chars().find(|found| found.is_control()), None, "in {what}: {text:?}");
}
