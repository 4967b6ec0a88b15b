//! Packages that are made here go in; the texts, blocks, pages and errors that must come out are written here.

use std::io::{Cursor, Write as _};

use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::ingest::hidden::{HiddenText, settle};

mod open_document;
mod word;

/// A package of `parts`: names and contents.
pub(super) fn packed(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        let method = if *name == "mimetype" { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The relations `(id, kind, target)` as a part.
pub(super) fn relations(all: &[(&str, &str, &str)]) -> String {
    let each = |(id, kind, target): &(&str, &str, &str)| {
        format!("<Relationship Id='{id}' Type='http://x/relationships/{kind}' Target='{target}'/>")
    };
    format!("<Relationships>{}</Relationships>", all.iter().map(each).collect::<String>())
}

pub(super) fn try_read(format: Format, bytes: &[u8]) -> Result<Document> {
    read_office(format, bytes, &OfficeSettings::default(), 1 << 20, 512)
}

pub(super) fn read(format: Format, bytes: &[u8]) -> Document {
    let mut document = try_read(format, bytes).unwrap();
    document.check().unwrap();
    settle(&mut document, HiddenText::LeaveOut);
    document.check().unwrap();
    document
}

fn refused(format: Format, bytes: &[u8], settings: &OfficeSettings) -> (FileStatus, String) {
    match read_office(format, bytes, settings, 1 << 20, 512) {
        Err(Error::Document { status, reason, .. }) => (status, reason),
        other => panic!("not refused: {other:?}"),
    }
}

/// A workbook with one sheet of these rows.
fn workbook(rows: &str) -> Vec<u8> {
    let styles = "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='yyyy\\-mm\\-dd'/></numFmts>\
        <cellXfs><xf numFmtId='0'/><xf numFmtId='164'/><xf numFmtId='10'/></cellXfs></styleSheet>";
    packed(&[
        ("_rels/.rels", &relations(&[("r", "officeDocument", "xl/workbook.xml")])),
        (
            "xl/workbook.xml",
            "<workbook><sheets><sheet name='Sales' r:id='r1'/><sheet name='Old' state='hidden' r:id='r2'/></sheets></workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            &relations(&[
                ("r1", "worksheet", "worksheets/a.xml"),
                ("r2", "worksheet", "/xl/worksheets/b.xml"),
                ("r3", "styles", "styles.xml"),
                ("r4", "sharedStrings", "sharedStrings.xml"),
            ]),
        ),
        ("xl/styles.xml", styles),
        (
            "xl/sharedStrings.xml",
            "<sst><si><t>Region</t></si><si><r><t>No</t></r><r><t>rth</t></r><rPh><t>x</t></rPh></si></sst>",
        ),
        ("xl/worksheets/a.xml", &format!("<worksheet><sheetData>{rows}</sheetData></worksheet>")),
        (
            "xl/worksheets/b.xml",
            "<worksheet><sheetData><row><c t='inlineStr'><is><t>hid</t></is></c></row></sheetData></worksheet>",
        ),
    ])
}

#[test]
fn sheets_are_pages_of_cells_as_they_are_shown() {
    let rows = "<row r='1'><c r='A1' t='s'><v>0</v></c><c r='C1' t='str'><f>x</f><v>When</v></c><c r='D1' t='s'><v>9</v></c></row>\
        <row r='2'><c t='s'><v>1</v></c><c r='C2' s='1'><v>45292</v></c><c s='2'><v>0.256</v></c><c t='b'><v>1</v></c></row>\
        <row r='3' hidden='1'><c r='A3' t='e'><v>#N/A</v></c><c r='C3'><f>A1</f></c></row><row r='1048576'><c r='XFD1048576'><v>7</v></c></row>";
    let document = read(Format::Xlsx, &workbook(rows));
    let expected = "Sales\n\nRegion | When\nNorth | 2024-01-01 | 25.60% | TRUE\n#N/A\n\n7\n\nOld\n\nhid";
    assert_eq!((document.text.as_str(), document.title.as_deref()), (expected, None));
    let hid = document.text.find("hid").unwrap();
    assert_eq!((document.page_at(0), document.page_at(hid)), (Some(1), Some(2)));
    assert_eq!(document.blocks[1].kind, BlockKind::Table);
    let told: Vec<_> = document.warnings.iter().map(|warning| (warning.page, warning.lossy)).collect();
    assert_eq!(told, [(Some(1), true), (Some(1), true), (Some(1), false), (Some(2), false)], "{:?}", document.warnings);
}

#[test]
fn a_text_shown_a_million_times_ends_at_the_limit() {
    let cell = "<c t='s'><v>0</v></c>".repeat(200_000);
    let (status, reason) = refused(Format::Xlsx, &workbook(&format!("<row>{cell}</row>")), &OfficeSettings::default());
    assert_eq!((status, reason.contains("text_bytes_max")), (FileStatus::LimitExceeded, true), "{reason}");
}

/// A presentation with one slide and its notes.
fn deck() -> Vec<u8> {
    let shape = |place: &str, text: &str| {
        format!("<p:sp><p:nvSpPr><p:cNvPr/><p:nvPr>{place}</p:nvPr></p:nvSpPr><p:txBody>{text}</p:txBody></p:sp>")
    };
    let body = "<a:p><a:r><a:t>One</a:t></a:r></a:p><a:p><a:pPr lvl='1'><a:buAutoNum type='arabicPeriod'/></a:pPr><a:r><a:t>Two</a:t></a:r></a:p>";
    let table = "<p:graphicFrame><a:tbl><a:tr><a:tc><a:txBody><a:p><a:r><a:t>a</a:t></a:r></a:p></a:txBody></a:tc><a:tc><a:txBody>\
        <a:p><a:r><a:t>b</a:t></a:r></a:p></a:txBody></a:tc></a:tr></a:tbl></p:graphicFrame>";
    let title = "<a:p><a:r><a:t>The</a:t></a:r><a:br/><a:fld><a:t>title</a:t></a:fld></a:p>";
    let slide = format!(
        "<p:sld show='0'><p:spTree>{}{}{}{table}</p:spTree></p:sld>",
        shape("<p:ph idx='1'/>", body),
        shape("<p:ph type='title'/>", title),
        shape("<p:ph type='sldNum'/>", "<a:p><a:fld><a:t>7</a:t></a:fld></a:p>"),
    );
    let notes =
        format!("<p:notes>{}</p:notes>", shape("<p:ph type='body'/>", "<a:p><a:r><a:t>Say so</a:t></a:r></a:p>"));
    packed(&[
        (
            "ppt/presentation.xml",
            "<p:presentation><p:sldIdLst><p:sldId id='256' r:id='r9'/><p:sldId id='257' r:id='r1'/></p:sldIdLst></p:presentation>",
        ),
        ("ppt/_rels/presentation.xml.rels", &relations(&[("r1", "slide", "slides/slide7.xml")])),
        ("ppt/slides/slide7.xml", &slide),
        ("ppt/slides/_rels/slide7.xml.rels", &relations(&[("n", "notesSlide", "../notesSlides/n.xml")])),
        ("ppt/notesSlides/n.xml", &notes),
    ])
}

#[test]
fn slides_are_pages_with_title_body_and_notes() {
    let document = read(Format::Pptx, &deck());
    assert_eq!(document.text, "The title\n\n- One\n  1. Two\n\na | b\n\nNotes\n\nSay so");
    assert_eq!((document.title.as_deref(), document.pages.len()), (Some("The title"), 2));
    assert_eq!(document.page_at(3), Some(2), "the first slide is missing and empty");
    let told: Vec<_> = document.warnings.iter().map(|warning| (warning.page, warning.lossy)).collect();
    assert_eq!(told, [(Some(1), true), (Some(2), false)]);
}

fn book(chapter: &str) -> Vec<u8> {
    let opf = "<package><metadata><dc:title>A &amp; B</dc:title></metadata><manifest><item id='n' href='toc.ncx' media-type='application/x-dtbncx+xml'/>\
        <item id='b' href='text/b%20c.xhtml' media-type='application/xhtml+xml'/><item id='a' href='text/a.xhtml'/></manifest>\
        <spine><itemref idref='b'/><itemref idref='a'/><itemref idref='a'/></spine></package>";
    let contents = "<!DOCTYPE ncx><ncx><navPoint><navLabel><text>Second &nbsp;</text></navLabel><content src='text/a.xhtml#x'/></navPoint></ncx>";
    packed(&[
        ("mimetype", "application/epub+zip"),
        ("META-INF/container.xml", "<container><rootfile full-path='O/b.opf'/></container>"),
        ("O/b.opf", opf),
        ("O/toc.ncx", contents),
        ("O/text/a.xhtml", chapter),
        ("O/text/b c.xhtml", "<html><head><title/></head><body><h1>First</h1><p>b&nbsp;c</p></body></html>"),
    ])
}

#[test]
fn chapters_come_in_reading_order_under_their_names() {
    let document = read(Format::Epub, &book("<html><body><p>one</p><ul><li>two</li></ul></body></html>"));
    assert_eq!(document.text, "First\n\nb c\n\nSecond\n\none\n\n- two");
    assert_eq!(document.title.as_deref(), Some("A & B"));
}

#[test]
fn packages_are_told_by_their_parts() {
    for (bytes, format) in [
        (workbook(""), Some(Format::Xlsx)),
        (deck(), Some(Format::Pptx)),
        (book(""), Some(Format::Epub)),
        (word::document("<w:p/>"), Some(Format::Docx)),
        (packed(&[("mimetype", "application/vnd.oasis.opendocument.presentation-template")]), Some(Format::Odp)),
        (packed(&[("a.txt", "x")]), None),
        (b"no package".to_vec(), None),
    ] {
        assert_eq!(format_of(&bytes), format);
    }
}

#[test]
fn what_is_no_package_is_refused_with_a_reason() {
    let settings = OfficeSettings::default();
    for format in [Format::Docx, Format::Pptx, Format::Xlsx, Format::Odt, Format::Ods, Format::Odp, Format::Epub] {
        for bytes in [&b""[..], b"PK\x03\x04", b"plain text", &packed(&[("a.txt", "x")])] {
            assert_eq!(refused(format, bytes, &settings).0, FileStatus::Malformed, "{format:?}");
        }
    }
    let encrypted = [COMPOUND_FILE, b"....", ENCRYPTED_PACKAGE].concat();
    assert_eq!(refused(Format::Docx, &encrypted, &settings).0, FileStatus::Encrypted);
    let manifest = "<manifest:manifest><manifest:encryption-data/></manifest:manifest>";
    let locked = packed(&[("META-INF/manifest.xml", manifest), ("content.xml", "\u{1}")]);
    assert_eq!(refused(Format::Odt, &locked, &settings).0, FileStatus::Encrypted);
}

#[test]
fn every_limit_names_its_setting() {
    let all = OfficeSettings::default();
    let long = word::document(&"<w:p><w:r><w:t>0123456789</w:t></w:r></w:p>".repeat(200_000));
    let deep = word::document(&"<w:sdt>".repeat(300));
    let wide = word::document(&format!("<w:tbl><w:tr>{}</w:tr></w:tbl>", "<w:tc><w:p/></w:tc>".repeat(20)));
    let cases = [
        (&long, OfficeSettings { entries_max: 1, ..all.clone() }, "entries_max = 1"),
        (&long, OfficeSettings { entry_bytes_max: 1000, ..all.clone() }, "entry_bytes_max = 1000"),
        (&long, OfficeSettings { unpacked_bytes_max: 1000, ..all.clone() }, "unpacked_bytes_max = 1000"),
        (&long, OfficeSettings { ratio_max: 100, ..all.clone() }, "ratio_max = 100"),
        (&deep, all.clone(), "xml_depth_max = 256"),
        (&wide, OfficeSettings { cells_max: 9, ..all.clone() }, "cells_max = 9"),
    ];
    for (bytes, settings, named) in cases {
        let (status, reason) = refused(Format::Docx, bytes, &settings);
        assert_eq!((status, reason.contains(named)), (FileStatus::LimitExceeded, true), "{reason}");
    }
}

#[test]
fn names_that_lead_elsewhere_or_come_twice_are_told() {
    let text = "<w:document><w:p><w:r><w:t>x</w:t></w:r></w:p></w:document>";
    let parts = [("word/document.xml", text), ("Word/Document.xml", text), ("../../etc/passwd", "x"), ("C:\\a", "y")];
    let document = read(Format::Docx, &packed(&parts));
    assert_eq!(document.text, "x");
    let told: Vec<_> = document.warnings.iter().map(|warning| warning.lossy).collect();
    assert_eq!(told, [false, true], "{:?}", document.warnings);
}

#[test]
fn nesting_up_to_the_limit_fits_a_small_stack() {
    let nested = [
        (Format::Docx, word::document(&"<w:tbl><w:tr><w:tc>".repeat(80))),
        (Format::Docx, word::document(&"<w:p><w:txbxContent>".repeat(120))),
        (Format::Odt, open_document::text(&"<text:list>".repeat(250))),
        (Format::Odt, open_document::text(&"<text:p>".repeat(250))),
        (Format::Odt, open_document::text(&"<text:p><text:note><text:note-body>".repeat(80))),
        (Format::Odt, open_document::text(&"<table:table><table:table-row><table:table-cell>".repeat(80))),
    ];
    for (format, bytes) in nested {
        // Tags that are never closed: all are open at once, and the text ends in the middle.
        let reader = std::thread::Builder::new().stack_size(1 << 20).spawn(move || try_read(format, &bytes));
        let outcome = reader.unwrap().join().expect("the stack is large enough");
        assert!(
            outcome.is_err() || outcome.is_ok_and(|document| document.warnings.iter().any(|warning| warning.lossy))
        );
    }
}

/// One small package of each format.
fn samples() -> Vec<(Format, Vec<u8>)> {
    vec![
        (Format::Docx, word::sample()),
        (Format::Pptx, deck()),
        (Format::Xlsx, workbook("<row r='1'><c r='A1' t='s'><v>0</v></c><c s='1'><v>45292</v></c></row>")),
        (
            Format::Odt,
            open_document::text("<text:h text:outline-level='2'>H</text:h><text:p>é<text:s text:c='3'/>x</text:p>"),
        ),
        (Format::Ods, open_document::sheets()),
        (Format::Odp, open_document::slides()),
        (Format::Epub, book("<html><body><p>one</p></body></html>")),
    ]
}

/// `bytes` with its parts stored and not packed, so that a changed byte changes text and not only a checksum.
fn changed(bytes: &[u8], at: usize, to: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut parts = Vec::new();
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let name = part.name().unwrap().into_owned();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut part, &mut content).unwrap();
        parts.push((name, content));
    }
    let all: usize = parts.iter().map(|(_, content)| content.len()).sum();
    let mut at = at % all.max(1);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mut content) in parts {
        if at < content.len() {
            let end = (at + to.len()).min(content.len());
            content.splice(at..end, to.iter().copied());
            at = usize::MAX;
        } else {
            at = at.saturating_sub(content.len());
        }
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(&content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

proptest! {
    #[test]
    fn flipped_bytes_give_a_checked_document_or_a_reason(flips in prop::collection::vec((any::<usize>(), any::<u8>()), 1..8)) {
        for (format, mut bytes) in samples() {
            for (at, to) in &flips {
                let at = at % bytes.len();
                bytes[at] = *to;
            }
            if let Ok(document) = try_read(format, &bytes) {
                prop_assert!(document.check().is_ok());
            }
        }
    }

    #[test]
    fn changed_parts_give_a_checked_document_or_a_reason(
        at in any::<usize>(),
        to in prop_oneof![
            prop::collection::vec(any::<u8>(), 1..6),
            prop::sample::select(vec!["<", ">", "'", "&", "&#x0;", "&#xD800;", "<!--", "<![CDATA[", "</w:p>", "-1", "99999999999", "é", "%9"])
                .prop_map(|text| text.as_bytes().to_vec()),
        ],
    ) {
        for (format, bytes) in samples() {
            if let Ok(document) = try_read(format, &changed(&bytes, at, &to)) {
                prop_assert!(document.check().is_ok());
                let control = document.text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
                prop_assert_eq!(control, None);
            }
        }
    }
}
