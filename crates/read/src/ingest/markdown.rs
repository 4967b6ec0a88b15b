//! Markdown goes in, its text as a reader sees it comes out with blocks; link targets and markup stay behind.

use pulldown_cmark::{CodeBlockKind, Event, MetadataBlockKind, Options, Parser, Tag, TagEnd};

use super::blocks::{BlockWriter, title};
use super::html;
use super::marks::{self, Look, Resolved, Shift};
use super::table::Rows;
use super::text::{TextKind, read_text};
use crate::document::{BlockKind, Document, Format, HiddenCause, Warning};

/// Spaces that a list inside a list is set in by.
const INDENT: usize = 2;
/// Levels of lists that are still set in; deeper ones stay at this depth.
const INDENT_LEVELS_MAX: usize = 16;
/// Elements in a paragraph whose looks are followed.
const LOOKS_MAX: usize = 64;

/// Lines and marks above which the text is read as plain text: the parser keeps all of them, at many times their bytes.
const MARKS_MAX: usize = 5_000_000;

/// Reads Markdown: CommonMark with tables, footnotes, task lists and front matter.
///
/// `html_depth_max` bounds the nesting of HTML inside the Markdown.
#[must_use]
pub fn read_markdown(text: &str, html_depth_max: usize) -> Document {
    if text.bytes().filter(|byte| b"\n|*_`[<~".contains(byte)).count() > MARKS_MAX {
        let plain = read_text(text.to_owned(), TextKind::Prose);
        let message = format!("the file has more than {MARKS_MAX} lines and marks and was read as plain text");
        let warnings = vec![Warning { page: None, lossy: false, message }];
        return Document { format: Format::Markdown, warnings, ..plain };
    }
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        // Otherwise `CO~2~` would be struck out. `^` stands in too much prose to be a mark of its own.
        | Options::ENABLE_SUBSCRIPT
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_GFM
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    let mut reader = Reader { html_depth_max, writer: BlockWriter::marked(), ..Reader::default() };
    for event in Parser::new_ext(text, options) {
        reader.take(event);
    }
    reader.flush(BlockKind::Paragraph);
    let title = reader.front_title.or(reader.first_heading);
    let Resolved { text, blocks, warnings } = reader.writer.resolve(&mut []);
    Document { format: Format::Markdown, title, text, blocks, warnings, ..Document::default() }
}

#[derive(Default)]
struct Reader {
    html_depth_max: usize,
    writer: BlockWriter,
    /// Text of the block that is open, and the looks of the marks and the elements that are open in it.
    buffer: String,
    looks: Vec<(String, Look)>,
    /// The next number of each open list; none for lists without numbers.
    lists: Vec<Option<u64>>,
    /// The marker of an item whose first block is still to come.
    marker: Option<String>,
    /// The rows of the table that is open.
    rows: Rows,
    /// Raw HTML of the block that is open.
    html: String,
    metadata: Option<MetadataBlockKind>,
    front_title: Option<String>,
    first_heading: Option<String>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            Event::Text(text) if self.metadata.is_some() => self.buffer.push_str(&text),
            Event::Text(text) | Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.look().write(&mut self.buffer, &text);
            }
            Event::Html(text) => self.html.push_str(&text),
            Event::InlineHtml(tag) => {
                let tag = tag.to_ascii_lowercase();
                if tag.starts_with("<br") {
                    self.buffer.push('\n');
                }
                self.inline_html(&tag);
            }
            Event::FootnoteReference(name) => {
                Look { shift: Shift::Note, ..self.look() }.write(&mut self.buffer, &name);
            }
            Event::SoftBreak => self.buffer.push(' '),
            Event::HardBreak => self.buffer.push('\n'),
            Event::Rule => {}
            Event::TaskListMarker(done) => self.buffer.push_str(if done { "[x] " } else { "[ ] " }),
        }
    }

    /// The look of text at this place.
    fn look(&self) -> Look {
        self.looks.last().map(|(_, look)| *look).unwrap_or_default()
    }

    /// Takes one tag in lower case: elements that are struck, raised, lowered or hidden.
    fn inline_html(&mut self, tag: &str) {
        let inner = tag.trim_start_matches('<').trim_end_matches('>').trim_end_matches('/');
        if let Some(name) = inner.strip_prefix('/') {
            if let Some(at) = self.looks.iter().rposition(|(open, _)| open == name.trim()) {
                self.looks.truncate(at);
            }
            return;
        }
        let (name, attributes) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        let attributes: String = attributes.split_whitespace().collect();
        let is_hidden = matches!(name, "span" | "font" | "b" | "i" | "em" | "strong" | "small")
            && (attributes.contains("display:none")
                || attributes.contains("visibility:hidden")
                || attributes == "hidden");
        let look = match name {
            "s" | "del" | "strike" => self.look().and(HiddenCause::Struck),
            "sup" => Look { shift: Shift::Raised, ..self.look() },
            "sub" => Look { shift: Shift::Lowered, ..self.look() },
            _ if is_hidden => self.look().and(HiddenCause::Hidden),
            _ => return,
        };
        if !tag.ends_with("/>") && self.looks.len() < LOOKS_MAX {
            self.looks.push((name.to_owned(), look));
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Strikethrough => self.looks.push(("~~".into(), self.look().and(HiddenCause::Struck))),
            Tag::Subscript => self.looks.push(("~".into(), Look { shift: Shift::Lowered, ..self.look() })),
            Tag::List(first) => {
                self.flush(BlockKind::Paragraph);
                self.lists.push(first);
            }
            Tag::Item => {
                self.flush(BlockKind::Paragraph);
                self.marker = Some(match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let marker = format!("{number}. ");
                        *number = number.saturating_add(1);
                        marker
                    }
                    _ => "- ".to_owned(),
                });
            }
            Tag::CodeBlock(kind) => {
                self.flush(BlockKind::Paragraph);
                // A fence can name its language; that is for a highlighter, not for a reader.
                debug_assert!(matches!(kind, CodeBlockKind::Fenced(_) | CodeBlockKind::Indented));
            }
            Tag::FootnoteDefinition(name) => {
                self.flush(BlockKind::Paragraph);
                self.marker = None;
                self.writer.know_note(&name);
                self.buffer = format!("[{}] ", marks::plain(&name));
            }
            Tag::MetadataBlock(kind) => {
                self.flush(BlockKind::Paragraph);
                self.metadata = Some(kind);
            }
            Tag::Heading { .. } | Tag::BlockQuote(_) | Tag::HtmlBlock | Tag::Table(_) => {
                self.flush(BlockKind::Paragraph);
            }
            _ => {}
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Strikethrough => self.inline_html("</~~>"),
            TagEnd::Subscript => self.inline_html("</~>"),
            TagEnd::Heading(level) => {
                let level = level as u8;
                if level == 1 && self.first_heading.is_none() {
                    self.first_heading = title(&self.buffer);
                }
                self.flush(BlockKind::Heading { level });
            }
            TagEnd::Paragraph | TagEnd::BlockQuote(_) | TagEnd::FootnoteDefinition => self.flush(BlockKind::Paragraph),
            TagEnd::Item => {
                self.flush(BlockKind::Paragraph);
                self.marker = None;
            }
            TagEnd::List(_) => {
                self.flush(BlockKind::Paragraph);
                self.lists.pop();
            }
            TagEnd::CodeBlock => self.flush(BlockKind::Code),
            TagEnd::HtmlBlock => {
                let html = std::mem::take(&mut self.html);
                self.writer.append(&html::fragment(&html, self.html_depth_max));
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.buffer);
                self.looks.clear();
                self.rows.cell(&cell);
            }
            TagEnd::TableHead => {
                self.rows.end_header();
                self.rows.row();
            }
            TagEnd::TableRow => self.rows.row(),
            TagEnd::Table => {
                let rows = std::mem::take(&mut self.rows);
                if !rows.is_empty() {
                    self.marker = None;
                    rows.write(&mut self.writer);
                }
            }
            TagEnd::MetadataBlock(_) => {
                let metadata = std::mem::take(&mut self.buffer);
                let mark = if self.metadata.take() == Some(MetadataBlockKind::PlusesStyle) { '=' } else { ':' };
                self.front_title = self.front_title.take().or_else(|| front_title(&metadata, mark));
            }
            _ => {}
        }
    }

    /// Ends the open block; the first paragraph of a list item becomes the item.
    fn flush(&mut self, kind: BlockKind) {
        let buffer = std::mem::take(&mut self.buffer);
        // What an element left open ends with its block.
        self.looks.clear();
        if marks::is_blank(&buffer) {
            return;
        }
        let levels = self.lists.len().saturating_sub(1).min(INDENT_LEVELS_MAX);
        match self.marker.take() {
            Some(marker) if kind == BlockKind::Paragraph => {
                let mut item = String::new();
                Look { cause: marks::cause_of(&buffer), ..Look::default() }.write(&mut item, &marker);
                item.push_str(buffer.trim());
                self.writer.push_indented(BlockKind::ListItem, levels * INDENT, &item);
            }
            _ => self.writer.push(kind, &buffer),
        }
    }
}

/// The value of the top-level key `title` in front matter whose keys end with `mark`.
fn front_title(metadata: &str, mark: char) -> Option<String> {
    metadata.lines().find_map(|line| {
        let (key, value) = line.split_once(mark)?;
        let value = value.trim().trim_matches(['"', '\'']);
        (key.trim_end() == "title").then(|| title(value)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use BlockKind::{Code, ListItem, Paragraph, Table};

    fn read(markdown: &str) -> Document {
        let document = read_markdown(markdown, 512);
        document.check().expect("spans hold");
        document
    }

    #[test]
    fn markup_is_gone_and_the_text_stays() {
        let document =
            read("# A *title*\n\nSome **bold**, `code`,\n[a link](http://x.y) & <http://z.w>.\\\nNew ![chart](c.png)");
        let expected = "A title\n\nSome bold, code, a link & http://z.w.\nNew chart";
        assert_eq!(document.text, expected);
        assert_eq!(document.title.as_deref(), Some("A title"));
        assert_eq!(document.blocks[0].kind, BlockKind::Heading { level: 1 });
    }

    #[test]
    fn lists_tables_and_code_keep_their_form() {
        let source = "1. one\n   - inner\n2. [x] two\n\n   more\n\n| a | b |\n|---|---|\n| 1 | *2* |\n\n```rust\nfn  x() {}\n\n  y\n```\n";
        let document = read(source);
        assert_eq!(document.text, "1. one\n  - inner\n2. [x] two\n\nmore\n\na | b\n1 | 2\n\nfn  x() {}\n\n  y");
        let kinds: Vec<_> = document.blocks.iter().map(|block| block.kind).collect();
        assert_eq!(kinds, [ListItem, ListItem, ListItem, Paragraph, Table, Code]);
    }

    #[test]
    fn front_matter_gives_the_title_and_no_text() {
        let document = read("---\ntitle: \"The report\"\ndate: 2024-01-02\n---\n\n# Other\n");
        assert_eq!((document.title.as_deref(), document.text.as_str()), (Some("The report"), "Other"));
        assert_eq!(read("+++\ntitle = 'T'\n+++\nx").title.as_deref(), Some("T"));
    }

    #[test]
    fn html_inside_is_read_as_html() {
        let document = read(
            "<div align=\"center\"><h1>Name</h1><script>x()</script></div>\n\ntext<br>more <b>bold</b>[^1]\n\n[^1]: Note.",
        );
        assert_eq!(document.text, "Name\n\ntext\nmore bold [1]\n\n[1] Note.");
    }

    #[test]
    fn entities_cannot_smuggle_terminal_escapes() {
        assert_eq!(read("a&#27;[31mb&#x9b;c").text, "a[31mbc");
    }

    #[test]
    fn deep_nesting_ends() {
        for mark in ["> ", "- ", "*", "[", "<b>", "![", "`"] {
            read(&mark.repeat(20_000));
        }
    }
}
