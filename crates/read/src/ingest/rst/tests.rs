//! reStructuredText goes in; the texts and blocks that must come out are written here.

use proptest::prelude::*;

use super::*;
use BlockKind::{Code, Heading, ListItem, Paragraph, Table};

fn read(text: &str) -> Document {
    let document = read_rst(text);
    document.check().expect("spans hold");
    document
}

fn kinds(document: &Document) -> Vec<BlockKind> {
    document.blocks.iter().map(|block| block.kind).collect()
}

#[test]
fn sections_are_levels_by_their_adornment() {
    let document = read(
        ".. comment\n   more\n\n=====\nTitle\n=====\n\nPart *one*\n==========\n\nText\nof it.\n\nSub\n---\n\nPart two\n========\n",
    );
    assert_eq!(document.text, "Title\n\nPart one\n\nText of it.\n\nSub\n\nPart two");
    assert_eq!(document.title.as_deref(), Some("Title"));
    let levels = [1, 2, 3, 2].map(|level| Heading { level });
    assert_eq!(kinds(&document).into_iter().filter(|kind| *kind != Paragraph).collect::<Vec<_>>(), levels);
}

#[test]
fn inline_markup_is_gone_and_the_words_stay() {
    let text = "See :ref:`the part <part>`, `a link <http://x.y>`_, `name`_, :func:`~os.path`, ``x *y*``, **bold** and *it*.\n\
                A word_ and [1]_, 2 * 3 * 4, snake_case_name, \\*kept\\*, |v| and **open.\n\n.. |v| replace:: 1.2\n.. _name: http://z\n.. [1] A note.";
    let expected = "See the part, a link, name, os.path, x *y*, bold and it. A word and [1], 2 * 3 * 4, snake_case_name, *kept*, 1.2 and \
                    **open.\n\n[1] A note.";
    assert_eq!(read(text).text, expected);
}

#[test]
fn lists_definitions_and_fields_keep_their_form() {
    let text = ":Author: Ann\n:Date: 2024\n\n* one\n  more\n\n  - inner\n* two\n\n#. first\n2. second\n\nterm\n  What it is.\n\nA. Einstein\nwas here.\n";
    let document = read(text);
    let expected = "Author: Ann\nDate: 2024\n\n- one more\n  - inner\n- two\n#. first\n2. second\n\nterm: What it is.\n\nA. Einstein was here.";
    assert_eq!(document.text, expected);
    assert_eq!(kinds(&document)[..3], [Table, ListItem, ListItem]);
}

#[test]
fn code_and_directives_are_read() {
    let text = "Run::\n\n    a\n      b\n\n.. code-block:: rust\n   :caption: Main\n\n   fn x() {}\n\n.. note:: Mind\n   this.\n\n.. warning::\n\n   Hot.\n\n\
                .. versionadded:: 3.2\n\n.. py:function:: f(x)\n   :module: m\n\n   Does it.\n\n.. toctree::\n   :maxdepth: 2\n\n   a\n   b\n\n\
                .. image:: x.png\n   :alt: A chart\n\n.. include:: other.rst\n\n>>> 1 + 1\n2\n";
    let document = read(text);
    let expected = "Run:\n\na\n  b\n\nMain\n\nfn x() {}\n\nNote: Mind this.\n\nWarning: Hot.\n\nAdded in version 3.2\n\nf(x)\n\nDoes it.\n\nA chart\n\n>>> 1 + 1\n2";
    assert_eq!(document.text, expected);
    assert_eq!(kinds(&document)[..4], [Paragraph, Code, Paragraph, Code]);
    assert!(document.warnings[0].message.contains("includes other files"));
}

#[test]
fn tables_are_rows_of_cells() {
    let text = "===== =====\nYear  Sales\n===== =====\n2023  1.5\n2024  1.7\n      more\n===== =====\n\n\
                +------+-----+\n| Name | n   |\n+======+=====+\n| a    | 1   |\n| b    |     |\n+------+-----+\n| wide       |\n+------------+\n\n\
                .. list-table:: Prices\n   :header-rows: 1\n\n   * - Item\n     - Price\n   * - Egg\n     - 0.30\n       each\n\n\
                .. csv-table::\n   :header: \"x\", \"y\"\n\n   1, \"2, 3\"\n";
    let expected = "Year | Sales\n2023 | 1.5\n2024 | 1.7 more\n\nName | n\na b | 1\nwide\n\nPrices\n\nItem | Price\nEgg | 0.30 each\n\nx | y\n1 | 2, 3";
    assert_eq!(read(text).text, expected);
}

#[test]
fn deep_nesting_ends() {
    let mut text = String::new();
    for depth in 0..2000 {
        text.push_str(&" ".repeat(depth));
        text.push_str("* x\n\n");
    }
    read(&text);
    read(&"* ".repeat(20_000));
    read(&"*a ".repeat(20_000));
    read(&"`a <".repeat(20_000));
    // Each colon was taken for the start of a role that reached to the end of the line: over a minute for 100 kB.
    read(&format!("{}#", ":".repeat(500_000)));
    read(&":a".repeat(500_000));
}

proptest! {
    #[test]
    fn any_text_gives_a_checked_document(
        pieces in prop::collection::vec(prop_oneof![
            8 => prop::sample::select(vec![
                "Title\n", "=====\n", "-----\n", "\n", "\n\n", "  ", "    ", "* ", "1. ", "#. ", ".. ", "..\n", ".. note::", ".. code-block:: x\n",
                ".. list-table::\n", ".. csv-table::\n", ":a: b\n", "::\n", "::", "`", "``", "*", "**", "|", "_", "`_", "<x>", ":ref:`", "\\",
                "+--+--+\n", "| a | b |\n", "+==+==+\n", "=== ===\n", "a   b\n", "é", "\t", ">>> x\n", ".. [1] ", ".. _x: y\n", ".. |a| replace:: b\n",
                "|a|", "* - ", "  - ", "text", "日本\n",
            ]).prop_map(str::to_owned),
            1 => "\\PC{0,6}",
        ], 0..60)
    ) {
        read(&pieces.concat());
    }
}
