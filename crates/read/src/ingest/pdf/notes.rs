//! What people put onto a page: the text of comments and the values of form fields; knows annotations, nothing of drawing.

use lopdf::{Dictionary, Object};

use super::file::PdfFile;
use super::interpret::{Drawn, text_string};

/// Fields nested deeper in each other than this have no name.
const PARENTS_MAX: usize = 32;
/// Bit of a button field's flags: it only starts an action (PDF 32000-1:2008, table 226).
const BUTTON_PUSH: i64 = 1 << 16;

/// Lines for the comments and filled fields of a page, in its order, without those whose text is drawn on the page already.
pub(super) fn notes(file: &PdfFile, annotations: &[Drawn<'_>]) -> Vec<String> {
    annotations.iter().filter_map(|annotation| note(file, annotation)).collect()
}

fn note(file: &PdfFile, annotation: &Drawn<'_>) -> Option<String> {
    let dict = annotation.dict;
    let drawn = plain(&annotation.text);
    let is_new = |text: &str| !plain(text).is_empty() && !drawn.contains(&plain(text));
    match file.get_name(dict, b"Subtype")? {
        b"Link" | b"Popup" | b"Screen" | b"PrinterMark" | b"TrapNet" | b"Watermark" => None,
        b"Widget" => {
            if let Some(caption) = caption(file, dict) {
                return Some(caption).filter(|caption| is_new(caption));
            }
            let value = value(file, dict).filter(|value| is_new(value))?;
            let name = name(file, dict);
            Some(if name.is_empty() { value } else { format!("{name}: {value}") })
        }
        _ => {
            let text = string(file, dict, b"Contents").filter(|text| is_new(text))?;
            Some(match string(file, dict, b"T") {
                Some(author) => format!("Note by {author}: {text}"),
                None => format!("Note: {text}"),
            })
        }
    }
}

/// The text under `key` on one line; `None` when there is none.
fn string(file: &PdfFile, dict: &Dictionary, key: &[u8]) -> Option<String> {
    file.get(dict, key).and_then(one_line)
}

fn one_line(object: &Object) -> Option<String> {
    let text: String =
        text_string(object.as_str().ok()?).chars().map(|found| if found.is_control() { ' ' } else { found }).collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

/// The entry of a field, which its parents can give.
fn inherited<'a>(file: &'a PdfFile, dict: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    let mut field = dict;
    for _ in 0..PARENTS_MAX {
        if let Some(found) = file.get(field, key) {
            return Some(found);
        }
        field = file.get_dict(field, b"Parent")?;
    }
    None
}

/// What a person calls the field: the name made for people, else the full name.
fn name(file: &PdfFile, dict: &Dictionary) -> String {
    if let Some(name) = inherited(file, dict, b"TU").and_then(one_line) {
        return name;
    }
    let mut parts = Vec::new();
    let mut field = Some(dict);
    while let Some(current) = field.filter(|_| parts.len() < PARENTS_MAX) {
        parts.push(string(file, current, b"T").unwrap_or_default());
        field = file.get_dict(current, b"Parent");
    }
    parts.retain(|part| !part.is_empty());
    parts.reverse();
    parts.join(".")
}

fn value(file: &PdfFile, dict: &Dictionary) -> Option<String> {
    let kind = inherited(file, dict, b"FT")?.as_name().ok()?;
    let value = inherited(file, dict, b"V");
    match kind {
        b"Tx" => match value? {
            Object::Stream(stream) => one_line(&Object::string_literal(file.decode(stream).ok()?)),
            value => one_line(value),
        },
        b"Ch" => {
            let chosen: Vec<String> = match value? {
                Object::Array(list) => list.iter().filter_map(|entry| one_line(file.resolve(entry))).collect(),
                value => vec![one_line(value)?],
            };
            let shown: Vec<String> = chosen.into_iter().map(|chosen| shown_option(file, dict, chosen)).collect();
            (!shown.is_empty()).then(|| shown.join(", "))
        }
        b"Btn" => {
            let state = file.get_name(dict, b"AS").or_else(|| value?.as_name().ok())?;
            let is_on = !is_push(file, dict) && state != b"Off" && !state.is_empty();
            is_on.then(|| String::from_utf8_lossy(state).into_owned())
        }
        _ => None,
    }
}

/// Whether a button only starts an action.
fn is_push(file: &PdfFile, dict: &Dictionary) -> bool {
    let flags = inherited(file, dict, b"Ff").and_then(super::file::number).unwrap_or(0.0) as i64;
    flags & BUTTON_PUSH != 0
}

/// What stands on a button that starts an action; viewers draw it where the file does not.
fn caption(file: &PdfFile, dict: &Dictionary) -> Option<String> {
    let is_button = inherited(file, dict, b"FT")?.as_name().is_ok_and(|kind| kind == b"Btn") && is_push(file, dict);
    string(file, file.get_dict(dict, b"MK").filter(|_| is_button)?, b"CA")
}

/// What a list shows for the value that it exports.
fn shown_option(file: &PdfFile, dict: &Dictionary, value: String) -> String {
    let options = inherited(file, dict, b"Opt").and_then(|options| options.as_array().ok());
    let shown =
        options.into_iter().flatten().find_map(|option| match file.resolve(option).as_array().ok()?.as_slice() {
            [export, shown] if one_line(file.resolve(export)).as_ref() == Some(&value) => one_line(file.resolve(shown)),
            _ => None,
        });
    shown.unwrap_or(value)
}

/// Letters and digits alone, in lower case: how drawn text and its source are compared.
fn plain(text: &str) -> String {
    text.chars().filter(|found| found.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
