//! Bytes that a fuzzer can change well go in, archives that a reader takes apart come out.
//!
//! Check sums and packed bytes keep a fuzzer from what an archive holds. So the inputs of some targets are what goes into one: entries
//! that each open with a line of their own (`MARK`, a letter for the kind, the name), down to the next such line.

use std::collections::HashSet;
use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::document::Format;

/// What opens the line of an entry. The first byte is no part of text or XML.
const MARK: &[u8] = b"\x1e#";
/// Entries of one archive; more only cost time.
const ENTRIES_MAX: usize = 64;

/// One entry of an archive to be.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The letter after the mark: `f` for a file, others as [`tarred`] and [`zipped`] take them.
    pub kind: u8,
    /// The rest of the line.
    pub name: &'a [u8],
    /// Everything up to the next entry.
    pub content: &'a [u8],
}

/// `rest` up to `end`, and what comes after it.
fn until<'a>(rest: &'a [u8], end: &[u8]) -> (&'a [u8], &'a [u8]) {
    match rest.windows(end.len()).position(|window| window == end) {
        Some(at) => (&rest[..at], &rest[at + end.len()..]),
        None => (rest, &[]),
    }
}

/// The entries of `data`; what stands before the first mark is none.
pub fn entries(data: &[u8]) -> Vec<Entry<'_>> {
    let (_, mut rest) = until(data, MARK);
    let mut found = Vec::new();
    while let Some((kind, after)) = rest.split_first().filter(|_| found.len() < ENTRIES_MAX) {
        let (entry, next) = until(after, MARK);
        let (name, content) = until(entry, b"\n");
        found.push(Entry { kind: *kind, name, content });
        rest = next;
    }
    found
}

/// The input that [`entries`] makes these files of.
pub fn written(files: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(name, content): &(&str, &str)| [MARK, b"f", name.as_bytes(), b"\n", content.as_bytes()].concat();
    files.iter().flat_map(entry).collect()
}

/// A zip archive: `d` is a folder, `l` a link to its content, `z` a packed file. A name that is there already is left out.
pub fn zipped(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let mut names = HashSet::new();
    for entry in entries {
        let name = String::from_utf8_lossy(entry.name).into_owned();
        if !names.insert(name.clone()) {
            continue;
        }
        let method = if entry.kind == b'z' { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let options = SimpleFileOptions::default().compression_method(method);
        // The writer refuses some names; the rest of the archive is as good without them.
        let _ = match entry.kind {
            b'd' => writer.add_directory(name, options),
            b'l' => writer.add_symlink(name, String::from_utf8_lossy(entry.content), options),
            _ => writer.start_file(name, options).and_then(|()| Ok(writer.write_all(entry.content)?)),
        };
    }
    writer.finish().map(Cursor::into_inner).unwrap_or_default()
}

/// A tar archive whose headers have the right sums. Letters other than `f` are the kinds of POSIX and GNU (`2` a link, `5` a folder,
/// `L` a long name, `x` further headers); the target of a link is its content.
pub fn tarred(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        let is_link = matches!(entry.kind, b'1' | b'2');
        let content = if is_link { &[] } else { entry.content };
        let fields = header.as_mut_bytes();
        let name = &entry.name[..entry.name.len().min(100)];
        fields[..name.len()].copy_from_slice(name);
        if is_link {
            let target = &entry.content[..entry.content.len().min(100)];
            fields[157..157 + target.len()].copy_from_slice(target);
        }
        header.set_entry_type(tar::EntryType::new(if entry.kind == b'f' { b'0' } else { entry.kind }));
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// `bytes` packed as gzip does.
pub fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let written = encoder.write_all(bytes);
    written.and_then(|()| encoder.finish()).unwrap_or_default()
}

/// The formats that are packages.
pub const PACKAGES: [Format; 7] =
    [Format::Docx, Format::Pptx, Format::Xlsx, Format::Odt, Format::Ods, Format::Odp, Format::Epub];

/// The least parts of a package, with `main` as the part that has the text. Other formats have none.
pub fn parts(format: Format, main: &str) -> Vec<(&'static str, String)> {
    let relation =
        |id: &str, kind: &str, target: &str| format!("<Relationship Id='{id}' Type='x/{kind}' Target='{target}'/>");
    let relations = |all: &[String]| format!("<Relationships>{}</Relationships>", all.concat());
    let top = |target: &str| {
        let all = relations(&[relation("a", "officeDocument", target), relation("b", "core-properties", "core.xml")]);
        ("_rels/.rels", all)
    };
    let core =
        "<p xmlns:dcterms='x'><dc:title>Rates</dc:title><dcterms:created>2024-03-05T14:30:00Z</dcterms:created></p>";
    let core = ("core.xml", core.to_owned());
    let main = main.to_owned();
    let open_document = |kind: &str| {
        let meta = "<office:document-meta><dc:title>Rates</dc:title><dc:date>2024-03-06T00:00:00+01:00</dc:date></office:document-meta>";
        vec![
            ("mimetype", format!("application/vnd.oasis.opendocument.{kind}")),
            ("content.xml", main.clone()),
            ("meta.xml", meta.to_owned()),
        ]
    };
    match format {
        Format::Docx => vec![top("word/document.xml"), ("word/document.xml", main), core],
        Format::Pptx => vec![
            top("ppt/presentation.xml"),
            (
                "ppt/presentation.xml",
                "<p:presentation><p:sldIdLst><p:sldId r:id='s'/></p:sldIdLst></p:presentation>".into(),
            ),
            ("ppt/_rels/presentation.xml.rels", relations(&[relation("s", "slide", "a.xml")])),
            ("ppt/a.xml", main),
            core,
        ],
        Format::Xlsx => vec![
            top("xl/workbook.xml"),
            ("xl/workbook.xml", "<workbook><sheets><sheet name='Rates' r:id='s'/></sheets></workbook>".into()),
            ("xl/_rels/workbook.xml.rels", relations(&[relation("s", "worksheet", "a.xml")])),
            ("xl/a.xml", main),
            core,
        ],
        Format::Odt => open_document("text"),
        Format::Ods => open_document("spreadsheet"),
        Format::Odp => open_document("presentation"),
        Format::Epub => {
            let book = "<package><metadata><dc:title>Rates</dc:title></metadata>\
                <manifest><item id='a' href='a.xhtml' media-type='application/xhtml+xml'/></manifest>\
                <spine><itemref idref='a'/></spine></package>";
            vec![
                ("mimetype", "application/epub+zip".into()),
                (
                    "META-INF/container.xml",
                    "<container><rootfiles><rootfile full-path='b.opf'/></rootfiles></container>".into(),
                ),
                ("b.opf", book.into()),
                ("a.xhtml", main),
            ]
        }
        _ => Vec::new(),
    }
}

/// The package of [`parts`] as an archive.
pub fn package(format: Format, main: &[u8]) -> Vec<u8> {
    let parts = parts(format, "");
    let entry = |(name, content): &'_ (&'static str, String)| (*name, content.clone().into_bytes());
    let mut whole: Vec<(&str, Vec<u8>)> = parts.iter().map(entry).collect();
    if let Some((_, content)) = whole.iter_mut().find(|(_, content)| content.is_empty()) {
        *content = main.to_vec();
    }
    let entries: Vec<Entry<'_>> =
        whole.iter().map(|(name, content)| Entry { kind: b'z', name: name.as_bytes(), content }).collect();
    zipped(&entries)
}
