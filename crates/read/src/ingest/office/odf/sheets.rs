//! The sheets of an OpenDocument spreadsheet go in, each comes out as a page with its cells as they are shown.

use std::rc::Rc;

use super::super::grid::Grid;
use super::super::package::shown;
use super::super::xml::{Element, Xml};
use super::super::{Output, one_line};
use super::text::Text;
use crate::document::BlockKind;
use crate::error::Result;
use crate::ingest::blocks::BlockWriter;

/// Rows and columns that a sheet can have.
const ROWS_MAX: u32 = 1 << 20;
const COLUMNS_MAX: u32 = 1 << 14;

/// Reads the sheets inside the element that was open at `level`.
///
/// # Errors
/// `limit_exceeded` for nesting, cells and text.
pub(super) fn read(xml: &mut Xml<'_>, level: usize, output: &mut Output, text: &mut Text) -> Result<()> {
    let mut number = 0;
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "table" => {
                number += 1;
                let name = one_line(&element.attribute("name").unwrap_or_default());
                let style = element.attribute("style-name").unwrap_or_default();
                if text.styles.is_hidden(&style) {
                    output.warn(
                        Some(number),
                        false,
                        format!("the sheet {} is hidden; its text was kept", shown(&name)),
                    );
                }
                let mut blocks = BlockWriter::default();
                blocks.push(BlockKind::Heading { level: 1 }, &name);
                sheet(xml, output, text, number, &mut blocks)?;
                // Comments belong to their sheet and not to the end of the file.
                blocks.append(&std::mem::take(&mut text.notes));
                output.page(number, &blocks)?;
            }
            "tracked-changes" | "content-validations" => xml.skip()?,
            _ => {}
        }
    }
    Ok(())
}

fn sheet(xml: &mut Xml<'_>, output: &mut Output, text: &mut Text, number: u32, into: &mut BlockWriter) -> Result<()> {
    let level = xml.depth();
    let (mut grid, mut beside) = (Grid::default(), BlockWriter::default());
    let (mut next_row, mut without_result, mut has_hidden) = (0_u32, 0_usize, false);
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "table-row" => {
                let repeated = repeated(&element, "number-rows-repeated");
                has_hidden |= is_hidden(&element);
                let row = next_row.min(ROWS_MAX);
                without_result += cells(xml, output, text, &mut grid, (row, &mut beside))?;
                grid.repeat(output, row, (repeated - 1).min(ROWS_MAX - row))?;
                next_row = next_row.saturating_add(repeated);
            }
            "table-column" => has_hidden |= is_hidden(&element),
            // Shapes that lie over the cells.
            "shapes" => {
                let level = xml.depth();
                text.blocks(xml, level, &mut beside)?;
            }
            "title" | "desc" | "table-source" | "forms" | "named-expressions" | "conditional-formats" => xml.skip()?,
            _ => {}
        }
    }
    grid.write(output, into)?;
    into.append(&beside);
    if without_result > 0 {
        let message = format!("{without_result} formulas have no stored result, so their cells are empty");
        output.warn(Some(number), true, message);
    }
    if has_hidden {
        output.warn(Some(number), false, "the sheet has hidden rows or columns, which were kept");
    }
    Ok(())
}

/// Reads the cells of one row; how many formulas have no result.
fn cells(
    xml: &mut Xml<'_>,
    output: &mut Output,
    text: &mut Text,
    grid: &mut Grid,
    (row, beside): (u32, &mut BlockWriter),
) -> Result<usize> {
    let level = xml.depth();
    let (mut column, mut without_result) = (0_u32, 0);
    while let Some(element) = xml.next_open_in(level)? {
        if !matches!(element.name(), "table-cell" | "covered-table-cell") {
            continue;
        }
        let repeated = repeated(&element, "number-columns-repeated");
        let shown = cell(xml, text, beside)?;
        let shown = if shown.is_empty() { value(&element) } else { shown };
        without_result += usize::from(shown.is_empty() && element.attribute("formula").is_some() && !is_text(&element));
        let shown: Rc<str> = shown.into();
        if !shown.is_empty() {
            for at in 0..repeated.min(COLUMNS_MAX) {
                grid.put(output, row, column.saturating_add(at), Rc::clone(&shown))?;
            }
        }
        column = column.saturating_add(repeated);
    }
    Ok(without_result)
}

/// The paragraphs of a cell as one line; comments and shapes go where they belong.
fn cell(xml: &mut Xml<'_>, text: &mut Text, beside: &mut BlockWriter) -> Result<String> {
    let level = xml.depth();
    let mut own = BlockWriter::default();
    while let Some(element) = xml.next_open_in(level)? {
        match element.name() {
            "annotation" => drop(text.comment(xml)?),
            "frame" | "custom-shape" | "rect" => {
                let level = xml.depth();
                text.blocks(xml, level, beside)?;
            }
            _ => text.one(xml, &element, &mut own)?,
        }
    }
    Ok(one_line(&own.finish().0))
}

/// The value of a cell that has no text to show it.
fn value(element: &Element<'_>) -> String {
    let named =
        ["office:value", "office:date-value", "office:time-value", "office:boolean-value", "office:string-value"];
    named.into_iter().find_map(|name| element.exact(name)).map(|value| one_line(&value)).unwrap_or_default()
}

fn is_text(element: &Element<'_>) -> bool {
    element.exact("office:value-type").is_some_and(|kind| kind == "string")
}

fn is_hidden(element: &Element<'_>) -> bool {
    element.attribute("visibility").is_some_and(|visibility| visibility == "collapse")
}

fn repeated(element: &Element<'_>, name: &str) -> u32 {
    element.number(name).unwrap_or(1_u32).max(1)
}
