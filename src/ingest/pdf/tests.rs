//! Tests over whole files, built here: what `read_pdf` promises for good, damaged and hostile input.

use lopdf::{Dictionary, Document as Pdf, Object, Stream, dictionary};
use proptest::prelude::*;

use super::{PdfSettings, read_pdf};
use crate::document::{BlockKind, Document, FileStatus};
use crate::error::Error;

/// A file with one page for each content, in Helvetica as `F1` and its bold as `F2`.
fn pdf(contents: &[&str], more: impl FnOnce(&mut Pdf, &mut Dictionary)) -> Vec<u8> {
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
    let document = read_pdf(bytes, &PdfSettings::default()).unwrap();
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
         block.\n\nNet sales\t$ 1,234\t$ 5,678\nCost of sales\t234\t678"
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
fn limits_are_named_when_they_are_reached() {
    let bytes = plain(&["BT /F1 10 Tf 72 700 Td (kept) Tj 0 -20 Td (lost) Tj ET", ""]);
    let settings = PdfSettings { operations_max: 4, pages_max: 1, ..PdfSettings::default() };
    let document = read_pdf(&bytes, &settings).unwrap();
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
fn a_page_tree_that_runs_in_a_circle_ends() {
    let mut pdf = Pdf::load_mem(&plain(&["BT /F1 10 Tf 72 700 Td (once) Tj ET"])).unwrap();
    let root = pdf.catalog().unwrap().get(b"Pages").unwrap().as_reference().unwrap();
    let tree = pdf.get_dictionary_mut(root).unwrap();
    tree.get_mut(b"Kids").unwrap().as_array_mut().unwrap().push(root.into());
    let mut bytes = Vec::new();
    pdf.save_to(&mut bytes).unwrap();
    assert_eq!(read(&bytes).text, "once");
}

/// Checks what must hold for any input: no panic, and spans that fit.
fn survives(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(document) = read_pdf(bytes, &PdfSettings::default()) {
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
