//! Decoded plain text goes in, the same text with its blocks comes out; knows nothing of encodings or markup.

use super::items;
use crate::document::{Block, BlockKind, ByteSpan, Document, Format};

/// Characters of the longest line that can be a heading.
const HEADING_CHARS_MAX: usize = 100;
/// Words of the longest numbered line that can be a heading.
const HEADING_WORDS_MAX: usize = 12;

/// What kind of plain text a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// Running text with paragraphs, lists and headings.
    Prose,
    /// One row a line.
    Table,
    /// Source code, configuration, logs: lines stay as they are and none is a heading.
    Code,
}

/// Reads plain text; the document's text is `text`, unchanged.
///
/// In prose, headings are recognised only where a line cannot well be anything else.
#[must_use]
pub fn read_text(text: String, kind: TextKind) -> Document {
    let groups = groups(&text);
    let mut blocks = Vec::new();
    match kind {
        TextKind::Prose => {
            for (index, group) in groups.iter().enumerate() {
                prose(&text, group, groups.get(index + 1), &mut blocks);
            }
        }
        TextKind::Code => blocks.extend(groups.iter().map(|group| block(BlockKind::Code, group))),
        TextKind::Table => {
            if let (Some(first), Some(last)) = (groups.first(), groups.last()) {
                let span = ByteSpan::new(first[0].start, last[last.len() - 1].end);
                blocks.push(Block::new(BlockKind::Table, span));
            }
        }
    }
    let title = match blocks.first() {
        Some(Block { kind: BlockKind::Heading { .. }, span, .. }) => super::blocks::title(span.of(&text)),
        _ => None,
    };
    Document { format: Format::Text, title, text, blocks, ..Document::default() }
}

/// A block from the first to the last of `lines`.
fn block(kind: BlockKind, lines: &[ByteSpan]) -> Block {
    Block::new(kind, ByteSpan::new(lines[0].start, lines[lines.len() - 1].end))
}

/// Runs of lines between empty lines; each line as its span without white space at the end, never empty.
fn groups(text: &str) -> Vec<Vec<ByteSpan>> {
    let mut groups: Vec<Vec<ByteSpan>> = Vec::new();
    let mut open = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.trim_end().len();
        if end == start {
            open = false;
        } else if open && let Some(group) = groups.last_mut() {
            group.push(ByteSpan::new(start, end));
        } else {
            groups.push(vec![ByteSpan::new(start, end)]);
            open = true;
        }
        start += line.len();
    }
    groups
}

/// Adds the blocks of one run of lines.
fn prose(text: &str, lines: &[ByteSpan], next: Option<&Vec<ByteSpan>>, blocks: &mut Vec<Block>) {
    let first = lines[0].trimmed(text);
    let heading = |level: u8| Block::new(BlockKind::Heading { level: level.clamp(1, 6) }, first);
    let mut rest = lines;
    if let Some(level) = lines.get(1).and_then(|under| underline(first.of(text), under.of(text))) {
        blocks.push(heading(level));
        rest = &lines[2..];
    } else if lines.len() == 1 {
        let followed = next.map(|lines| lines[0].of(text));
        if let Some(level) = numbered(first.of(text), followed).or_else(|| shouted(first.of(text))) {
            blocks.push(heading(level));
            return;
        }
    }
    // A line of dashes or stars alone separates; it says nothing.
    if rest.len() == 1 && rest[0].of(text).chars().all(|c| c.is_whitespace() || "-=*_~#".contains(c)) {
        return;
    }
    let lines: Vec<&str> = rest.iter().map(|line| line.of(text)).collect();
    let begins = items::beginnings(&lines);
    let mut from = 0;
    for to in 1..=rest.len() {
        if to == rest.len() || begins[to] {
            let kind = if begins[from] { BlockKind::ListItem } else { BlockKind::Paragraph };
            let span = block(kind, &rest[from..to]).span.trimmed(text);
            blocks.push(Block::new(kind, span));
            from = to;
        }
    }
}

/// The level that an underline of `=` or `-` gives to `line`.
fn underline(line: &str, under: &str) -> Option<u8> {
    let under = under.trim();
    let level = match under.bytes().next()? {
        b'=' => 1,
        b'-' => 2,
        _ => return None,
    };
    let width = line.chars().count();
    let whole = under.bytes().all(|byte| byte == under.as_bytes()[0]);
    // A rule under the head of a table is much longer or shorter than a title, or the head has columns.
    let fits = under.len() >= 3 && under.len() * 2 >= width && under.len() <= width * 2 + 8;
    let title = width <= HEADING_CHARS_MAX && line.chars().any(char::is_alphabetic) && !line.contains(['|', '\t']);
    (whole && fits && title && !line.contains("  ")).then_some(level)
}

/// The level of a line in capitals that stands alone.
fn shouted(line: &str) -> Option<u8> {
    let letters = line.chars().filter(|c| c.is_alphabetic()).count();
    let solid = line.chars().filter(|c| !c.is_whitespace()).count();
    let capitals = line.chars().any(char::is_uppercase) && !line.chars().any(char::is_lowercase);
    let short = line.chars().count() <= HEADING_CHARS_MAX && letters >= 4 && letters * 10 >= solid * 7;
    (capitals && short && !line.ends_with(['.', ',', ';', '!', '?']) && !line.contains(['|', '\t'])).then_some(2)
}

/// The level of a line such as `1.2 Scope` or `Article 5` that stands alone; `next` is the line after it.
fn numbered(line: &str, next: Option<&str>) -> Option<u8> {
    if line.chars().count() > HEADING_CHARS_MAX || line.ends_with(['.', ',', ';', ':', '?', '!']) {
        return None;
    }
    let mut words = line.split_whitespace();
    let first = words.next()?;
    let named =
        matches!(first.to_lowercase().as_str(), "chapter" | "section" | "article" | "part" | "appendix" | "annex");
    let number = if named { words.next()? } else { first };
    let parts: Vec<&str> = number.trim_end_matches(['.', ':', ')']).split('.').collect();
    let digits = |part: &&str| !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    let rest: Vec<&str> = words.collect();
    if rest.len() > HEADING_WORDS_MAX {
        return None;
    }
    if named {
        let roman = !number.is_empty() && number.trim_end_matches(['.', ':']).chars().all(|c| "IVXLCDM".contains(c));
        let letter = number.trim_end_matches(['.', ':']).chars().count() == 1 && number.starts_with(char::is_uppercase);
        return (roman || letter || parts.iter().all(digits)).then_some(parts.len() as u8);
    }
    let titled = rest.first().is_some_and(|word| word.starts_with(char::is_uppercase));
    // `1. Milk` before `2. Bread` is a list; `1. Introduction` before a paragraph is not.
    let alone = number.ends_with('.') && next.is_some_and(|line| items::marker(line).is_none());
    (titled && parts.iter().all(digits) && (parts.len() >= 2 || alone)).then_some(parts.len().min(6) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(&'static str, String)> {
        let document = read_text(text.into(), TextKind::Prose);
        document.check().expect("spans hold");
        assert_eq!(document.text, text);
        let name = |kind| match kind {
            BlockKind::Heading { level: 1 } => "h1",
            BlockKind::Heading { level: 2 } => "h2",
            BlockKind::Heading { .. } => "h",
            BlockKind::Paragraph => "p",
            BlockKind::ListItem => "li",
            BlockKind::Table => "table",
            BlockKind::Code => "code",
            _ => "aside",
        };
        document.blocks.iter().map(|block| (name(block.kind), block.span.of(&document.text).to_owned())).collect()
    }

    #[test]
    fn headings_are_found_where_they_are_plain() {
        let text = "Terms of use\n============\nWe agree.\n\n1.2 Scope of work\n\nAll of it.\n\nARTICLE FIVE\n\nText.\n\nSection 7\n\nEnd.";
        let found = kinds(text);
        let heads: Vec<_> =
            found.iter().filter(|(kind, _)| kind.starts_with('h')).map(|(_, text)| text.as_str()).collect();
        assert_eq!(heads, ["Terms of use", "1.2 Scope of work", "ARTICLE FIVE", "Section 7"]);
        assert_eq!(read_text(text.into(), TextKind::Prose).title.as_deref(), Some("Terms of use"));
    }

    #[test]
    fn what_only_resembles_a_heading_is_not_one() {
        for text in [
            "Name    Age\n-----------\nAnn     5",
            "1. Buy milk\n\n2. Buy bread",
            "3.5 million people live here.",
            "OK",
            "$1,200.00",
        ] {
            assert!(kinds(text).iter().all(|(kind, _)| !kind.starts_with('h')), "{text}");
        }
    }

    #[test]
    fn items_hold_their_continuation_lines() {
        let found = kinds("We need:\n- eggs\n  from hens\n- milk\n\nIn\n1995. It rained.");
        assert_eq!(found[0], ("p", "We need:".into()));
        assert_eq!(found[1], ("li", "- eggs\n  from hens".into()));
        assert_eq!(found[3].0, "p");
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn tables_are_one_block_and_code_keeps_its_lines() {
        let table = read_text("a,b\n1,2\n".into(), TextKind::Table);
        assert_eq!((table.blocks.len(), table.blocks[0].span.of(&table.text)), (1, "a,b\n1,2"));
        let code = read_text("\n  fn a() {}\n\n# X\n===\n".into(), TextKind::Code);
        assert_eq!(code.blocks.iter().map(|b| b.span.of(&code.text)).collect::<Vec<_>>(), ["  fn a() {}", "# X\n==="]);
        assert!(read_text(" \n".into(), TextKind::Table).blocks.is_empty());
    }
}
