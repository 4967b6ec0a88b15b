//! The styles of an Excel workbook go in, the number format of each comes out (ECMA-376 part 1, 18.8).

use std::collections::HashMap;

use super::super::Output;
use super::super::number_format::NumberFormat;
use super::super::package::Package;
use super::super::xml::{Node, Xml};
use crate::error::Result;

/// Number formats by style.
#[derive(Debug, Default)]
pub(super) struct Styles {
    formats: HashMap<u32, NumberFormat>,
    /// The id of the format of each style.
    cells: Vec<u32>,
}

impl Styles {
    /// Reads the part `part`.
    ///
    /// # Errors
    /// As [`Package::text`].
    pub(super) fn read(package: &mut Package<'_>, output: &mut Output, part: &str) -> Result<Self> {
        let Some(text) = package.text(part)? else { return Ok(Self::default()) };
        let mut xml = Xml::new(&text, package.depth_max());
        let mut styles = Self::default();
        while let Some(node) = xml.next()? {
            let Node::Open(element) = node else { continue };
            match element.name() {
                "numFmt" => {
                    if let (Some(id), Some(code)) = (element.number("numFmtId"), element.attribute("formatCode")) {
                        styles.formats.insert(id, NumberFormat::new(&code));
                    }
                }
                "cellXfs" => {
                    let level = xml.depth();
                    while let Some(element) = xml.next_open_in(level)? {
                        if element.name() == "xf" {
                            styles.cells.push(element.number("numFmtId").unwrap_or(0));
                        }
                    }
                }
                // Formats for when a condition holds have ids of their own that can be the same.
                "dxfs" => xml.skip()?,
                _ => {}
            }
        }
        for id in &styles.cells {
            styles.formats.entry(*id).or_insert_with(|| NumberFormat::built_in(*id));
        }
        output.note_end(None, part, &xml);
        Ok(styles)
    }

    /// `value` as a cell of the style `style` shows it.
    pub(super) fn show(&self, value: f64, style: usize, is_1904: bool) -> String {
        let format = self.cells.get(style).and_then(|id| self.formats.get(id));
        format.map_or_else(|| NumberFormat::default().show(value, is_1904), |format| format.show(value, is_1904))
    }
}
