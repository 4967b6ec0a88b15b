//! Names and first bytes go in; the formats and reasons that must come out are written here.

use super::*;

fn reason(name: &str, bytes: &[u8]) -> String {
    detect(Path::new(name), bytes).expect_err("not read").to_string()
}

#[test]
fn content_comes_before_the_name() {
    let cases: [(&str, &[u8], Format); 10] = [
        ("a.txt", b"%PDF-1.4\n...", Format::Pdf),
        ("a.pdf", b"junk\n%PDF-1.4\n...", Format::Pdf),
        ("a.pdf", b"<!DOCTYPE html><p>Not found", Format::Html),
        ("a.pdf", b"Plain words", Format::Text),
        ("a.pdf", b"1 0 obj\n<<>>\nendobj", Format::Pdf),
        ("about.txt", b"A PDF starts with %PDF-1.7 and so on.", Format::Text),
        ("a", b"<?xml version='1.0'?>\n<!-- x --><html>", Format::Html),
        ("README.MD", b"# Hello", Format::Markdown),
        ("a.html", b"fragment", Format::Html),
        ("a.htm", b"\xff\xfe<\0h\0t\0m\0l\0>\0", Format::Html),
    ];
    for (name, bytes, format) in cases {
        assert_eq!(detect(Path::new(name), bytes).expect(name), format, "{name}");
    }
}

#[test]
fn formats_that_are_not_read_are_named() {
    assert!(reason("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1").contains("old Word documents (.doc)"));
    assert!(reason("a.xlsb", b"PK\x03\x04...xl/workbook.bin").contains("(.xlsb)"));
    assert!(reason("a.bin", b"PK\x03\x04...").contains("zip archives"));
    assert!(reason("a.pdf", b"\x89PNG\r\n\x1a\n").contains("images"));
    assert!(reason("a.mht", b"From: a@b").contains("saved web pages"));
    assert!(reason("a", b"\x00\x01\x02\x00\x00\x09").contains("binary data"));
    assert_eq!(detect(Path::new("notes"), b"BMW and MZ").expect("text"), Format::Text);
}

#[test]
fn text_formats_are_told_by_start_and_name() {
    let cases: [(&str, &[u8], Format); 12] = [
        ("a.doc", b"{\\rtf1 x}", Format::Rtf),
        ("a.rtf", b"Plain words", Format::Text),
        ("a.eml", b"From: a@b", Format::Eml),
        ("inbox", b"From a@b Tue Mar  5 14:30:00 2024\nSubject: x\n", Format::Mbox),
        ("notes", b"From a friend: 12:30\nand more", Format::Text),
        ("a.json", b"{}", Format::Json),
        ("a.ndjson", b"{}", Format::Jsonl),
        ("a", b"<?xml version='1.0'?><a/>", Format::Xml),
        ("a.xml", b"<?xml version='1.0'?><html/>", Format::Html),
        ("a.rst", b"Title\n=====", Format::Rst),
        ("a.tsv", b"a\tb", Format::Csv),
        ("a.py", b"x = 1", Format::Code),
    ];
    for (name, bytes, format) in cases {
        assert_eq!(detect(Path::new(name), bytes).expect(name), format, "{name}");
    }
}

#[test]
fn packages_are_told_even_when_damaged() {
    let cases: [(&str, &[u8], Format); 5] = [
        ("a", b"PK\x03\x04...word/document.xml", Format::Docx),
        ("a.docx", b"PK\x03\x04...ppt/presentation.xml", Format::Pptx),
        ("a.ods", b"PK\x03\x04", Format::Ods),
        ("a.docx", b"Plain words", Format::Text),
        ("a.epub", b"", Format::Epub),
    ];
    for (name, bytes, format) in cases {
        assert_eq!(detect(Path::new(name), bytes).expect(name), format, "{name}");
    }
    let encrypted = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1..E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0";
    assert!(reason("a.docx", encrypted).contains("password"));
}

#[test]
fn a_misleading_name_is_told() {
    assert!(mismatch(Path::new("a.pdf"), Format::Html).expect("warned").message.contains(".pdf"));
    assert!(mismatch(Path::new("a.docx"), Format::Text).is_some());
    for (name, format) in
        [("a.pdf", Format::Pdf), ("a.txt", Format::Text), ("a.txt", Format::Html), ("a.md", Format::Markdown)]
    {
        assert_eq!(mismatch(Path::new(name), format), None, "{name}");
    }
}

#[test]
fn an_archive_of_documents_is_no_document() {
    use crate::ingest::archive::tests::zipped;
    let book = zipped(&[("word/document.xml", b"<x/>")]);
    assert_eq!(detect(Path::new("a"), &book).expect("a document"), Format::Docx);
    let archive = zipped(&[("a.docx", &book), ("classes.txt", b"META-INF/MANIFEST.MF")]);
    assert!(is_zip_archive(Path::new("a.zip"), &archive));
    for (name, bytes) in [("a.zip", book), ("a.docx", archive), ("a.jar", zipped(&[("META-INF/MANIFEST.MF", b"x")]))] {
        assert!(!is_zip_archive(Path::new(name), &bytes), "{name}");
    }
}
