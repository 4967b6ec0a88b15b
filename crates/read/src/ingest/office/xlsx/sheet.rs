//! One sheet of an Excel workbook goes in, its cells come out as lines with what a reader should know about them.

use std::rc::Rc;

use super::super::Output;
use super::super::grid::Grid;
use super::super::xml::{Element, Xml};
use super::styles::Styles;
use crate::error::Result;
use crate::ingest::blocks::BlockWriter;

/// Rows and columns that a sheet can have.
const ROWS_MAX: u32 = 1 << 20;
const COLUMNS_MAX: u32 = 1 << 14;

/// What all sheets of a workbook share.
#[derive(Debug, Default)]
pub(super) struct Workbook {
    pub(super) strings: Vec<Rc<str>>,
    pub(super) styles: Styles,
    pub(super) is_1904: bool,
}

/// What was odd about a sheet.
#[derive(Debug, Default)]
struct Oddities {
    /// Formulas whose result the file does not have.
    without_result: usize,
    has_hidden: bool,
    /// Cells that refer to a text that is not there.
    without_text: usize,
}

/// Reads a sheet into `into`; what to warn of, and whether text is missing because of it.
///
/// # Errors
/// `limit_exceeded` for nesting, cells and text.
pub(super) fn read(
    xml: &mut Xml<'_>,
    output: &mut Output,
    workbook: &Workbook,
    into: &mut BlockWriter,
) -> Result<Vec<(bool, String)>> {
    let (mut grid, mut odd) = (Grid::default(), Oddities::default());
    // Rows and cells that do not say where they are follow the one before.
    let (mut row, mut column) = (0_u32, 0_u32);
    while let Some(element) = xml.next_open_in(0)? {
        match element.name() {
            "row" => {
                let stated: Option<u32> = element.number("r");
                row = stated.unwrap_or(row + 1).min(ROWS_MAX);
                column = 0;
                odd.has_hidden |= element.is_true("hidden");
            }
            "col" => odd.has_hidden |= element.is_true("hidden"),
            "c" => {
                let place = element.attribute("r").as_deref().and_then(place);
                column = place.map_or(column + 1, |(column, _)| column).min(COLUMNS_MAX);
                let at = place.and_then(|(_, row)| row).unwrap_or(row).min(ROWS_MAX);
                if let Some(text) = cell(xml, &element, workbook, &mut odd)? {
                    grid.put(output, at, column, text)?;
                }
            }
            _ => {}
        }
    }
    grid.write(output, into)?;
    let mut told = Vec::new();
    if odd.without_result > 0 {
        let message = format!(
            "{} formulas have no stored result, so their cells are empty; open and save the file in Excel",
            odd.without_result
        );
        told.push((true, message));
    }
    if odd.without_text > 0 {
        told.push((true, format!("{} cells refer to a text that is not in the file", odd.without_text)));
    }
    if odd.has_hidden {
        told.push((false, "the sheet has hidden rows or columns, which were kept".into()));
    }
    Ok(told)
}

/// What a cell shows.
fn cell(xml: &mut Xml<'_>, start: &Element<'_>, workbook: &Workbook, odd: &mut Oddities) -> Result<Option<Rc<str>>> {
    let kind = start.attribute("t").unwrap_or_default();
    let style: usize = start.number("s").unwrap_or(0);
    let level = xml.depth();
    let (mut value, mut inline, mut has_formula) = (None, None, false);
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "v" => value = Some(xml.text()?),
            "is" => inline = Some(rich_text(xml)?),
            "f" => {
                has_formula = true;
                xml.skip()?;
            }
            _ => {}
        }
    }
    if let Some(inline) = inline {
        return Ok(Some(inline.into()));
    }
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        // A text of no characters is a result too.
        odd.without_result += usize::from(has_formula && kind != "str");
        return Ok(None);
    };
    Ok(match kind.as_str() {
        "s" => {
            let text = value.trim().parse().ok().and_then(|at: usize| workbook.strings.get(at)).cloned();
            odd.without_text += usize::from(text.is_none());
            text
        }
        "b" => Some(if value.trim() == "0" { "FALSE" } else { "TRUE" }.into()),
        "str" | "inlineStr" | "e" | "d" => Some(unescaped(&value).into()),
        _ => Some(match value.trim().parse::<f64>() {
            Ok(number) => workbook.styles.show(number, style, workbook.is_1904).into(),
            Err(_) => value.into(),
        }),
    })
}

/// The text of a string in runs, without what tells how it is pronounced.
pub(super) fn rich_text(xml: &mut Xml<'_>) -> Result<String> {
    let level = xml.depth();
    let mut text = String::new();
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "t" => text.push_str(&xml.text()?),
            "rPh" => xml.skip()?,
            _ => {}
        }
    }
    Ok(unescaped(&text))
}

/// `text` with characters that XML cannot hold, written as `_x000D_`, put back (ECMA-376 part 1, 22.9.2.19).
fn unescaped(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let (before, escape) = rest.split_at(at);
        kept.push_str(before);
        let code = escape.get(2..6).filter(|_| escape.as_bytes().get(6) == Some(&b'_'));
        let character = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        if let Some(character) = character {
            kept.push(character);
            rest = &escape[7..];
        } else {
            kept.push_str("_x");
            rest = &escape[2..];
        }
    }
    kept.push_str(rest);
    kept.replace('\u{ad}', "")
}

/// Column and row, counted from 1, of a reference such as `BC12`; the row can be missing.
fn place(reference: &str) -> Option<(u32, Option<u32>)> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic).count();
    if !(1..=3).contains(&letters) {
        return None;
    }
    let column = reference
        .bytes()
        .take(letters)
        .fold(0, |column, letter| column * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1);
    Some((column, reference[letters..].parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_name_column_and_row() {
        assert_eq!(place("A1"), Some((1, Some(1))));
        assert_eq!(place("XFD1048576"), Some((16_384, Some(1_048_576))));
        assert_eq!(place("BC"), Some((55, None)));
        assert_eq!(place("1"), None);
        assert_eq!(place("ABCDEFGHIJK1"), None);
    }

    #[test]
    fn escapes_are_put_back_once() {
        assert_eq!(unescaped("a_x000A_b_x005F_x000A_ _x é_xééé_"), "a\nb_x000A_ _x é_xééé_");
    }
}
