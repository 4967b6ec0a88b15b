//! E-mail messages and mailboxes go in, a document and what is attached to it come out; opens no attachment and follows no link.

mod bounds;
mod mailbox;
mod names;

pub use mailbox::read_mbox;
pub(super) use mailbox::{count, members};

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{
    Address, DateTime, Encoding, Message, MessageParser, MessagePart, MessagePartId, MimeHeaders, PartType,
};
use serde::{Deserialize, Serialize};

use super::blocks::{BlockWriter, title};
use super::dates::rfc3339;
use super::text::{TextKind, read_text};
use super::{Reading, encoding, html};
use crate::document::{BlockKind, Dates, Document, FileStatus, Format, Member, Warning};
use crate::error::{Error, Result};

/// How much of mail is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSettings {
    /// Parts of one message (texts, attachments, forwarded messages and what they hold) above which the rest is left out.
    pub parts_max: usize,
    /// Bytes of all attachments of one message, decoded, above which the rest is left out.
    pub attachment_bytes_max: usize,
    /// Messages of a mailbox above which the rest is left out.
    pub messages_max: usize,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self { parts_max: 1000, attachment_bytes_max: 256 << 20, messages_max: 100_000 }
    }
}

/// Reads one message: header lines, then the body, of whose alternatives the plain text is taken.
///
/// What is attached is a member; pictures that stand in the text are none, as those of other documents. `html_depth_max` bounds the
/// nesting of HTML.
///
/// # Errors
/// [`Error::Document`] with status `malformed` when no header is found.
pub fn read_eml(bytes: &[u8], settings: &MailSettings, html_depth_max: usize) -> Result<Reading> {
    let readable = readable(bytes);
    let bounds = bounds::find(&readable, settings.parts_max);
    let parsed = MessageParser::default().parse(&readable[..bounds.end]);
    let Some(mut message) = parsed.filter(|message| !message.parts.is_empty()) else {
        let reason = "the file has no header lines, so it is no e-mail message; rename it to .txt to read it as text";
        return Err(Error::document(FileStatus::Malformed, reason));
    };
    let mut warnings = bounds.warnings;
    let mut attached = Attached { settings, members: Vec::new(), bytes: 0, over: 0 };
    for id in std::mem::take(&mut message.attachments) {
        if message.part(id).is_some_and(|part| !is_shown(part)) {
            attached.add(&mut message, id);
        }
    }
    attached.warn(&mut warnings);
    let mut writer = BlockWriter::default();
    writer.push(BlockKind::Table, &header_lines(&message, &attached.members));
    body(&message, html_depth_max, &mut writer, &mut warnings);
    let (text, blocks) = writer.finish();
    let title = message.subject().and_then(title);
    let dates = Dates { created: message.date().and_then(created), modified: None };
    let document = Document { format: Format::Eml, title, dates, text, blocks, warnings, ..Document::default() };
    Ok(Reading { document, members: attached.members, pictures: Vec::new() })
}

/// Whether a part is a picture that stands in the text, and was not attached to it.
fn is_shown(part: &MessagePart<'_>) -> bool {
    let is_image = part.content_type().is_some_and(|kind| kind.ctype().eq_ignore_ascii_case("image"));
    let disposition = part.content_disposition();
    let is_attached = disposition.is_some_and(mail_parser::ContentType::is_attachment);
    let is_inline = disposition.is_some_and(mail_parser::ContentType::is_inline);
    is_image && !is_attached && (is_inline || part.content_id().is_some())
}

/// The message with header lines in UTF-8. Some programs write them in the encoding of their country as it is.
fn readable(bytes: &[u8]) -> Cow<'_, [u8]> {
    let blank = bytes.windows(2).position(|two| two == b"\n\n");
    let blank =
        bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(blank, |at| Some(blank.unwrap_or(at).min(at)));
    let (head, rest) = bytes.split_at(blank.unwrap_or(bytes.len()));
    if std::str::from_utf8(head).is_ok() {
        return Cow::Borrowed(bytes);
    }
    let decoded = encoding::decode(head, None).text;
    Cow::Owned([decoded.as_bytes(), rest].concat())
}

/// The header as lines for a reader.
fn header_lines(message: &Message<'_>, members: &[Member]) -> String {
    let mut lines = Vec::new();
    let mut add = |name: &str, value: String| {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if !value.is_empty() {
            lines.push(format!("{name}: {value}"));
        }
    };
    for (name, address) in [("From", message.from()), ("To", message.to()), ("Cc", message.cc())] {
        add(name, address.map(addresses).unwrap_or_default());
    }
    add("Date", message.date().map(date).unwrap_or_default());
    add("Subject", message.subject().unwrap_or_default().to_owned());
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    add("Attachments", names.join(", "));
    lines.join("\n")
}

fn addresses(address: &Address<'_>) -> String {
    let list = address.iter().map(|one| match (one.name(), one.address()) {
        (Some(name), Some(address)) if name != address => format!("{name} <{address}>"),
        (_, Some(only)) | (Some(only), None) => only.to_owned(),
        (None, None) => String::new(),
    });
    list.filter(|one| !one.is_empty()).collect::<Vec<_>>().join(", ")
}

/// A date such as `2024-03-05 14:30 +01:00`, which sorts and reads the same everywhere.
fn date(date: &DateTime) -> String {
    let DateTime { year, month, day, hour, minute, tz_hour, tz_minute, .. } = date;
    let sign = if date.tz_before_gmt { '-' } else { '+' };
    match date.is_valid() {
        true => format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} {sign}{tz_hour:02}:{tz_minute:02}"),
        false => String::new(),
    }
}

/// A date as documents have it.
fn created(date: &DateTime) -> Option<String> {
    let DateTime { year, month, day, hour, minute, second, tz_hour, tz_minute, .. } = date;
    let sign = if date.tz_before_gmt { '-' } else { '+' };
    let day = format!("{year:04}-{month:02}-{day:02}");
    rfc3339(&format!("{day}T{hour:02}:{minute:02}:{second:02}{sign}{tz_hour:02}:{tz_minute:02}"))
}

/// Adds the blocks of the body: of the plain text, or of the HTML where there is no other text.
fn body(message: &Message<'_>, html_depth_max: usize, writer: &mut BlockWriter, warnings: &mut Vec<Warning>) {
    let before = writer.len();
    for ids in [&message.text_body, &message.html_body] {
        for part in ids.iter().filter_map(|id| message.part(*id)) {
            match &part.body {
                PartType::Text(text) => {
                    let text = decoded(message, part, text, warnings);
                    push_all(&read_text(text, TextKind::Prose), writer);
                }
                PartType::Html(text) => {
                    let text = decoded(message, part, text, warnings);
                    let page = html::read_html(&text, html_depth_max);
                    warnings.extend(page.warnings.iter().cloned());
                    push_all(&page, writer);
                }
                _ => {}
            }
        }
        if writer.len() > before {
            return;
        }
    }
}

fn push_all(document: &Document, writer: &mut BlockWriter) {
    document.blocks.iter().for_each(|block| writer.push_block(&document.text, block));
}

/// The text of a part, decoded as the rest of the program decodes files: a wrong declaration is not followed.
fn decoded(message: &Message<'_>, part: &MessagePart<'_>, text: &str, warnings: &mut Vec<Warning>) -> String {
    let charset = part.content_type().and_then(|kind| kind.attribute("charset"));
    // An encoding that only the library knows, such as UTF-7.
    let is_known = charset.is_none_or(|label| encoding_rs::Encoding::for_label(label.trim().as_bytes()).is_some());
    let decoded = match original(message, part) {
        Some(bytes) if is_known => encoding::decode(&bytes, charset),
        _ => encoding::decode(text.as_bytes(), None),
    };
    for warning in decoded.warnings() {
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    decoded.text
}

/// The bytes of a part before they were packed for transport.
fn original<'a>(message: &'a Message<'_>, part: &'a MessagePart<'_>) -> Option<Cow<'a, [u8]>> {
    let packed = || message.raw_message.get(part.offset_body as usize..part.offset_end as usize);
    match &part.body {
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => Some(Cow::Borrowed(bytes)),
        PartType::Text(_) | PartType::Html(_) => match part.encoding {
            Encoding::None => packed().map(Cow::Borrowed),
            Encoding::Base64 => base64_decode(packed()?).map(Cow::Owned),
            Encoding::QuotedPrintable => quoted_printable_decode(packed()?).map(Cow::Owned),
        },
        // A message that was packed has bytes of its own; one that was not is a piece of the message around it.
        PartType::Message(inner) if part.encoding != Encoding::None => Some(Cow::Borrowed(&inner.raw_message)),
        PartType::Message(_) => packed().map(Cow::Borrowed),
        PartType::Multipart(_) => None,
    }
}

/// Attachments so far.
struct Attached<'a> {
    settings: &'a MailSettings,
    members: Vec<Member>,
    bytes: usize,
    /// How many were left out for their size.
    over: usize,
}

impl Attached<'_> {
    fn add(&mut self, message: &mut Message<'_>, id: MessagePartId) {
        let Some(part) = message.part(id) else { return };
        let bytes = original(message, part).unwrap_or_else(|| Cow::Borrowed(part.contents()));
        if bytes.is_empty() {
            return;
        }
        if self.bytes.saturating_add(bytes.len()) > self.settings.attachment_bytes_max {
            self.over += 1;
            return;
        }
        self.bytes += bytes.len();
        let name = match &part.body {
            PartType::Message(inner) => names::with_extension(inner.subject().unwrap_or("message"), "eml"),
            _ => part.attachment_name().unwrap_or_default().to_owned(),
        };
        let kind = part.content_type().map(|kind| (kind.ctype(), kind.subtype().unwrap_or_default()));
        let name = names::of_member(&name, kind, self.members.len() + 1);
        let name = names::unique(name, &self.members);
        let is_binary = matches!(part.body, PartType::Binary(_) | PartType::InlineBinary(_));
        let bytes = if is_binary { Vec::new() } else { bytes.into_owned() };
        // Taken and not copied: attachments are most of a large message.
        let bytes = match message.parts.get_mut(id as usize).map(|part| &mut part.body) {
            Some(PartType::Binary(taken) | PartType::InlineBinary(taken)) => std::mem::take(taken).into_owned(),
            _ => bytes,
        };
        self.members.push(Member { name, bytes });
    }

    fn warn(&self, warnings: &mut Vec<Warning>) {
        let limit = self.settings.attachment_bytes_max;
        if self.over > 0 {
            let message = format!(
                "{} attachments were left out: all together are over the limit read.mail.attachment_bytes_max = {limit}",
                self.over
            );
            warnings.push(Warning { page: None, lossy: true, message });
        }
    }
}

#[cfg(test)]
mod tests;
