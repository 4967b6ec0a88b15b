//! Words of a page → rows, and regions of rows in reading order with columns told from tables; knows boxes, not roles of text.

use super::words::{PageWords, Word};

/// A column has at least this many lines.
const COLUMN_LINES_MIN: usize = 6;
/// A column's lines have on average at least this many words; cells of a table have fewer.
const COLUMN_WORDS_MIN: f32 = 3.6;
/// Splits inside splits, as in a page of columns with a box of columns.
const SPLITS_MAX: u32 = 8;
/// Width of the bins in which gutters are looked for, in points.
const BIN: f32 = 2.0;
/// More bins than any real page has; a page 5 metres wide is cut there.
const BINS_MAX: usize = 8_192;

/// Words on one baseline, left to right.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Indices into [`PageWords::words`].
    pub(super) words: Vec<u32>,
    pub(super) x0: f32,
    pub(super) x1: f32,
    /// The baseline of the largest word.
    pub(super) y: f32,
    /// The size of the largest word.
    pub(super) size: f32,
    /// The index of the ruled table that the row stands for.
    pub(super) table: Option<u32>,
}

/// The rows of a page, each inner list one column or full-width part, in reading order. Text in other directions comes last.
pub(super) fn regions(page: &PageWords) -> Vec<Vec<Row>> {
    let mut out = Vec::new();
    for turns in 0..4 {
        let indices: Vec<u32> =
            (0..page.words.len() as u32).filter(|&index| is_free(&page.words[index as usize], turns)).collect();
        if !indices.is_empty() {
            split(page, rows(page, indices), 0, &mut out);
        }
    }
    out
}

fn is_free(word: &Word, turns: u8) -> bool {
    word.turns == turns && word.table != Some(u32::MAX)
}

/// Clusters words into rows, top to bottom. A raised or lowered small word stays with the larger one that it belongs to.
pub(super) fn rows(page: &PageWords, mut indices: Vec<u32>) -> Vec<Row> {
    let word = |index: &u32| &page.words[*index as usize];
    indices.sort_by(|a, b| word(a).y.total_cmp(&word(b).y).then(a.cmp(b)));
    let mut rows: Vec<Row> = Vec::new();
    for index in indices {
        let new = word(&index);
        match rows.last_mut() {
            Some(row) if row.table.is_none() && new.table.is_none() && overlaps(row, new) => {
                row.words.push(index);
                row.x0 = row.x0.min(new.x0);
                row.x1 = row.x1.max(new.x1);
                if new.size > row.size {
                    (row.size, row.y) = (new.size, new.y);
                }
            }
            _ => rows.push(Row {
                words: vec![index],
                x0: new.x0,
                x1: new.x1,
                y: new.y,
                size: new.size,
                table: new.table,
            }),
        }
    }
    for row in &mut rows {
        row.words.sort_by(|a, b| word(a).x0.total_cmp(&word(b).x0).then(a.cmp(b)));
        drop_overprints(page, &mut row.words);
    }
    rows
}

/// Whether a word's height shares at least half of the smaller height with the row.
fn overlaps(row: &Row, word: &Word) -> bool {
    const ASCENT: f32 = 0.7;
    let (top, bottom) = (row.y - ASCENT * row.size, row.y);
    let shared = bottom.min(word.y) - top.max(word.y - ASCENT * word.size);
    shared >= 0.5 * ASCENT * row.size.min(word.size)
}

/// Drops words drawn a second time at the same place, as for shadows and bold.
fn drop_overprints(page: &PageWords, row: &mut Vec<u32>) {
    let word = |index: &u32| &page.words[*index as usize];
    row.dedup_by(|next, kept| {
        let (a, b) = (word(next), word(kept));
        let near = (a.x0 - b.x0).abs() < 0.1 * a.size && (a.y - b.y).abs() < 0.2 * a.size;
        near && (a.x1 - b.x1).abs() < 0.2 * a.size && page.text_of(a) == page.text_of(b)
    });
}

fn split(page: &PageWords, rows: Vec<Row>, depth: u32, out: &mut Vec<Vec<Row>>) {
    let found = if depth < SPLITS_MAX { gutter(page, &rows) } else { None };
    let Some(Gutter { x, first, last }) = found else {
        if !rows.is_empty() {
            out.push(rows);
        }
        return;
    };
    let mut rows = rows;
    let below = rows.split_off(last + 1);
    let band = rows.split_off(first);
    split(page, rows, depth + 1, out);
    let (left, right) =
        band.into_iter().flat_map(|row| row.words).partition(|&index| page.words[index as usize].x0 < x);
    split(page, self::rows(page, left), depth + 1, out);
    split(page, self::rows(page, right), depth + 1, out);
    split(page, below, depth + 1, out);
}

/// A vertical gap between two columns of running text, over rows `first..=last`.
struct Gutter {
    x: f32,
    first: usize,
    last: usize,
}

/// The gutter that the most rows keep free, if what lies on both sides reads like text and not like cells.
fn gutter(page: &PageWords, rows: &[Row]) -> Option<Gutter> {
    if rows.len() < COLUMN_LINES_MIN {
        return None;
    }
    let left = rows.iter().map(|row| row.x0).fold(f32::INFINITY, f32::min);
    let right = rows.iter().map(|row| row.x1).fold(f32::NEG_INFINITY, f32::max);
    let bins = (((right - left) / BIN) as usize).min(BINS_MAX);
    let mut candidates: Vec<Gutter> = Vec::new();
    // For each bin, the row where its current free run began.
    let mut began = vec![0usize; bins];
    let close = |bin: usize, first: usize, end: usize, candidates: &mut Vec<Gutter>| {
        if end >= first + COLUMN_LINES_MIN {
            candidates.push(Gutter { x: left + (bin as f32 + 0.5) * BIN, first, last: end - 1 });
        }
    };
    for (index, row) in rows.iter().enumerate() {
        for (x0, x1) in ink(page, row) {
            let low = (((x0 - left) / BIN).max(0.0) as usize).min(bins);
            let high = (((x1 - left) / BIN).max(0.0).ceil() as usize).min(bins);
            for (offset, start) in began[low..high].iter_mut().enumerate() {
                if *start <= index {
                    close(low + offset, *start, index, &mut candidates);
                }
                *start = index + 1;
            }
        }
    }
    for (bin, &start) in began.iter().enumerate() {
        close(bin, start, rows.len(), &mut candidates);
    }
    candidates.sort_by_key(|gutter| std::cmp::Reverse(gutter.last - gutter.first));
    candidates.dedup_by_key(|gutter| (gutter.first, gutter.last));
    candidates.truncate(16);
    candidates.into_iter().find_map(|gutter| tightened(page, rows, &gutter))
}

/// The horizontal extents of a row's words, those less than an em apart taken together.
fn ink(page: &PageWords, row: &Row) -> Vec<(f32, f32)> {
    let mut out: Vec<(f32, f32)> = Vec::new();
    for &index in &row.words {
        let word = &page.words[index as usize];
        match out.last_mut() {
            Some(last) if word.x0 - last.1 < 0.8 * word.size => last.1 = last.1.max(word.x1),
            _ => out.push((word.x0, word.x1)),
        }
    }
    out
}

/// The gutter cut down to rows with text on both sides, if both sides are running text.
fn tightened(page: &PageWords, rows: &[Row], gutter: &Gutter) -> Option<Gutter> {
    let has = |row: &Row, left: bool| row.words.iter().any(|&word| (page.words[word as usize].x0 < gutter.x) == left);
    let range = gutter.first..=gutter.last;
    let edge = |left: bool| {
        let mut found = range.clone().filter(|&index| has(&rows[index], left));
        Some((found.next()?, found.next_back()?))
    };
    let ((a, b), (c, d)) = (edge(true)?, edge(false)?);
    // Rows above or below with text on one side only belong to what surrounds the columns, unless the column goes on there.
    let (first, last) = (a.max(c), b.max(d));
    if last < first {
        return None;
    }
    let band = &rows[first..=last];
    (reads_like_text(page, band, gutter, true) && reads_like_text(page, band, gutter, false)).then_some(Gutter {
        x: gutter.x,
        first,
        last,
    })
}

fn reads_like_text(page: &PageWords, band: &[Row], gutter: &Gutter, left: bool) -> bool {
    let (mut lines, mut words, mut numeric, mut broken) = (0usize, 0usize, 0usize, 0usize);
    let mut widths: Vec<f32> = Vec::new();
    let mut size = 0.0f32;
    for row in band {
        let side = row.words.iter().map(|&word| &page.words[word as usize]).filter(|word| (word.x0 < gutter.x) == left);
        let (mut x0, mut x1, mut count) = (f32::INFINITY, f32::NEG_INFINITY, 0);
        let mut gap = false;
        for word in side {
            gap |= count > 0 && word.x0 - x1 > 1.5 * word.size;
            (x0, x1) = (x0.min(word.x0), x1.max(word.x1));
            count += 1;
            size = size.max(word.size);
            numeric += usize::from(page.text_of(word).bytes().any(|byte| byte.is_ascii_digit()));
        }
        if count > 0 {
            lines += 1;
            words += count;
            broken += usize::from(gap);
            widths.push(x1 - x0);
        }
    }
    if lines < COLUMN_LINES_MIN {
        return false;
    }
    widths.sort_by(f32::total_cmp);
    let (median, widest) = (widths[widths.len() / 2], widths[widths.len() - 1]);
    words as f32 >= COLUMN_WORDS_MIN * lines as f32
        && numeric * 10 < words * 3
        && broken * 5 < lines
        && median > 0.6 * widest
        && widest > 8.0 * size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::pdf::words::Glyph;

    /// Draws each word as one glyph, five points a letter.
    fn page(lines: &[(f64, f64, &str)]) -> PageWords {
        let mut page = PageWords::default();
        for &(x, y, line) in lines {
            let mut x = x;
            for word in line.split(' ') {
                let to = x + 5.0 * word.len() as f64;
                page.push(Glyph {
                    text: word,
                    from: (x, y),
                    to: (to, y),
                    direction: (1.0, 0.0),
                    size: 10.0,
                    bold: false,
                });
                page.end_word();
                x = to + 3.0;
            }
        }
        page
    }

    fn read(page: &PageWords) -> Vec<String> {
        let row = |row: &Row| {
            row.words.iter().map(|&word| page.text_of(&page.words[word as usize])).collect::<Vec<_>>().join(" ")
        };
        regions(page).iter().flatten().map(row).collect()
    }

    #[test]
    fn two_columns_are_read_one_after_the_other() {
        let mut lines = vec![(50.0, 40.0, "A title over both of the columns that is as wide as the page here")];
        for line in 0..8 {
            let y = 60.0 + 12.0 * f64::from(line);
            lines.push((50.0, y, "left column text goes on and"));
            lines.push((230.0, y + 2.0, "right column text goes on also"));
        }
        lines.push((50.0, 200.0, "A last line over both of the columns that is as wide as the page"));
        let read = read(&page(&lines));
        assert!(read[0].starts_with("A title") && read[17].starts_with("A last"), "{read:?}");
        assert!(read[1..9].iter().all(|line| line.starts_with("left")), "{read:?}");
        assert!(read[9..17].iter().all(|line| line.starts_with("right")), "{read:?}");
    }

    #[test]
    fn rows_of_a_table_stay_whole() {
        let labels = [
            "Net sales of products",
            "Cost of sales",
            "Gross margin",
            "Research",
            "Selling and other",
            "Taxes",
            "Income",
        ];
        let mut lines = vec![];
        for (index, label) in labels.iter().enumerate() {
            let y = 60.0 + 12.0 * index as f64;
            lines.push((50.0, y, *label));
            lines.push((300.0, y, "1,234"));
            lines.push((380.0, y, "5,678"));
        }
        let read = read(&page(&lines));
        assert_eq!(read[0], "Net sales of products 1,234 5,678");
        assert_eq!(read.len(), 7);
    }

    #[test]
    fn a_superscript_stays_on_its_row() {
        let mut page = page(&[(50.0, 100.0, "Revenue grew")]);
        let note =
            Glyph { text: "1", from: (118.0, 96.0), to: (121.0, 96.0), direction: (1.0, 0.0), size: 6.0, bold: false };
        page.push(note);
        page.end_word();
        assert_eq!(read(&page), ["Revenue grew 1"]);
    }
}
