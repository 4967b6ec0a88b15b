//! Files attached to a PDF → [`Member`]s with clean names; knows where they hang, nothing of what they hold.

use std::collections::HashSet;

use lopdf::{Dictionary, Object};

use super::PdfSettings;
use super::file::{PageList, PdfFile};
use super::interpret::text_string;
use crate::document::{Member, Warning};

/// Longer names are cut before their ending.
const NAME_BYTES_MAX: usize = 200;
/// An ending is at most this long.
const ENDING_BYTES_MAX: usize = 12;

/// The files attached to the document, then those attached to places on its pages, each once; with what had to be left out.
pub(super) fn attachments(
    file: &PdfFile,
    list: &PageList<'_>,
    settings: &PdfSettings,
    warnings: &mut Vec<Warning>,
) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    let (mut seen, mut names): (HashSet<usize>, HashSet<String>) = (HashSet::new(), HashSet::new());
    let mut bytes_left = settings.attachment_bytes_max;
    let mut warn = |message: String| warnings.push(Warning { page: None, lossy: true, message });
    for specification in specifications(file, list) {
        let Some(stream) = file.get_dict(specification, b"EF").and_then(|embedded| {
            [&b"UF"[..], b"F", b"Unix", b"Mac", b"DOS"].iter().find_map(|key| file.get(embedded, key)?.as_stream().ok())
        }) else {
            continue;
        };
        if !seen.insert(std::ptr::from_ref(stream).addr()) {
            continue;
        }
        if members.len() == settings.attachments_max {
            let limit = settings.attachments_max;
            warn(format!("only the first read.pdf.attachments_max = {limit} attached files were taken out"));
            break;
        }
        let name = unique(clean(&file_name(file, specification)), &mut names);
        match file.decode_within(stream, bytes_left) {
            Ok(bytes) => {
                bytes_left -= bytes.len();
                members.push(Member { name, bytes });
            }
            Err(reason) => {
                let limit = settings.attachment_bytes_max;
                warn(format!(
                    "the attached file {name} was left out (read.pdf.attachment_bytes_max = {limit}): {reason}"
                ));
            }
        }
    }
    members
}

fn specifications<'a>(file: &'a PdfFile, list: &PageList<'a>) -> Vec<&'a Dictionary> {
    let tree = file
        .catalog()
        .and_then(|catalog| file.get_dict(catalog, b"Names"))
        .and_then(|names| file.get_dict(names, b"EmbeddedFiles"));
    let mut out: Vec<&Dictionary> = Vec::new();
    for (_, specification) in tree.map(|tree| file.tree(tree, b"Names")).unwrap_or_default() {
        out.extend(file.resolve(specification).as_dict().ok());
    }
    for page in list.pages.iter().flatten() {
        let annotations = file.get(page.dict, b"Annots").and_then(|list| list.as_array().ok());
        for annotation in annotations.into_iter().flatten() {
            if let Object::Dictionary(annotation) = file.resolve(annotation)
                && file.get_name(annotation, b"Subtype") == Some(b"FileAttachment")
            {
                out.extend(file.get_dict(annotation, b"FS"));
            }
        }
    }
    out
}

fn file_name(file: &PdfFile, specification: &Dictionary) -> String {
    let name = |key: &[u8]| Some(text_string(file.get(specification, key)?.as_str().ok()?));
    [&b"UF"[..], b"F", b"Unix", b"Mac", b"DOS"].iter().find_map(|key| name(key)).unwrap_or_default()
}

/// The last part of a path without what a file name must not have.
fn clean(path: &str) -> String {
    let name = path.rsplit(['/', '\\', ':']).find(|part| !part.trim().is_empty()).unwrap_or_default();
    // Marks that turn the direction of text hide an ending.
    let hides =
        |found: char| matches!(found, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let name: String = name.chars().filter(|&found| !found.is_control() && !hides(found)).collect();
    let name = name.trim().trim_start_matches('.').trim_start();
    if name.is_empty() {
        return "attachment".to_string();
    }
    let (stem, ending) = parts(name);
    let mut cut = stem.len().min(NAME_BYTES_MAX);
    while !stem.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}{ending}", &stem[..cut])
}

/// A name and its ending with the point, which may be empty.
fn parts(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= ENDING_BYTES_MAX => name.split_at(at),
        _ => (name, ""),
    }
}

/// The name, with a number where a sibling has it already. Names that differ only in case are the same on some systems.
fn unique(name: String, taken: &mut HashSet<String>) -> String {
    let (stem, ending) = parts(&name);
    let numbered = (2..).map(|number: u32| format!("{stem} ({number}){ending}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| taken.insert(name.to_lowercase()));
    free.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_folders_and_tricks() {
        for (from, to) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\a\\report.xlsx", "report.xlsx"),
            ("..", "attachment"),
            ("a\u{202e}fdp\n.exe", "afdp.exe"),
            (".hidden", "hidden"),
            ("", "attachment"),
        ] {
            assert_eq!(clean(from), to, "{from}");
        }
        assert!(clean(&"é".repeat(500)).len() <= NAME_BYTES_MAX);
    }

    #[test]
    fn siblings_have_different_names() {
        let mut taken = HashSet::new();
        let names = ["a.txt", "A.txt", "a.txt", "b"].map(|name| unique(name.to_string(), &mut taken));
        assert_eq!(names, ["a.txt", "A (2).txt", "a (3).txt", "b"]);
    }
}
