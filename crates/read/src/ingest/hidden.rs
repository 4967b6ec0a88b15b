//! A document whose hidden text stands in blocks of its own goes in, the same document without it, or with it by choice, comes out.
//!
//! This is the one door for all formats: readers only say what is not seen ([`BlockKind::Hidden`]), and none of them knows the setting.

use serde::{Deserialize, Serialize};

use crate::document::{Block, BlockKind, ByteSpan, Cell, Document, HiddenCause, Warning};

/// Pages that a warning names; of more it says so.
const PAGES_NAMED_MAX: usize = 8;

/// What becomes of text that a reader of the document does not see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HiddenText {
    /// It is no part of the text; a warning counts it.
    #[default]
    LeaveOut,
    /// It stays in the text, in blocks of the kind [`BlockKind::Hidden`].
    Keep,
}

/// Leaves the hidden blocks of `document` out or keeps them, and tells how many there were.
pub(crate) fn settle(document: &mut Document, setting: HiddenText) {
    for cause in [HiddenCause::Hidden, HiddenCause::Struck, HiddenCause::Unpainted] {
        let told = warning(document, cause, setting);
        document.warnings.extend(told);
    }
    if setting == HiddenText::LeaveOut {
        leave_out(document);
    }
}

fn warning(document: &Document, cause: HiddenCause, setting: HiddenText) -> Option<Warning> {
    let found: Vec<&Block> = document.blocks.iter().filter(|block| block.kind == BlockKind::Hidden { cause }).collect();
    let mut pages: Vec<u32> = found.iter().filter_map(|block| document.page_at(block.span.start)).collect();
    pages.dedup();
    let what = match found.len() {
        0 => return None,
        1 => format!("1 passage of {} text was", cause.name()),
        count => format!("{count} passages of {} text were", cause.name()),
    };
    let on = match pages.len() {
        0 | 1 => String::new(),
        count => {
            let named: Vec<String> = pages.iter().take(PAGES_NAMED_MAX).map(u32::to_string).collect();
            let more = if count > PAGES_NAMED_MAX { " and more" } else { "" };
            format!(" on pages {}{more}", named.join(", "))
        }
    };
    let became = match setting {
        HiddenText::LeaveOut => "left out (read.hidden = \"keep\" keeps such text apart)",
        HiddenText::Keep => "kept, and no answer is made from such text (read.hidden = \"keep\")",
    };
    let page = if pages.len() == 1 { pages.first().copied() } else { None };
    Some(Warning { page, lossy: false, message: format!("{what} {became}{on}") })
}

fn leave_out(document: &mut Document) {
    let cuts = cuts(document);
    if cuts.is_empty() {
        return;
    }
    let mut text = String::with_capacity(document.text.len());
    let mut at = 0;
    // For each cut: its end, and how many bytes are gone up to it.
    let mut gone = Vec::with_capacity(cuts.len());
    for cut in &cuts {
        text.push_str(&document.text[at..cut.start]);
        at = cut.end;
        gone.push(at - text.len());
    }
    text.push_str(&document.text[at..]);
    let moved = |at: usize| {
        let after = cuts.partition_point(|cut| cut.start < at);
        match after.checked_sub(1) {
            None => at,
            Some(last) => at.max(cuts[last].end) - gone[last],
        }
    };
    let span = |span: ByteSpan| ByteSpan::new(moved(span.start), moved(span.end));
    document.blocks.retain(|block| !block.kind.is_hidden());
    for block in &mut document.blocks {
        block.span = span(block.span);
        block.header = block.header.map(span);
        block.cells.iter_mut().for_each(|cell| *cell = Cell { span: span(cell.span), ..*cell });
    }
    document.pages.iter_mut().for_each(|page| page.span = span(page.span));
    document.text = text;
}

/// What goes, in order: each hidden block with the gap before it, or with the gap behind it where it begins the text or a page.
fn cuts(document: &Document) -> Vec<ByteSpan> {
    let text = &document.text;
    let mut cuts: Vec<ByteSpan> = Vec::new();
    for block in document.blocks.iter().filter(|block| block.kind.is_hidden()) {
        let ByteSpan { start, end } = block.span;
        let last = cuts.last().map_or(0, |cut| cut.end);
        let before = text[last.min(start)..start].trim_end_matches(['\n', ' ']).len() + last.min(start);
        let page = document.pages.iter().find(|page| page.span.start > before && page.span.start <= start);
        let begins_text =
            before == 0 || cuts.first().is_some_and(|cut| cut.start == 0 && cuts.len() == 1 && last == before);
        let goes_on = page.is_some_and(|page| page.span.end > end);
        let cut = if begins_text || goes_on {
            let breaks = text[end..].len() - text[end..].trim_start_matches('\n').len();
            ByteSpan::new(start.max(last), end + breaks)
        } else {
            ByteSpan::new(before.max(last), end)
        };
        match cuts.last_mut() {
            Some(previous) if previous.end >= cut.start => previous.end = cut.end.max(previous.end),
            _ => cuts.push(cut),
        }
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Page;

    /// A document of blocks, a page each where there are `pages`; what begins with `!` is hidden.
    fn document(parts: &[&str], has_pages: bool) -> Document {
        let mut made = Document::default();
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                made.text.push_str("\n\n");
            }
            let start = made.text.len();
            made.text.push_str(part.trim_start_matches('!'));
            let span = ByteSpan::new(start, made.text.len());
            let cause = HiddenCause::Hidden;
            let kind = if part.starts_with('!') { BlockKind::Hidden { cause } } else { BlockKind::Paragraph };
            made.blocks.push(Block::new(kind, span));
            if has_pages {
                made.pages.push(Page::new(at as u32 + 1, span));
            }
        }
        made
    }

    fn left(parts: &[&str], has_pages: bool) -> Document {
        let mut made = document(parts, has_pages);
        settle(&mut made, HiddenText::LeaveOut);
        made.check().unwrap();
        made
    }

    #[test]
    fn hidden_blocks_go_with_one_gap() {
        for (parts, text) in [
            (&["a", "!x", "b"][..], "a\n\nb"),
            (&["!x", "a", "!y"], "a"),
            (&["!x", "!y", "a"], "a"),
            (&["a", "!x", "!y", "b", "!z", "é"], "a\n\nb\n\né"),
            (&["!x"], ""),
        ] {
            let made = left(parts, false);
            assert_eq!(made.text, text, "{parts:?}");
            let blocks: Vec<_> = made.blocks.iter().map(|block| block.span.of(&made.text)).collect();
            assert_eq!(blocks, parts.iter().filter(|part| !part.starts_with('!')).copied().collect::<Vec<_>>());
            assert_eq!(made.warnings.len(), 1);
        }
    }

    #[test]
    fn pages_keep_their_number_and_text() {
        let made = left(&["a", "!x", "b"], true);
        let pages: Vec<_> = made.pages.iter().map(|page| (page.number, page.span.of(&made.text))).collect();
        assert_eq!(pages, [(1, "a"), (2, ""), (3, "b")]);
        assert_eq!(made.warnings[0].page, Some(2));
        let mut first_of_page = document(&["a", "!x", "b"], false);
        first_of_page.pages = vec![Page::new(1, ByteSpan::new(0, 1)), Page::new(2, ByteSpan::new(3, 7))];
        settle(&mut first_of_page, HiddenText::LeaveOut);
        assert_eq!(first_of_page.pages[1].span.of(&first_of_page.text), "b");
    }

    #[test]
    fn the_warning_counts_and_keeping_changes_nothing_else() {
        let mut kept = document(&["a", "!x", "b", "!y"], true);
        let before = kept.clone();
        settle(&mut kept, HiddenText::Keep);
        assert_eq!((&kept.text, &kept.blocks), (&before.text, &before.blocks));
        assert!(kept.warnings[0].message.ends_with(" on pages 2, 4"));
        assert_eq!(left(&["a"], false).warnings, []);
    }
}
