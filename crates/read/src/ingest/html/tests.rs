//! Pages go in; the texts and blocks that must come out are written here.

use super::*;

fn read(html: &str) -> Document {
    let mut document = read_html(html, 512);
    document.check().expect("spans hold with what is hidden");
    settle(&mut document, HiddenText::LeaveOut);
    document.check().expect("spans hold");
    document
}

fn text(html: &str) -> String {
    read(html).text
}

#[test]
fn a_page_gives_its_own_text_only() {
    let page = "<!doctype html><html><head><title> The\n page </title><style>p{}</style></head><body><header>Shop</header>\
        <nav><a href=/>Home</a></nav><main><header><h1>Head&shy;ing</h1></header><p>One&nbsp;<b>bo</b>ld &lt;word&gt;.<br>Two\n\
        lines.</p><p hidden>secret</p><p style='display: none'>secret</p><script>secret()</script></main><footer>(c)</footer>";
    let document = read(page);
    assert_eq!(document.text, "Heading\n\nOne bold <word>.\nTwo lines.");
    assert_eq!(document.title.as_deref(), Some("The page"));
    assert_eq!(document.blocks[0].kind, BlockKind::Heading { level: 1 });
}

#[test]
fn a_page_of_navigation_alone_keeps_it() {
    assert_eq!(text("<nav><a>Home</a> <a>About</a></nav>"), "Home About");
    let long = "word ".repeat(100);
    assert!(text(&format!("<p>Short.</p><aside>{long}</aside>")).contains("word word"));
}

#[test]
fn lists_and_preformatted_text_keep_their_form() {
    let html =
        "<ol start=3><li>three<ul><li><p>in</p></li></ul></li><li>four</ol><pre>\n  a\n   b\n</pre><p>x<div>y</div>";
    assert_eq!(text(html), "3. three\n  - in\n4. four\n\n  a\n   b\n\nx\n\ny");
}

#[test]
fn tables_of_data_become_rows_and_tables_of_layout_do_not() {
    let html = "<table><caption>Sales</caption><tr><th>Year<th>EUR<tr><td>2023<td><p>1</p><p>2</p></table>";
    let document = read(html);
    assert_eq!(document.text, "Sales\n\nYear | EUR\n2023 | 1 2");
    assert_eq!(document.blocks[1].kind, BlockKind::Table);
    let layout = "<table><tr><td>menu<td><table><tr><td>a<td>b<tr><td>c<td>d</table>rest</table>";
    assert_eq!(text(layout), "menu\n\na | b\nc | d\n\nrest");
}

#[test]
fn entities_cannot_smuggle_terminal_escapes() {
    assert_eq!(text("<title>&#27;t</title>a&#27;[31mb&#x7;c"), "a[31mbc");
}

#[test]
fn deep_and_broken_nesting_ends() {
    for tag in [
        "<div>",
        "<b>",
        "<table>",
        "<table><tr><td>",
        "<font color=a>",
        "<ul><li>",
        "<p><a>",
        "<svg><g>",
        "<blockquote>",
    ] {
        let document = read(&format!("{}x", tag.repeat(20_000)));
        assert!(document.text.contains('x') || tag.contains("svg"), "{tag}");
    }
    let flattened = read(&format!("{}deep", "<div>".repeat(600)));
    assert_eq!((flattened.text.as_str(), flattened.warnings.len()), ("deep", 1));
}
