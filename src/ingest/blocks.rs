//! Pieces of text with a role go in, one clean text with block spans comes out; knows nothing of the formats that the pieces come from.

use crate::document::{Block, BlockKind, ByteSpan, Cell};

/// Characters of a title that are kept; the rest of a longer one is no title any more.
const TITLE_CHARS_MAX: usize = 300;

/// What a character of a document becomes before anyone sees it.
pub(crate) enum Cleaned {
    /// Itself.
    Keep(char),
    /// A line break.
    Break,
    /// The end of a page.
    Page,
    /// Nothing: it would reach the terminal as a command.
    Drop,
}

/// What becomes of `character`: control characters never reach a terminal.
pub(crate) fn clean(character: char) -> Cleaned {
    match character {
        '\n' | '\t' => Cleaned::Keep(character),
        '\r' | '\u{85}' | '\u{b}' => Cleaned::Break,
        '\u{c}' => Cleaned::Page,
        _ if character.is_control() => Cleaned::Drop,
        _ => Cleaned::Keep(character),
    }
}

/// `text` as a title: one line of single-spaced words without control characters; none when nothing is left.
pub(crate) fn title(text: &str) -> Option<String> {
    let mut words = String::new();
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.extend(word.chars().filter(|character| !character.is_control()));
    }
    let kept: String = words.trim().chars().take(TITLE_CHARS_MAX).collect();
    (!kept.is_empty()).then_some(kept)
}

/// Collects blocks into one text. Blocks are separated by an empty line, items of one list by a line break.
#[derive(Debug, Default)]
pub(crate) struct BlockWriter {
    text: String,
    blocks: Vec<Block>,
}

impl BlockWriter {
    /// Adds `content` as a block of its own; content without visible text adds nothing.
    pub(crate) fn push(&mut self, kind: BlockKind, content: &str) {
        self.push_indented(kind, 0, content);
    }

    /// Adds `content`, set in by `indent` spaces that lie outside its block.
    ///
    /// An item right after another item follows on the next line; everything else after an empty line.
    pub(crate) fn push_indented(&mut self, kind: BlockKind, indent: usize, content: &str) {
        let content = if kind == BlockKind::Code { trim_lines(content) } else { content.trim() };
        if content.is_empty() {
            return;
        }
        let before = self.text.len();
        if let Some(last) = self.blocks.last() {
            let tight = kind == BlockKind::ListItem && last.kind == BlockKind::ListItem;
            self.text.push_str(if tight { "\n" } else { "\n\n" });
        }
        self.text.extend(std::iter::repeat_n(' ', indent));
        let start = self.text.len();
        for character in content.chars() {
            match clean(character) {
                Cleaned::Keep(kept) => self.text.push(kept),
                Cleaned::Break | Cleaned::Page => self.text.push('\n'),
                Cleaned::Drop => {}
            }
        }
        self.text.truncate(start + self.text[start..].trim_end().len());
        if self.text.len() > start {
            self.blocks.push(Block::new(kind, ByteSpan::new(start, self.text.len())));
        } else {
            self.text.truncate(before);
        }
    }

    /// Whether nothing visible was added yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Bytes of text so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Adds the blocks of another writer, in order, after an empty line.
    pub(crate) fn append(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        let shift = self.text.len();
        self.text.push_str(&other.text);
        self.blocks.extend(other.blocks.iter().map(|block| {
            let moved = |span: ByteSpan| ByteSpan::new(span.start + shift, span.end + shift);
            let cells = block.cells.iter().map(|cell| Cell { span: moved(cell.span), ..*cell }).collect();
            Block { kind: block.kind, span: moved(block.span), cells }
        }));
    }

    /// The text and its blocks.
    pub(crate) fn finish(self) -> (String, Vec<Block>) {
        (self.text, self.blocks)
    }
}

/// `content` without empty lines around it; the first line keeps its indentation.
fn trim_lines(content: &str) -> &str {
    let content = content.trim_end();
    let blank = content.len() - content.trim_start().len();
    let start = content[..blank].rfind(['\n', '\r']).map_or(0, |at| at + 1);
    &content[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_follow_on_the_next_line_and_blocks_after_an_empty_one() {
        let mut writer = BlockWriter::default();
        writer.push(BlockKind::Paragraph, " one ");
        writer.push(BlockKind::ListItem, "- two");
        writer.push_indented(BlockKind::ListItem, 2, "- three");
        writer.push(BlockKind::Paragraph, "\u{1b}\u{7}");
        writer.push(BlockKind::Code, "\n\n    four\n  five\n");
        let (text, blocks) = writer.finish();
        assert_eq!(text, "one\n\n- two\n  - three\n\n    four\n  five");
        assert_eq!(blocks[2].span.of(&text), "- three");
        assert_eq!(blocks.len(), 4);
    }

    #[test]
    fn no_control_character_gets_through() {
        let mut writer = BlockWriter::default();
        writer.push(BlockKind::Paragraph, "a\u{1b}[31mb\u{9b}c\u{7f}\u{0}d\r\ne");
        assert_eq!(writer.finish().0, "a[31mbcd\n\ne");
        assert_eq!(title(" a\u{1b}\n b "), Some("a b".into()));
        assert_eq!(title("\u{7}"), None);
    }

    #[test]
    fn appended_blocks_keep_their_text() {
        let mut first = BlockWriter::default();
        first.push(BlockKind::Paragraph, "é");
        let mut second = BlockWriter::default();
        second.push(BlockKind::Paragraph, "ü");
        first.append(&second);
        let (text, blocks) = first.finish();
        assert_eq!((text.as_str(), blocks[1].span.of(&text)), ("é\n\nü", "ü"));
    }
}
