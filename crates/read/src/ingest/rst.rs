//! reStructuredText goes in, its text as a reader sees it comes out with blocks; markup, comments and link targets stay behind.

mod directives;
mod inline;
mod lines;
mod tables;

use std::borrow::Cow;
use std::collections::HashMap;

use super::blocks::{BlockWriter, title};
use super::table::Rows;
use super::text::{TextKind, read_text};
use crate::document::{BlockKind, Document, Format, Warning};
use lines::{adornment, bullet, dedented, directive, enumerator, field, fits, indent, indented};

/// Blocks inside blocks that are read; what is deeper is running text.
const DEPTH_MAX: usize = 32;
/// Spaces that a list inside a list is set in by.
const INDENT: usize = 2;
/// Levels of lists that are still set in; deeper ones stay at this depth.
const INDENT_LEVELS_MAX: usize = 16;
/// Columns from one tab stop to the next (docutils).
const TAB_COLUMNS: usize = 8;

/// Lines above which the text is read as plain text: every line takes many times its bytes.
const LINES_MAX: usize = 2_000_000;

/// Reads reStructuredText with the directives of docutils and the common ones of Sphinx. Included files are not read.
#[must_use]
pub fn read_rst(text: &str) -> Document {
    if text.lines().take(LINES_MAX + 1).count() > LINES_MAX {
        let plain = read_text(text.to_owned(), TextKind::Prose);
        let message = format!("the file has more than {LINES_MAX} lines and was read as plain text");
        return Document {
            format: Format::Rst,
            warnings: vec![Warning { page: None, lossy: false, message }],
            ..plain
        };
    }
    let expanded: Vec<Cow<'_, str>> = text.lines().map(|line| untabbed(line.trim_end())).collect();
    let lines: Vec<&str> = expanded.iter().map(AsRef::as_ref).collect();
    let mut reader = Reader { substitutions: substitutions(&lines), ..Reader::default() };
    reader.body(&lines);
    let (text, blocks) = reader.writer.finish();
    Document {
        format: Format::Rst,
        title: reader.title,
        text,
        blocks,
        warnings: reader.warnings,
        ..Document::default()
    }
}

/// A line with spaces in place of tabs.
fn untabbed(line: &str) -> Cow<'_, str> {
    if !line.contains('\t') {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len() + TAB_COLUMNS);
    let mut column = 0;
    for character in line.chars() {
        let width = if character == '\t' { TAB_COLUMNS - column % TAB_COLUMNS } else { 1 };
        match character {
            '\t' => out.extend(std::iter::repeat_n(' ', width)),
            other => out.push(other),
        }
        column += width;
    }
    Cow::Owned(out)
}

/// The texts that stand for names between bars: `.. |name| replace:: text`.
fn substitutions(lines: &[&str]) -> HashMap<String, String> {
    let defined = lines.iter().filter_map(|line| {
        let (name, rest) = line.trim_start().strip_prefix(".. |")?.split_once("| ")?;
        let (directive, text) = directive(rest.trim_start())?;
        (directive == "replace").then(|| (name.to_owned(), inline::plain(text, &HashMap::new())))
    });
    defined.collect()
}

/// What stands before the next paragraph and makes it more than one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lead {
    kind: BlockKind,
    text: String,
}

#[derive(Default)]
struct Reader {
    writer: BlockWriter,
    substitutions: HashMap<String, String>,
    /// Adornments of titles in the order of their levels: the character, and whether it stands above, too.
    styles: Vec<(u8, bool)>,
    title: Option<String>,
    lead: Option<Lead>,
    /// How many lists and how many blocks are open.
    lists: usize,
    depth: usize,
    /// Whether no simple table ends in the rest of the block that is open.
    tables_ended: bool,
    warnings: Vec<Warning>,
}

impl Reader {
    /// Reads lines that start at one indentation; recursion ends at [`DEPTH_MAX`].
    fn body(&mut self, lines: &[&str]) {
        if self.depth >= DEPTH_MAX {
            self.paragraph(&lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect::<Vec<_>>());
            return;
        }
        self.depth += 1;
        let ended = std::mem::take(&mut self.tables_ended);
        let mut at = 0;
        while at < lines.len() {
            at += if lines[at].is_empty() { 1 } else { self.element(&lines[at..]).max(1) };
        }
        self.tables_ended = ended;
        self.depth -= 1;
    }

    /// Reads the element that `lines` start with; how many lines it has.
    fn element(&mut self, lines: &[&str]) -> usize {
        let line = lines[0];
        let next = lines.get(1);
        if indent(line) > 0 {
            let length = indented(lines);
            self.body(&dedented(&lines[..length]));
            return length;
        }
        if let Some(length) = self.section(lines) {
            return length;
        }
        if adornment(line).is_some() && line.len() >= 4 && next.is_none_or(|next| next.is_empty()) {
            return 1;
        }
        if line == ".." || line.starts_with(".. ") {
            let length = 1 + indented(&lines[1..]);
            self.explicit(&lines[..length]);
            return length;
        }
        if line.starts_with("__ ") {
            return 1;
        }
        if let Some(length) = self.table(lines) {
            return length;
        }
        if field(line).is_some() {
            return self.fields(lines);
        }
        if let Some(width) = bullet(line) {
            return self.item(lines, "-", width);
        }
        if let Some((mark, width)) = enumerator(line, next) {
            return self.item(lines, mark, width);
        }
        let is_quoted = line.starts_with(">>> ") || line.starts_with("| ");
        if !is_quoted && next.is_some_and(|next| next.starts_with(' ')) && !line.ends_with("::") {
            return self.definition(lines);
        }
        let run = lines.iter().take_while(|line| !line.is_empty()).count();
        if line.starts_with(">>> ") {
            self.writer.push(BlockKind::Code, &lines[..run].join("\n"));
            return run;
        }
        if line.starts_with("| ") {
            let rows: Vec<String> =
                lines[..run].iter().map(|line| self.plain(line.trim_start_matches(['|', ' ']))).collect();
            self.push(&rows.join("\n"));
            return run;
        }
        self.paragraph(&lines[..run]);
        run + self.literal(line_before(lines, run), &lines[run..])
    }

    /// Reads a title with its adornment; how many lines they have.
    fn section(&mut self, lines: &[&str]) -> Option<usize> {
        let over = adornment(lines[0]);
        let (text, style, length) = match (over, lines) {
            (Some(over), [first, text, under, ..])
                if first == under && fits(text.trim(), first.len()) && adornment(text).is_none() =>
            {
                (text.trim(), (over, true), 3)
            }
            (None, [text, under, ..]) if adornment(under).is_some() && fits(text, under.len()) => {
                (*text, (adornment(under)?, false), 2)
            }
            _ => return None,
        };
        let known = self.styles.iter().position(|known| *known == style);
        let level = known.unwrap_or_else(|| {
            self.styles.push(style);
            self.styles.len() - 1
        });
        let text = self.plain(text);
        self.title = self.title.take().or_else(|| title(&text));
        self.writer.push(BlockKind::Heading { level: (level + 1).min(6) as u8 }, &text);
        Some(length)
    }

    /// Reads a grid or a simple table; how many lines it has.
    fn table(&mut self, lines: &[&str]) -> Option<usize> {
        if tables::is_grid(lines[0]) {
            let length = lines.iter().take_while(|line| line.starts_with(['+', '|'])).count();
            self.rows(tables::grid(&lines[..length]));
            return Some(length);
        }
        if tables::is_border(lines[0]) && !self.tables_ended {
            let length = tables::simple_length(lines);
            self.tables_ended = length.is_none();
            let length = length?;
            self.rows(tables::simple(&lines[..length]));
            return Some(length);
        }
        None
    }

    fn rows(&mut self, rows: tables::Rows) {
        let mut table = Rows::default();
        for row in rows {
            table.row();
            row.iter().for_each(|cell| table.cell(&self.plain(cell)));
        }
        self.lead = None;
        table.write(&mut self.writer);
    }

    /// Reads fields that follow each other, one a line of the block.
    fn fields(&mut self, lines: &[&str]) -> usize {
        let mut rows = Vec::new();
        let mut at = 0;
        while let Some((name, value)) = lines.get(at).and_then(|line| field(line)) {
            let more = indented(&lines[at + 1..]);
            let words = lines[at + 1..=at + more].iter().flat_map(|line| line.split_whitespace());
            let value: Vec<&str> = value.split_whitespace().chain(words).collect();
            rows.push(self.plain(&format!("{name}: {}", value.join(" "))).trim_end().to_owned());
            at += 1 + more;
        }
        self.writer.push(BlockKind::Table, &rows.join("\n"));
        at
    }

    /// Reads one item of a list; how many lines it has.
    fn item(&mut self, lines: &[&str], mark: &str, width: usize) -> usize {
        let more = indented(&lines[1..]);
        let mut inner = vec![lines[0].get(width..).unwrap_or_default()];
        inner.extend(dedented(&lines[1..=more]));
        self.lead = Some(Lead { kind: BlockKind::ListItem, text: format!("{mark} ") });
        self.lists += 1;
        self.body(&inner);
        self.lists -= 1;
        self.lead = None;
        1 + more
    }

    /// Reads a term and what is set in below it.
    fn definition(&mut self, lines: &[&str]) -> usize {
        let length = indented(&lines[1..]);
        let term = self.plain(lines[0]);
        let lead = self.lead.take();
        let kind = lead.as_ref().map_or(BlockKind::Paragraph, |lead| lead.kind);
        let before = lead.map_or(String::new(), |lead| lead.text);
        let text = format!("{before}{term}: ");
        self.lead = Some(Lead { kind, text: text.clone() });
        self.body(&dedented(&lines[1..=length]));
        if self.lead.take().is_some_and(|lead| lead.text == text) {
            // Something other than a paragraph defines the term.
            self.writer.push(kind, &format!("{before}{term}"));
        }
        1 + length
    }

    fn paragraph(&mut self, lines: &[&str]) {
        let text = lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let text = match text.strip_suffix("::") {
            Some(before) if before.is_empty() || before.ends_with(' ') => before.trim_end().to_owned(),
            Some(before) => format!("{before}:"),
            None => text,
        };
        let text = self.plain(&text);
        self.push(&text);
    }

    /// Reads the literal block after a paragraph that ends with two colons; how many lines it and the space before have.
    fn literal(&mut self, before: &str, lines: &[&str]) -> usize {
        if !before.ends_with("::") {
            return 0;
        }
        let mut length = indented(lines);
        if length == 0 {
            // Without indentation each line starts with the same sign.
            let blank = lines.iter().take_while(|line| line.is_empty()).count();
            let sign = lines.get(blank).and_then(|line| line.bytes().next()).filter(u8::is_ascii_punctuation);
            let quoted = lines[blank..].iter().take_while(|line| sign.is_some() && line.bytes().next() == sign).count();
            if quoted == 0 {
                return 0;
            }
            length = blank + quoted;
        }
        self.code(&lines[..length]);
        length
    }

    fn code(&mut self, lines: &[&str]) {
        self.lead = None;
        self.writer.push(BlockKind::Code, &dedented(lines).join("\n"));
    }

    fn plain(&self, text: &str) -> String {
        inline::plain(text, &self.substitutions)
    }

    /// Adds a paragraph, with what leads it in.
    fn push(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        match self.lead.take() {
            Some(Lead { kind, text: lead }) => {
                let is_item = kind == BlockKind::ListItem;
                let levels = if is_item { self.lists.saturating_sub(1).min(INDENT_LEVELS_MAX) } else { 0 };
                self.writer.push_indented(kind, levels * INDENT, &format!("{lead}{}", text.trim()));
            }
            None => self.writer.push(BlockKind::Paragraph, text),
        }
    }
}

/// The last line of a paragraph of `run` lines.
fn line_before<'a>(lines: &[&'a str], run: usize) -> &'a str {
    run.checked_sub(1).and_then(|last| lines.get(last)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
