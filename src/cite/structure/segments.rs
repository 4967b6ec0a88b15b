//! A sentence to its segments: stretches that say one thing each, with what they take over from the stretch before; and what
//! stands under a condition, an exception or somebody's word.

use std::ops::Range;

use super::words::{is_auxiliary, is_verb_form};
use crate::cite::evidence::Text;
use crate::cite::quantities::Kind;

/// A stretch of a sentence that says one thing: between conjunctions, or one row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its own words.
    pub(super) own: Range<usize>,
    /// Words before it that hold for it too: the subject that it leaves out.
    pub(super) inherited: Range<usize>,
}

impl Segment {
    /// Whether word `at` is said of it.
    pub(super) fn has(&self, at: usize) -> bool {
        self.own.contains(&at) || self.inherited.contains(&at)
    }
}

/// Conjunctions that may begin a new segment.
const CONJUNCTIONS: &[&str] =
    &["and", "but", "or", "while", "whereas", "although", "though", "yet", "nor", "versus", "compared"];
/// Conjunctions that always do.
const CONTRASTS: &[&str] = &["but", "while", "whereas", "although", "though", "yet", "versus", "compared"];

/// The segments of `text` in order; at least one.
pub(super) fn segments(text: &Text) -> Vec<Segment> {
    let count = text.words.len();
    let mut starts = vec![0];
    for at in 1..count {
        let from = starts[starts.len() - 1];
        if at > from + 1 && begins(text, from, at) {
            starts.push(at);
        }
    }
    let mut found: Vec<Segment> = Vec::with_capacity(starts.len());
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(count);
        let own = start..end;
        let inherited = match found.last() {
            Some(before) if !is_row(text) && !parted(text, start) => left_out(text, before, &own),
            _ => 0..0,
        };
        found.push(Segment { own, inherited });
    }
    found
}

/// Whether `text` is a row of cells.
pub(super) fn is_row(text: &Text) -> bool {
    text.text.contains(" | ") || text.text.contains('\t')
}

/// What stands between word `at` and the one before it.
fn gap(text: &Text, at: usize) -> &str {
    &text.text[text.words[at - 1].span.end..text.words[at].span.start]
}

fn parted(text: &Text, at: usize) -> bool {
    at > 0 && gap(text, at).contains([';', '.', '!', '?', '\n'])
}

fn begins(text: &Text, from: usize, at: usize) -> bool {
    if is_row(text) {
        return false;
    }
    if gap(text, at).contains([';', '—']) || gap(text, at).contains(". ") {
        return true;
    }
    let word = text.words[at].folded.as_str();
    let rest = at + 1..next_break(text, at + 1);
    if CONJUNCTIONS.contains(&word) {
        return CONTRASTS.contains(&word) || starts_statement(text, rest.clone()) || both_count(text, from..at, rest);
    }
    // "from £3.1 million in 2024 | to £3.9 million in 2025"
    if word == "to" && text.words[from..at].iter().any(|word| word.folded == "from") {
        return both_count(text, from..at, rest);
    }
    // "London £210, other cities £160"
    gap(text, at).contains(',') && both_count(text, from..at, at..next_break(text, at)) && !is_date(text, at)
}

/// The next word that may begin another segment.
fn next_break(text: &Text, from: usize) -> usize {
    let ends =
        |at: &usize| gap(text, *at).contains([',', ';']) || CONJUNCTIONS.contains(&text.words[*at].folded.as_str());
    (from.max(1)..text.words.len()).find(|at| *at > from && ends(at)).unwrap_or(text.words.len())
}

/// "30 June, 2024"
fn is_date(text: &Text, at: usize) -> bool {
    let year =
        |q: &&crate::cite::quantities::Quantity| q.span.start == text.words[at].span.start && q.kind == Kind::Year;
    text.quantities.iter().any(|q| year(&q))
}

/// Whether the words say something of their own: a verb among the first ones, or an auxiliary.
fn starts_statement(text: &Text, words: Range<usize>) -> bool {
    let words = &text.words[words];
    words.iter().any(|word| is_auxiliary(&word.folded)) || words.iter().take(2).any(|word| is_verb_form(&word.folded))
}

/// Whether both stretches have a figure.
fn both_count(text: &Text, a: Range<usize>, b: Range<usize>) -> bool {
    let counts = |words: &Range<usize>| {
        let (Some(first), Some(last)) = (text.words.get(words.start), text.words.get(words.end.saturating_sub(1)))
        else {
            return false;
        };
        text.quantities.iter().any(|q| {
            q.kind == Kind::Number
                && q.span.start >= first.span.start
                && q.span.end <= last.span.end
                && words.start < words.end
        })
    };
    counts(&a) && counts(&b)
}

/// The words of the segment before that `own` leaves out: all before the figure or the verb that `own` replaces.
fn left_out(text: &Text, before: &Segment, own: &Range<usize>) -> Range<usize> {
    let open = (own.start..own.end).find(|&at| !text.words[at].stop || is_auxiliary(&text.words[at].folded));
    let begins_with_verb =
        open.is_some_and(|at| is_verb_form(&text.words[at].folded) || is_auxiliary(&text.words[at].folded));
    let has_verb = own
        .clone()
        .any(|at| is_auxiliary(&text.words[at].folded) || at > own.start + 1 && is_verb_form(&text.words[at].folded));
    let source = if before.inherited.is_empty() { before.own.clone() } else { before.inherited.start..before.own.end };
    let figure = |at: &usize| {
        let word = &text.words[*at];
        text.quantities.iter().any(|q| q.kind == Kind::Number && q.span.contains(word.span))
    };
    if begins_with_verb {
        let verb =
            source.clone().find(|&at| is_auxiliary(&text.words[at].folded) || is_verb_form(&text.words[at].folded));
        source.start..verb.unwrap_or(source.start)
    } else if has_verb {
        0..0
    } else {
        source.start..source.clone().find(figure).unwrap_or(source.start)
    }
}

/// Why a stretch of words is not said outright.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Under {
    /// It holds only under it.
    Condition,
    /// It does not hold for it.
    Exception,
    /// Somebody says so.
    Source,
    /// Somebody denies, plans, expects or merely supposes it.
    Doubt,
}

/// A marker with the words that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hedge {
    /// What it does.
    pub(super) under: Under,
    /// The marker and its words.
    pub(super) words: Range<usize>,
}

const CONDITIONS: &[&[&str]] = &[
    &["if"],
    &["unless"],
    &["provided", "that"],
    &["providing"],
    &["subject", "to"],
    &["only", "where"],
    &["only", "when"],
    &["as", "long", "as"],
    &["so", "long", "as"],
    &["on", "condition"],
    &["in", "the", "event"],
    &["in", "case"],
    &["conditional"],
    &["contingent"],
    &["assuming"],
    &["with", "the", "consent"],
    &["with", "the", "approval"],
    &["with", "prior"],
    &["without", "prior"],
];
const EXCEPTIONS: &[&[&str]] =
    &[&["except"], &["excluding"], &["other", "than"], &["apart", "from"], &["save"], &["with", "the", "exception"]];
const SOURCES: &[&[&str]] = &[
    &["according", "to"],
    &["said"],
    &["says"],
    &["stated"],
    &["states"],
    &["reported"],
    &["told"],
    &["announced"],
    &["in", "the", "view", "of"],
    &["in", "the", "opinion"],
];
const DOUBTS: &[&[&str]] = &[
    &["denied"],
    &["denies"],
    &["deny"],
    &["alleged"],
    &["alleges"],
    &["allegedly"],
    &["reportedly"],
    &["claimed"],
    &["claims", "that"],
    &["believes"],
    &["believed"],
    &["expects"],
    &["expected"],
    &["expect"],
    &["plans", "to"],
    &["planned"],
    &["proposed"],
    &["proposes"],
    &["suggested"],
    &["suggests"],
    &["hopes"],
    &["hoped"],
    &["intends"],
    &["intended"],
    &["considered"],
    &["considering"],
    &["rumoured"],
    &["forecast"],
    &["estimated"],
    &["recommended"],
    &["aims", "to"],
    &["doubts"],
    &["might"],
    &["could"],
    &["thought", "to"],
    &["thought", "that"],
    &["supposed"],
    &["supposedly"],
    &["assumed"],
    &["draft"],
    &["hypothesised"],
    &["under", "discussion"],
    &["yet", "to"],
    &["tried", "to"],
    &["attempted", "to"],
    &["agreed", "in", "principle"],
];

/// The markers of `text`, each with the words up to the end of its stretch.
pub(super) fn hedges(text: &Text) -> Vec<Hedge> {
    let lists = [
        (CONDITIONS, Under::Condition),
        (EXCEPTIONS, Under::Exception),
        (SOURCES, Under::Source),
        (DOUBTS, Under::Doubt),
    ];
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.words.len() {
        let marker = lists.iter().find_map(|&(list, under)| {
            let marker = list.iter().find(|marker| stands(text, at, marker))?;
            Some((under, marker.len()))
        });
        let Some((under, length)) = marker else {
            at += 1;
            continue;
        };
        let end = (at + length..text.words.len())
            .find(|&next| gap(text, next).contains([',', ';']) || next > at + length && gap(text, next).contains(". "))
            .unwrap_or(text.words.len());
        found.push(Hedge { under, words: at..end });
        at += length;
    }
    found
}

fn stands(text: &Text, at: usize, marker: &[&str]) -> bool {
    text.words.len() >= at + marker.len()
        && marker.iter().zip(&text.words[at..]).all(|(wanted, word)| *wanted == word.folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let text = Text::new(text);
        let of = |range: &Range<usize>| {
            text.words[range.clone()].iter().map(|word| word.folded.as_str()).collect::<Vec<_>>().join(" ")
        };
        let found: Vec<(String, String)> =
            segments(&text).iter().map(|segment| (of(&segment.inherited), of(&segment.own))).collect();
        let expected: Vec<(String, String)> = expected.iter().map(|&(a, b)| (a.into(), b.into())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_segment_says_one_thing_and_takes_over_the_subject_it_leaves_out() {
        check(
            "EBITDA was 27.4 million and net debt was 104.6 million.",
            &[("", "ebitda was 27.4 million"), ("", "and net debt was 104.6 million")],
        );
        check(
            "The notice period is three months after probation and two weeks during probation.",
            &[
                ("", "the notice period is three months after probation"),
                ("the notice period is", "and two weeks during probation"),
            ],
        );
        check(
            "The board approved the budget and rejected the bonus plan.",
            &[("", "the board approved the budget"), ("the board", "and rejected the bonus plan")],
        );
        check(
            "Revenue rose from £3.1 million in 2024 to £3.9 million in 2025.",
            &[("", "revenue rose from 3.1 million in 2024"), ("revenue rose from", "to 3.9 million in 2025")],
        );
        check("Salaries and wages were lower.", &[("", "salaries and wages were lower")]);
    }

    #[test]
    fn conditions_and_sources_are_told_apart() {
        let text = Text::new("According to Ann Lee, the fee is waived if the tenant leaves, except in June.");
        let found: Vec<(Under, usize)> = hedges(&text).iter().map(|hedge| (hedge.under, hedge.words.len())).collect();
        assert_eq!(found, [(Under::Source, 4), (Under::Condition, 4), (Under::Exception, 3)]);
    }
}
