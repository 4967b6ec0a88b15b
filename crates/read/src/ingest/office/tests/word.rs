//! Word packages go in.

use super::*;

/// A document with this body and nothing else.
pub(super) fn document(body: &str) -> Vec<u8> {
    packed(&[
        ("_rels/.rels", &relations(&[("r", "officeDocument", "word/document.xml")])),
        ("word/document.xml", &format!("<w:document><w:body>{body}</w:body></w:document>")),
    ])
}

const STYLES: &str = "<w:styles><w:style w:styleId='berschrift2'><w:name w:val='heading 2'/></w:style>\
    <w:style w:styleId='Own'><w:basedOn w:val='Base'/></w:style>\
    <w:style w:styleId='Base'><w:basedOn w:val='Own'/><w:pPr><w:outlineLvl w:val='2'/></w:pPr></w:style>\
    <w:style w:styleId='Titel'><w:name w:val='Title'/></w:style></w:styles>";
const NUMBERING: &str = "<w:numbering><w:abstractNum w:abstractNumId='0'>\
    <w:lvl w:ilvl='0'><w:start w:val='1'/><w:numFmt w:val='decimal'/><w:lvlText w:val='%1.'/></w:lvl>\
    <w:lvl w:ilvl='1'><w:start w:val='1'/><w:numFmt w:val='lowerLetter'/><w:lvlText w:val='%1.%2)'/></w:lvl></w:abstractNum>\
    <w:num w:numId='3'><w:abstractNumId w:val='0'/></w:num></w:numbering>";
const NOTES: &str = "<w:footnotes><w:footnote w:type='separator' w:id='0'><w:p/></w:footnote>\
    <w:footnote w:id='4'><w:p><w:r><w:t>The note.</w:t></w:r></w:p></w:footnote></w:footnotes>";

/// A document with styles, lists, notes, a header and properties around this body.
fn full(body: &str) -> Vec<u8> {
    packed(&[
        (
            "_rels/.rels",
            &relations(&[("r", "officeDocument", "/word/document.xml"), ("c", "core-properties", "docProps/core.xml")]),
        ),
        ("docProps/core.xml", "<cp:coreProperties><dc:title>  </dc:title></cp:coreProperties>"),
        (
            "word/_rels/document.xml.rels",
            &relations(&[
                ("s", "styles", "styles.xml"),
                ("n", "numbering", "numbering.xml"),
                ("f", "footnotes", "footnotes.xml"),
                ("h", "header", "header1.xml"),
                ("i", "header", "header2.xml"),
                ("x", "attachedTemplate", "http://evil.example/t.dotm"),
            ]),
        ),
        ("word/document.xml", &format!("<w:document><w:body>{body}</w:body></w:document>")),
        ("word/styles.xml", STYLES),
        ("word/numbering.xml", NUMBERING),
        ("word/footnotes.xml", NOTES),
        ("word/header1.xml", "<w:hdr><w:p><w:r><w:t>ACME</w:t></w:r></w:p></w:hdr>"),
        ("word/header2.xml", "<w:hdr><w:p><w:r><w:t>ACME</w:t></w:r></w:p></w:hdr>"),
    ])
}

fn paragraph(properties: &str, text: &str) -> String {
    format!("<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>")
}

pub(super) fn sample() -> Vec<u8> {
    let item = "<w:numPr><w:ilvl w:val='1'/><w:numId w:val='3'/></w:numPr>";
    full(&[
        paragraph("<w:pStyle w:val='Titel'/>", "Annual report"),
        paragraph("<w:pStyle w:val='berschrift2'/>", "Scope"),
        paragraph("<w:pStyle w:val='Own'/><w:numPr><w:numId w:val='3'/></w:numPr>", "Inner"),
        paragraph(item, "item"),
        "<w:p><w:r><w:t>a</w:t><w:footnoteReference w:id='4'/></w:r></w:p>".to_owned(),
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>y</w:t></w:r></w:p></w:tc></w:tr></w:tbl>".to_owned(),
    ].concat())
}

#[test]
fn roles_come_from_styles_lists_and_notes() {
    let document = read(Format::Docx, &sample());
    let expected = "ACME\n\nAnnual report\n\nScope\n\n1. Inner\n\n  1.a) item\n\na [1]\n\nx\n\ny\n\n[1] The note.";
    assert_eq!((document.text.as_str(), document.title.as_deref()), (expected, Some("Annual report")));
    let kinds: Vec<_> = document.blocks.iter().take(5).map(|block| block.kind).collect();
    let heading = |level| BlockKind::Heading { level };
    assert_eq!(kinds, [BlockKind::Paragraph, heading(1), heading(2), heading(3), BlockKind::ListItem]);
    assert_eq!(document.warnings, []);
}

#[test]
fn changes_and_hidden_text_are_told() {
    let body = "<w:p><w:r><w:t>kept </w:t></w:r><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del>\
        <w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><w:r><w:rPr><w:vanish/></w:rPr><w:t> hid</w:t></w:r></w:p>\
        <w:tbl><w:tr><w:trPr><w:del/></w:trPr><w:tc><w:p><w:r><w:t>gone</w:t></w:r></w:p></w:tc></w:tr></w:tbl>";
    let document = read(Format::Docx, &document(body));
    assert_eq!(document.text, "kept new");
    assert_eq!(document.warnings.iter().filter(|warning| !warning.lossy).count(), 2);
}

#[test]
fn fields_show_their_result_and_boxes_their_text_once() {
    let field = "<w:p><w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>PAGE</w:instrText><w:t>code</w:t></w:r><w:r>\
        <w:fldChar w:fldCharType='separate'/></w:r><w:r><w:t>12</w:t></w:r><w:r><w:fldChar w:fldCharType='end'/></w:r><w:r><w:tab/>\
        <w:t>co&#xAD;op</w:t><w:softHyphen/><w:noBreakHyphen/><w:sym w:char='F0FE'/><w:sym w:char='F045'/></w:r></w:p>";
    let shape = "<w:p><w:r><w:t>beside</w:t><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent>\
        </mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent></mc:Fallback></mc:AlternateContent></w:r></w:p>";
    let lost = "<w:p><w:r><w:fldChar w:fldCharType='begin'/></w:r></w:p><w:p><w:r><w:t>after</w:t></w:r></w:p>";
    let read = read(Format::Docx, &document(&format!("{field}{shape}{lost}")));
    assert_eq!(read.text, "12\tcoop-☑\n\nbeside\n\nbox\n\nafter");
}

#[test]
fn tables_keep_columns_and_flatten_what_is_nested() {
    let cell = |inner: &str| format!("<w:tc>{inner}</w:tc>");
    let text = |text: &str| cell(&format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"));
    let inner =
        format!("<w:tbl><w:tr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>", text("p"), text("q"), text("r"), text("s"));
    let wide = cell("<w:tcPr><w:gridSpan w:val='2'/></w:tcPr><w:p><w:r><w:t>wide</w:t></w:r></w:p>");
    let table = format!(
        "<w:tbl><w:tr>{wide}{}</w:tr><w:tr>{}{}{}</w:tr></w:tbl>",
        text("c"),
        text("1"),
        text("2"),
        cell(&inner)
    );
    assert_eq!(read(Format::Docx, &document(&table)).text, "wide |  | c\n1 | 2 | p q r s");
    let layout = format!("<w:tbl><w:tr>{}</w:tr></w:tbl>", cell(&inner));
    assert_eq!(read(Format::Docx, &document(&layout)).text, "p | q\nr | s");
}

#[test]
fn text_that_breaks_off_is_kept_and_told() {
    let document = read(Format::Docx, &document("<w:p><w:r><w:t>start &own; of</w:t></w:r></w:p></w:tbl>"));
    assert_eq!(document.text, "start  of");
    assert!(document.warnings.iter().all(|warning| warning.lossy) && document.warnings.len() == 2);
}

#[test]
fn hidden_text_of_case_01_is_left_out() {
    let styles = "<w:styles><w:style w:styleId='Hid' w:type='character'><w:rPr><w:vanish/></w:rPr></w:style>\
        <w:style w:styleId='InternalNote' w:type='character'><w:basedOn w:val='Hid'/></w:style></w:styles>";
    let run = |properties: &str, text: &str| {
        format!("<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>")
    };
    let line = |runs: &[String]| format!("<w:p>{}</w:p>", runs.concat());
    let body = [
        line(&[run("", "The price is "), run("<w:vanish/>", "EUR 410 "), run("", "EUR 455.")]),
        line(&[run("<w:vanish/>", "Our walk-away price is EUR 380.")]),
        line(&[run("", "Ten days."), run("<w:rStyle w:val='InternalNote'/>", " Fourteen, in truth.")]),
        line(&[run("<w:rStyle w:val='InternalNote'/><w:vanish w:val='0'/>", "Due in 30 days.")]),
    ];
    let packed = packed(&[
        ("_rels/.rels", &relations(&[("r", "officeDocument", "word/document.xml")])),
        ("word/_rels/document.xml.rels", &relations(&[("s", "styles", "styles.xml")])),
        ("word/styles.xml", styles),
        ("word/document.xml", &format!("<w:document><w:body>{}</w:body></w:document>", body.concat())),
    ]);
    let document = read(Format::Docx, &packed);
    assert_eq!(document.text, "The price is EUR 455.\n\nTen days.\n\nDue in 30 days.");
    let told: Vec<_> = document.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert!(told.len() == 1 && told[0].starts_with("3 passages of hidden text were left out"), "{told:?}");
}

#[test]
fn a_hidden_item_and_a_hidden_row_go_whole() {
    let hidden = |text: &str| format!("<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>{text}</w:t></w:r></w:p>");
    let seen = |text: &str| format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>");
    let row = |cells: &[String]| {
        format!("<w:tr>{}</w:tr>", cells.iter().map(|cell| format!("<w:tc>{cell}</w:tc>")).collect::<String>())
    };
    let table = [row(&[seen("item"), seen("price")]), row(&[hidden("a"), hidden("1")]), row(&[seen("b"), seen("2")])];
    let item = "<w:p><w:pPr><w:numPr><w:ilvl w:val='0'/><w:numId w:val='3'/></w:numPr></w:pPr><w:r><w:rPr><w:vanish/></w:rPr>\
        <w:t>secret</w:t></w:r></w:p>";
    let document = read(Format::Docx, &full(&format!("{item}<w:tbl>{}</w:tbl>", table.concat())));
    assert_eq!(document.text, "ACME\n\nitem | price\nb | 2\n\n[1] The note.");
    let table = document.blocks.iter().find(|block| block.kind == BlockKind::Table).unwrap();
    assert_eq!(table.cells.last().map(|cell| (cell.row, cell.span.of(&document.text))), Some((1, "2")));
}
