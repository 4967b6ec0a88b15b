//! Files of every kind go in; whatever they hold, reading ends with a checked document or a plain reason.

use proptest::prelude::*;

use super::*;

mod formats;
mod hidden;

fn status(error: &Error) -> FileStatus {
    match error {
        Error::Document { status, .. } => *status,
        other => panic!("not a document error: {other}"),
    }
}

fn reads(name: &str, bytes: &[u8]) -> Result<Document> {
    let read = read(Path::new(name), bytes, &ReadSettings::default());
    if let Ok(document) = &read {
        document.check().expect("spans hold");
        let control = document.text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        assert_eq!(control, None, "{name}");
    }
    read
}

#[test]
fn load_tells_why_a_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    std::fs::write(&path, "abc").unwrap();
    let settings = ReadSettings { file_bytes_max: 2, ..ReadSettings::default() };
    let over = load(&path, &settings).unwrap_err();
    assert_eq!(status(&over), FileStatus::LimitExceeded);
    assert_eq!(over.to_string(), "the file has 3 bytes, over the limit read.file_bytes_max = 2");
    assert_eq!(status(&load(&folder.path().join("b"), &settings).unwrap_err()), FileStatus::Denied);
    assert_eq!(status(&load(folder.path(), &settings).unwrap_err()), FileStatus::Unsupported);
    let source = load(&path, &ReadSettings::default()).unwrap();
    // The test vector of FIPS 180-2.
    assert_eq!(source.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn an_empty_file_is_an_empty_document() {
    for name in ["a.txt", "a.md", "a.html", "a.csv"] {
        assert_eq!(reads(name, b"").unwrap().text, "", "{name}");
    }
}

#[test]
fn a_pdf_goes_to_its_own_reader() {
    assert_eq!(status(&reads("a.pdf", b"%PDF-1.4\nnothing of a PDF follows").unwrap_err()), FileStatus::Malformed);
}

#[test]
fn text_over_the_limit_names_the_setting() {
    let settings = ReadSettings { text_bytes_max: 4, ..ReadSettings::default() };
    let error = read(Path::new("a.txt"), b"hello", &settings).unwrap_err();
    assert_eq!(status(&error), FileStatus::LimitExceeded);
    assert!(error.to_string().contains("read.text_bytes_max = 4"));
}

#[test]
fn a_guessed_encoding_and_a_wrong_name_are_told() {
    let document = reads("page.pdf", b"<!doctype html><meta charset=windows-1251><p>\xcf\xf0\xe8\xe2\xe5\xf2").unwrap();
    assert_eq!((document.text.as_str(), document.format), ("Привет", Format::Html));
    assert!(document.warnings.iter().any(|warning| warning.message.contains(".pdf")));
    let guessed = reads("a.txt", b"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0! \xca\xe0\xea \xe4\xe5\xeb\xe0?").unwrap();
    assert_eq!(guessed.text, "Привет, мир! Как дела?");
    assert!(guessed.warnings.iter().any(|warning| warning.message.contains("windows-1251") && !warning.lossy));
}

/// Pieces that mean something to one of the readers, so that chance finds their corners.
fn markup() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "<p>",
        "</p>",
        "<table>",
        "<tr>",
        "<td colspan=9999999 rowspan=3>",
        "</table>",
        "<pre>",
        "</pre>",
        "<ul><li>",
        "</ul>",
        "<ol start=-9223372036854775808>",
        "<h1>",
        "</h1>",
        "<nav>",
        "<main>",
        "</main>",
        "<svg>",
        "<math>",
        "<br>",
        "<q>",
        "<!--",
        "-->",
        "&#27;",
        "&nbsp;",
        "<title>",
        "<b>",
        "<template>",
        "<frameset>",
        "# ",
        "- ",
        "18446744073709551615. ",
        "\n",
        "\n\n",
        "    ",
        "```",
        "| a | b |\n|---|---|\n",
        "> ",
        "[x](y)",
        "![",
        "](",
        "**",
        "`",
        "---\n",
        "+++\n",
        "[^1]",
        "[^1]: ",
        "title: x\n",
        "é",
        "日本",
        "\u{85}",
        "\u{1b}[31m",
        "\r",
        "\u{c}",
        "text",
        " ",
        "===\n",
        "1.2 A\n",
        "CAPS\n",
        "\u{a0}",
        "|",
    ]);
    prop::collection::vec(prop_oneof![4 => pieces.prop_map(str::to_owned), 1 => "\\PC{0,8}"], 0..60)
        .prop_map(|all| all.concat())
}

proptest! {
    #[test]
    fn any_markup_gives_a_checked_document(text in markup()) {
        for name in ["a.md", "a.html", "a.txt", "a.csv", "a.rs"] {
            prop_assert!(reads(name, text.as_bytes()).is_ok_and(|document| document.blocks.iter().all(|block| {
                let held = block.span.of(&document.text);
                !held.trim().is_empty() && held.trim_end() == held
            })), "{name}");
        }
    }

    #[test]
    fn any_bytes_give_a_document_or_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for name in ["a.md", "a.html", "a.txt", "a", "a.docx"] {
            if let Err(error) = reads(name, &bytes) {
                prop_assert_ne!(status(&error), FileStatus::Malformed, "{}", error);
            }
        }
    }
}
