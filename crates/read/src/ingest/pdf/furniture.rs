//! Finds running headers and footers: lines that come back at the same place on many pages; knows lines of all pages, not blocks.

use std::collections::HashMap;

use super::lines::Line;

/// At most this many lines at each end of a page can be running ones.
const EDGE_LINES_MAX: usize = 4;
/// Fewer repetitions prove nothing.
const PAGES_MIN: usize = 3;
/// Height of the bands in which places are compared, in points.
const BAND: f32 = 8.0;

/// A page's lines by region, and which of them are running headers and footers.
#[derive(Debug, Default)]
pub(super) struct PageLines {
    pub(super) regions: Vec<Vec<Line>>,
    pub(super) headers: Vec<Line>,
    pub(super) footers: Vec<Line>,
    /// Comments and values of form fields, which stand beside the page's own text.
    pub(super) notes: Vec<String>,
}

impl PageLines {
    /// The places of lines as `(region, line)`, from the top of the page down. Turned text has no top.
    fn places_from_top(&self) -> Vec<(usize, usize)> {
        let mut places: Vec<(usize, usize)> = Vec::new();
        for (region, lines) in self.regions.iter().enumerate() {
            places.extend(lines.iter().enumerate().filter(|(_, line)| line.turns == 0).map(|(line, _)| (region, line)));
        }
        places.sort_by(|a, b| self.regions[a.0][a.1].y.total_cmp(&self.regions[b.0][b.1].y));
        places
    }
}

/// Moves running lines of every page from its regions into its headers and footers.
pub(super) fn set_apart(pages: &mut [PageLines]) {
    let orders: Vec<Vec<(usize, usize)>> = pages.iter().map(PageLines::places_from_top).collect();
    let mut seen: HashMap<(bool, i32, String), usize> = HashMap::new();
    for (page, order) in pages.iter().zip(&orders) {
        for top in [true, false] {
            for line in edge(page, order, top) {
                *seen.entry((top, band(line), key(&line.text))).or_default() += 1;
            }
        }
    }
    let numbered = numbered_edges(pages, &orders);
    let needed = PAGES_MIN.max(pages.len().div_ceil(4));
    let repeats = |index: usize, place: usize, top: bool, line: &Line| {
        let key = key(&line.text);
        let around = || (-1..=1).map(|step| band(line).saturating_add(step));
        let same: usize = around().filter_map(|band| seen.get(&(top, band, key.clone()))).sum();
        let counted = |offset: i64| numbered.get(&(top, offset)).copied().unwrap_or(0);
        same >= needed || place == 0 && offsets(&line.text, index).any(|offset| counted(offset) >= needed)
    };
    for (index, (page, order)) in pages.iter_mut().zip(&orders).enumerate() {
        let count = |top: bool| {
            let lines: Vec<bool> =
                edge(page, order, top).enumerate().map(|(place, line)| repeats(index, place, top, line)).collect();
            lines.iter().rposition(|&repeats| repeats).map_or(0, |last| {
                // A stray line between two running ones, such as a changing section name, is kept with them.
                if lines[..=last].iter().filter(|&&repeats| !repeats).count() <= 1 {
                    last + 1
                } else {
                    lines.iter().take_while(|&&repeats| repeats).count()
                }
            })
        };
        let (heads, feet) = (count(true), count(false));
        let feet = feet.min(order.len() - heads.min(order.len()));
        let taken: Vec<((usize, usize), bool)> = order[..heads]
            .iter()
            .map(|&place| (place, true))
            .chain(order[order.len() - feet..].iter().map(|&place| (place, false)))
            .collect();
        take(page, &taken);
    }
}

/// How often the line at the very top or bottom has a number that grows with the pages, by how much it is ahead of them. The names of
/// sections change beside a page number that runs on, and pages made for screens end where their text does.
fn numbered_edges(pages: &[PageLines], orders: &[Vec<(usize, usize)>]) -> HashMap<(bool, i64), usize> {
    let mut out = HashMap::new();
    for (index, (page, order)) in pages.iter().zip(orders).enumerate() {
        for top in [true, false] {
            for offset in edge(page, order, top).take(1).flat_map(|line| offsets(&line.text, index)) {
                *out.entry((top, offset)).or_default() += 1;
            }
        }
    }
    out
}

/// How far the numbers at both ends of a line are ahead of the page's index.
fn offsets(text: &str, index: usize) -> impl Iterator<Item = i64> {
    let mut parts = text.split_whitespace();
    let (first, last) = (parts.next(), parts.next_back());
    let number = move |part: &str| Some(part.parse::<u32>().ok()?.into()).map(|number: i64| number - index as i64);
    [first, last].into_iter().flatten().filter_map(number)
}

fn edge<'a>(page: &'a PageLines, order: &'a [(usize, usize)], top: bool) -> Box<dyn Iterator<Item = &'a Line> + 'a> {
    let line = |&(region, line): &(usize, usize)| &page.regions[region][line];
    if top {
        Box::new(order.iter().take(EDGE_LINES_MAX).map(line))
    } else {
        Box::new(order.iter().rev().take(EDGE_LINES_MAX).map(line))
    }
}

fn take(page: &mut PageLines, taken: &[((usize, usize), bool)]) {
    for &((region, line), top) in taken {
        let line = page.regions[region][line].clone();
        if top { page.headers.push(line) } else { page.footers.push(line) }
    }
    for (region, lines) in page.regions.iter_mut().enumerate() {
        let mut index = 0;
        lines.retain(|_| {
            let kept = !taken.iter().any(|&(place, _)| place == (region, index));
            index += 1;
            kept
        });
    }
    page.regions.retain(|lines| !lines.is_empty());
}

fn band(line: &Line) -> i32 {
    (line.y / BAND) as i32
}

/// The text with every number replaced, as page numbers and dates change.
fn key(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for found in text.chars() {
        let found = if found.is_ascii_digit() { '#' } else { found };
        if found != '#' || !out.ends_with('#') {
            out.push(found);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, y: f32) -> Line {
        let text = text.to_string();
        Line {
            text,
            cells: 1,
            x0: 0.0,
            x1: 100.0,
            y,
            size: 10.0,
            bold: false,
            first_word: 10.0,
            second_cell: f32::INFINITY,
            ..Line::default()
        }
    }

    #[test]
    fn repeated_edges_are_set_apart_and_bodies_stay() {
        let mut pages: Vec<PageLines> = (1..=5)
            .map(|page| PageLines {
                regions: vec![vec![
                    line("ACME Corporation", 20.0),
                    line(&format!("body text of page {}", ["a", "b", "c", "d", "e"][page - 1]), 100.0),
                    line("more of it", 90.0 + 40.0 * page as f32),
                    line(&format!("Form 10-Q | {page}"), 760.0),
                ]],
                ..PageLines::default()
            })
            .collect();
        set_apart(&mut pages);
        for page in &pages {
            assert_eq!(page.headers[0].text, "ACME Corporation");
            assert!(page.footers[0].text.starts_with("Form 10-Q"));
            assert_eq!(page.regions[0].len(), 2);
        }
    }

    #[test]
    fn a_page_number_that_runs_on_makes_its_line_a_running_one() {
        let sections = ["Income", "Balance", "Notes", "Risks", "Other"];
        let mut pages: Vec<PageLines> = (sections.iter().enumerate())
            .map(|(index, section)| {
                let body =
                    (0..6).map(|at| line(&format!("{section} body {}", "x".repeat(at + 1)), 100.0 + 20.0 * at as f32));
                let foot = line(&format!("Statements\t{section}\t{}", index + 4), 300.0 + 50.0 * index as f32);
                PageLines { regions: vec![body.chain([foot]).collect()], ..PageLines::default() }
            })
            .collect();
        set_apart(&mut pages);
        assert!(pages.iter().all(|page| page.footers.len() == 1 && page.regions[0].len() == 6));
    }

    #[test]
    fn two_pages_prove_nothing() {
        let page = || PageLines { regions: vec![vec![line("same", 20.0)]], ..PageLines::default() };
        let mut pages = vec![page(), page(), PageLines::default()];
        set_apart(&mut pages);
        assert!(pages.iter().all(|page| page.headers.is_empty()));
    }
}
