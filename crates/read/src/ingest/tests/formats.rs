//! A small file of every format goes in; text, blocks, cells and dates are compared with what is stored beside this file.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::archive::tests::zipped;
use super::*;
use crate::document::{Block, BlockKind};

const MARKDOWN: &str = "---\ntitle: Notes\n---\n# Rates\n\nSee *below*.\n\n| Year | Rate |\n|---|---:|\n| 2023 | |\n| 2024 | **4** % |\n\n- one\n  - two\n";
const HTML: &str = "<title>Rates</title><h1>Rates</h1><table><caption>In percent</caption><tr><th>Year<th>Rate<tr><td rowspan=2>2024\
    <td>4&nbsp;%<tr><td>é</table><p>See <b>above</b>.";
const TEXT: &str = "RATES\n=====\n\nThey rose.\n\n- one\n- two\n";
const CSV: &str = "Region;2023;Note\nNorth;1,5;\"a; b\"\nSouth;;é\n";
const JSON: &str = "{\"title\": \"Order\", \"lines\": [{\"sku\": \"A\", \"price\": 1.50}, {\"sku\": \"B\", \"price\": 2}], \"paid\": true}";
const JSONL: &str = "{\"id\": 1, \"text\": \"one\"}\nnot json\n{\"id\": 2}\n";
const XML: &str = "<?xml version='1.0'?><book><title>Rates</title><para>They <b>rose</b>.</para><table><row><entry>Year</entry><entry>Rate</entry></row>\
    <row><entry>2024</entry><entry>4</entry></row></table><order id='7'>&amp;</order></book>";
const RST: &str = "Rates\n=====\n\nThey *rose*:\n\n==== ====\nYear Rate\n==== ====\n2023\n2024 4\n==== ====\n\n* one\n\n  * two\n\n.. note:: Look.\n";
const RTF: &str = "{\\rtf1\\ansi{\\info{\\title Rates}}\\pard\\outlinelevel0 Head\\par\\pard\\intbl Year\\cell Rate\\cell\\row\\intbl\\cell 4 \\'e9\\cell\\row\\pard After\\par}";
const EML: &str = "From: Ann <a@x.org>\nTo: b@x.org\nDate: Tue, 5 Mar 2024 14:30:00 +0100\nSubject: Rates\nContent-Type: text/html\n\n\
    <p>They rose.</p><table><tr><td>Year<td>Rate<tr><td>2024<td>4</table>";
const MBOX: &str = "From a@x Tue Mar  5 14:30:00 2024\nFrom: a@x\nDate: Tue, 5 Mar 2024 14:30:00 +0000\nSubject: One\n\nText\n\n\
    From b@x Wed Mar  6 09:00:00 2024\nFrom: b@x\nSubject: Two\n\nText\n";
const CODE: &str =
    "use std::fmt;\n\n/// Adds.\nfn add(a: u8) -> u8 {\n    a + 1\n}\n\nstruct Rate {\n    year: u16,\n}\n";

const CORE: &str = "<p xmlns:dcterms='x'><dc:title>Rates</dc:title><dcterms:created>2024-03-05T14:30:00Z</dcterms:created>\
    <dcterms:modified>2024-03-06</dcterms:modified></p>";
const META: &str = "<office:document-meta><dc:title>Rates</dc:title><meta:creation-date>2024-03-05T14:30:00.5</meta:creation-date>\
    <dc:date>2024-03-06T00:00:00+01:00</dc:date></office:document-meta>";

/// Relations of the package: its main part and its properties.
fn relations(main: &str) -> String {
    format!(
        "<Relationships><Relationship Id='a' Type='x/officeDocument' Target='{main}'/>\
        <Relationship Id='b' Type='x/core-properties' Target='core.xml'/></Relationships>"
    )
}

/// A Word document of this body.
pub(super) fn word(body: &str) -> Vec<u8> {
    let body = format!("<w:document><w:body>{body}</w:body></w:document>");
    let main = relations("word/document.xml");
    zipped(&[("_rels/.rels", main.as_bytes()), ("word/document.xml", body.as_bytes()), ("core.xml", CORE.as_bytes())])
}

fn docx() -> Vec<u8> {
    let cell = |text: &str| format!("<w:tc><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>");
    let row = |cells: &[&str]| format!("<w:tr>{}</w:tr>", cells.iter().map(|text| cell(text)).collect::<String>());
    let rows = [row(&["Year", "Rate"]), row(&["", "4 é"])].concat();
    word(&format!("<w:p><w:r><w:t>They rose.</w:t></w:r></w:p><w:tbl>{rows}</w:tbl>"))
}

fn xlsx() -> Vec<u8> {
    let cell = |at: &str, text: &str| format!("<c r='{at}' t='inlineStr'><is><t>{text}</t></is></c>");
    let sheet = format!(
        "<worksheet><sheetData><row r='1'>{}{}</row><row r='2'>{}</row></sheetData></worksheet>",
        cell("A1", "Year"),
        cell("C1", "Rate"),
        cell("C2", "4 é")
    );
    let parts = "<Relationships><Relationship Id='s' Type='x/worksheet' Target='a.xml'/></Relationships>";
    zipped(&[
        ("_rels/.rels", relations("xl/workbook.xml").as_bytes()),
        ("xl/workbook.xml", b"<workbook><sheets><sheet name='Rates' r:id='s'/></sheets></workbook>"),
        ("xl/_rels/workbook.xml.rels", parts.as_bytes()),
        ("xl/a.xml", sheet.as_bytes()),
        ("core.xml", CORE.as_bytes()),
    ])
}

fn pptx() -> Vec<u8> {
    let cell = |text: &str| format!("<a:tc><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>");
    let slide = format!(
        "<p:sld><p:cSld><p:spTree><p:graphicFrame><a:tbl><a:tr>{}{}</a:tr><a:tr>{}{}</a:tr></a:tbl></p:graphicFrame></p:spTree></p:cSld></p:sld>",
        cell("Year"),
        cell("Rate"),
        cell("2024"),
        cell("4")
    );
    let parts = "<Relationships><Relationship Id='s' Type='x/slide' Target='a.xml'/></Relationships>";
    zipped(&[
        ("_rels/.rels", relations("ppt/presentation.xml").as_bytes()),
        (
            "ppt/presentation.xml",
            b"<p:presentation><p:sldIdLst><p:sldId id='256' r:id='s'/></p:sldIdLst></p:presentation>",
        ),
        ("ppt/_rels/presentation.xml.rels", parts.as_bytes()),
        ("ppt/a.xml", slide.as_bytes()),
        ("core.xml", CORE.as_bytes()),
    ])
}

/// An OpenDocument package whose table stands in the element `body`.
fn open_document(kind: &str, body: &str) -> Vec<u8> {
    let cell = |text: &str| format!("<table:table-cell><text:p>{text}</text:p></table:table-cell>");
    let content = format!(
        "<office:document-content><office:body><office:{body}><table:table table:name='Rates'><table:table-row>{}{}</table:table-row>\
        <table:table-row>{}{}</table:table-row></table:table></office:{body}></office:body></office:document-content>",
        cell("Year"),
        cell("Rate"),
        cell("2024"),
        cell("4")
    );
    let mimetype = format!("application/vnd.oasis.opendocument.{kind}");
    zipped(&[("mimetype", mimetype.as_bytes()), ("content.xml", content.as_bytes()), ("meta.xml", META.as_bytes())])
}

fn epub() -> Vec<u8> {
    let book = "<package><metadata><dc:title>Rates</dc:title><dc:date>2024-03-05</dc:date>\
        <meta property='dcterms:modified'>2024-03-06T12:00:00Z</meta></metadata>\
        <manifest><item id='a' href='a.xhtml' media-type='application/xhtml+xml'/></manifest><spine><itemref idref='a'/></spine></package>";
    let chapter = "<html><body><h1>One</h1><table><tr><td>Year</td><td>Rate</td></tr><tr><td>2024</td><td>4</td></tr></table></body></html>";
    zipped(&[
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", b"<container><rootfiles><rootfile full-path='book.opf'/></rootfiles></container>"),
        ("book.opf", book.as_bytes()),
        ("a.xhtml", chapter.as_bytes()),
    ])
}

/// Names and bytes.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let texts = [
        ("a.md", MARKDOWN),
        ("a.html", HTML),
        ("a.txt", TEXT),
        ("a.csv", CSV),
        ("a.json", JSON),
        ("a.jsonl", JSONL),
        ("a.xml", XML),
        ("a.rst", RST),
        ("a.rtf", RTF),
        ("a.eml", EML),
        ("a.mbox", MBOX),
        ("a.rs", CODE),
    ];
    let packed = [
        ("a.docx", docx()),
        ("a.pptx", pptx()),
        ("a.xlsx", xlsx()),
        ("a.odt", open_document("text", "text")),
        ("a.ods", open_document("spreadsheet", "spreadsheet")),
        ("a.epub", epub()),
    ];
    texts.into_iter().map(|(name, text)| (name, text.as_bytes().to_vec())).chain(packed).collect()
}

/// A document for a person: what is known of it, then each block with its role, then the places of its cells.
fn shown(document: &Document) -> String {
    let Document { format, title, dates, pages, warnings, .. } = document;
    let mut lines =
        format!("{} | title {title:?} | created {:?} | modified {:?}\n", format.name(), dates.created, dates.modified);
    for page in pages {
        let _ = writeln!(lines, "page {} {:?}", page.number, page.span);
    }
    for warning in warnings {
        let _ = writeln!(lines, "warning {} (lossy: {})", warning.message, warning.lossy);
    }
    for block in &document.blocks {
        let role = match block.kind {
            BlockKind::Heading { level } => format!("heading {level}"),
            kind => format!("{kind:?}").to_lowercase(),
        };
        let _ = writeln!(lines, "\n[{role}]\n{}", block.span.of(&document.text));
        for cell in &block.cells {
            let _ = writeln!(lines, "  ({}, {}) {}", cell.row, cell.column, cell.span.of(&document.text));
        }
    }
    lines
}

#[test]
fn a_file_of_every_format_is_read_as_before() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, bytes) in samples() {
            let document = reads(name, &bytes).expect(name);
            insta::assert_snapshot!(format!("format_{}", document.format.name()), shown(&document));
        }
    });
}

/// The lines that name the columns of the table that holds `word`.
fn header<'a>(document: &'a Document, word: &str) -> Option<&'a str> {
    let holds = |block: &&Block| block.kind == BlockKind::Table && block.span.of(&document.text).contains(word);
    document.blocks.iter().find(holds)?.header.map(|header| header.of(&document.text))
}

#[test]
fn a_table_of_every_format_knows_the_line_that_names_its_columns() {
    let names = [
        "a.md", "a.html", "a.xml", "a.rst", "a.rtf", "a.eml", "a.docx", "a.pptx", "a.xlsx", "a.odt", "a.ods", "a.epub",
    ];
    for (name, bytes) in samples().into_iter().filter(|(name, _)| names.contains(name)) {
        assert_eq!(header(&reads(name, &bytes).unwrap(), "Year"), Some("Year | Rate"), "{name}");
    }
    assert_eq!(header(&reads("a.csv", CSV.as_bytes()).unwrap(), "North"), None, "each cell names its column");
}

#[test]
fn a_header_that_the_format_marks_is_one_whatever_it_says() {
    let word = |tag: &str, text: &str| {
        format!(
            "<w:tr>{tag}<w:tc><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>paid</w:t></w:r></w:p></w:tc></w:tr>"
        )
    };
    let body = format!(
        "<w:document><w:body><w:tbl>{}{}</w:tbl></w:body></w:document>",
        word("<w:trPr><w:tblHeader/></w:trPr>", "Term"),
        word("<w:trPr><w:tblHeader w:val='false'/></w:trPr>", "Rent")
    );
    let main = relations("word/document.xml");
    let docx = zipped(&[("_rels/.rels", main.as_bytes()), ("word/document.xml", body.as_bytes())]);
    let row = |text: &str| {
        format!(
            "<table:table-row><table:table-cell><text:p>{text}</text:p></table:table-cell><table:table-cell><text:p>paid</text:p></table:table-cell></table:table-row>"
        )
    };
    let content = format!(
        "<office:document-content><office:body><office:text><table:table><table:table-header-rows>{}</table:table-header-rows>{}</table:table>\
        </office:text></office:body></office:document-content>",
        row("Term"),
        row("Rent")
    );
    let odt = zipped(&[("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", content.as_bytes())]);
    let html = "<table><thead><tr><td>Term<td>paid</thead><tr><td>Rent<td>paid</table>".as_bytes().to_vec();
    let headings =
        "<table><tr><td><th>Term<th>paid<tr><th>Rent<td>a<td>b<tr><th>Heat<td>a<td>b</table>".as_bytes().to_vec();
    let markdown = "| Term | paid |\n|--|--|\n| Rent | paid |\n".as_bytes().to_vec();
    for (name, bytes) in [("a.docx", docx), ("a.odt", odt), ("a.html", html), ("b.html", headings), ("a.md", markdown)]
    {
        let document = reads(name, &bytes).unwrap();
        let found = header(&document, "Rent").map(|line| line.trim_start_matches(['|', ' ']).to_owned());
        assert_eq!(found.as_deref(), Some("Term | paid"), "{name}: {}", document.text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(512)))]

    #[test]
    fn a_damaged_file_of_any_format_keeps_the_promises_of_spans(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..6), 0..20_usize), 1..6),
    ) {
        let samples = samples();
        let (name, mut bytes) = samples[which.index(samples.len())].clone();
        for (at, new, removed) in changes {
            let at = at.index(bytes.len().max(1));
            let end = bytes.len().min(at + removed);
            bytes.splice(at.min(end)..end, new);
        }
        // `reads` checks the spans of what it gives.
        if let Err(error) = reads(name, &bytes) {
            prop_assert!(!error.to_string().contains("reader failed"), "{name}: {error}");
        }
    }
}
