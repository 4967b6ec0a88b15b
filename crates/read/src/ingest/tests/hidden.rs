//! Text that is not there for the reader, and raised characters, in files of several formats: one rule for all.

use super::*;
use crate::document::{BlockKind, HiddenCause};
use crate::ingest::hidden::HiddenText;

const SENTENCE: &str = "The rent is 1,200 euros a month.";

/// The sentence with `before` and `after` around the rent that is no more.
fn sentence(before: &str, after: &str) -> String {
    format!("The rent is {before}900{after} 1,200 euros a month.")
}

fn docx(properties: &str) -> Vec<u8> {
    let run = |properties: &str, text: &str| {
        format!("<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>")
    };
    let runs = [run("", "The rent is "), run(properties, "900"), run("", " 1,200 euros a month.")].concat();
    super::formats::word(&format!("<w:p>{runs}</w:p>"))
}

/// Files that all say the sentence to a reader, and why the rest of them is not seen.
fn files() -> Vec<(&'static str, Vec<u8>, HiddenCause)> {
    use HiddenCause::{Hidden, Struck};

    let html = |before: &str, after: &str| format!("<!doctype html><p>{}</p>", sentence(before, after)).into_bytes();
    let mail = |body: &str| {
        format!("From: a@b.c\r\nSubject: Rent\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>{body}</p>\r\n")
            .into_bytes()
    };
    vec![
        ("a.html", html("<span hidden>", "</span>"), Hidden),
        ("a.html", html("<span aria-hidden=true>", "</span>"), Hidden),
        ("a.html", html("<span style='color:red; display : none'>", "</span>"), Hidden),
        ("a.html", html("<style>.x{display:none}</style><b class=x>", "</b>"), Hidden),
        ("a.html", html("<span style='visibility:hidden'>", "</span>"), Hidden),
        ("a.html", html("<span style='font-size:0'>", "</span>"), Hidden),
        ("a.html", html("<del>", "</del>"), Struck),
        ("a.html", html("<s><b>", "</b></s>"), Struck),
        ("a.html", html("<span style='text-decoration:line-through red'>", "</span>"), Struck),
        ("a.md", sentence("~~", "~~").into_bytes(), Struck),
        ("a.md", sentence("<del>", "</del>").into_bytes(), Struck),
        ("a.md", sentence("<span hidden>", "</span>").into_bytes(), Hidden),
        ("a.md", format!("<p>{}</p>\n", sentence("<s>", "</s>")).into_bytes(), Struck),
        ("a.eml", mail(&sentence("<s>", "</s>")), Struck),
        ("a.docx", docx("<w:vanish/>"), Hidden),
        ("a.docx", docx("<w:strike/>"), Struck),
        ("a.docx", docx("<w:dstrike w:val='true'/>"), Struck),
    ]
}

#[test]
fn text_that_a_reader_does_not_see_is_left_out_and_counted() {
    for (name, bytes, cause) in files() {
        let document = reads(name, &bytes).unwrap();
        let shown = document.text.lines().last().unwrap_or_default();
        assert_eq!(shown, SENTENCE, "{name}: {}", String::from_utf8_lossy(&bytes));
        assert!(!document.text.contains("900"), "{name}: {}", document.text);
        let count = format!("1 passage of {} text was left out", cause.name());
        let told = document.warnings.iter().filter(|warning| warning.message.starts_with(&count)).count();
        assert_eq!(told, 1, "{name}: {:?}", document.warnings);
    }
}

#[test]
fn text_that_a_reader_does_not_see_is_kept_apart_where_asked_for() {
    let settings = ReadSettings { hidden: HiddenText::Keep, ..ReadSettings::default() };
    for (name, bytes, cause) in files() {
        let document = read(Path::new(name), &bytes, &settings).unwrap();
        document.check().unwrap();
        let of = |kind| {
            let found =
                document.blocks.iter().filter(|block| block.kind == kind).map(|block| block.span.of(&document.text));
            found.collect::<Vec<_>>()
        };
        assert_eq!(of(BlockKind::Hidden { cause }), ["900"], "{name}");
        assert_eq!(of(BlockKind::Paragraph), [SENTENCE], "{name}");
        assert_eq!(document.warnings.iter().filter(|warning| warning.message.contains("kept")).count(), 1, "{name}");
    }
}

#[test]
fn raised_characters_are_the_same_in_every_format() {
    let html = |body: &str| format!("<!doctype html>{body}").into_bytes();
    for (name, bytes, text) in [
        ("a.html", html("<p>1,234<sup>5</sup> million"), "1,234 [5] million"),
        ("a.html", html("<p>10<sup>6</sup> cycles of 12 m<sup>2</sup>"), "10^6 cycles of 12 m^2"),
        ("a.html", html("<p>CO<sub>2</sub>, (a+b)<sup>2</sup>, m²"), "CO2, (a+b)^2, m²"),
        ("a.html", html("<p>a word<sup><a href='#fn7'>7</a></sup> more"), "a word [7] more"),
        ("a.html", html("<p>a word<sup>7</sup> more<p id=fn7>7 The note."), "a word [7] more\n\n7 The note."),
        ("a.html", html("<p>a word<sup>7</sup> more"), "a word^7 more"),
        ("a.html", html("<table><tr><th>a<th>b<tr><td>x<td>1,234<sup>5</sup></table>"), "a | b\nx | 1,234 [5]"),
        ("a.html", html("<p><font face=Symbol>b</font> &#xB1;"), "β ±"),
        (
            "a.md",
            b"1,234<sup>5</sup> of CO<sub>2</sub> and 10<sup>6</sup>[^n]\n\n[^n]: Why.".to_vec(),
            "1,234 [5] of CO2 and 10^6 [n]\n\n[n] Why.",
        ),
    ] {
        assert_eq!(reads(name, &bytes).unwrap().text, text, "{name}: {}", String::from_utf8_lossy(&bytes));
    }
    let guessed = reads("a.html", &html("<p>a word<sup>7</sup> more")).unwrap();
    assert!(
        guessed.warnings.iter().any(|warning| warning.message.ends_with("written as word^7")),
        "{:?}",
        guessed.warnings
    );
}

#[test]
fn raised_characters_and_signs_of_word_documents() {
    let run = |properties: &str, text: &str| {
        format!("<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>")
    };
    let raised = |text: &str| run("<w:vertAlign w:val='superscript'/>", text);
    let symbol = |text: &str| run("<w:rFonts w:ascii='Symbol' w:hAnsi='Symbol'/>", text);
    for (runs, text) in [
        ([run("", "1,234"), raised("5"), run("", " million")].concat(), "1,234 [5] million"),
        ([run("", "1"), run("", "0"), raised("-"), raised("3"), run("", " m"), raised("2")].concat(), "10^-3 m^2"),
        ([run("", "CO"), run("<w:vertAlign w:val='subscript'/>", "2")].concat(), "CO2"),
        ([symbol("b\u{f0b1}"), run("", "0.5")].concat(), "β±0.5"),
        ("<w:r><w:sym w:font='Symbol' w:char='F0A3'/><w:sym w:font='Wingdings' w:char='F0FE'/></w:r>".into(), "≤☑"),
    ] {
        assert_eq!(reads("a.docx", &super::formats::word(&format!("<w:p>{runs}</w:p>"))).unwrap().text, text, "{runs}");
    }
    let lost = super::formats::word("<w:p><w:r><w:t>a</w:t><w:sym w:font='Marlett' w:char='F041'/></w:r></w:p>");
    let lost = reads("a.docx", &lost).unwrap();
    assert!(
        lost.warnings.iter().any(|warning| warning.lossy && warning.message.starts_with("1 sign was")),
        "{:?}",
        lost.warnings
    );
}

#[test]
fn marks_in_the_input_are_no_marks() {
    for (name, bytes) in [
        ("a.html", &b"<!doctype html><p>a&#1;b&#7;c&#2;d&#7;</p>"[..]),
        ("a.md", b"a&#1;b&#7;c&#2;d&#7;"),
        ("a.json", br#"{"x": "a\u0001b\u0007cd"}"#),
    ] {
        let document = reads(name, bytes).unwrap();
        assert!(document.text.contains("abcd") && document.warnings.is_empty(), "{name}: {document:?}");
    }
}
