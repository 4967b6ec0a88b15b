//! The first inputs of every target: small files of each format, made here, and our own sample documents.

use std::path::{Path, PathBuf};

use crate::document::Format;
use crate::packing::{PACKAGES, entries, gzipped, package, parts, tarred, written, zipped};

/// The sample documents of the project.
const CORPORA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpora/larkmoor");
/// Bytes of the largest sample document that is a seed; larger ones slow every change of them.
const SAMPLE_BYTES_MAX: u64 = 12_000;

const MARKDOWN: &str = "---\ntitle: Notes\n---\n# Rates\n\nSee *below* [x](y) ![p](q)[^1].\n\n| Year | Rate |\n|---|---:|\n| 2023 | |\n| 2024 | **4** % |\n\n\
    - one\n  - two\n    1. three\n\n> quote\n\n```rust\nfn a() {}\n```\n\n    code\n\nHead\n====\n\n<table><tr><td>a</table>\n\n[^1]: Note\n";
const HTML: &str = "<!doctype html><title>Rates</title><meta charset=utf-8><h1>Rates</h1><table><caption>In percent</caption><tr><th>Year<th>Rate\
    <tr><td rowspan=2 colspan=2>2024<td>4&nbsp;%<tr><td>é<table><tr><td>in</table></table><p>See <b>above</b>.<pre>a\n b</pre><ol start=3><li>x<ul><li>y</ul></ol>\
    <nav>n</nav><main>m</main><svg><title>t</title></svg><dl><dt>a<dd>b</dl><img alt='p'><br><q>q</q>";
const TEXT: &str = "RATES\n=====\n\nThey rose.\n\n- one\n- two\n\n1.2 Part\n\nName    Rate\nA       4\nB       5\n";
const CSV: &str = "Region;2023;Note\nNorth;1,5;\"a; b\"\nSouth;;é\n\"x\"\"y\";\"a\nb\"\n";
const JSON: &str = "{\"title\": \"Order\", \"lines\": [{\"sku\": \"A\", \"price\": 1.50}, {\"sku\": \"B\", \"price\": 2e9}], \"paid\": true, \"n\": null, \"t\": \"\\u00e9\\ud83d\\ude00\"}";
const JSONL: &str = "{\"id\": 1, \"text\": \"one\"}\nnot json\n[{\"id\": 2}, [3, []]]\n";
const XML: &str = "<?xml version='1.0'?><!DOCTYPE book [<!ENTITY a 'b'>]><book xml:lang='en'><title>Rates</title><para>They <b>rose</b>.</para>\
    <table><row><entry>Year</entry><entry>Rate</entry></row><row><entry>2024</entry><entry>4</entry></row></table>\
    <order id='7'>&amp;&#233;&a;</order><![CDATA[x]]><!-- c --><list><item>1</item><item>2</item></list></book>";
const RST: &str = "Rates\n=====\n\nThey *rose* ``x`` `link <y>`_ |s|:\n\n==== ====\nYear Rate\n==== ====\n2023\n2024 4\n==== ====\n\n+---+---+\n| a | b |\n+===+===+\n| c | d |\n+---+---+\n\n\
    * one\n\n  * two\n\n1. a\n#. b\n\n:field: value\n\n.. note:: Look.\n\n.. code-block:: rust\n\n   fn a() {}\n\n.. |s| replace:: t\n\n.. list-table::\n\n   * - a\n     - b\n\ntext::\n\n    literal\n";
const RTF: &str = "{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0\\fcharset204 A;}}{\\info{\\title Rates}{\\creatim\\yr2024\\mo3\\dy5\\hr14}}\\pard\\outlinelevel0 Head\\par\
    \\pard\\intbl Year\\cell Rate\\cell\\row\\intbl\\cell 4 \\'e9\\cell\\row\\pard \\f0 \\'cf\\u1087\\'3f{\\*\\x y}{\\field{\\fldrslt z}}\\bin3 abc After\\par{\\listtext 1.\\tab}item\\par}";
const EML: &str = "From: Ann <a@x.org>\nTo: b@x.org\nDate: Tue, 5 Mar 2024 14:30:00 +0100\nSubject: =?utf-8?Q?R=C3=A4tes?=\nMIME-Version: 1.0\n\
    Content-Type: multipart/mixed; boundary=\"B\"\n\n--B\nContent-Type: multipart/alternative; boundary=C\n\n--C\nContent-Type: text/plain\n\nThey rose.\n> quoted\n\
    --C\nContent-Type: text/html; charset=windows-1252\nContent-Transfer-Encoding: quoted-printable\n\n<p>They=20rose.</p><table><tr><td>Year<td>4</table>\n--C--\n\
    --B\nContent-Type: text/csv; name=a.csv\nContent-Disposition: attachment; filename*=utf-8''a%2ecsv\nContent-Transfer-Encoding: base64\n\nYSxiCjEsMgo=\n\
    --B\nContent-Type: message/rfc822\n\nFrom: c@x\nSubject: inner\n\ntext\n--B--\n";
const MBOX: &str = "From a@x Tue Mar  5 14:30:00 2024\nFrom: a@x\nDate: Tue, 5 Mar 2024 14:30:00 +0000\nSubject: One\n\nText\n>From here\n\n\
    From b@x Wed Mar  6 09:00:00 2024\nFrom: b@x\nSubject: Two/../x\n\nText\n";
const CODE: [&str; 5] = [
    "use std::fmt;\n\n/// Adds.\n#[inline]\npub(crate) fn add(a: u8) -> u8 {\n    a + 1\n}\n\n/* c\n */\nstruct Rate {\n    year: u16,\n}\n",
    "import os\n\n@x\ndef add(a):\n    \"\"\"Adds.\n    \"\"\"\n    return a\n\nclass A:\n    def b(self): pass\n",
    "module A\n  def b\n    1\n  end\nend\n\nlocal function x()\nend\n",
    "#!/bin/sh\nadd() {\n  echo 1\n}\nfunction b {\n:\n}\nexport A=1\n",
    "CREATE TABLE a (\n  b INT\n);\n\n-- c\nSELECT 1;\nINSERT INTO a VALUES (';');\n",
];
const PDF: &str = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
    3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Resources<</Font<</F 4 0 R>>>>/Contents 5 0 R>>endobj\n\
    4 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n5 0 obj<</Length 74>>stream\n\
    BT /F 12 Tf 20 150 Td (Rates) Tj 0 -20 Td [(They)-300(rose.)] TJ ET 0 0 m S\nendstream endobj\n\
    trailer<</Root 1 0 R/Size 6>>\n%%EOF\n";

const DOCX: &str = "<w:document><w:body><w:p><w:pPr><w:pStyle w:val='Heading1'/><w:numPr><w:ilvl w:val='0'/><w:numId w:val='1'/></w:numPr></w:pPr>\
    <w:r><w:t>They rose.</w:t><w:tab/><w:br/></w:r></w:p><w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val='2'/><w:vMerge/></w:tcPr><w:p><w:r><w:t>Year</w:t></w:r></w:p></w:tc>\
    <w:tc><w:p><w:r><w:t>4 é</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:body></w:document>";
const PPTX: &str = "<p:sld><p:cSld><p:spTree><p:sp><p:nvSpPr><p:nvPr><p:ph type='title'/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>Head</a:t></a:r></a:p></p:txBody></p:sp>\
    <p:graphicFrame><a:tbl><a:tr><a:tc gridSpan='2'><a:txBody><a:p><a:r><a:t>Year</a:t></a:r></a:p></a:txBody></a:tc></a:tr></a:tbl></p:graphicFrame></p:spTree></p:cSld></p:sld>";
const XLSX: &str = "<worksheet><sheetData><row r='1'><c r='A1' t='inlineStr'><is><t>Year</t></is></c><c r='C1' t='b'><v>1</v></c></row>\
    <row r='2'><c r='C2' s='1'><v>45000.5</v></c><c r='XFD2'><v>1e9</v></c></row></sheetData><mergeCells><mergeCell ref='A1:B2'/></mergeCells></worksheet>";
const ODF: &str = "<office:document-content><office:body><office:text><text:h text:outline-level='1'>Head</text:h><text:list><text:list-item><text:p>one</text:p></text:list-item></text:list>\
    <table:table table:name='Rates'><table:table-row table:number-rows-repeated='2'><table:table-cell table:number-columns-repeated='3' office:value-type='float' office:value='1'>\
    <text:p>Year<text:s text:c='3'/></text:p></table:table-cell></table:table-row></table:table></office:text></office:body></office:document-content>";

/// Writes the seeds of `target` where `IBID_FUZZ_SEEDS` says, and ends; does nothing without that.
///
/// # Panics
/// When they cannot be written.
pub fn write_if_asked(target: &str) {
    let Some(folder) = std::env::var_os("IBID_FUZZ_SEEDS").map(PathBuf::from) else { return };
    for (index, seed) in seeds(target).iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{index:03}")), seed)
            .expect("the folder of the seeds can be written to");
    }
    std::process::exit(0);
}

/// The name of a file in the first line of `data`, and its bytes after it.
pub fn named(data: &[u8]) -> (String, &[u8]) {
    let end = data.iter().take(64).position(|byte| *byte == b'\n');
    let (name, bytes) = end.map_or((&[][..], data), |end| (&data[..end], &data[end + 1..]));
    (String::from_utf8_lossy(name).into_owned(), bytes)
}

/// The first inputs of `target`.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let own = |text: &str, extensions: &[&str]| {
        let samples = samples(extensions).into_iter().map(|(_, bytes)| bytes);
        [text.as_bytes().to_vec()].into_iter().chain(samples).collect()
    };
    let one = |text: &str| vec![text.as_bytes().to_vec()];
    match target {
        "file" | "detect" | "members" => {
            files().iter().map(|(name, bytes)| [name.as_bytes(), b"\n", bytes].concat()).collect()
        }
        "packed" => (0..6).map(|kind| [&[kind], &packed()[..]].concat()).collect(),
        "office" => PACKAGES
            .iter()
            .zip(0..)
            .map(|(format, kind)| [&[kind], &package(*format, main(*format).as_bytes())[..]].concat())
            .collect(),
        "office_parts" => {
            PACKAGES.iter().zip(0..).map(|(format, kind)| [&[kind], &in_parts(*format)[..]].concat()).collect()
        }
        "pdf" => own(PDF, &["pdf"]),
        "eml" => one(EML),
        "mbox" => one(MBOX),
        "rtf" => one(RTF),
        "html" => own(HTML, &["html"]),
        "markdown" => own(MARKDOWN, &["md"]),
        "json" => one(JSON),
        "jsonl" => one(JSONL),
        "xml" => one(XML),
        "rst" => one(RST),
        "csv" => vec![CSV.into(), CSV.replace(';', "\t").into(), CSV.replace(';', "|").into()],
        "code" => CODE.iter().zip(0..).map(|(code, kind)| [&[kind], code.as_bytes()].concat()).collect(),
        "text" => own(TEXT, &["txt"])
            .iter()
            .flat_map(|text: &Vec<u8>| (0..3).map(|kind| [&[kind], &text[..]].concat()))
            .collect(),
        "encoding" => encodings(),
        "repeated" => repeated(),
        _ => Vec::new(),
    }
}

/// Sample documents with one of these extensions: names and bytes.
fn samples(extensions: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(CORPORA)];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let is_wanted =
                |path: &Path| path.extension().is_some_and(|found| extensions.iter().any(|wanted| found == *wanted));
            if path.is_dir() {
                folders.push(path);
            } else if is_wanted(&path) && path.metadata().is_ok_and(|found| found.len() <= SAMPLE_BYTES_MAX) {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                found.extend(std::fs::read(&path).map(|bytes| (name, bytes)));
            }
        }
    }
    found.sort();
    found
}

fn main(format: Format) -> &'static str {
    match format {
        Format::Docx => DOCX,
        Format::Pptx => PPTX,
        Format::Xlsx => XLSX,
        Format::Epub => HTML,
        _ => ODF,
    }
}

/// A package as the input of `office_parts`, with parts that the least one lacks.
fn in_parts(format: Format) -> Vec<u8> {
    let mut all = parts(format, main(format));
    match format {
        Format::Docx => all.extend([
            ("word/_rels/document.xml.rels", "<Relationships><Relationship Id='n' Type='x/numbering' Target='numbering.xml'/>\
                <Relationship Id='s' Type='x/styles' Target='styles.xml'/><Relationship Id='f' Type='x/footnotes' Target='f.xml'/></Relationships>".to_owned()),
            ("word/numbering.xml", "<w:numbering><w:abstractNum w:abstractNumId='0'><w:lvl w:ilvl='0'><w:start w:val='1'/><w:numFmt w:val='lowerRoman'/>\
                <w:lvlText w:val='%1.'/></w:lvl></w:abstractNum><w:num w:numId='1'><w:abstractNumId w:val='0'/></w:num></w:numbering>".to_owned()),
            ("word/styles.xml", "<w:styles><w:style w:styleId='Heading1'><w:name w:val='heading 1'/><w:pPr><w:outlineLvl w:val='0'/></w:pPr></w:style></w:styles>".to_owned()),
            ("word/f.xml", "<w:footnotes><w:footnote w:id='1'><w:p><w:r><w:t>Note</w:t></w:r></w:p></w:footnote></w:footnotes>".to_owned()),
        ]),
        Format::Xlsx => {
            let relations = "<Relationships><Relationship Id='s' Type='x/worksheet' Target='a.xml'/><Relationship Id='t' Type='x/styles' Target='t.xml'/>\
                <Relationship Id='u' Type='x/sharedStrings' Target='u.xml'/></Relationships>";
            all.retain(|(name, _)| !name.ends_with("workbook.xml.rels"));
            all.extend([
                ("xl/_rels/workbook.xml.rels", relations.to_owned()),
                ("xl/t.xml", "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='[h]:mm;[Red]-#,##0.0%;\"x\"@'/></numFmts><cellXfs><xf numFmtId='0'/>\
                    <xf numFmtId='164'/></cellXfs></styleSheet>".to_owned()),
                ("xl/u.xml", "<sst><si><t>shared</t></si></sst>".to_owned()),
            ]);
        }
        _ => {}
    }
    let all: Vec<(&str, &str)> = all.iter().map(|(name, content)| (*name, content.as_str())).collect();
    written(&all)
}

/// Files for an archive.
fn packed() -> Vec<u8> {
    let mut files = written(&[
        ("a.txt", TEXT),
        ("b/c.html", "<p>x"),
        ("b/c.html", "<p>y"),
        ("../up.txt", "x"),
        (".hidden", "x"),
        ("d.eml", EML),
    ]);
    files.extend_from_slice(b"\x1e#2link\n../b\x1e#5folder\n\x1e#Llong\nlong-name.txt\x1e#xpax\n17 path=pax.txt\n\n");
    files
}

/// A file of every format: names and bytes.
fn files() -> Vec<(String, Vec<u8>)> {
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
        ("a.pdf", PDF),
        ("a.rs", CODE[0]),
        ("a.py", CODE[1]),
        ("a", MBOX),
        ("a", XML),
    ];
    let mut all: Vec<(String, Vec<u8>)> =
        texts.iter().map(|(name, text)| ((*name).into(), text.as_bytes().to_vec())).collect();
    for format in PACKAGES {
        all.push((format!("a.{}", format.name()), package(format, main(format).as_bytes())));
    }
    let packed = packed();
    let safe = written(&[("a.txt", TEXT), ("b/c.html", "<p>x"), ("d.eml", EML)]);
    for entries in [entries(&packed), entries(&safe)] {
        all.push(("a.zip".into(), zipped(&entries)));
        all.push(("a.tar".into(), tarred(&entries)));
        all.push(("a.tgz".into(), gzipped(&tarred(&entries))));
    }
    all.push(("a.txt.gz".into(), gzipped(TEXT.as_bytes())));
    all
}

/// The same words in several encodings.
fn encodings() -> Vec<Vec<u8>> {
    let words = "Привет, мир! Как дела? Ставки é 日本";
    let wide = |unit: fn(u16) -> [u8; 2]| words.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let full = |unit: fn(u32) -> [u8; 4]| words.chars().flat_map(|found| unit(found.into())).collect::<Vec<u8>>();
    let mut all = vec![
        words.into(),
        wide(u16::to_be_bytes),
        wide(u16::to_le_bytes),
        full(u32::to_be_bytes),
        full(u32::to_le_bytes),
        b"\x1b$B$3$s\x1b(B".to_vec(),
        XML.into(),
        HTML.into(),
    ];
    for label in ["windows-1251", "shift_jis", "gb18030", "iso-2022-jp", "big5", "euc-kr", "utf-16"] {
        let encoded =
            encoding_rs::Encoding::for_label(label.as_bytes()).map(|encoding| encoding.encode(words).0.into_owned());
        let declared = format!("<?xml version='1.0' encoding='{label}'?>");
        all.push([declared.as_bytes(), &encoded.unwrap_or_default()].concat());
    }
    all
}

/// Pieces that are worth repeating, for the formats in the order of the target `repeated`.
fn repeated() -> Vec<Vec<u8>> {
    let texts: [(u8, &str, &str, &str); 30] = [
        (0, "{\\rtf1 ", "{\\b x}\\par ", "}"),
        (0, "{\\rtf1 ", "{", ""),
        (0, "{\\rtf1\\intbl ", "x\\cell ", "\\row}"),
        (1, "Subject: x\nContent-Type: multipart/mixed; boundary=a\n\n", "--a\n\nx\n", ""),
        (1, "Subject: ", "=?utf-8?Q?a?= ", "\n\nx"),
        (1, "To: ", "a@x, ", "\n\nx"),
        (2, "", "From a@x Tue Mar  5 14:30:00 2024\nSubject: x\n\n\n", ""),
        (3, "<p>", "<b><table>", ""),
        (3, "<table>", "<tr><td rowspan=64 colspan=64>x", ""),
        (3, "", "<a><p>", ""),
        (4, "", "> ", "x"),
        (4, "", "[", "x"),
        (4, "", "*a **b ", ""),
        (5, "", "[", ""),
        (5, "[", "{\"a\":[1]},", "1]"),
        (6, "", "{\"a\":1}\n", ""),
        (7, "<a>", "<a>", ""),
        (7, "<a ", "b='c' ", "/>"),
        (8, "", "* a\n", ""),
        (8, "", "a\n=\n\n", ""),
        (8, "", "+---+\n| a |\n", "+---+\n"),
        (8, "", "`a ", ""),
        (9, "", "fn a() {\n", ""),
        (9, "", "\"", "\n"),
        (10, "class A:\n", "  def a(self):\n    b\n", ""),
        (13, "", "SELECT 1;\n", ""),
        (14, "", "\"a\",b\n", ""),
        (15, "", "A    B\n", ""),
        (15, "", "- a\n\n", ""),
        (16, "", "x\n", ""),
    ];
    let piece = |(kind, start, piece, end): &(u8, &str, &str, &str)| {
        [&[*kind], start.as_bytes(), b"\xff", piece.as_bytes(), b"\xff", end.as_bytes()].concat()
    };
    let packages = [
        (17, "<w:document><w:body>", "<w:p><w:r><w:t>a</w:t></w:r></w:p>", "</w:body></w:document>"),
        (17, "<w:document><w:body>", "<w:tbl><w:tr><w:tc>", ""),
        (18, "<p:sld><p:cSld><p:spTree>", "<p:sp><p:txBody><a:p><a:r><a:t>a</a:t></a:r></a:p></p:txBody></p:sp>", ""),
        (19, "<worksheet><sheetData>", "<row><c><v>1</v></c></row>", ""),
        (20, "<office:document-content><office:body><office:text>", "<text:p>a</text:p>", ""),
        (
            21,
            "<office:document-content><office:body><office:spreadsheet><table:table>",
            "<table:table-row table:number-rows-repeated='99'><table:table-cell table:number-columns-repeated='99'><text:p>a</text:p></table:table-cell></table:table-row>",
            "",
        ),
        (23, "<html><body>", "<p>a", ""),
    ];
    texts.iter().chain(&packages).map(piece).collect()
}
