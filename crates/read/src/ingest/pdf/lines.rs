//! A row of words → a line of text with cells, weight and size; knows one line at a time.

use super::rows::Row;
use super::ruling::RuledTable;
use super::words::{PageWords, Word, is_rtl_char};

/// Words nearer than this part of the font size are one word, when no space was drawn between them. Just below 0.15, which pages made from
/// web pages leave for a space.
const JOIN_GAP: f32 = 0.149;
/// A gap of this many em parts cells for sure.
const CELL_GAP: f32 = 1.8;
/// A gap of this many em parts cells when a number stands beside it.
const NUMBER_GAP: f32 = 0.9;
/// A gap of this many em parts a number from the next currency sign.
const MONEY_GAP: f32 = 0.35;
/// A gap of this many em can part cells where other rows show that a column begins.
const COLUMN_GAP: f32 = 0.5;
/// Words that lie over one another by more than this many em were drawn by different hands.
const OVERLAP: f32 = 0.5;

/// One line of a page.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    /// Its words with single spaces, cells parted by tabs.
    pub(super) text: String,
    /// Cells, a list marker not counted as one; at least 1.
    pub(super) cells: usize,
    /// Left and right edge of each part of `text` between tabs.
    pub(super) edges: Vec<(f32, f32)>,
    /// Gaps inside parts that are wide enough to lie between columns.
    pub(super) gaps: Vec<Gap>,
    pub(super) x0: f32,
    pub(super) x1: f32,
    /// The baseline, downwards.
    pub(super) y: f32,
    /// The font size that most of its characters have.
    pub(super) size: f32,
    /// Whether nearly all of its letters are bold.
    pub(super) bold: bool,
    /// Width of the first word, in points.
    pub(super) first_word: f32,
    /// Left edge of the second cell; infinite when there is none.
    pub(super) second_cell: f32,
    /// Quarter turns of its text.
    pub(super) turns: u8,
    /// The level of the bookmark that leads to it.
    pub(super) outline: Option<u8>,
    /// The rows of the ruled table that it stands for.
    pub(super) ruled: Option<Vec<Vec<String>>>,
}

/// A space of a line that is wide for a space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gap {
    /// Where the space stands in the line's text.
    pub(super) at: usize,
    /// Its left and right edge.
    pub(super) x0: f32,
    pub(super) x1: f32,
}

impl Line {
    /// Reads a row; a row that stands for a table is one of `tables`. Empty rows give a line without text.
    pub(super) fn read(page: &PageWords, row: &Row, tables: &[RuledTable]) -> Self {
        if let Some(table) = row.table.and_then(|index| tables.get(index as usize)) {
            return Self::of_table(table);
        }
        let words: Vec<&Word> = row.words.iter().map(|&index| &page.words[index as usize]).collect();
        let words = in_logical_order(page, words);
        let mut line = Self {
            text: String::new(),
            cells: 1,
            edges: Vec::new(),
            gaps: Vec::new(),
            x0: row.x0,
            x1: row.x1,
            y: row.y,
            size: row.size,
            bold: false,
            first_word: 0.0,
            second_cell: f32::INFINITY,
            turns: words.first().map_or(0, |word| word.turns),
            outline: None,
            ruled: None,
        };
        let (mut letters, mut bold_letters) = (0usize, 0usize);
        let mut sizes: Vec<(f32, usize)> = Vec::new();
        let mut previous: Option<&Word> = None;
        let mut cell_start = 0;
        for word in words {
            let text = page.text_of(word);
            if let Some(last) = previous {
                match separator(page, last, word) {
                    "\t" if is_marker(&line.text[cell_start..]) && cell_start == 0 => line.text.push(' '),
                    "\t" => {
                        line.cells += 1;
                        line.second_cell = line.second_cell.min(word.x0);
                        line.text.push('\t');
                        line.edges.push((word.x0, word.x1));
                        cell_start = line.text.len();
                    }
                    other => {
                        if other == " " && word.x0 - last.x1 > COLUMN_GAP * word.size {
                            line.gaps.push(Gap { at: line.text.len(), x0: last.x1, x1: word.x0 });
                        }
                        line.text.push_str(other);
                    }
                }
            } else {
                line.first_word = word.x1 - word.x0;
                line.edges.push((word.x0, word.x1));
            }
            if let Some(edges) = line.edges.last_mut() {
                *edges = (edges.0.min(word.x0), edges.1.max(word.x1));
            }
            line.text.push_str(text);
            previous = Some(word);
            letters += text.len();
            bold_letters += if word.bold { text.len() } else { 0 };
            match sizes.iter_mut().find(|(size, _)| (*size - word.size).abs() < 0.26) {
                Some((_, count)) => *count += text.len(),
                None => sizes.push((word.size, text.len())),
            }
        }
        line.size = sizes.iter().max_by_key(|(_, count)| *count).map_or(row.size, |(size, _)| *size);
        line.bold = letters > 0 && bold_letters * 10 >= letters * 9;
        line
    }

    /// The line that stands for a ruled table.
    fn of_table(table: &RuledTable) -> Self {
        let texts: Vec<&str> =
            table.rows.iter().flatten().map(String::as_str).filter(|text| !text.is_empty()).collect();
        let [x0, y0, x1, _] = table.edges;
        Self {
            text: texts.join(" "),
            cells: 1,
            edges: vec![(x0, x1)],
            x0,
            x1,
            y: y0 + table.size,
            size: table.size,
            first_word: x1 - x0,
            second_cell: f32::INFINITY,
            ruled: Some(table.rows.clone()),
            ..Self::default()
        }
    }
}

/// What stands between two neighbours of a line: nothing, a space, or a tab where a cell ends.
fn separator(page: &PageWords, left: &Word, right: &Word) -> &'static str {
    let size = left.size.max(right.size);
    let gap = (right.x0 - left.x1).max(left.x0 - right.x1);
    let (a, b) = (page.text_of(left), page.text_of(right));
    let drawn = left.space_after && right.order == left.order + 1;
    if is_note_mark(left, right, b) {
        return " ";
    }
    let closes = matches!(b, ")" | "%" | ")%") && ends_number(a);
    // A bracket or percent sign belongs to its number even where a space was drawn.
    if gap < JOIN_GAP * size && (closes || !drawn) {
        // Accents lie over letters too, but are short.
        let are_words = || [a, b].iter().all(|text| text.chars().nth(2).is_some());
        return if gap < -OVERLAP * size && are_words() { " " } else { "" };
    }
    let opens = matches!(a, "$" | "€" | "£" | "¥" | "$(" | "(" | "US$" | "(€" | "($") && starts_number(b);
    if opens || closes && gap < CELL_GAP * size {
        return " ";
    }
    let money = b.starts_with(['$', '€', '£', '¥']);
    let parts = gap >= CELL_GAP * size
        || gap >= NUMBER_GAP * size && (starts_number(b) || money || starts_number(a))
        || gap >= MONEY_GAP * size && money && ends_number(a);
    if parts { "\t" } else { " " }
}

/// Whether the right word is the small raised number of a footnote, which would change a word or number that it is glued to.
fn is_note_mark(left: &Word, right: &Word, text: &str) -> bool {
    right.size < 0.85 * left.size
        && right.y < left.y - 0.1 * left.size
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'(' | b')' | b','))
}

fn ends_number(text: &str) -> bool {
    text.ends_with(|found: char| found.is_ascii_digit() || matches!(found, ')' | '%' | '—' | '–'))
}

fn starts_number(text: &str) -> bool {
    let rest = text.trim_start_matches(['(', '$', '€', '£', '-', '−', '+', '.']);
    rest.starts_with(|found: char| found.is_ascii_digit()) || matches!(text, "—" | "–" | "$—" | "—%")
}

/// Whether a line's beginning is a list marker: a bullet, or a short number or letter with its point or bracket.
pub(super) fn is_marker(text: &str) -> bool {
    let text = text.trim();
    if matches!(
        text,
        "•" | "▪"
            | "◦"
            | "‣"
            | "●"
            | "○"
            | "■"
            | "□"
            | "·"
            | "*"
            | "-"
            | "–"
            | "—"
            | "o"
            | "➢"
            | "✓"
            | "☐"
            | "☒"
    ) {
        return true;
    }
    let open = text.strip_prefix('(').unwrap_or(text);
    let Some(inner) = open.strip_suffix([')', '.']) else { return false };
    (1..=4).contains(&inner.len())
        && (inner.bytes().all(|byte| byte.is_ascii_digit())
            || inner.len() == 1 && inner.bytes().all(|byte| byte.is_ascii_alphabetic())
            || inner.bytes().all(|byte| matches!(byte, b'i' | b'v' | b'x')))
}

/// Words of right-to-left scripts in the order they are read.
fn in_logical_order<'a>(page: &PageWords, mut words: Vec<&'a Word>) -> Vec<&'a Word> {
    let is_rtl = |word: &&Word| page.text_of(word).chars().any(is_rtl_char);
    if words.iter().filter(|word| is_rtl(word)).count() * 2 <= words.len() {
        return words;
    }
    words.reverse();
    for run in words.chunk_by_mut(|a, b| !is_rtl(a) && !is_rtl(b)) {
        run.reverse();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::pdf::rows::regions;
    use crate::ingest::pdf::words::Glyph;

    fn line(words: &[(&str, f64)]) -> Line {
        let mut page = PageWords::default();
        for &(text, x) in words {
            let to = (x + 5.0 * text.chars().count() as f64, 100.0);
            page.push(Glyph { text, from: (x, 100.0), to, direction: (1.0, 0.0), size: 10.0, bold: false });
            page.end_word();
        }
        Line::read(&page, &regions(&page)[0][0], &[])
    }

    #[test]
    fn cells_are_parted_by_tabs_and_currency_stays_with_its_number() {
        let row = line(&[
            ("Net", 50.0),
            ("sales", 68.0),
            ("$", 200.0),
            ("1,234", 230.0),
            ("$", 290.0),
            ("(56", 310.0),
            (")", 326.0),
        ]);
        assert_eq!(row.text, "Net sales\t$ 1,234\t$ (56)");
        assert_eq!(row.cells, 3);
    }

    #[test]
    fn a_bullet_is_no_cell() {
        let item = line(&[("•", 50.0), ("First", 80.0), ("point", 108.0)]);
        assert_eq!((item.text.as_str(), item.cells), ("• First point", 1));
        assert!(is_marker("(iv)") && is_marker("12.") && !is_marker("Item"));
    }

    #[test]
    fn pieces_without_a_gap_are_one_word() {
        assert_eq!(line(&[("foot", 50.0), ("note", 70.5)]).text, "footnote");
        assert_eq!(line(&[("over", 50.0), ("laid", 60.0)]).text, "over laid");
    }

    #[test]
    fn hebrew_words_are_read_from_the_right() {
        assert_eq!(line(&[("שלום", 50.0), ("12", 73.0), ("עולם", 86.0)]).text, "עולם 12 שלום");
    }
}
