//! Data goes in; the lines and blocks that must come out are written here.

use proptest::prelude::*;

use super::*;

fn json(text: &str) -> Document {
    checked(read_json(text.into(), &DataSettings::default()))
}

fn jsonl(text: &str) -> Document {
    checked(read_jsonl(text, &DataSettings::default()))
}

fn xml(text: &str) -> Document {
    checked(read_xml(text, &DataSettings::default()))
}

fn checked(document: Document) -> Document {
    document.check().expect("spans hold");
    document
}

#[test]
fn json_lines_name_their_place_and_keep_numbers_as_written() {
    let document = json(
        r#"{"title": "Order \u00e9", "total": 12.50, "big": 123456789012345678901234567890, "buyer": {"name": "Ann", "tags": ["a", "b"]}, "empty": {}, "none": null}"#,
    );
    let expected = "title: Order é\ntotal: 12.50\nbig: 123456789012345678901234567890\n\nbuyer.name: Ann\n\nbuyer.tags: a, b\n\nempty: {}\nnone: null";
    assert_eq!(document.text, expected);
    assert_eq!(document.title.as_deref(), Some("Order é"));
    assert!(document.warnings.is_empty());
}

#[test]
fn lists_of_flat_objects_are_tables_with_named_cells() {
    let document = json(r#"{"rows": [{"sku": "A1", "price": 1.20}, {"sku": "B2", "price": 3e2}], "n": [[1, 2], [3]]}"#);
    let expected = "rows[0] | sku: A1 | price: 1.20\nrows[1] | sku: B2 | price: 3e2\n\nn[0]: 1, 2\n\nn[1]: 3";
    assert_eq!(document.text, expected);
    assert_eq!(document.blocks[0].kind, BlockKind::Table);
    let long = format!("[{}]", (0..40).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
    let document = json(&long);
    assert!(document.text.starts_with("[0..16]: 0, 1,"), "{}", document.text);
    assert!(document.text.ends_with("[32..40]: 32, 33, 34, 35, 36, 37, 38, 39"), "{}", document.text);
}

#[test]
fn long_strings_are_paragraphs() {
    let body = "Many words. ".repeat(40);
    let document = json(&format!(r#"[{{"id": 1, "body": "{body}"}}, {{"id": 2, "body": "two\nlines"}}]"#));
    assert_eq!(document.text, format!("[0].id: 1\n\n[0].body: {}\n\n[1].id: 2\n\n[1].body: two\nlines", body.trim()));
    assert_eq!(document.blocks[1].kind, BlockKind::Paragraph);
}

#[test]
fn what_is_no_json_is_plain_text() {
    let document = json("{\"a\": 1,\n oops}");
    assert_eq!(document.text, "{\"a\": 1,\n oops}");
    assert!(document.warnings[0].message.contains("line 2"));
    assert_eq!(json("\"\\ud800 half\"").text, "\\ud800 half");
    assert_eq!(json("\"\\u001b[31mred\"").text, "[31mred");
    assert_eq!(json("").text, "");
}

#[test]
fn nesting_and_size_are_limited() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let document = json(&deep);
    assert!(document.text.len() < 10_000, "{}", document.text.len());
    assert!(document.warnings.iter().any(|warning| warning.message.contains("data.depth_max = 64")));
    let settings = DataSettings { values_max: 3, ..DataSettings::default() };
    let document = checked(read_json("[[1],[2],[3],[4]]".into(), &settings));
    assert!(document.warnings[0].lossy && document.warnings[0].message.contains("data.values_max = 3"));
}

#[test]
fn each_record_of_json_lines_names_its_line() {
    let document = jsonl("{\"q\": \"Who?\", \"a\": {\"n\": 1}}\n\nnot json\n{\"q\": \"Why?\"}\n");
    assert_eq!(document.text, "line 1.q: Who?\n\nline 1.a.n: 1\n\nline 3: not json\n\nline 4.q: Why?");
    assert_eq!(document.warnings[0].message, "1 lines are not valid JSON and were kept as they are: 3");
}

#[test]
fn document_xml_gives_headings_paragraphs_lists_and_tables() {
    let document = xml(
        "<?xml version='1.0'?><article xmlns='http://docbook.org/ns/docbook'><title>The <emphasis>book</emphasis></title>\
         <section><title>One</title><para>Text with <code>x</code> &amp; more:\n<itemizedlist><listitem><para>first</para></listitem>\
         <listitem>second</listitem></itemizedlist></para><programlisting>a\n  b</programlisting></section>\
         <table><title>T</title><tgroup><tbody><row><entry>Year</entry><entry>2024</entry></row></tbody></tgroup></table></article>",
    );
    let expected = "The book\n\nOne\n\nText with x & more:\n\n- first\n- second\n\na\n  b\n\nT\nYear | 2024";
    assert_eq!(document.text, expected);
    assert_eq!(document.title.as_deref(), Some("The book"));
    let kinds: Vec<_> = document.blocks.iter().map(|block| block.kind).collect();
    assert_eq!(kinds[..3], [BlockKind::Heading { level: 1 }, BlockKind::Heading { level: 2 }, BlockKind::Paragraph]);
    assert_eq!(kinds[5..], [BlockKind::Code, BlockKind::Table]);
}

#[test]
fn data_xml_gives_lines_that_name_their_place() {
    let document = xml(
        "<shop currency='EUR'><book id='7'><author>Ann</author><price unit='EUR'>44.95</price></book><book><author>Bo &lt;b&gt;</author></book></shop>",
    );
    let expected = "shop | currency: EUR\n\nshop.book[0] | id: 7\nshop.book[0].author: Ann\nshop.book[0].price: 44.95 | unit: EUR\n\n\
                    shop.book[1].author: Bo <b>";
    assert_eq!(document.text, expected);
    let page = format!("&lt;p>One &lt;b>{}&lt;/b>&lt;/p>", "word ".repeat(30));
    let document = xml(&format!("<feed><description>{page}</description></feed>"));
    assert_eq!(document.text, format!("feed.description: One {}", "word ".repeat(30).trim()));
}

#[test]
fn entities_of_the_document_are_never_expanded() {
    let document = xml(
        "<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'><!ENTITY x SYSTEM 'file:///etc/passwd'>]><r>&b;&x;&#233;</r>",
    );
    assert_eq!(document.text, "r: &b;&x;é");
    assert!(document.warnings[0].lossy && document.warnings[0].message.ends_with("b, x"));
}

#[test]
fn malformed_xml_gives_what_stands_before() {
    let document = xml("<a><b>one</b>\n<b>two</c></a>");
    assert!(document.text.contains("a.b[0]: one"), "{}", document.text);
    assert!(document.warnings[0].lossy && document.warnings[0].message.contains("line 2"), "{:?}", document.warnings);
    let document = xml(&"<d>".repeat(100_000));
    assert!(document.warnings.iter().any(|warning| warning.message.contains("flattened")));
    assert!(xml("<a>cut").warnings[0].lossy);
}

fn pieces(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(pieces).prop_map(str::to_owned);
    prop::collection::vec(prop_oneof![6 => pieces, 1 => "\\PC{0,6}"], 0..60).prop_map(|all| all.concat())
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("-1.50e9".to_owned()),
        "\\PC{0,8}".prop_map(|text| serde_json::to_string(&text).expect("a string")),
        Just("\"a\\n\\\"b\\ud83d\"".to_owned()),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|all| format!("[ {} ]", all.join(" ,"))),
            prop::collection::vec(("[a-z\"]{0,3}", inner), 0..5).prop_map(|all| {
                let pairs =
                    all.iter().map(|(key, value)| format!("{} :\t{value}", serde_json::to_string(key).expect("a key")));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join("\n,"))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_gives_a_checked_document(
        text in pieces(&["{", "}", "[", "]", ",", ":", "\"", "\\", "1", "\n", "true", "\"a\"", "é"]),
        markup in pieces(&["<a>", "</a>", "<p>", "</p>", "<title>", "</title>", "<row>", "<table>", "</table>", "<a b='&lt;'/>",
            "&amp;", "&", "<![CDATA[", "]]>", "<!--", "-->", "<?x?>", "<!DOCTYPE", "<item>", "</item>", "\n", "é", "&#27;", " x "]),
    ) {
        json(&text);
        jsonl(&text);
        xml(&markup);
        xml(&format!("<r>{markup}"));
    }

    #[test]
    fn every_plain_value_of_valid_json_is_in_the_text(text in value()) {
        let document = json(&text);
        prop_assert!(document.warnings.is_empty(), "{:?}", document.warnings);
        prop_assert_eq!(document.text.matches("-1.50e9").count(), text.matches("-1.50e9").count());
    }
}
