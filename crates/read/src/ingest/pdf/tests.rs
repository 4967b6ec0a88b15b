//! Tests over whole files, built here: what `read_pdf` promises for good, damaged and hostile input.

use lopdf::{Dictionary, Document as Pdf, Object, Stream, dictionary};
use proptest::prelude::*;

use super::{Ocr, PdfSettings, PictureFormat, read_pdf};
use crate::document::{BlockKind, Document, FileStatus};
use crate::error::Error;

/// A file with one page for each content, in Helvetica as `F1` and its bold as `F2`.
pub(in crate::ingest) fn pdf(contents: &[&str], more: impl FnOnce(&mut Pdf, &mut Dictionary)) -> Vec<u8> {
    let mut pdf = Pdf::with_version("1.5");
    let pages = pdf.new_object_id();
    let font = |name: &str| dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => name, "Encoding" => "WinAnsiEncoding" };
    let mut resources =
        dictionary! { "Font" => dictionary! { "F1" => font("Helvetica"), "F2" => font("Helvetica-Bold") } };
    more(&mut pdf, &mut resources);
    let resources = pdf.add_object(resources);
    let kids: Vec<Object> = contents
        .iter()
        .map(|content| {
            let content = pdf.add_object(Stream::new(Dictionary::new(), content.as_bytes().to_vec()));
            pdf.add_object(
                dictionary! { "Type" => "Page", "Parent" => pages, "Contents" => content, "Resources" => resources },
            )
            .into()
        })
        .collect();
    let count = kids.len() as i64;
    let tree = dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count, "MediaBox" => vec![0.into(), 0.into(), 612.into(), 792.into()] };
    pdf.objects.insert(pages, tree.into());
    let catalog = pdf.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    pdf.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    pdf.save_to(&mut bytes).unwrap();
    bytes
}

fn plain(contents: &[&str]) -> Vec<u8> {
    pdf(contents, |_, _| {})
}

fn read(bytes: &[u8]) -> Document {
    let document = read_pdf(bytes, &PdfSettings::default()).unwrap().document;
    document.check().unwrap();
    document
}

fn status(bytes: &[u8]) -> FileStatus {
    match read_pdf(bytes, &PdfSettings::default()) {
        Err(Error::Document { status, .. }) => status,
        other => panic!("an error was expected, not {other:?}"),
    }
}

#[test]
fn a_page_gives_headings_paragraphs_and_tables() {
    let content = "BT /F2 18 Tf 72 720 Td (Annual Report) Tj /F1 10 Tf 0 -40 Td (This paragraph has two lines of text, and its first) Tj
        0 -12 Td (line wraps as it reaches the right edge of the block.) Tj ET
        BT /F1 10 Tf 72 600 Td (Net sales) Tj 200 0 Td ($) Tj 14 0 Td (1,234) Tj 86 0 Td ($) Tj 14 0 Td (5,678) Tj ET
        BT /F1 10 Tf 72 588 Td (Cost of sales) Tj 214 0 Td (234) Tj 100 0 Td (678) Tj ET";
    let document = read(&plain(&[content]));
    assert_eq!(
        document.text,
        "Annual Report\n\nThis paragraph has two lines of text, and its first line wraps as it reaches the right edge of the \
         block.\n\nNet sales | $ 1,234 | $ 5,678\nCost of sales | 234 | 678"
    );
    let kinds: Vec<BlockKind> = document.blocks.iter().map(|block| block.kind).collect();
    assert_eq!(kinds, [BlockKind::Heading { level: 1 }, BlockKind::Paragraph, BlockKind::Table]);
    assert_eq!(document.title.as_deref(), Some("Annual Report"));
}

#[test]
fn every_text_operator_moves_as_it_should() {
    let content =
        "BT /F1 10 Tf 12 TL 1 0 0 1 72 700 Tm [(Kern) -50 (ed ) -500 (gap)] TJ T* (second) Tj (third) ' 1 0 (fourth) \"
        0 -14 TD (fifth) Tj T* (six\\164h) Tj ET q 1 0 0 1 0 -200 cm BT /F1 10 Tf 72 700 Td <7368696674> Tj ET Q";
    let document = read(&plain(&[content]));
    let words: Vec<&str> = document.text.split_whitespace().collect();
    assert_eq!(words, ["Kerned", "gap", "second", "third", "fourth", "fifth", "sixth", "shift"]);
}

#[test]
fn pages_are_parted_and_addressed() {
    let document = read(&plain(&["BT /F1 10 Tf 72 700 Td (one) Tj ET", "", "BT /F1 10 Tf 72 700 Td (three) Tj ET"]));
    assert_eq!(document.text, "one\n\n\n\nthree");
    let texts: Vec<&str> = document.pages.iter().map(|page| page.span.of(&document.text)).collect();
    assert_eq!(texts, ["one", "", "three"]);
    assert_eq!(document.page_at(document.text.find("three").unwrap()), Some(3));
}

#[test]
fn a_composite_font_is_read_through_its_tables() {
    let cmap =
        "1 begincodespacerange <0000> <ffff> endcodespacerange 2 beginbfchar <0001> <0048> <0002> <00660069> endbfchar";
    let bytes = pdf(&["BT /F3 10 Tf 72 700 Td <000100020001> Tj ET"], |pdf, resources| {
        let to_unicode = pdf.add_object(Stream::new(Dictionary::new(), cmap.as_bytes().to_vec()));
        let descendant = pdf.add_object(
            dictionary! { "Type" => "Font", "Subtype" => "CIDFontType2", "W" => vec![1.into(), 2.into(), 600.into()] },
        );
        let font = dictionary! { "Type" => "Font", "Subtype" => "Type0", "Encoding" => "Identity-H", "DescendantFonts" => vec![descendant.into()], "ToUnicode" => to_unicode };
        resources.get_mut(b"Font").unwrap().as_dict_mut().unwrap().set("F3", font);
    });
    assert_eq!(read(&bytes).text, "HfiH");
}

#[test]
fn forms_are_drawn_and_one_that_draws_itself_ends() {
    let bytes = pdf(&["BT /F1 10 Tf 72 700 Td (page) Tj ET /Fm Do"], |pdf, resources| {
        let form = pdf.new_object_id();
        let content = b"BT /F1 10 Tf 72 600 Td (form) Tj ET /Fm Do".to_vec();
        pdf.objects.insert(form, Stream::new(dictionary! { "Type" => "XObject", "Subtype" => "Form" }, content).into());
        resources.set("XObject", dictionary! { "Fm" => form });
    });
    let document = read(&bytes);
    assert_eq!(document.text, "page\n\nform");
    assert!(document.warnings[0].lossy && document.warnings[0].message.contains("form_depth_max"));
}

#[test]
fn a_page_that_is_an_image_is_reported() {
    let bytes = pdf(&["/Im Do"], |pdf, resources| {
        let image =
            pdf.add_object(Stream::new(dictionary! { "Subtype" => "Image", "Width" => 1, "Height" => 1 }, vec![0]));
        resources.set("XObject", dictionary! { "Im" => image });
    });
    let document = read(&bytes);
    assert_eq!((document.text.as_str(), document.blocks.len(), document.warnings.len()), ("", 0, 1));
    assert!(document.warnings[0].lossy && document.warnings[0].page == Some(1));
}

#[test]
fn a_document_that_is_only_scans_says_so_once_and_gives_its_pictures_when_asked() {
    let bytes = pdf(&["q 600 0 0 150 0 0 cm /Im Do Q", "q 600 0 0 150 0 0 cm /Im Do Q"], |pdf, resources| {
        let dict = dictionary! { "Subtype" => "Image", "Width" => 8, "Height" => 2, "BitsPerComponent" => 1, "ColorSpace" => "DeviceGray" };
        let image = pdf.add_object(Stream::new(dict, vec![0x0f, 0xf0]));
        resources.set("XObject", dictionary! { "Im" => image });
    });
    let reading = read_pdf(&bytes, &PdfSettings::default()).unwrap();
    let messages: Vec<&str> = reading.document.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert!(messages.len() == 1 && messages[0].starts_with("pages 1 to 2 are pictures without text"), "{messages:?}");
    assert!(reading.pictures.is_empty());
    let settings = PdfSettings { ocr: Ocr::Tesseract, picture_bytes_max: 12, ..PdfSettings::default() };
    let reading = read_pdf(&bytes, &settings).unwrap();
    assert_eq!((reading.pictures[0].page, reading.pictures[0].bytes.as_slice()), (1, &b"P4\n8 2\n\xf0\x0f"[..]));
    assert_eq!((reading.pictures.len(), reading.pictures[0].format), (1, PictureFormat::Pbm));
    assert!(reading.document.warnings.iter().any(|warning| warning.message.contains("read.pdf.picture_bytes_max")));
}

/// The plain file of three pages, changed before it is saved.
fn changed(contents: &[&str], change: impl FnOnce(&mut Pdf, &[lopdf::ObjectId])) -> Vec<u8> {
    let mut pdf = Pdf::load_mem(&plain(contents)).unwrap();
    let pages: Vec<lopdf::ObjectId> = pdf.page_iter().collect();
    change(&mut pdf, &pages);
    let mut bytes = Vec::new();
    pdf.save_to(&mut bytes).unwrap();
    bytes
}

#[test]
fn comments_and_fields_end_their_page_unless_they_are_drawn() {
    let bytes = changed(
        &["BT /F1 10 Tf 72 700 Td (body) Tj ET", "BT /F1 10 Tf 72 700 Td (next) Tj ET"],
        |pdf, pages| {
            let drawn = Stream::new(
                dictionary! { "Subtype" => "Form", "BBox" => vec![0.into(), 0.into(), 100.into(), 20.into()] },
                b"BT /F1 10 Tf 2 5 Td (Drawn value) Tj ET".to_vec(),
            );
            let drawn = pdf.add_object(drawn);
            let rectangle = || vec![72.into(), 600.into(), 172.into(), 620.into()];
            let annotations: Vec<Object> = vec![
            dictionary! { "Subtype" => "Text", "Contents" => Object::string_literal("Check this"), "T" => Object::string_literal("Ann") }.into(),
            dictionary! { "Subtype" => "Widget", "FT" => "Tx", "T" => Object::string_literal("city"), "V" => Object::string_literal("Bern") }.into(),
            dictionary! { "Subtype" => "Widget", "FT" => "Tx", "T" => Object::string_literal("name"), "V" => Object::string_literal("Drawn value"),
                "Rect" => rectangle(), "AP" => dictionary! { "N" => drawn } }.into(),
            dictionary! { "Subtype" => "Widget", "FT" => "Btn", "TU" => Object::string_literal("I agree"), "AS" => "Yes" }.into(),
            dictionary! { "Subtype" => "Widget", "FT" => "Btn", "Ff" => 1 << 16, "T" => Object::string_literal("b1"),
                "MK" => dictionary! { "CA" => Object::string_literal("Send form") } }.into(),
            dictionary! { "Subtype" => "Link", "Contents" => Object::string_literal("a link") }.into(),
            dictionary! { "Subtype" => "Highlight", "F" => 2, "Contents" => Object::string_literal("hidden") }.into(),
        ];
            pdf.get_dictionary_mut(pages[0]).unwrap().set("Annots", annotations);
        },
    );
    let document = read(&bytes);
    let notes = "Note by Ann: Check this\n\ncity: Bern\n\nI agree: Yes\n\nSend form";
    assert_eq!(document.text, format!("body\n\nDrawn value\n\n{notes}\n\nnext"));
    assert!(document.pages[0].span.of(&document.text).ends_with("Send form"));
}

#[test]
fn bookmarks_mark_headings_and_pages_have_their_labels() {
    let page = |title: &str| format!("BT /F1 10 Tf 72 700 Td ({title}) Tj 0 -30 Td (Some more of the text.) Tj ET");
    let (first, second) = (page("First Part"), page("A Detail"));
    let bytes = changed(&[&first, &second], |pdf, pages| {
        let place = |page: lopdf::ObjectId| vec![page.into(), "Fit".into()];
        let child =
            pdf.add_object(dictionary! { "Title" => Object::string_literal("A  detail"), "Dest" => place(pages[1]) });
        let item = pdf.add_object(
            dictionary! { "Title" => Object::string_literal("First part"), "Dest" => place(pages[0]), "First" => child },
        );
        // An outline that runs in a circle ends.
        pdf.get_dictionary_mut(child).unwrap().set("Next", item);
        let outlines = pdf.add_object(dictionary! { "First" => item });
        let labels = dictionary! { "Nums" => vec![0.into(), dictionary! { "S" => "r", "P" => Object::string_literal("p-") }.into(),
        1.into(), dictionary! { "S" => "D", "St" => 2 }.into()] };
        let catalog = pdf.catalog_mut().unwrap();
        catalog.set("Outlines", outlines);
        catalog.set("PageLabels", labels);
        let info = dictionary! { "Title" => Object::string_literal("The Whole"), "CreationDate" => Object::string_literal("D:20230405101112Z") };
        pdf.trailer.set("Info", info);
    });
    let document = read(&bytes);
    let headings: Vec<(BlockKind, &str)> = document
        .blocks
        .iter()
        .map(|block| (block.kind, block.span.of(&document.text)))
        .filter(|(kind, _)| *kind != BlockKind::Paragraph)
        .collect();
    assert_eq!(
        headings,
        [(BlockKind::Heading { level: 1 }, "First Part"), (BlockKind::Heading { level: 2 }, "A Detail")]
    );
    let labels: Vec<Option<&str>> = document.pages.iter().map(|page| page.label.as_deref()).collect();
    assert_eq!(labels, [Some("p-i"), None]);
    assert_eq!(document.title.as_deref(), Some("The Whole"));
    assert_eq!(document.dates.created.as_deref(), Some("2023-04-05T10:11:12Z"));
}

#[test]
fn turned_pages_and_turned_runs_are_read_along_their_text() {
    // A page turned by a quarter, whose text is drawn so that it stands upright.
    let turned = "BT /F1 10 Tf 0 1 -1 0 100 72 Tm (first line of it) Tj 0 -14 Td (second line) Tj ET";
    let bytes = changed(&[turned], |pdf, pages| pdf.get_dictionary_mut(pages[0]).unwrap().set("Rotate", 90));
    assert_eq!(read(&bytes).text, "first line of it second line");
    let margin = "BT /F1 10 Tf 72 700 Td (upright text) Tj ET BT /F1 10 Tf 0 1 -1 0 40 300 Tm (up the margin) Tj ET";
    assert_eq!(read(&plain(&[margin])).text, "upright text\n\nup the margin");
}

/// A file with a font `F3` of two-byte codes that are their own characters.
fn wide(content: &str, encoding: &str) -> Vec<u8> {
    pdf(&[content], |pdf, resources| {
        let descendant = pdf.add_object(dictionary! { "Type" => "Font", "Subtype" => "CIDFontType2", "DW" => 1000 });
        let font = dictionary! { "Type" => "Font", "Subtype" => "Type0", "Encoding" => encoding, "DescendantFonts" => vec![descendant.into()], "ToUnicode" => "Identity-H" };
        resources.get_mut(b"Font").unwrap().as_dict_mut().unwrap().set("F3", font);
    })
}

#[test]
fn glyph_numbers_of_a_known_collection_are_text() {
    let read_as = |encoding: &str, content: &str| {
        let bytes = pdf(&[content], |pdf, resources| {
            let info = dictionary! { "Registry" => Object::string_literal("Adobe"), "Ordering" => Object::string_literal("Japan1"), "Supplement" => 2 };
            let descendant =
                pdf.add_object(dictionary! { "Type" => "Font", "Subtype" => "CIDFontType0", "CIDSystemInfo" => info });
            let font = dictionary! { "Type" => "Font", "Subtype" => "Type0", "Encoding" => encoding, "DescendantFonts" => vec![descendant.into()] };
            resources.get_mut(b"Font").unwrap().as_dict_mut().unwrap().set("F3", font);
        });
        read(&bytes).text
    };
    // The same two letters by glyph number, by row and cell of JIS X 0208, in Shift JIS and in UTF-16; then one outside the first plane.
    for (encoding, string) in
        [("Identity-H", "034b034c"), ("H", "24222423"), ("90ms-RKSJ-H", "82a082a1"), ("UniJIS-UTF16-H", "30423043")]
    {
        assert_eq!(read_as(encoding, &format!("BT /F3 10 Tf 72 700 Td <{string}> Tj ET")), "あぃ", "{encoding}");
    }
    assert_eq!(read_as("UniJIS-UTF16-H", "BT /F3 10 Tf 72 700 Td <d842dfb7> Tj ET"), "\u{20bb7}");
}

#[test]
fn columns_of_vertical_writing_are_read_from_the_right() {
    let content = "BT /F3 10 Tf 400 700 Td <65e5672c8a9e> Tj ET BT /F3 10 Tf 385 700 Td <7e2666f8304d> Tj ET";
    let text = read(&wide(content, "Identity-V")).text.replace([' ', '\n'], "");
    assert_eq!(text, "日本語縦書き");
}

#[test]
fn right_to_left_text_comes_out_as_it_is_read() {
    // Seen from left to right: the second word, a number, the first word; each from its last letter to its first.
    let content =
        "BT /F3 10 Tf 72 700 Td <05dd05dc05d505e2> Tj 45 0 Td <003200300032> Tj 35 0 Td <05dd05d505dc05e9> Tj ET";
    assert_eq!(read(&wide(content, "Identity-H")).text, "שלום 202 עולם");
    // The same drawn letter by letter from the right.
    let content = "BT /F3 10 Tf 200 700 Td <05e9> Tj -10 0 Td <05dc> Tj -10 0 Td <05d5> Tj -10 0 Td <05dd> Tj ET";
    assert_eq!(read(&wide(content, "Identity-H")).text, "שלום");
}

#[test]
fn ligatures_open_and_words_cut_at_line_ends_are_joined() {
    let content = "BT /F3 5 Tf 72 700 Td <fb01006e0061006e00630065> Tj ET
        BT /F1 10 Tf 72 660 Td (All of this information about the long sentence and the inform\\255) Tj
        0 -12 Td (ation that follows it on the next line of the paragraph here.) Tj ET";
    let text = read(&wide(content, "Identity-H")).text;
    assert!(text.starts_with("finance"), "{text}");
    assert!(text.contains("the information that follows"), "{text}");
}

#[test]
fn a_table_between_lines_keeps_what_wraps_in_its_cells() {
    let line = |x0: u32, y0: u32, x1: u32, y1: u32| format!("{x0} {y0} m {x1} {y1} l S ");
    let lines: String = [720, 700, 660, 640]
        .map(|y| line(72, y, 372, y))
        .into_iter()
        .chain([72, 172, 372].map(|x| line(x, 640, x, 720)))
        .collect();
    let text = |x: u32, y: u32, text: &str| format!("BT /F1 10 Tf {x} {y} Td ({text}) Tj ET ");
    let words = [
        text(76, 706, "Term"),
        text(176, 706, "Meaning"),
        text(76, 686, "alpha"),
        text(176, 686, "the first letter of"),
        text(176, 672, "the alphabet"),
        text(76, 646, "beta"),
        text(176, 646, "the second"),
        text(72, 600, "What follows the table."),
    ];
    let document = read(&plain(&[&(lines + &words.concat())]));
    assert_eq!(
        document.text,
        "Term | Meaning\nalpha | the first letter of the alphabet\nbeta | the second\n\nWhat follows the table."
    );
    let cell = document.blocks[0].cells[3];
    assert_eq!((document.blocks[0].kind, cell.row, cell.column), (BlockKind::Table, 1, 1));
    assert_eq!(cell.span.of(&document.text), "the first letter of the alphabet");
}

#[test]
fn a_page_of_any_height_is_read() {
    let content = "BT /F1 10 Tf 72 700 Td (far from the top) Tj ET";
    let bytes = changed(&[content], |pdf, pages| {
        let media_box = vec![0.into(), 0.into(), 612.into(), Object::Integer(i64::MAX / 2)];
        pdf.get_dictionary_mut(pages[0]).unwrap().set("MediaBox", media_box);
    });
    // Places so far away are too coarse for lines, but no word is lost.
    assert_eq!(read(&bytes).text.split_whitespace().collect::<Vec<_>>(), ["far", "from", "the", "top"]);
}

#[test]
fn attached_files_come_out_with_clean_names() {
    let bytes = changed(&["BT /F1 10 Tf 72 700 Td (body) Tj ET"], |pdf, pages| {
        let mut attach = |name: &str, content: &str| {
            let mut stream = Stream::new(Dictionary::new(), content.repeat(50).into_bytes());
            stream.compress().unwrap();
            let stream = pdf.add_object(stream);
            dictionary! { "F" => Object::string_literal(name), "EF" => dictionary! { "F" => stream } }
        };
        let (first, second) = (attach("../../data.csv", "a,b"), attach("data.csv", "c,d"));
        let annotation = dictionary! { "Subtype" => "FileAttachment", "FS" => second };
        let names = dictionary! { "EmbeddedFiles" => dictionary! { "Names" => vec![Object::string_literal("x"), first.into()] } };
        pdf.catalog_mut().unwrap().set("Names", names);
        pdf.get_dictionary_mut(pages[0]).unwrap().set("Annots", vec![annotation.into()]);
    });
    let reading = read_pdf(&bytes, &PdfSettings::default()).unwrap();
    let found: Vec<(&str, usize)> =
        reading.members.iter().map(|member| (member.name.as_str(), member.bytes.len())).collect();
    assert_eq!(found, [("data.csv", 150), ("data (2).csv", 150)]);
    for settings in [
        PdfSettings { attachments_max: 1, ..PdfSettings::default() },
        PdfSettings { attachment_bytes_max: 200, ..PdfSettings::default() },
    ] {
        let reading = read_pdf(&bytes, &settings).unwrap();
        assert_eq!(reading.members.len(), 1);
        assert!(
            warnings(&reading.document, None)[0].contains("read.pdf.attachment"),
            "{:?}",
            reading.document.warnings
        );
    }
}

#[test]
fn limits_are_named_when_they_are_reached() {
    let bytes = plain(&["BT /F1 10 Tf 72 700 Td (kept) Tj 0 -20 Td (lost) Tj ET", ""]);
    let settings = PdfSettings { operations_max: 4, pages_max: 1, ..PdfSettings::default() };
    let document = read_pdf(&bytes, &settings).unwrap().document;
    assert_eq!((document.text.as_str(), document.pages.len()), ("kept", 1));
    let messages: Vec<&str> = document.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert!(messages[0].contains("pdf.pages_max") && messages[1].contains("pdf.operations_max"), "{messages:?}");
}

#[test]
fn what_is_no_pdf_or_needs_a_password_says_so() {
    assert_eq!(status(b"plain text"), FileStatus::Malformed);
    assert_eq!(status(b""), FileStatus::Malformed);
    assert_eq!(status(b"%PDF-1.7\nnothing else"), FileStatus::Malformed);
    for (password, opens) in [("", true), ("secret", false)] {
        let mut pdf = Pdf::load_mem(&plain(&["BT /F1 10 Tf 72 700 Td (inside) Tj ET"])).unwrap();
        let id = Object::string_literal("0123456789abcdef");
        pdf.trailer.set("ID", Object::Array(vec![id.clone(), id]));
        let version = lopdf::EncryptionVersion::V2 {
            document: &pdf,
            owner_password: "owner",
            user_password: password,
            key_length: 128,
            permissions: lopdf::Permissions::all(),
        };
        let state = lopdf::EncryptionState::try_from(version).unwrap();
        pdf.encrypt(&state).unwrap();
        let mut bytes = Vec::new();
        pdf.save_to(&mut bytes).unwrap();
        if opens {
            assert_eq!(read(&bytes).text, "inside");
        } else {
            assert_eq!(status(&bytes), FileStatus::Encrypted);
        }
    }
}

#[test]
fn what_stands_after_a_stream_hides_no_object() {
    let content = "BT /F1 10 Tf 72 700 Td (seen) Tj ET";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 612 792] >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream BT ET", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = "xref\n0 6\n0000000000 65535 f \n".to_owned();
    for (number, object) in (1..).zip(&objects) {
        table += &format!("{:010} 00000 n \n", file.len());
        file += &format!("{number} 0 obj\n{object}\nendobj\n");
    }
    let start = file.len();
    file += &format!("{table}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
    let document = read(file.as_bytes());
    assert_eq!((document.text.as_str(), document.warnings.len()), ("seen", 0));
}

#[test]
fn a_page_tree_that_runs_in_a_circle_ends() {
    let mut pdf = Pdf::load_mem(&plain(&["BT /F1 10 Tf 72 700 Td (once) Tj ET"])).unwrap();
    let root = pdf.catalog().unwrap().get(b"Pages").unwrap().as_reference().unwrap();
    let tree = pdf.get_dictionary_mut(root).unwrap();
    tree.get_mut(b"Kids").unwrap().as_array_mut().unwrap().push(root.into());
    let mut bytes = Vec::new();
    pdf.save_to(&mut bytes).unwrap();
    assert_eq!(read(&bytes).text, "once");
}

#[test]
fn a_file_encrypted_in_a_way_the_library_does_not_know_needs_a_password() {
    // The entry stands in the trailer itself; the library looks only for a reference.
    let mut pdf = Pdf::load_mem(&plain(&["BT /F1 10 Tf 72 700 Td (inside) Tj ET"])).unwrap();
    pdf.trailer.set("Encrypt", dictionary! { "Filter" => "Standard", "V" => 2, "R" => 3, "Length" => 128 });
    let mut bytes = Vec::new();
    pdf.save_to(&mut bytes).unwrap();
    assert_eq!(status(&bytes), FileStatus::Encrypted);
    // Nothing but the raw bytes tells of the encryption.
    assert_eq!(status(b"%PDF-1.7\ntrailer <</Encrypt 9 0 R>>\nstartxref\n0\n%%EOF"), FileStatus::Encrypted);
    assert_eq!(status(b"%PDF-1.7\ntrailer <</EncryptMetadata true>>\nstartxref\n0\n%%EOF"), FileStatus::Malformed);
}

/// The messages of the warnings about a page (`None`: the file), all lossy.
fn warnings(document: &Document, page: Option<u32>) -> Vec<&str> {
    assert!(document.warnings.iter().all(|warning| warning.lossy));
    let of_page = document.warnings.iter().filter(|warning| warning.page == page);
    of_page.map(|warning| warning.message.as_str()).collect()
}

/// `bytes` up to the words that close the file.
fn without_end(bytes: &[u8]) -> &[u8] {
    let end = bytes.windows(9).rposition(|window| window == b"startxref").expect("a file is closed");
    &bytes[..end]
}

#[test]
fn a_file_without_its_end_is_malformed_or_partial() {
    let whole = plain(&["BT /F1 10 Tf 72 700 Td (kept) Tj ET"]);
    assert_eq!(read(&whole).warnings, vec![]);
    let padded = [&whole[..], &[0; 5000]].concat();
    assert_eq!(read(&padded).warnings, vec![], "zeros after the end are no loss");
    let zeroed = [without_end(&whole), &[0; 3000]].concat();
    for cut in [without_end(&whole), &zeroed[..]] {
        let document = read(cut);
        assert_eq!(document.text, "kept");
        assert_eq!(warnings(&document, None)[0], "the end of the file is missing; get a whole copy");
    }
    let empty = plain(&[""]);
    assert_eq!(read(&empty).text, "");
    match read_pdf(without_end(&empty), &PdfSettings::default()) {
        Err(Error::Document { status: FileStatus::Malformed, reason, .. }) => {
            assert_eq!(reason, "the end of the file is missing; get a whole copy");
        }
        other => panic!("an error was expected, not {other:?}"),
    }
}

/// A file of three pages with compressed contents, changed before it is saved.
fn three_pages(change: impl FnOnce(&mut Pdf, &[lopdf::ObjectId])) -> Vec<u8> {
    // The words differ, so that no line is taken for one that runs along all pages.
    let [first, second, third] = ["alder", "birch", "cedar"].map(|word| {
        let lines = (0..200).map(|line| format!("0 -3 Td ({word} {line} of {}) Tj ", line * line));
        format!("BT /F1 2 Tf 72 780 Td {} ET", lines.collect::<String>())
    });
    let mut pdf = Pdf::load_mem(&plain(&[&first, &second, &third])).unwrap();
    pdf.compress();
    let pages: Vec<lopdf::ObjectId> = pdf.page_iter().collect();
    change(&mut pdf, &pages);
    let mut bytes = Vec::new();
    pdf.save_to(&mut bytes).unwrap();
    bytes
}

/// The file with one object gone, as when its place was overwritten.
fn lose(mut bytes: Vec<u8>, choose: impl FnOnce(&Pdf, lopdf::ObjectId) -> lopdf::ObjectId) -> Vec<u8> {
    let pdf = Pdf::load_mem(&bytes).unwrap();
    let second = pdf.page_iter().nth(1).expect("it has three pages");
    let start = format!("\n{} 0 obj", choose(&pdf, second).0);
    let at = bytes.windows(start.len()).position(|window| window == start.as_bytes()).expect("the object is there");
    bytes[at + 1..at + start.len()].fill(b' ');
    bytes
}

fn content_of(pdf: &Pdf, page: lopdf::ObjectId) -> lopdf::ObjectId {
    pdf.get_dictionary(page).unwrap().get(b"Contents").unwrap().as_reference().unwrap()
}

#[test]
fn a_damaged_page_is_named_and_the_others_are_read() {
    let whole = read(&three_pages(|_, _| {}));
    assert_eq!((whole.pages.len(), whole.warnings.len()), (3, 0), "{:?}", whole.warnings);
    let zeroed = three_pages(|pdf, pages| {
        let content = content_of(pdf, pages[1]);
        let Object::Stream(stream) = pdf.get_object_mut(content).unwrap() else { panic!("a page has content") };
        assert!(stream.dict.has(b"Filter"), "it was compressed");
        let middle = stream.content.len() / 2;
        stream.content[middle..].fill(0);
    });
    let lost = lose(three_pages(|_, _| {}), content_of);
    for (bytes, message) in [(zeroed, "content is damaged"), (lost, "content cannot be found")] {
        let document = read(&bytes);
        let messages = warnings(&document, Some(2));
        assert!(messages.len() == 1 && messages[0].contains(message), "{messages:?}");
        assert_eq!(document.warnings.len(), 1);
        assert_eq!(document.pages[2].span.of(&document.text), whole.pages[2].span.of(&whole.text));
    }
    // A wrong checksum alone loses nothing.
    let unproven = read(&three_pages(|pdf, pages| {
        let content = content_of(pdf, pages[1]);
        let Object::Stream(stream) = pdf.get_object_mut(content).unwrap() else { panic!("a page has content") };
        *stream.content.last_mut().unwrap() ^= 0xff;
    }));
    assert_eq!((unproven.text, unproven.warnings), (whole.text, vec![]));
}

#[test]
fn a_page_that_cannot_be_found_keeps_its_number() {
    let document = read(&lose(three_pages(|_, _| {}), |_, page| page));
    assert_eq!(document.pages.len(), 3);
    assert!(document.pages[1].span.is_empty() && !document.pages[2].span.is_empty());
    assert!(warnings(&document, Some(2))[0].contains("cannot be found"), "{:?}", document.warnings);
    // Where the count leaves it out, someone deleted the page.
    let bytes = three_pages(|pdf, _| {
        let tree = pdf.catalog().unwrap().get(b"Pages").unwrap().as_reference().unwrap();
        pdf.get_dictionary_mut(tree).unwrap().set("Count", 2);
    });
    let document = read(&lose(bytes, |_, page| page));
    assert_eq!((document.pages.len(), document.warnings.len()), (2, 0));
}

/// Checks what must hold for any input: no panic, and spans that fit.
fn survives(bytes: &[u8]) -> Result<(), TestCaseError> {
    // Pictures are unpacked only for a program, which does not run here.
    let settings = PdfSettings { ocr: Ocr::Tesseract, ..PdfSettings::default() };
    if let Ok(reading) = read_pdf(bytes, &settings) {
        let document = reading.document;
        prop_assert_eq!(document.check(), Ok(()));
        let last = document.pages.last().map_or(0, |page| page.span.end);
        prop_assert_eq!(last, document.text.len());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_mix_of_operators_gives_a_sound_document(
        pieces in prop::collection::vec(
            prop_oneof![
                "[ -~äß\u{5d0}-\u{5d3}€]{0,12}".prop_map(|text| format!("({}) Tj ", text.replace(['(', ')', '\\'], ""))),
                (-400.0..400f64, -400.0..400f64).prop_map(|(x, y)| format!("{x:.1} {y:.1} Td ")),
                prop::array::uniform6(-3.0..3f64).prop_map(|m| format!("{} Tm ", m.map(|value| format!("{value:.2}")).join(" "))),
                Just("1 0 0 1 72 700 Tm ".to_string()),
                (1..4u8, -2.0..40f64).prop_map(|(font, size)| format!("/F{font} {size:.1} Tf ")),
                prop::sample::select(vec!["q ", "Q ", "ET ", "BT ", "T* ", "1e38 Tz ", "[ (a", "<< ", "ID x EI ", "/X Do ", "99 Tc "])
                    .prop_map(str::to_string),
            ],
            0..40,
        ),
    ) {
        let content = pieces.concat();
        survives(&plain(&[&format!("BT /F1 10 Tf 72 700 Td {content}"), &content]))?;
    }

    #[test]
    fn any_damage_to_the_bytes_is_survived(
        cuts in prop::collection::vec((0.0..1f64, any::<u8>()), 1..12),
        keep in 0.2..1f64,
    ) {
        let mut bytes = plain(&["BT /F2 14 Tf 72 700 Td (Heading) Tj /F1 10 Tf 0 -20 Td (Some text here.) Tj ET", "BT ET"]);
        for (place, byte) in cuts {
            let index = (place * bytes.len() as f64) as usize;
            bytes[index] = byte;
        }
        survives(&bytes)?;
        let kept = (keep * bytes.len() as f64) as usize;
        survives(&bytes[..kept])?;
    }
}
