//! JSON goes in, `path: value` lines come out with numbers as they are written and keys in their order.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::super::text::{TextKind, read_text};
use super::{DataSettings, Lines, Place, is_prose, told};
use crate::document::{Document, Format, Warning};

/// Values of a list without objects that share a line.
const VALUES_A_LINE: usize = 16;
/// Line numbers of broken records that a warning names.
const NUMBERS_TOLD_MAX: usize = 10;
/// Bytes of a value below `depth_max` that are shown.
const RAW_BYTES_MAX: usize = 2000;

/// Reads JSON text. What is not valid JSON is plain text with a warning.
///
/// Objects are blocks of lines such as `order.lines[0].price: 12.50`, lists of flat objects are tables whose cells name
/// their column. Long strings are paragraphs.
#[must_use]
pub fn read_json(text: String, settings: &DataSettings) -> Document {
    // The library says whether it is JSON; the walk below needs what the library's own values lose: how a number was written.
    if let Err(error) = serde_json::from_str::<IgnoredAny>(&text) {
        let message = format!("the file is not valid JSON (line {}) and was read as plain text", error.line());
        let mut document = read_text(text, TextKind::Code);
        document.format = Format::Json;
        document.warnings.push(told(false, message));
        return document;
    }
    let mut lines = Lines::new(settings);
    let warnings = walk(&text, &mut Place::default(), &mut lines);
    lines.finish(Format::Json, warnings)
}

/// Reads JSON Lines: one value a line, each a block that names its line. Broken lines are told and kept as they are.
#[must_use]
pub fn read_jsonl(text: &str, settings: &DataSettings) -> Document {
    let mut lines = Lines::new(settings);
    let mut warnings = Vec::new();
    let mut broken = Vec::new();
    for (index, record) in text.lines().enumerate() {
        let record = record.trim();
        if record.is_empty() {
            continue;
        }
        if lines.is_full() {
            break;
        }
        let mut place = Place { path: format!("line {}", index + 1) };
        if serde_json::from_str::<IgnoredAny>(record).is_ok() {
            for warning in walk(record, &mut place, &mut lines) {
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
            }
        } else {
            broken.push(index + 1);
            lines.value(&place, record);
        }
        lines.end();
    }
    lines.title = None;
    if !broken.is_empty() {
        let numbers: Vec<String> = broken.iter().take(NUMBERS_TOLD_MAX).map(ToString::to_string).collect();
        let more = if broken.len() > NUMBERS_TOLD_MAX { " …" } else { "" };
        let message = format!(
            "{} lines are not valid JSON and were kept as they are: {}{more}",
            broken.len(),
            numbers.join(", ")
        );
        warnings.push(told(false, message));
    }
    lines.finish(Format::Jsonl, warnings)
}

/// Walks one value that is known to be valid.
fn walk(text: &str, place: &mut Place, lines: &mut Lines<'_>) -> Vec<Warning> {
    let mut walker = Walker { cursor: Cursor { text, at: 0 }, place, lines, depth: 0, too_deep: false };
    walker.value();
    let too_deep = walker.too_deep;
    lines.end();
    let depth = lines.settings.depth_max;
    let message = format!("values nested deeper than read.data.depth_max = {depth} are shown as they are written");
    if too_deep { vec![told(false, message)] } else { vec![] }
}

struct Walker<'a, 'b, 'c> {
    cursor: Cursor<'a>,
    place: &'b mut Place,
    lines: &'b mut Lines<'c>,
    depth: usize,
    too_deep: bool,
}

impl Walker<'_, '_, '_> {
    /// Takes one value; recursion ends at `depth_max`.
    fn value(&mut self) {
        if self.lines.is_full() {
            return;
        }
        match self.cursor.peek() {
            Some(b'{' | b'[') if self.depth >= self.lines.settings.depth_max => {
                self.too_deep = true;
                let raw = self.cursor.skip();
                let mut end = raw.len().min(RAW_BYTES_MAX);
                while !raw.is_char_boundary(end) {
                    end -= 1;
                }
                self.lines.cut |= end < raw.len();
                self.lines.value(self.place, &raw[..end]);
            }
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(_) => {
                let value = shown(self.cursor.scalar());
                if self.depth <= 1 && matches!(self.place.path.as_str(), "title" | "name") {
                    self.lines.set_title(&value);
                }
                self.lines.value(self.place, &value);
            }
            None => {}
        }
    }

    fn nested(&mut self, take: fn(&mut Self)) {
        if self.cursor.is_empty_list() {
            let raw = self.cursor.skip();
            return self.lines.value(self.place, raw);
        }
        self.lines.end();
        self.depth += 1;
        take(self);
        self.depth -= 1;
        self.lines.end();
    }

    fn object(&mut self) {
        // A small record on one line is read faster than the same on many; only records of lists are shown so.
        self.cursor.at += 1;
        while let Some(key) = self.cursor.key() {
            let before = self.place.name(&shown(key));
            self.value();
            self.place.back(before);
            if self.lines.cut || !self.cursor.next_item() {
                break;
            }
        }
    }

    fn array(&mut self) {
        match self.cursor.items() {
            Items::Scalars => self.scalars(),
            Items::Records => self.records(),
            Items::Mixed => {
                self.cursor.at += 1;
                for index in 0.. {
                    let before = self.place.index(index);
                    self.value();
                    self.place.back(before);
                    if self.lines.cut || !self.cursor.next_item() {
                        break;
                    }
                }
            }
        }
    }

    /// A list of plain values: some on each line.
    fn scalars(&mut self) {
        self.cursor.at += 1;
        let mut values: Vec<String> = Vec::new();
        let (mut first, mut more) = (0, true);
        while more {
            if self.lines.is_full() {
                return;
            }
            values.push(shown(self.cursor.scalar()).into_owned());
            more = self.cursor.next_item();
            if more && values.len() < VALUES_A_LINE && values.last().is_some_and(|value| !is_prose(value)) {
                continue;
            }
            let path = self.place.shown();
            let place = match more || first > 0 {
                true => Place { path: format!("{path}[{first}..{}]", first + values.len()) },
                false => Place { path },
            };
            self.lines.value(&place, &values.join(", "));
            first += values.len();
            values.clear();
        }
    }

    /// A list of flat objects: one on each line, each cell with the name of its column.
    fn records(&mut self) {
        self.cursor.at += 1;
        for index in 0.. {
            let before = self.place.index(index);
            let mut cells = vec![self.place.shown()];
            self.place.back(before);
            self.cursor.peek();
            self.cursor.at += 1;
            while let Some(key) = self.cursor.key() {
                if self.lines.is_full() {
                    return;
                }
                let value = shown(self.cursor.scalar());
                cells.push(format!("{}: {value}", shown(key)));
                if !self.cursor.next_item() {
                    break;
                }
            }
            self.lines.line(&cells.join(" | "));
            if !self.cursor.next_item() {
                break;
            }
        }
    }
}

/// What a list holds.
enum Items {
    /// Plain values only.
    Scalars,
    /// Two or more objects of short plain values.
    Records,
    /// Anything else.
    Mixed,
}

/// A place in text that is known to be valid JSON. On other text it stops early, but stays within it.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next byte that is not white space; the cursor is then at it.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += blank;
        rest.get(blank).copied()
    }

    /// One string, number or word as it is written.
    fn scalar(&mut self) -> &'a str {
        let first = self.peek();
        let start = self.at;
        let rest = &self.text.as_bytes()[start.min(self.text.len())..];
        if first == Some(b'"') {
            let mut length = 1;
            while let Some(byte) = rest.get(length) {
                length += match byte {
                    b'\\' => 2,
                    b'"' => break,
                    _ => 1,
                };
            }
            self.at = (start + length + 1).min(self.text.len());
        } else {
            let word = rest.iter().take_while(|byte| !matches!(byte, b',' | b'}' | b']' | b':' | b' ' | b'\t' | b'\n'));
            self.at = start + word.count();
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The next key, with its colon passed; none at the end of the object.
    fn key(&mut self) -> Option<&'a str> {
        (self.peek() == Some(b'"')).then(|| {
            let key = self.scalar();
            if self.peek() == Some(b':') {
                self.at += 1;
            }
            key
        })
    }

    /// Passes a comma, after which another item follows, or the end of the list.
    fn next_item(&mut self) -> bool {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next == Some(b',')
    }

    /// Passes one value of any kind, without recursion.
    fn skip(&mut self) -> &'a str {
        self.peek();
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b',' | b':' => {}
                _ => {
                    let before = self.at;
                    self.scalar();
                    self.at = self.at.max(before + 1) - 1;
                }
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn is_empty_list(mut self) -> bool {
        self.peek();
        self.at += 1;
        matches!(self.peek(), Some(b']' | b'}'))
    }

    /// What the list at the cursor holds. Looks no further than the first thing that decides.
    fn items(mut self) -> Items {
        self.peek();
        self.at += 1;
        let records = self.peek() == Some(b'{');
        let mut count = 0_usize;
        loop {
            match self.peek() {
                Some(b'{') if records && !self.is_empty_list() => {
                    self.at += 1;
                    let mut bytes = 0;
                    while self.key().is_some() {
                        if matches!(self.peek(), Some(b'{' | b'[')) {
                            return Items::Mixed;
                        }
                        let value = self.scalar();
                        bytes += value.len();
                        // An escape can be a line break, which a row of a table has no place for.
                        if is_prose(value) || value.contains("\\n") || bytes >= 4 * super::PROSE_BYTES_MIN {
                            return Items::Mixed;
                        }
                        if !self.next_item() {
                            break;
                        }
                    }
                }
                Some(b'{' | b'[') | None => return Items::Mixed,
                Some(_) if records => return Items::Mixed,
                Some(_) => {
                    self.scalar();
                }
            }
            count += 1;
            if !self.next_item() {
                break;
            }
        }
        match records {
            true if count >= 2 => Items::Records,
            true => Items::Mixed,
            false => Items::Scalars,
        }
    }
}

/// A plain value as a reader sees it: strings without quotes and escapes, everything else as written.
fn shown(raw: &str) -> Cow<'_, str> {
    let Some(inner) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return Cow::Borrowed(raw) };
    if inner.is_empty() {
        return Cow::Borrowed(raw);
    }
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    // Half a surrogate pair is valid JSON but no text: such a string stays as it is written.
    serde_json::from_str(raw).map_or(Cow::Borrowed(inner), Cow::Owned)
}
