//! OpenDocument packages go in.

use super::*;

fn content(kind: &str, styles: &str, body: &str) -> Vec<u8> {
    let content = format!(
        "<office:document-content><office:automatic-styles>{styles}</office:automatic-styles><office:body><office:{kind}>{body}\
        </office:{kind}></office:body></office:document-content>"
    );
    packed(&[("mimetype", &format!("application/vnd.oasis.opendocument.{kind}")), ("content.xml", &content)])
}

/// A text with this body.
pub(super) fn text(body: &str) -> Vec<u8> {
    let styles = "<style:style style:name='P1' style:parent-style-name='Title'/><text:list-style style:name='L1'>\
        <text:list-level-style-number text:level='1' style:num-suffix='.' style:num-format='A' text:start-value='2'/></text:list-style>";
    content("text", styles, body)
}

pub(super) fn sheets() -> Vec<u8> {
    let cell = |text: &str| {
        format!("<table:table-cell table:number-columns-repeated='2'><text:p>{text}</text:p></table:table-cell>")
    };
    let rows = format!(
        "<table:table-row table:number-rows-repeated='2'>{}</table:table-row><table:table-row table:number-rows-repeated='1048000'>\
        <table:table-cell table:number-columns-repeated='16384'/></table:table-row><table:table-row><table:table-cell table:formula='x'/>{}\
        <table:table-cell office:value='1.5'><office:annotation><dc:creator>Ann</dc:creator><text:p>why</text:p></office:annotation>\
        </table:table-cell></table:table-row>",
        cell("a"),
        cell("b")
    );
    let styles = "<style:style style:name='ta2'><style:table-properties table:display='false'/></style:style>";
    let tables = format!(
        "<table:table table:name='One' table:style-name='ta2'>{rows}</table:table><table:table table:name='Two'/>"
    );
    content("spreadsheet", styles, &tables)
}

pub(super) fn slides() -> Vec<u8> {
    let frame = |class: &str, text: &str| {
        format!(
            "<draw:frame presentation:class='{class}'><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>"
        )
    };
    let page = format!(
        "<draw:page>{}{}<draw:custom-shape><text:p>shape</text:p></draw:custom-shape><presentation:notes>{}{}</presentation:notes></draw:page>",
        frame("outline", "body"),
        frame("title", "Head"),
        frame("page-number", "9"),
        frame("notes", "say")
    );
    content("presentation", "", &page)
}

#[test]
fn texts_have_titles_lists_notes_and_comments() {
    let body = "<text:p text:style-name='P1'>My\n   title</text:p><text:h text:outline-level='2'>Part</text:h><text:list text:style-name='L1'>\
        <text:list-item><text:p>one</text:p><text:p>more</text:p></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>\
        <text:p>a<text:s text:c='2'/>b<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>the note</text:p></text:note-body>\
        </text:note><office:annotation><dc:creator>Ann</dc:creator><dc:date>2024</dc:date><text:p>why</text:p></office:annotation></text:p>\
        <draw:frame><svg:title>picture</svg:title></draw:frame>";
    let document = read(Format::Odt, &text(body));
    let expected =
        "My title\n\nPart\n\nB. one\n\nmore\n\nC. two\n\na  b[1] [comment 1]\n\n[1] the note\n[comment 1] Ann: why";
    assert_eq!(document.text.replace("\n\n[comment", "\n[comment"), expected);
    assert_eq!(document.title.as_deref(), Some("My title"));
}

#[test]
fn sheets_repeat_what_they_show_and_skip_what_is_empty() {
    let document = read(Format::Ods, &sheets());
    assert_eq!(document.text, "One\n\na | a\na | a\n\nb | b | 1.5\n\n[comment 1] Ann: why\n\nTwo");
    assert_eq!((document.pages.len(), document.page_at(document.text.len() - 1)), (2, Some(2)));
    let told: Vec<_> = document.warnings.iter().map(|warning| (warning.page, warning.lossy)).collect();
    assert_eq!(told, [(Some(1), false), (Some(1), true)]);
}

#[test]
fn slides_have_titles_and_notes() {
    assert_eq!(read(Format::Odp, &slides()).text, "Head\n\nbody\n\nshape\n\nNotes\n\nsay");
}

#[test]
fn a_cell_repeated_without_end_ends_at_the_limit() {
    let row = "<table:table-row table:number-rows-repeated='4000000000'><table:table-cell table:number-columns-repeated='4000000000'>\
        <text:p>x</text:p></table:table-cell></table:table-row>";
    let bytes = content("spreadsheet", "", &format!("<table:table>{row}</table:table>"));
    let (status, reason) = refused(Format::Ods, &bytes, &OfficeSettings::default());
    assert_eq!(
        (status, reason.contains("text_bytes_max") || reason.contains("cells_max")),
        (FileStatus::LimitExceeded, true)
    );
}
