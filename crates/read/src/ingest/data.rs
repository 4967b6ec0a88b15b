//! Structured data (JSON, JSON Lines, XML) goes in, lines that name their place in it come out; knows nothing of files.

mod json;
mod xml;

pub use json::{read_json, read_jsonl};
pub use xml::read_xml;

use serde::{Deserialize, Serialize};

use super::blocks::{BlockWriter, title};
use crate::document::{BlockKind, Document, Format, Warning};

/// Characters of one name in a path that are shown.
const NAME_CHARS_MAX: usize = 60;
/// Bytes of a path that are shown before a value; of a longer one the end.
const PATH_BYTES_MAX: usize = 160;
/// Bytes from which a value is running text and no cell or line.
const PROSE_BYTES_MIN: usize = 300;

/// How much of structured data is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataSettings {
    /// Nesting below which JSON values are shown as they are written and XML elements are flattened.
    pub depth_max: usize,
    /// Values in all above which the rest is left out.
    pub values_max: usize,
    /// Bytes of text, with the paths before the values, above which the rest is left out.
    pub text_bytes_max: usize,
}

impl Default for DataSettings {
    fn default() -> Self {
        Self { depth_max: 64, values_max: 1_000_000, text_bytes_max: 64 << 20 }
    }
}

/// A place in the data, such as `a.b[0].c`.
#[derive(Debug, Default)]
struct Place {
    path: String,
}

impl Place {
    /// Goes to `name` below; what [`Place::back`] needs to return.
    fn name(&mut self, name: &str) -> usize {
        let before = self.path.len();
        if !self.path.is_empty() {
            self.path.push('.');
        }
        let mut characters = name.chars();
        self.path.extend(characters.by_ref().take(NAME_CHARS_MAX).map(|c| if c.is_whitespace() { ' ' } else { c }));
        if characters.next().is_some() {
            self.path.push('…');
        }
        before
    }

    /// Goes to entry `index` of a list, counted from 0.
    fn index(&mut self, index: usize) -> usize {
        let before = self.path.len();
        self.path.push_str(&format!("[{index}]"));
        before
    }

    fn back(&mut self, before: usize) {
        self.path.truncate(before);
    }

    /// The path, or its end when it is long.
    fn shown(&self) -> String {
        let mut from = self.path.len().saturating_sub(PATH_BYTES_MAX);
        while !self.path.is_char_boundary(from) {
            from += 1;
        }
        if from == 0 { self.path.clone() } else { format!("…{}", &self.path[from..]) }
    }
}

/// Lines of values, collected into blocks within the limits.
struct Lines<'a> {
    settings: &'a DataSettings,
    writer: BlockWriter,
    /// Lines of the block that is open.
    open: String,
    values: usize,
    cut: bool,
    title: Option<String>,
}

impl<'a> Lines<'a> {
    fn new(settings: &'a DataSettings) -> Self {
        Self { settings, writer: BlockWriter::default(), open: String::new(), values: 0, cut: false, title: None }
    }

    /// Counts one value; whether there is no room for it.
    fn is_full(&mut self) -> bool {
        self.values += 1;
        let bytes = self.writer.len() + self.open.len();
        self.cut |= self.values > self.settings.values_max || bytes > self.settings.text_bytes_max;
        self.cut
    }

    /// Adds `path: value`: a line of the open block, or a paragraph when the value is long or has lines of its own.
    fn value(&mut self, place: &Place, value: &str) {
        let path = place.shown();
        let mark = if path.is_empty() { "" } else { ": " };
        if is_prose(value) {
            self.end();
            self.writer.push(BlockKind::Paragraph, &format!("{path}{mark}{value}"));
        } else {
            self.line(&format!("{path}{mark}{value}"));
        }
    }

    /// Adds a line to the open block.
    fn line(&mut self, line: &str) {
        if !self.open.is_empty() {
            self.open.push('\n');
        }
        self.open.push_str(line);
    }

    /// Ends the open block.
    fn end(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.writer.push(BlockKind::Table, &open);
    }

    fn set_title(&mut self, text: &str) {
        self.title = self.title.take().or_else(|| title(text));
    }

    fn finish(mut self, format: Format, mut warnings: Vec<Warning>) -> Document {
        self.end();
        if self.cut {
            let DataSettings { values_max, text_bytes_max, .. } = self.settings;
            let message = format!(
                "the file has more values than read.data.values_max = {values_max} or more text than read.data.text_bytes_max = \
                 {text_bytes_max}; the rest was left out"
            );
            warnings.push(Warning { page: None, lossy: true, message });
        }
        let (text, blocks) = self.writer.finish();
        Document { format, title: self.title, text, blocks, warnings, ..Document::default() }
    }
}

/// Whether `value` reads as running text rather than as one value among others.
fn is_prose(value: &str) -> bool {
    value.len() >= PROSE_BYTES_MIN || value.trim().contains(['\n', '\r'])
}

fn told(lossy: bool, message: impl Into<String>) -> Warning {
    Warning { page: None, lossy, message: message.into() }
}

#[cfg(test)]
mod tests;
