//! A mailbox in one file goes in, a list of its messages comes out, and each message as a file of its own.

use mail_parser::MessageParser;

use super::super::blocks::BlockWriter;
use super::{MailSettings, addresses, date, names, readable};
use crate::document::{BlockKind, Document, Format, Member, Warning};

/// Bytes of a message in which its header is looked for.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Reads a mailbox: the document lists number, date, sender and subject of each message, the messages are its members.
#[must_use]
pub fn read_mbox(bytes: &[u8], settings: &MailSettings) -> Document {
    let mut writer = BlockWriter::default();
    let mut lines = String::new();
    let mut warnings = Vec::new();
    let mut tell = |lossy, message| warnings.push(Warning { page: None, lossy, message });
    let mut messages = Messages::new(bytes);
    let before = &bytes[..messages.rest.as_ref().map_or(bytes.len(), |open| open.start)];
    if !before.iter().all(u8::is_ascii_whitespace) {
        tell(true, format!("{} bytes before the first message belong to none and were left out", before.len()));
    }
    for (index, message) in messages.by_ref().take(settings.messages_max).enumerate() {
        let (line, _) = listed(message);
        lines.push_str(&format!("{} | {line}\n", index + 1));
    }
    let left_out = messages.count();
    if left_out > 0 {
        let limit = settings.messages_max;
        tell(true, format!("{left_out} messages over the limit read.mail.messages_max = {limit} were left out"));
    }
    writer.push(BlockKind::Table, &lines);
    let (text, blocks) = writer.finish();
    Document { format: Format::Mbox, text, blocks, warnings, ..Document::default() }
}

/// The messages of a mailbox, each as a file: one at a time, since all of them are as large as the mailbox.
pub(in crate::ingest) fn members<'a>(bytes: &'a [u8], settings: &MailSettings) -> impl Iterator<Item = Member> + 'a {
    Messages::new(bytes).take(settings.messages_max).enumerate().map(|(index, message)| {
        let (_, subject) = listed(message);
        let name = names::with_extension(&format!("{:05} {subject}", index + 1), "eml");
        Member { name: names::of_member(&name, None, index + 1), bytes: unquoted(message) }
    })
}

/// How many [`members`] there are.
pub(in crate::ingest) fn count(bytes: &[u8], settings: &MailSettings) -> usize {
    Messages::new(bytes).take(settings.messages_max).count()
}

/// Date, sender and subject of a message in a line; the subject.
fn listed(message: &[u8]) -> (String, String) {
    let head = readable(&message[..message.len().min(HEADER_BYTES_MAX)]);
    let Some(message) = MessageParser::default().parse_headers(head.as_ref()) else {
        return (String::new(), String::new());
    };
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let subject = one_line(message.subject().unwrap_or_default());
    let from = one_line(&message.from().map(addresses).unwrap_or_default());
    let line = [message.date().map(date).unwrap_or_default(), from, subject.clone()].join(" | ");
    (line, subject)
}

/// The messages of a mailbox, each without its `From ` line.
///
/// Split by hand: the library takes every line that starts with `From ` for a new message, which cuts messages in
/// mailboxes that do not quote such lines. Here an empty line must stand before it and a time in it.
struct Messages<'a> {
    bytes: &'a [u8],
    /// The message that is open.
    rest: Option<Start>,
}

/// Where a message starts: with its `From ` line and after it.
struct Start {
    start: usize,
    content: usize,
}

impl<'a> Messages<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, rest: start(bytes, 0, true) }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let Start { content, .. } = self.rest.take()?;
        self.rest = start(self.bytes, content, false);
        let end = self.rest.as_ref().map_or(self.bytes.len(), |next| next.start);
        Some(&self.bytes[content..end])
    }
}

/// The first start of a message from byte `from` on, which is the start of a line.
fn start(bytes: &[u8], from: usize, mut after_blank: bool) -> Option<Start> {
    let mut at = from;
    for line in bytes[from..].split_inclusive(|byte| *byte == b'\n') {
        if after_blank && line.starts_with(b"From ") && (at == 0 || has_time(line)) {
            return Some(Start { start: at, content: at + line.len() });
        }
        after_blank = line.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        at += line.len();
    }
    None
}

/// Whether a line holds something like `12:34`.
fn has_time(line: &[u8]) -> bool {
    line.windows(5).any(|five| {
        five.iter().enumerate().all(|(at, byte)| if at == 2 { *byte == b':' } else { byte.is_ascii_digit() })
    })
}

/// The message with one `>` less before each quoted `From `.
fn unquoted(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len());
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let quotes = line.iter().take_while(|byte| **byte == b'>').count();
        let is_quoted = quotes > 0 && line[quotes..].starts_with(b"From ");
        bytes.extend_from_slice(&line[usize::from(is_quoted)..]);
    }
    bytes
}
