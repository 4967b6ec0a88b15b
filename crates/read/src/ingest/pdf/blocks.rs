//! Lines of a region → paragraphs, list items, headings and tables; knows lines and sizes, nothing of pages or files.

use super::lines::{Line, is_marker};
use super::tabular::{TABLE_LEADING_MAX, table_lines};

/// Two lines further apart than this many times their size do not belong to one paragraph.
const LEADING_MAX: f32 = 1.9;
/// A line of this many times the body's size is a heading.
const HEADING_RATIO: f32 = 1.14;
/// A heading has at most this many words.
const HEADING_WORDS_MAX: usize = 24;

/// What a block will be once all headings of the document are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Role {
    Paragraph,
    ListItem,
    Table,
    /// A heading of this size, bold or not, and its level where a bookmark leads to it.
    Heading {
        size: f32,
        bold: bool,
        outline: Option<u8>,
    },
}

/// Lines that belong together.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) role: Role,
    pub(super) lines: &'a [Line],
}

/// Parts a region into blocks; every line is in exactly one, in order.
pub(super) fn blocks(lines: &[Line], body_size: f32) -> Vec<Draft<'_>> {
    let in_table = table_lines(lines);
    let right = right_edge(lines, &in_table);
    let mut out = Vec::new();
    let mut start = 0;
    for index in 1..=lines.len() {
        let ends = index == lines.len()
            || in_table[index] != in_table[start]
            || lines[index].ruled.is_some()
            || lines[start].ruled.is_some()
            || if in_table[start] {
                lines[index].y - lines[index - 1].y > TABLE_LEADING_MAX * lines[index].size
            } else {
                !joins(&lines[start..index], &lines[index], right, body_size)
            };
        if ends {
            let lines = &lines[start..index];
            let role = if in_table[start] || lines[0].ruled.is_some() { Role::Table } else { role(lines, body_size) };
            out.push(Draft { role, lines });
            start = index;
        }
    }
    out
}

/// Where full lines of running text end.
fn right_edge(lines: &[Line], in_table: &[bool]) -> f32 {
    let mut edges: Vec<f32> =
        lines.iter().zip(in_table).filter(|(_, table)| !**table).map(|(line, _)| line.x1).collect();
    edges.sort_by(f32::total_cmp);
    edges.get((edges.len() * 9 / 10).min(edges.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// Whether `next` goes on with the paragraph that `block` is so far.
fn joins(block: &[Line], next: &Line, right: f32, body_size: f32) -> bool {
    let last = &block[block.len() - 1];
    let size = last.size.max(next.size);
    let step = next.y - last.y;
    let leading = match block {
        [.., before, last] => (last.y - before.y) * 1.25 + 0.5,
        _ => LEADING_MAX * size,
    };
    if last.outline != next.outline
        || last.turns != next.turns
        || step <= 0.0
        || step > leading.min(LEADING_MAX * size)
        || (last.size - next.size).abs() > 0.12 * size
    {
        return false;
    }
    if starts_item(next) {
        return false;
    }
    let heading = |line: &Line| line.bold || line.size > HEADING_RATIO * body_size;
    if last.bold != next.bold && (heading(last) || heading(next)) && !(block.len() > 1 && !last.bold && !block[0].bold)
    {
        return false;
    }
    let goes_on = next.text.starts_with(|found: char| found.is_lowercase()) && !ends_sentence(&last.text);
    // A line that had room for the next word was ended on purpose.
    let had_room = last.x1 + 0.3 * size + next.first_word < right - 0.5 * size;
    if had_room && !goes_on {
        return false;
    }
    let indent = next.x0 - last.x0;
    let hangs = block.len() == 1 && starts_item(last);
    let begins_anew = indent > 1.2 * size && !hangs || indent < -1.2 * size && block.len() > 1;
    goes_on || !begins_anew
}

fn starts_item(line: &Line) -> bool {
    let marker = line.text.split([' ', '\t']).next().unwrap_or_default();
    marker.len() < line.text.len() && is_marker(marker)
}

fn ends_sentence(text: &str) -> bool {
    text.ends_with(['.', ':', ';', '?', '!'])
}

fn role(lines: &[Line], body_size: f32) -> Role {
    let outline = lines[0].outline;
    let words: usize = lines.iter().map(|line| line.text.split_whitespace().count()).sum();
    let size = lines.iter().map(|line| line.size).fold(0.0, f32::max);
    let bold = lines.iter().all(|line| line.bold);
    let text = &lines[lines.len() - 1].text;
    let letters = lines.iter().flat_map(|line| line.text.chars()).filter(|found| found.is_alphabetic()).count();
    let large = size > HEADING_RATIO * body_size;
    if outline.is_some()
        || lines.len() <= 3
            && words <= HEADING_WORDS_MAX
            && letters >= 3
            && (large
                || bold
                    && size > 0.85 * body_size
                    && !text.ends_with([',', ';'])
                    && (words <= 14 || !ends_sentence(text)))
    {
        return Role::Heading { size, bold, outline };
    }
    if starts_item(&lines[0]) { Role::ListItem } else { Role::Paragraph }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, x0: f32, y: f32) -> Line {
        let cells = text.split('\t').count();
        let x1 = x0 + 5.0 * text.len() as f32;
        let second_cell = text.find('\t').map_or(f32::INFINITY, |at| x0 + 5.0 * at as f32 + 60.0);
        let first_word = 5.0 * text.split([' ', '\t']).next().unwrap_or_default().len() as f32;
        Line { text: text.into(), cells, x0, x1, y, size: 10.0, first_word, second_cell, ..Line::default() }
    }

    fn shape(lines: &[Line]) -> Vec<(Role, usize)> {
        blocks(lines, 10.0).iter().map(|block| (block.role, block.lines.len())).collect()
    }

    #[test]
    fn wrapped_lines_join_and_a_short_line_ends_the_paragraph() {
        let lines = [
            line("This is the first line of a paragraph that", 0.0, 0.0),
            line("wraps here and ends", 0.0, 12.0),
            line("Another paragraph begins on the next line", 0.0, 24.0),
            line("and goes on.", 0.0, 36.0),
        ];
        assert_eq!(shape(&lines), [(Role::Paragraph, 2), (Role::Paragraph, 2)]);
    }

    #[test]
    fn a_larger_gap_parts_paragraphs_and_bullets_are_items() {
        let lines = [
            line("One full line of text that is as wide as all", 0.0, 0.0),
            line("one full line of text that is as wide as all", 0.0, 22.0),
            line("• one full line of text that is as wide as", 0.0, 34.0),
            line("the item goes on", 10.0, 46.0),
            line("• next item", 0.0, 58.0),
        ];
        let expected = [(Role::Paragraph, 1), (Role::Paragraph, 1), (Role::ListItem, 2), (Role::ListItem, 1)];
        assert_eq!(shape(&lines), expected);
    }

    #[test]
    fn rows_with_cells_are_one_table_with_headings_and_wrapped_labels() {
        let lines = [
            line("A sentence that introduces the table below, at full width:", 0.0, 0.0),
            line("Three Months Ended", 150.0, 12.0),
            line("Net sales\t$ 1\t$ 2", 0.0, 24.0),
            line("Accumulated other", 0.0, 36.0),
            line("comprehensive loss\t3\t4", 0.0, 48.0),
            line("A sentence that follows the table above, at the full width.", 0.0, 60.0),
        ];
        assert_eq!(shape(&lines), [(Role::Paragraph, 1), (Role::Table, 4), (Role::Paragraph, 1)]);
    }

    #[test]
    fn bold_and_large_lines_are_headings() {
        let mut large = line("Results of Operations", 0.0, 0.0);
        large.size = 14.0;
        let mut bold = line("Net Sales", 0.0, 20.0);
        bold.bold = true;
        let lines = [large, bold, line("Net sales grew because of strong demand in all of", 0.0, 32.0)];
        let shape = shape(&lines);
        assert_eq!(shape[0].0, Role::Heading { size: 14.0, bold: false, outline: None });
        assert_eq!(shape[1].0, Role::Heading { size: 10.0, bold: true, outline: None });
        assert_eq!(shape[2].0, Role::Paragraph);
    }
}
