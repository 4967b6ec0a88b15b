//! A claim and its evidence to the few stretches that a model reads beside it: a sentence with its neighbours, its heading and, for a row of
//! a table, the names of the columns; two of them together where a claim may draw on two.

use super::evidence::{Evidence, Text, recall};
use super::structure::{header_of, heading_of};
use crate::document::ByteSpan;

/// Windows of a claim at most.
pub const WINDOWS_MAX: usize = 4;
/// Words of a window at most: some 128 tokens.
const WORDS_MAX: usize = 96;
/// Sentences considered as the middle of a window.
const MIDDLES: usize = 3;

/// The windows that are read beside `claim`, the most promising first; none where no sentence shares a word with it.
#[must_use]
pub fn windows(claim: &Text, evidence: &Evidence) -> Vec<String> {
    let mut found: Vec<Vec<usize>> = Vec::new();
    let middles = evidence.shortlist(claim, MIDDLES);
    for &middle in &middles {
        let window = around(evidence, middle, WORDS_MAX);
        if !found.iter().any(|other| window.iter().all(|at| other.contains(at))) {
            found.push(window);
        }
    }
    if let Some(two) = together(claim, evidence, &middles) {
        found.push(two);
    }
    found.truncate(WINDOWS_MAX);
    found.iter().map(|window| written(evidence, window)).collect()
}

/// What is read of the place `span` of evidence text `index`: its sentence with neighbours, heading and names of columns.
#[must_use]
pub fn window_of(evidence: &Evidence, index: usize, span: ByteSpan) -> Option<String> {
    let middle = (0..evidence.sentences.len())
        .find(|&at| evidence.sentences[at].index == index && evidence.sentences[at].span.end > span.start)?;
    Some(written(evidence, &around(evidence, middle, WORDS_MAX)))
}

/// The sentence with as many of its neighbours of the same text as fit, in order.
fn around(evidence: &Evidence, middle: usize, words_max: usize) -> Vec<usize> {
    let words = |at: usize| evidence.sentences[at].text.words.len();
    let mut window = vec![middle];
    let mut count = words(middle);
    let mut fits = |at: usize| {
        let fits = count + words(at) <= words_max;
        if fits {
            window.push(at);
            count += words(at);
        }
        fits
    };
    let before = evidence.before(middle).filter(|&at| fits(at));
    evidence.after(middle).filter(|&at| fits(at));
    // What is not next to the window is no neighbour.
    before.and_then(|at| evidence.before(at)).filter(|&at| fits(at));
    window.sort_unstable();
    window
}

/// The best sentence and the one that adds most to it, where the claim's words stand in both.
fn together(claim: &Text, evidence: &Evidence, middles: &[usize]) -> Option<Vec<usize>> {
    let first = *middles.first()?;
    let content = claim.content(&evidence.idf);
    let share = |second: usize| {
        recall(&content, |word| [first, second].iter().any(|&at| evidence.sentences[at].text.holds(word)))
    };
    let alone = share(first);
    let others = evidence.shortlist(claim, 4 * MIDDLES).into_iter().filter(|at| at.abs_diff(first) > 1);
    let (second, _) = others
        .map(|at| (at, share(at)))
        .filter(|(_, both)| *both > alone)
        .reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    let mut window = around(evidence, first, WORDS_MAX / 2);
    window.extend(around(evidence, second, WORDS_MAX / 2));
    window.sort_unstable();
    window.dedup();
    Some(window)
}

/// The sentences of a window as a text: prose on one line, rows and headings on lines of their own.
fn written(evidence: &Evidence, window: &[usize]) -> String {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for &at in window {
        for extra in [heading_of(evidence, at), header_of(evidence, at)].into_iter().flatten() {
            if !window.contains(&extra) && !lines.iter().any(|(held, _)| *held == extra) {
                lines.push((extra, one_line(&evidence.sentences[extra].text.text)));
            }
        }
        lines.push((at, one_line(&evidence.sentences[at].text.text)));
    }
    let mut text = String::new();
    for (place, (at, line)) in lines.iter().enumerate() {
        if place > 0 {
            let (before, _) = &lines[place - 1];
            let is_prose = |line: &str| !line.contains(" | ") && line.ends_with(['.', '!', '?', ':', ';', ',']);
            let joined = evidence.after(*before) == Some(*at) && is_prose(&lines[place - 1].1) && !line.contains(" | ");
            text.push(if joined { ' ' } else { '\n' });
        }
        text.push_str(line);
    }
    text
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_under_the_names_of_its_columns_and_a_sentence_with_its_neighbours() {
        let evidence = Evidence::new(&[
            "Rent roll\n\nUnit | Tenant | Rent\nUnit 1 | Orrin | £41,000\nUnit 2 | Peel | £58,500\n\nThe lease began in May. It ends in June.",
        ]);
        let of = |claim: &str| windows(&Text::new(claim), &evidence);
        assert!(of("Peel pays £58,500.")[0].contains("Unit | Tenant | Rent\n"), "{:?}", of("Peel pays £58,500."));
        assert!(of("The lease ends in June.")[0].ends_with("The lease began in May. It ends in June."));
        assert!(of("Whales sing.").is_empty());
    }
}
