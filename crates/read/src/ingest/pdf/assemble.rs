//! Blocks of all pages → one [`Document`]; knows how text is joined, nothing of geometry beyond sizes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::blocks::{Draft, Role, blocks};
use super::furniture::PageLines;
use super::table;
use crate::document::{Block, BlockKind, ByteSpan, Cell, Dates, Document, Format, Page, Warning};

/// Levels that [`BlockKind::Heading`] has.
const LEVELS_MAX: usize = 6;

/// A style of fewer headings has no level of its own.
const STYLE_HEADINGS_MIN: usize = 3;

/// What a file says of itself.
#[derive(Debug, Default)]
pub(super) struct Description {
    /// Its own title, if it has a sensible one.
    pub(super) title: Option<String>,
    pub(super) dates: Dates,
    /// By page; pages beyond the end of the list have none.
    pub(super) labels: Vec<Option<String>>,
}

/// Joins the pages.
pub(super) fn assemble(pages: &[PageLines], description: Description, warnings: Vec<Warning>) -> Document {
    let Description { title, dates, mut labels } = description;
    let body_size = body_size(pages);
    let drafts: Vec<Vec<Draft<'_>>> = pages.iter().map(|page| page_drafts(page, body_size)).collect();
    let levels = Levels::new(&drafts);
    let vocabulary = Vocabulary::new(pages);
    let mut document =
        Document { format: Format::Pdf, title, dates, text: String::new(), warnings, ..Document::default() };
    let mut best_heading: Option<(f32, String)> = None;
    for (index, drafts) in drafts.iter().enumerate() {
        if index > 0 {
            document.text.push_str("\n\n");
        }
        let page_start = document.text.len();
        for draft in drafts {
            if document.text.len() > page_start {
                document.text.push_str("\n\n");
            }
            let start = document.text.len();
            let cells = if draft.role == Role::Table {
                push_table(draft, &mut document.text)
            } else {
                push_lines(draft, &vocabulary, &mut document.text);
                vec![]
            };
            let span = ByteSpan::new(start, document.text.len());
            if span.is_empty() {
                continue;
            }
            if let Role::Heading { size, .. } = draft.role
                && index == 0
                && best_heading.as_ref().is_none_or(|(known, _)| size > known + 0.2)
            {
                best_heading = Some((size, span.of(&document.text).to_string()));
            }
            let kind = match draft.role {
                Role::Paragraph => BlockKind::Paragraph,
                Role::ListItem => BlockKind::ListItem,
                Role::Table => BlockKind::Table,
                Role::Heading { size, bold, outline } => {
                    BlockKind::Heading { level: outline.unwrap_or_else(|| levels.of(size, bold)) }
                }
            };
            document.blocks.push(Block { kind, span, cells, header: None });
        }
        for note in &pages[index].notes {
            if document.text.len() > page_start {
                document.text.push_str("\n\n");
            }
            let start = document.text.len();
            document.text.push_str(note);
            document.blocks.push(Block::new(BlockKind::Paragraph, ByteSpan::new(start, document.text.len())));
        }
        let span = ByteSpan::new(page_start, document.text.len());
        let label = labels.get_mut(index).and_then(Option::take);
        document.pages.push(Page { label, ..Page::new(index as u32 + 1, span) });
    }
    document.title = document.title.or(best_heading.map(|(_, text)| text));
    if document.blocks.is_empty() {
        // Separators alone are no text.
        document.text.clear();
        document.pages.iter_mut().for_each(|page| page.span = ByteSpan::new(0, 0));
    }
    document
}

fn page_drafts(page: &PageLines, body_size: f32) -> Vec<Draft<'_>> {
    let running = |lines| Draft { role: Role::Paragraph, lines };
    let mut out: Vec<Draft<'_>> = page.headers.chunks(1).map(running).collect();
    out.extend(page.regions.iter().flat_map(|lines| blocks(lines, body_size)));
    out.extend(page.footers.chunks(1).map(running));
    out
}

/// The font size of most characters.
fn body_size(pages: &[PageLines]) -> f32 {
    let mut counts: HashMap<i32, usize> = HashMap::new();
    for line in pages.iter().flat_map(|page| page.regions.iter().flatten()) {
        *counts.entry((line.size * 2.0).round() as i32).or_default() += line.text.len();
    }
    counts.into_iter().max_by_key(|&(size, count)| (count, size)).map_or(10.0, |(size, _)| size as f32 / 2.0)
}

/// The levels of headings that no bookmark leads to, by their style.
struct Levels(Vec<((i32, bool), u8)>);

impl Levels {
    /// The styles from the outermost in, larger before smaller, bold before plain. A style that bookmarks know has their level, and
    /// what is smaller lies inside it.
    fn new(drafts: &[Vec<Draft<'_>>]) -> Self {
        let mut counts: BTreeMap<Reverse<(i32, bool)>, [usize; LEVELS_MAX + 1]> = BTreeMap::new();
        for draft in drafts.iter().flatten() {
            if let Role::Heading { size, bold, outline } = draft.role {
                let counts = counts.entry(Reverse(style(size, bold))).or_default();
                counts[usize::from(outline.unwrap_or(0)).min(LEVELS_MAX)] += 1;
            }
        }
        let mut last = 0;
        let levels = counts.into_iter().map(|(Reverse(style), counts)| {
            let known = (1..=LEVELS_MAX).rev().max_by_key(|&level| counts[level]).filter(|&level| counts[level] > 0);
            // What a cover sets in sizes of its own is no level of the document.
            let is_rare = counts.iter().sum::<usize>() < STYLE_HEADINGS_MIN;
            last = known.unwrap_or(if is_rare { last.max(1) } else { last + 1 }).min(LEVELS_MAX);
            (style, last as u8)
        });
        Self(levels.collect())
    }

    fn of(&self, size: f32, bold: bool) -> u8 {
        self.0.iter().find(|(known, _)| *known == style(size, bold)).map_or(1, |(_, level)| *level)
    }
}

fn style(size: f32, bold: bool) -> (i32, bool) {
    (size.round() as i32, bold)
}

/// Writes a table as lines of cells between bars, and tells where its cells are.
fn push_table(draft: &Draft<'_>, out: &mut String) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (row, texts) in (0..).zip(table::grid(draft.lines)) {
        if row > 0 {
            out.push('\n');
        }
        let used = texts.iter().rposition(|text| !text.is_empty()).map_or(0, |last| last + 1);
        for (column, text) in (0..).zip(&texts[..used]) {
            if column > 0 {
                out.push_str(" | ");
            }
            let start = out.len();
            out.push_str(text);
            if !text.is_empty() {
                cells.push(Cell { row, column, span: ByteSpan::new(start, out.len()) });
            }
        }
    }
    cells
}

fn push_lines(draft: &Draft<'_>, vocabulary: &Vocabulary, out: &mut String) {
    let start = out.len();
    for (index, line) in draft.lines.iter().enumerate() {
        if index > 0 {
            join_wrapped(&line.text, vocabulary, start, out);
        }
        // Outside tables a wide gap is only a wide gap.
        out.extend(line.text.chars().map(|found| if found == '\t' { ' ' } else { found }));
    }
}

/// Ends a line that wraps: with a space, or with nothing after a hyphen, which goes when the word is known without it.
fn join_wrapped(next: &str, vocabulary: &Vocabulary, start: usize, out: &mut String) {
    let line = &out[start..];
    let stem = line.strip_suffix(['-', '‐']).filter(|stem| stem.ends_with(char::is_alphanumeric));
    let Some(stem) = stem else {
        // A dash between words needs no space either; everything else does.
        if !line.ends_with(['—', '/']) || line.ends_with(" —") {
            out.push(' ');
        }
        return;
    };
    let first = last_word(stem);
    let second = next.split(|found: char| !found.is_alphanumeric()).next().unwrap_or_default();
    let drops = second.starts_with(char::is_lowercase)
        && first.ends_with(char::is_alphabetic)
        && vocabulary.is_one_word(first, second);
    if drops {
        out.pop();
    }
}

fn last_word(text: &str) -> &str {
    text.rsplit(|found: char| !found.is_alphanumeric()).next().unwrap_or_default()
}

/// The words of the whole document, made only when a line ends with a hyphen.
struct Vocabulary(HashSet<String>);

impl Vocabulary {
    fn new(pages: &[PageLines]) -> Self {
        let lines = || pages.iter().flat_map(|page| page.regions.iter().flatten());
        if !lines().any(|line| line.text.ends_with(['-', '‐'])) {
            return Self(HashSet::new());
        }
        let words = lines().flat_map(|line| {
            // The word cut by a hyphen at the end is no evidence.
            let text = line
                .text
                .strip_suffix(['-', '‐'])
                .map_or(line.text.as_str(), |text| text.trim_end_matches(char::is_alphanumeric));
            text.split(|found: char| !found.is_alphanumeric() && found != '-')
        });
        Self(words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect())
    }

    /// Whether the halves of a cut word are one word: it is seen uncut, or not seen with its hyphen and a half is no word.
    fn is_one_word(&self, first: &str, second: &str) -> bool {
        let (first, second) = (first.to_lowercase(), second.to_lowercase());
        let seen = |word: &str| self.0.contains(word);
        if seen(&format!("{first}-{second}")) {
            return false;
        }
        seen(&format!("{first}{second}")) || !(seen(&first) && seen(&second)) && first.len() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::pdf::lines::Line;

    fn line(text: &str, y: f32) -> Line {
        let x1 = 5.0 * text.len() as f32;
        let edges: Vec<(f32, f32)> =
            (0..text.split('\t').count()).map(|at| (50.0 * at as f32, 50.0 * at as f32 + 30.0)).collect();
        Line {
            text: text.into(),
            cells: edges.len(),
            edges,
            x0: 0.0,
            x1,
            y,
            size: 10.0,
            bold: false,
            first_word: 30.0,
            second_cell: f32::INFINITY,
            ..Line::default()
        }
    }

    fn document(lines: Vec<Line>) -> Document {
        let page = PageLines { regions: vec![lines], ..PageLines::default() };
        let document = assemble(&[page, PageLines::default()], Description::default(), vec![]);
        document.check().unwrap();
        document
    }

    #[test]
    fn hyphens_go_only_where_a_word_was_cut() {
        let document = document(vec![
            line("all of the information in this long-term inform-", 0.0),
            line("ation about what is needed for the long-", 12.0),
            line("term plan and for every well known or well-", 24.0),
            line("known reason there is in the fiscal year 2022-", 36.0),
            line("2023 and so on", 48.0),
        ]);
        assert_eq!(
            document.text.trim_end(),
            "all of the information in this long-term information about what is needed for the long-term plan and for every \
             well known or well-known reason there is in the fiscal year 2022-2023 and so on"
        );
    }

    #[test]
    fn tables_keep_rows_and_pages_without_text_keep_their_place() {
        let document = document(vec![line("Cash\t1\t2", 0.0), line("Debt\t3\t4", 12.0)]);
        assert_eq!(document.blocks[0].kind, BlockKind::Table);
        assert_eq!(document.blocks[0].span.of(&document.text), "Cash | 1 | 2\nDebt | 3 | 4");
        let cells: Vec<(u32, u32, &str)> =
            document.blocks[0].cells.iter().map(|cell| (cell.row, cell.column, cell.span.of(&document.text))).collect();
        assert_eq!(cells[1..4], [(0, 1, "1"), (0, 2, "2"), (1, 0, "Debt")]);
        assert_eq!((document.pages.len(), document.pages[1].span.len()), (2, 0));
    }
}
