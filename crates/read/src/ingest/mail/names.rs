//! What a message says about the name of an attachment goes in, a plain file name comes out.

use crate::document::Member;

/// Characters of a name that are kept, without its extension.
const NAME_CHARS_MAX: usize = 120;
/// Characters of an extension.
const EXTENSION_CHARS_MAX: usize = 10;

/// Extensions of attachments that have a type but no name.
const EXTENSIONS: &[(&str, &str, &str)] = &[
    ("text", "html", "html"),
    ("text", "calendar", "ics"),
    ("text", "csv", "csv"),
    ("text", "markdown", "md"),
    ("text", "", "txt"),
    ("message", "", "eml"),
    ("application", "pdf", "pdf"),
    ("application", "json", "json"),
    ("application", "xml", "xml"),
    ("application", "rtf", "rtf"),
    ("application", "zip", "zip"),
    ("image", "png", "png"),
    ("image", "jpeg", "jpg"),
    ("image", "gif", "gif"),
];

/// `stem.extension`, shortened before the extension.
pub(super) fn with_extension(stem: &str, extension: &str) -> String {
    let stem: String = stem.chars().take(NAME_CHARS_MAX).collect();
    // A slash in a subject is no folder.
    format!("{}.{extension}", stem.replace(['/', '\\'], "-"))
}

/// The name for `number`th attachment that calls itself `name`: without folders, control characters and signs that turn
/// the direction of writing, which make `exe.pdf` of `fdp.exe`.
pub(super) fn of_member(name: &str, kind: Option<(&str, &str)>, number: usize) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'))
        .map(|c| if c.is_whitespace() || matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|') { ' ' } else { c })
        .collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = plain.trim_matches(['.', ' ']);
    if plain.is_empty() {
        let (main, sub) = kind.unwrap_or_default();
        let known = EXTENSIONS.iter().find(|(m, s, _)| *m == main && (*s == sub || s.is_empty()));
        return format!("attachment-{number}.{}", known.map_or("bin", |(_, _, extension)| extension));
    }
    match plain.rsplit_once('.') {
        Some((stem, extension)) if extension.chars().count() <= EXTENSION_CHARS_MAX => {
            with_extension(stem.trim_end(), extension)
        }
        _ => plain.chars().take(NAME_CHARS_MAX).collect(),
    }
}

/// `name`, with a number before it where a sibling has it already.
pub(super) fn unique(name: String, siblings: &[Member]) -> String {
    let is_taken = |name: &String| siblings.iter().any(|member| member.name == *name);
    if !is_taken(&name) {
        return name;
    }
    // A sibling can be called by a number itself.
    let numbered = (siblings.len() + 1..).map(|number| format!("{number}-{name}"));
    numbered.take(siblings.len() + 1).find(|name| !is_taken(name)).unwrap_or(name)
}
