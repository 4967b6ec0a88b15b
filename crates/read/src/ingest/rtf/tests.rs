//! RTF goes in; the texts and blocks that must come out are written here.

use proptest::prelude::*;

use super::*;
use crate::document::BlockKind;

fn read(body: &str) -> Document {
    bytes(format!("{{\\rtf1\\ansi\\ansicpg1252 {body}}}").as_bytes())
}

fn bytes(bytes: &[u8]) -> Document {
    let document = read_rtf(bytes, &RtfSettings::default()).expect("it starts as RTF");
    document.check().expect("spans hold");
    document
}

#[test]
fn text_is_decoded_by_code_page_font_and_unicode() {
    assert_eq!(read("caf\\'e9 \\u8364?5 {\\uc2\\u20320\\'c4\\'e3}x\\u55357?\\u56832?").text, "café €5 你x😀");
    let fonts = "{\\fonttbl{\\f0\\fcharset0 Arial;}{\\f1\\fcharset204 Arial Cyr;}{\\f2\\fcharset128 MS;}}";
    assert_eq!(read(&format!("{fonts}a{{\\f1 \\'cf\\'f0}}\\f2\\'83J\\'83\\'4a")).text, "aПрカカ");
    assert_eq!(bytes(b"{\\rtf1\\ansicpg932 \x83J}").text, "カ");
    assert!(read("\\ansicpg1 x").warnings[0].message.contains("code page 1"));
    assert_eq!(read("a\\~b\\_c\\-d\\{\\}\\\\ \\emdash\\bin3 {{{e\\v hidden\\v0 f").text, "a\u{a0}b‑cd{}\\ —ef");
}

#[test]
fn styles_make_headings_and_marks_make_items() {
    let body = "{\\stylesheet{\\s0 Normal;}{\\s1\\outlinelevel0 Kop;}{\\s2 heading 2;}}{\\info{\\title The {\\b title}}{\\author A}}\
        \\pard\\s1 One\\par\\pard\\s2{\\listtext 1.1\\tab}Two\\par\\pard Text\\line more.\\par\
        \\pard{\\listtext\\'b7\\tab}first\\par\\pard\\ilvl1{\\pntext 2.\\tab}second\\par";
    let document = read(body);
    assert_eq!(document.text, "One\n\n1.1 Two\n\nText\nmore.\n\n- first\n  2. second");
    assert_eq!(document.title.as_deref(), Some("The title"));
    let kinds: Vec<_> = document.blocks.iter().map(|block| block.kind).collect();
    assert_eq!(kinds[..2], [BlockKind::Heading { level: 1 }, BlockKind::Heading { level: 2 }]);
    assert_eq!(kinds[2..], [BlockKind::Paragraph, BlockKind::ListItem, BlockKind::ListItem]);
}

#[test]
fn tables_are_rows_of_cells() {
    let body = "Before\\par\\trowd\\pard\\intbl Year\\cell 2024\\cell\\row\\trowd\\intbl Net\\par sales\\cell 1\\cell\\row\\pard After\\par";
    let document = read(body);
    assert_eq!(document.text, "Before\n\nYear | 2024\nNet sales | 1\n\nAfter");
    assert_eq!(document.blocks[1].kind, BlockKind::Table);
}

#[test]
fn what_is_not_text_stays_behind_and_is_told() {
    let body = "{\\*\\generator Word;}{\\header head}a{\\field{\\*\\fldinst HYPERLINK \"http://x\"}{\\fldrslt link}}\
        {\\pict\\pngblip 89504e47}{\\object{\\*\\objdata 01}{\\result shown}}{\\upr{old}{\\*\\ud new}}{\\*\\unknown x}\
        {\\footnote A note.} b\\par";
    let document = read(body);
    assert_eq!(document.text, "alinkshownnew b\n\nA note.");
    let told: Vec<_> = document.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("1 pictures") && told[1].contains("1 embedded objects"));
}

#[test]
fn damage_and_depth_are_told() {
    assert!(bytes(b"{\\rtf1 cut").warnings[0].lossy);
    let deep = format!("{{\\rtf1 {}text", "{".repeat(100_000));
    assert_eq!(bytes(deep.as_bytes()).text, "text");
    assert!(bytes(deep.as_bytes()).warnings[1].message.contains("rtf.depth_max = 512"));
    assert!(read_rtf(b"no", &RtfSettings::default()).is_err());
    assert_eq!(read("a\\u55357?x\\u56832?").text, "a\u{fffd}x\u{fffd}");
}

proptest! {
    #[test]
    fn any_rtf_gives_a_checked_document(
        pieces in prop::collection::vec(prop_oneof![
            6 => prop::sample::select(vec![
                "{", "}", "\\par", "\\cell", "\\row", "\\intbl", "\\pard", "\\u-3913", "\\u55357", "\\uc9", "\\'8", "\\'83", "\\bin5",
                "\\bin99999999999", "{\\footnote ", "{\\stylesheet", "{\\fonttbl", "\\f1", "\\fcharset2", "\\s1", "heading 1;", "\\*",
                "{\\listtext", "{\\info{\\title", "\\v", "\\plain", "\\outlinelevel-1", "{\\shptxt", "\\\n", "x", "\\", "-", "\\ilvl99",
            ]).prop_map(|piece| piece.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..6),
        ], 0..80)
    ) {
        bytes(&[b"{\\rtf1 ".to_vec(), pieces.concat()].concat());
    }
}
