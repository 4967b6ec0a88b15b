//! The elements of a table go in, whether it holds data and which of its rows name the columns come out.

use scraper::Node;

use super::{NodeRef, inside};
use crate::ingest::table::Table;

/// Characters of a table cell from which the table is taken for page layout.
const CELL_CHARS_MAX: usize = 1000;

/// Which rows of a table name its columns: those from the top that lie in its head or hold nothing but cells of headings.
#[derive(Default)]
pub(super) struct Header {
    pub(super) in_head: bool,
    /// Of the row that is open: whether it lies in the head, how many cells it has, and how many of them are headings.
    is_head: bool,
    cells: usize,
    headings: usize,
    /// Whether the first of them is no heading: the corner above the names of the rows is often not marked as one.
    has_corner: bool,
    is_over: bool,
}

impl Header {
    /// Takes a cell, an element of the name `name`.
    pub(super) fn cell(&mut self, name: &str) {
        self.is_head |= self.in_head;
        self.has_corner |= self.cells == 0 && name != "th";
        self.cells += 1;
        self.headings += usize::from(name == "th");
    }

    /// Takes the end of the open row, which is the last of `table`.
    pub(super) fn row(&mut self, table: &mut Table) {
        let Self { is_head, cells, headings, has_corner, is_over, .. } = *self;
        *self = Self { in_head: self.in_head, is_over, ..Self::default() };
        if cells == 0 {
            return;
        }
        let is_head = is_head || headings > 1 && headings + usize::from(has_corner) == cells;
        if is_head && !is_over {
            table.end_header();
        }
        self.is_over |= !is_head;
    }
}

/// Whether a table holds data: several columns, several rows or a head, short cells, no table and no heading inside.
pub(super) fn is_data(table: NodeRef<'_>) -> bool {
    if let Node::Element(element) = table.value()
        && matches!(element.attr("role"), Some("presentation" | "none"))
    {
        return false;
    }
    let (mut columns, mut columns_most, mut characters) = (0_usize, 0_usize, 0_usize);
    let (mut rows, mut has_head) = (0_usize, false);
    for node in inside(table) {
        match node.value() {
            Node::Text(text) => characters += text.len(),
            Node::Element(element) => match element.name() {
                "table" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "pre" => return false,
                "tr" => {
                    columns = 0;
                    rows += 1;
                }
                name @ ("td" | "th") => {
                    has_head |= name == "th";
                    characters = 0;
                    columns += 1;
                    columns_most = columns_most.max(columns);
                }
                _ => {}
            },
            _ => {}
        }
        if characters > CELL_CHARS_MAX {
            return false;
        }
    }
    columns_most >= 2 && (rows >= 2 || has_head)
}
