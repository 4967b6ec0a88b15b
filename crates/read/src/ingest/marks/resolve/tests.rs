//! Blocks with marks go in; the texts and blocks that must come out are written here.

use proptest::prelude::*;

use super::*;
use crate::ingest::blocks::BlockWriter;
use crate::ingest::table::Rows;

/// Text with marks from a short form: `⟨raised⟩`, `_lowered_`, `{hidden}`, `~struck~`, `†note†`.
fn marked(source: &str) -> String {
    let mut text = String::new();
    let mut look = Look::default();
    let mut run = String::new();
    for character in source.chars() {
        let next = match character {
            '⟨' => Look::at(Shift::Raised),
            '_' if look == Look::default() => Look::at(Shift::Lowered),
            '{' => Look::unseen(HiddenCause::Hidden),
            '~' if look == Look::default() => Look::unseen(HiddenCause::Struck),
            '†' if look == Look::default() => Look::at(Shift::Note),
            '⟩' | '_' | '}' | '~' | '†' => Look::default(),
            other => {
                run.push(other);
                continue;
            }
        };
        look.write(&mut text, &std::mem::take(&mut run));
        look = next;
    }
    look.write(&mut text, &run);
    text
}

fn resolved(paragraphs: &[&str]) -> Resolved {
    let mut writer = BlockWriter::marked();
    paragraphs.iter().for_each(|paragraph| writer.push(BlockKind::Paragraph, &marked(paragraph)));
    writer.resolve(&mut [])
}

fn shown(paragraph: &str) -> (String, usize) {
    let resolved = resolved(&[paragraph]);
    (resolved.text, resolved.warnings.len())
}

#[test]
fn raised_and_lowered_runs_are_written_on_the_line() {
    let cases = [
        ("10⟨6⟩ cycles", "10^6 cycles", 0),
        ("12 m⟨2⟩ of floor", "12 m^2 of floor", 0),
        ("(a+b)⟨2⟩", "(a+b)^2", 0),
        ("CO_2_ and m²", "CO2 and m²", 0),
        ("1,234⟨5⟩ million", "1,234 [5] million", 0),
        ("word⟨7⟩ more", "word^7 more", 1),
        ("word†7† more", "word [7] more", 0),
        ("⟨14⟩C dating", "14C dating", 0),
        ("⟨1⟩/_2_ tablet", "1/2 tablet", 0),
        ("1⟨1⟩/_2_ cups", "1 1/2 cups", 0),
        ("1⟨1⟩⁄_2_ cups", "1 1/2 cups", 0),
        ("the 1⟨st⟩ of May", "the 1st of May", 0),
    ];
    for (source, text, warnings) in cases {
        assert_eq!(shown(source), (text.to_owned(), warnings), "{source}");
    }
}

#[test]
fn a_note_at_the_foot_makes_its_mark_one() {
    assert_eq!(resolved(&["a word⟨7⟩ more", "⟨7⟩ The note."]).text, "a word [7] more\n\n7 The note.");
    assert_eq!(resolved(&["a word⟨14⟩ more", "⟨14⟩C dating"]).text, "a word^14 more\n\n14C dating");
}

#[test]
fn what_is_not_seen_is_cut_into_blocks_of_its_own() {
    let resolved = resolved(&["The rent is {900} 1,200 euros~ net~, a month.", "{all of it}", "after {x}"]);
    let expected = "The rent is 1,200 euros, a month.\n\n900\n\nnet\n\nall of it\n\nafter\n\nx";
    assert_eq!(resolved.text, expected);
    let kinds: Vec<_> = resolved.blocks.iter().map(|block| (block.kind, block.span.of(&resolved.text))).collect();
    let unseen = |cause| BlockKind::Hidden { cause };
    assert_eq!(kinds[1], (unseen(HiddenCause::Hidden), "900"));
    assert_eq!(kinds[2], (unseen(HiddenCause::Struck), "net"));
    assert_eq!(kinds[3], (unseen(HiddenCause::Hidden), "all of it"));
    assert_eq!((kinds[4], kinds.len()), ((BlockKind::Paragraph, "after"), 6));
}

#[test]
fn cells_stay_in_their_columns_and_hidden_rows_go() {
    let mut rows = Rows::default();
    for row in [["item", "price", "note"], ["{a}", "{4}", ""], ["b", "{5}", "x⟨2⟩"], ["é", "1,234⟨5⟩", "{gone}"]]
    {
        rows.row();
        row.iter().for_each(|cell| rows.cell(&marked(cell)));
        if row[0] == "item" {
            rows.end_header();
        }
    }
    let mut writer = BlockWriter::marked();
    rows.write(&mut writer);
    let Resolved { text, blocks, .. } = writer.resolve(&mut []);
    assert_eq!(text, "item | price | note\nb |  | x^2\né | 1,234 [5]\n\na | 4\n5\ngone");
    let cells: Vec<_> = blocks[0].cells.iter().map(|cell| (cell.row, cell.column, cell.span.of(&text))).collect();
    let expected =
        [(0, 0, "item"), (0, 1, "price"), (0, 2, "note"), (1, 0, "b"), (1, 2, "x^2"), (2, 0, "é"), (2, 1, "1,234 [5]")];
    assert_eq!(cells, expected);
    assert_eq!(blocks[0].header.map(|header| header.of(&text)), Some("item | price | note"));
    assert_eq!((blocks[1].kind, blocks.len()), (BlockKind::Hidden { cause: HiddenCause::Hidden }, 2));
}

#[test]
fn pages_keep_their_blocks() {
    let mut writer = BlockWriter::marked();
    let mut pages = Vec::new();
    for (number, text) in [(1, "one {1}"), (2, "{two}"), (3, "three⟨3⟩")] {
        let start = if writer.is_empty() { 0 } else { writer.len() + 2 };
        writer.push(BlockKind::Paragraph, &marked(text));
        pages.push(Page::new(number, ByteSpan::new(start, writer.len())));
    }
    let Resolved { text, .. } = writer.resolve(&mut pages);
    let shown: Vec<_> = pages.iter().map(|page| page.span.of(&text)).collect();
    assert_eq!(shown, ["one\n\n1", "two", "three^3"]);
}

proptest! {
    #[test]
    fn no_word_is_lost_and_no_span_breaks(parts in prop::collection::vec("[ab{}~⟨⟩_ .0-9é|\n]{0,12}", 0..6), tables in any::<bool>()) {
        let mut writer = BlockWriter::marked();
        if tables {
            let mut rows = Rows::default();
            for part in &parts {
                rows.row();
                part.split('|').for_each(|cell| rows.cell(&marked(cell)));
            }
            rows.write(&mut writer);
        } else {
            parts.iter().for_each(|part| writer.push(BlockKind::Paragraph, &marked(part)));
        }
        let resolved = writer.resolve(&mut []);
        let document = crate::document::Document { text: resolved.text, blocks: resolved.blocks, ..Default::default() };
        prop_assert_eq!(document.check(), Ok(()));
        prop_assert!(!document.text.contains(is_mark));
        let letters = |text: &str| { let mut all: Vec<char> = text.chars().filter(|c| matches!(c, 'a' | 'b' | 'é' | '0'..='9')).collect(); all.sort_unstable(); all };
        prop_assert_eq!(letters(&document.text), letters(&parts.concat()));
    }
}
