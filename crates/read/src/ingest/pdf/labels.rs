//! What a document itself calls its pages, such as `iv` or `A-3`; knows page counts, not pages.

use lopdf::{Dictionary, Object};

use super::file::PdfFile;
use super::interpret::text_string;

/// Longer labels are no names of pages.
const LABEL_CHARS_MAX: usize = 32;
/// Numerals longer than this are left as digits.
const NUMERAL_MAX: u32 = 4_000;

/// The label of each of `pages` pages (PDF 32000-1:2008, 12.4.2); `None` where it is the page's number or not given.
pub(super) fn labels(file: &PdfFile, pages: usize) -> Vec<Option<String>> {
    let mut out = vec![None; pages];
    let Some(tree) = file.catalog().and_then(|catalog| file.get_dict(catalog, b"PageLabels")) else { return out };
    let mut ranges: Vec<(usize, &Dictionary)> = Vec::new();
    for (key, value) in file.tree(tree, b"Nums") {
        if let (Object::Integer(first), Object::Dictionary(style)) = (key, file.resolve(value))
            && let Ok(first) = usize::try_from(*first)
        {
            ranges.push((first, style));
        }
    }
    ranges.sort_by_key(|(first, _)| *first);
    for (index, &(first, style)) in ranges.iter().enumerate() {
        let end = ranges.get(index + 1).map_or(pages, |(next, _)| *next).min(pages);
        let start = file.get_number(style, b"St").map_or(1, |start| start.clamp(0.0, 1e6) as u32);
        let prefix = file.get(style, b"P").and_then(|prefix| prefix.as_str().ok()).map(text_string).unwrap_or_default();
        let kind = file.get_name(style, b"S");
        for (page, slot) in out.iter_mut().enumerate().take(end).skip(first) {
            let number = start.saturating_add((page - first) as u32);
            let label = format!("{prefix}{}", numeral(kind, number)).trim().to_string();
            let named = !label.is_empty() && label.chars().count() <= LABEL_CHARS_MAX;
            if named && !label.contains(char::is_control) && label != (page + 1).to_string() {
                *slot = Some(label);
            }
        }
    }
    out
}

fn numeral(kind: Option<&[u8]>, number: u32) -> String {
    match kind {
        Some(b"D") => number.to_string(),
        Some(b"R" | b"r" | b"A" | b"a") if number == 0 || number >= NUMERAL_MAX => number.to_string(),
        Some(b"R") => roman(number).to_uppercase(),
        Some(b"r") => roman(number),
        Some(b"A") => letters(number).to_uppercase(),
        Some(b"a") => letters(number),
        _ => String::new(),
    }
}

fn roman(mut number: u32) -> String {
    const PARTS: [(u32, &str); 13] = [
        (1000, "m"),
        (900, "cm"),
        (500, "d"),
        (400, "cd"),
        (100, "c"),
        (90, "xc"),
        (50, "l"),
        (40, "xl"),
        (10, "x"),
        (9, "ix"),
        (5, "v"),
        (4, "iv"),
        (1, "i"),
    ];
    let mut out = String::new();
    for (value, text) in PARTS {
        while number >= value {
            out.push_str(text);
            number -= value;
        }
    }
    out
}

/// `a` to `z`, then `aa` to `zz`: the same letter again, not a second place.
fn letters(number: u32) -> String {
    let (index, times) = ((number - 1) % 26, (number - 1) / 26 + 1);
    char::from(b'a' + index as u8).to_string().repeat(times as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerals_follow_their_style() {
        assert_eq!(numeral(Some(b"r"), 14), "xiv");
        assert_eq!(numeral(Some(b"R"), 1999), "MCMXCIX");
        assert_eq!(numeral(Some(b"A"), 28), "BB");
        assert_eq!(numeral(Some(b"a"), 0), "0");
        assert_eq!(numeral(Some(b"D"), 7), "7");
        assert_eq!(numeral(None, 7), "");
    }
}
