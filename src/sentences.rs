//! Text to the spans of its sentences; shared by the chunker, the draft and the check, and knows nothing of them.

use crate::document::ByteSpan;

/// Titles and references that stand before what they belong to: their full stop never ends a sentence.
const NEVER_LAST: &[&str] = &[
    "mr", "mrs", "ms", "mx", "dr", "prof", "st", "mt", "gen", "col", "capt", "lt", "sgt", "sen", "rep", "gov", "hon",
    "rev", "pres", "vs", "e.g", "i.e", "cf", "viz", "fig", "figs", "eq", "eqs", "sec", "ch", "vol", "pp", "art",
    "para", "ref", "refs", "approx", "ca", "incl", "esp", "resp", "z.b", "bzw", "nr",
];

/// Abbreviations that can stand anywhere: their full stop ends a sentence only before a word that starts sentences.
const MAYBE_LAST: &[&str] = &[
    "inc", "corp", "co", "cos", "ltd", "llc", "plc", "bros", "dept", "univ", "assn", "etc", "al", "jr", "sr", "ph.d",
    "no", "nos", "p", "ed", "eds", "est", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov",
    "dec", "mon", "tue", "wed", "thu", "fri", "ave", "blvd", "rd", "ft", "lb", "lbs", "oz", "min", "max", "tel",
];

/// Words that, capitalised, mostly open a sentence rather than continue a name.
const STARTERS: &[&str] = &[
    "the",
    "a",
    "an",
    "this",
    "that",
    "these",
    "those",
    "it",
    "its",
    "he",
    "she",
    "they",
    "his",
    "her",
    "their",
    "we",
    "our",
    "i",
    "you",
    "your",
    "in",
    "on",
    "at",
    "by",
    "for",
    "from",
    "with",
    "as",
    "after",
    "before",
    "during",
    "since",
    "when",
    "while",
    "if",
    "although",
    "though",
    "however",
    "but",
    "and",
    "so",
    "there",
    "here",
    "what",
    "who",
    "how",
    "why",
    "no",
    "not",
    "all",
    "some",
    "many",
    "most",
    "each",
    "both",
    "under",
    "to",
    "of",
    "such",
    "then",
    "also",
    "because",
    "one",
    "total",
    "according",
    "see",
];

/// Lines of a paragraph that is narrower than this, in characters, are taken as items and not as wrapped prose.
const PROSE_WIDTH_MIN: usize = 40;
/// Bytes between the brackets of a citation marker.
const MARKER_BYTES_MAX: usize = 24;
/// Characters of the word after a full stop that are looked at, and of what stands before it; more than any of [`STARTERS`] has.
const NEXT_CHARS_MAX: usize = 16;

/// The spans of the sentences of `text`, in order, trimmed, not empty and not overlapping.
///
/// A blank line ends a sentence, and so does the end of a table row or a list item; a line that was merely wrapped does not.
/// Abbreviations, initials, decimals and enumerators keep their full stop inside. Citation markers such as `[1]` stay with
/// the sentence they follow.
#[must_use]
pub fn sentences(text: &str) -> Vec<ByteSpan> {
    let mut found = Vec::new();
    for segment in segments(text) {
        split_segment(text, segment, &mut found);
    }
    found
}

/// The runs of lines that belong together: wrapped prose, or one row, item or heading.
fn segments(text: &str) -> Vec<ByteSpan> {
    let mut segments = Vec::new();
    let mut paragraph: Vec<ByteSpan> = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive(['\n', '\r', '\u{c}', '\u{2028}', '\u{2029}']) {
        let span = ByteSpan::new(start, start + line.len()).trimmed(text);
        start += line.len();
        // Old files end lines with "\r\n", which splits into a line and an empty rest: no blank line.
        if line == "\n" && text[..start - 1].ends_with('\r') {
            continue;
        }
        if span.is_empty() {
            join_lines(text, &paragraph, &mut segments);
            paragraph.clear();
        } else {
            paragraph.push(span);
        }
    }
    join_lines(text, &paragraph, &mut segments);
    segments
}

/// Joins the wrapped lines of one paragraph.
fn join_lines(text: &str, lines: &[ByteSpan], segments: &mut Vec<ByteSpan>) {
    let width = lines.iter().map(|line| line.of(text).chars().count()).max().unwrap_or(0);
    let mut current: Option<ByteSpan> = None;
    for &line in lines {
        current = match current {
            Some(open) if is_wrapped(last_line(open.of(text)), line.of(text), width) => {
                Some(ByteSpan::new(open.start, line.end))
            }
            Some(open) => {
                segments.push(open);
                Some(line)
            }
            None => Some(line),
        };
    }
    segments.extend(current);
}

fn last_line(text: &str) -> &str {
    text.rsplit(['\n', '\r', '\u{c}', '\u{2028}', '\u{2029}']).next().unwrap_or(text).trim()
}

/// Whether `next` goes on where `line` was wrapped, in a paragraph whose widest line has `width` characters.
fn is_wrapped(line: &str, next: &str, width: usize) -> bool {
    if starts_item(next) || is_row(line) || is_row(next) || line.starts_with('#') || next.starts_with('#') {
        return false;
    }
    let goes_on = next.chars().next().is_some_and(char::is_lowercase);
    if line.ends_with([',', ';', '-', '(', '–', '—']) || goes_on {
        return !line.ends_with(':');
    }
    if line.ends_with(':') || width < PROSE_WIDTH_MIN {
        return false;
    }
    // Had the first word of the next line fitted, a wrapping program would have put it on this one.
    let word = next.split_whitespace().next().map_or(0, |word| word.chars().count());
    line.chars().count() + 1 + word > width * 4 / 5
}

/// The bytes of the bullet or enumerator that `line` starts with, blanks after it included; 0 without one.
pub(crate) fn item_marker(line: &str) -> usize {
    let rest = line.trim_start();
    let indent = line.len() - rest.len();
    let mut marker = 0;
    if rest.starts_with(['-', '*', '+', '•', '‣', '◦', '▪', '●', '·', '–', '—']) {
        marker = rest.chars().next().map_or(0, char::len_utf8);
    } else {
        let open = usize::from(rest.starts_with('('));
        let label = rest[open..].chars().take_while(char::is_ascii_alphanumeric).count();
        let after = rest.as_bytes().get(open + label);
        let is_label = (1..=3).contains(&label) && rest[open..open + label].bytes().all(|b| b.is_ascii_digit())
            || label == 1 && rest.as_bytes()[open].is_ascii_lowercase()
            || open == 1 && (1..=4).contains(&label) && rest[1..=label].bytes().all(|b| b"ivxIVX".contains(&b));
        if is_label && (after == Some(&b')') || open == 0 && after == Some(&b'.')) {
            marker = open + label + 1;
        }
    }
    let blanks = rest[marker..].len() - rest[marker..].trim_start().len();
    if marker == 0 || blanks == 0 { 0 } else { indent + marker + blanks }
}

fn starts_item(line: &str) -> bool {
    item_marker(line) > 0
}

/// Whether a line is a row of a table: cells parted by tabs, bars or wide gaps, or a label with two or more figures.
pub(crate) fn is_row(line: &str) -> bool {
    let gaps = line.trim().match_indices("  ").count();
    if line.trim().contains('\t') || line.contains(" | ") || line.starts_with('|') || gaps >= 2 {
        return true;
    }
    let is_sign = |word: &&str| matches!(*word, "$" | "%" | "€" | "£" | ")" | "—" | "–" | "-");
    let figures = line
        .split_whitespace()
        .rev()
        .filter(|word| !is_sign(word))
        .take_while(|word| {
            word.ends_with(|c: char| c.is_ascii_digit() || c == '%' || c == ')')
                && word.bytes().any(|b| b.is_ascii_digit())
                && !word.bytes().any(|b| b.is_ascii_alphabetic())
        })
        .count();
    figures >= 2
}

/// Cuts one segment at its sentence ends.
fn split_segment(text: &str, segment: ByteSpan, found: &mut Vec<ByteSpan>) {
    let mut push = |start: usize, end: usize| {
        let span = ByteSpan::new(start, end).trimmed(text);
        if !span.is_empty() {
            found.push(span);
        }
    };
    if is_row(segment.of(text)) {
        push(segment.start, segment.end);
        return;
    }
    let mut start = segment.start;
    // The full stop of "1. First item" ends nothing.
    let mut at = segment.start + item_marker(segment.of(text));
    while let Some(found) = text[at..segment.end].find(['.', '!', '?', '…', '。', '！', '？']) {
        let stop = at + found;
        let after = text[stop..segment.end].trim_start_matches(['.', '!', '?', '…', '。', '！', '？']);
        let stops_end = segment.end - after.len();
        let end = skip_closers(text, ByteSpan::new(stops_end, segment.end));
        if is_end(text, start, stop, ByteSpan::new(end, segment.end)) {
            push(start, end);
            start = end;
        }
        at = end;
    }
    push(start, segment.end);
}

/// The end of the quotes, brackets and citation markers that belong to the sentence that ends at `rest.start`.
fn skip_closers(text: &str, rest: ByteSpan) -> usize {
    let mut at = rest.start;
    loop {
        let tail = &text[at..rest.end];
        let Some(next) = tail.chars().next() else { return at };
        if matches!(next, '"' | '\'' | '”' | '’' | '»' | ')' | ']' | '*' | '_') {
            at += next.len_utf8();
        } else if let Some(marker) = citation_marker(tail.trim_start_matches(' ')) {
            at = rest.end - tail.trim_start_matches(' ').len() + marker;
        } else {
            return at;
        }
    }
}

/// The bytes of a citation marker such as `[1]`, `[1, 2]` or `[3-5]` at the start of `text`.
pub(crate) fn citation_marker(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('[')?;
    let end = inner.bytes().take(MARKER_BYTES_MAX + 1).position(|b| b == b']')?;
    let is_marker = inner[..end].bytes().all(|b| b.is_ascii_digit() || b", -^".contains(&b))
        && inner[..end].bytes().any(|b| b.is_ascii_digit());
    is_marker.then_some(end + 2)
}

/// Whether the stop at `stop` ends the sentence that began at `start`, given what follows it.
fn is_end(text: &str, start: usize, stop: usize, rest: ByteSpan) -> bool {
    let tail = rest.of(text);
    let Some(first) = tail.chars().next() else { return true };
    let mark = text[stop..].chars().next().unwrap_or('.');
    if matches!(mark, '。' | '！' | '？') {
        return true;
    }
    if !first.is_whitespace() {
        return false;
    }
    let next = tail.trim_start();
    if next.starts_with(char::is_lowercase) {
        return false;
    }
    if mark != '.' {
        return true;
    }
    let is_starter = || {
        let word: String = next.chars().take(NEXT_CHARS_MAX).take_while(|c| c.is_alphanumeric()).collect();
        next.starts_with(char::is_uppercase) && STARTERS.contains(&word.to_lowercase().as_str())
    };
    let before = text[start..stop].rsplit(|c: char| c.is_whitespace() || "([\"“'".contains(c)).next().unwrap_or("");
    let lower = before.to_lowercase();
    if before.len() < stop - start && NEVER_LAST.contains(&lower.as_str()) || is_title(&lower) {
        return false;
    }
    if MAYBE_LAST.contains(&lower.as_str()) {
        // "no." is a number's label before digits and an ordinary answer elsewhere.
        let is_label = matches!(lower.as_str(), "no" | "nos" | "p");
        let word = || next.chars().take(NEXT_CHARS_MAX).find(|c| c.is_alphanumeric());
        return if is_label { word().is_none_or(|c| !c.is_ascii_digit()) } else { is_starter() };
    }
    let is_initial = before.chars().count() == 1 && before.chars().all(char::is_uppercase);
    let is_dotted = before.contains('.') && before.split('.').all(|part| part.len() <= 2 && is_letters(part));
    if is_initial || is_dotted { is_starter() } else { true }
}

fn is_title(lower: &str) -> bool {
    matches!(lower, "mr" | "mrs" | "ms" | "dr" | "prof" | "e.g" | "i.e")
}

fn is_letters(part: &str) -> bool {
    !part.is_empty() && part.chars().all(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = sentences(text).into_iter().map(|span| span.of(text)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn full_stops_inside_names_and_numbers_end_nothing() {
        check(
            "Apple Inc. reported $1.5 billion. The U.S. Army agreed. Dr. J. Smith et al. (2020) found 3.5%.",
            &["Apple Inc. reported $1.5 billion.", "The U.S. Army agreed.", "Dr. J. Smith et al. (2020) found 3.5%."],
        );
        check("It moved to the U.S. The rest stayed.", &["It moved to the U.S.", "The rest stayed."]);
        check("See Fig. 3 and No. 12 for details. Next.", &["See Fig. 3 and No. 12 for details.", "Next."]);
        check(
            "Version 1.2.3 of e.g. Foo works! Really? Yes.",
            &["Version 1.2.3 of e.g. Foo works!", "Really?", "Yes."],
        );
        check(
            "The answer is no. It was sold to Acme Corp. In May it closed.",
            &["The answer is no.", "It was sold to Acme Corp.", "In May it closed."],
        );
    }

    #[test]
    fn quotes_and_citation_markers_stay_with_their_sentence() {
        check(
            "He said \"stop.\" They did.[1] It ended. [2, 3] Fine.",
            &["He said \"stop.\"", "They did.[1]", "It ended. [2, 3]", "Fine."],
        );
    }

    /// What followed a stop was looked through to the end of the line, and so was what followed a bracket: minutes for each megabyte.
    #[test]
    fn a_megabyte_of_stops_or_brackets_is_looked_through_once() {
        const MARKS: usize = 1 << 19;
        for mark in ["! ", ". "] {
            assert_eq!(sentences(&mark.repeat(MARKS)).len(), MARKS, "{mark}");
        }
        let brackets = "[".repeat(2 * MARKS);
        assert_eq!((0..brackets.len()).filter_map(|at| citation_marker(&brackets[at..])).count(), 0);
        for (digits, bytes) in
            [(1, Some(3)), (MARKER_BYTES_MAX, Some(MARKER_BYTES_MAX + 2)), (MARKER_BYTES_MAX + 1, None)]
        {
            assert_eq!(citation_marker(&format!("[{}]", "1".repeat(digits))), bytes, "{digits}");
        }
        check("It is No. (12) here. The rest", &["It is No. (12) here.", "The rest"]);
    }

    #[test]
    fn wrapped_lines_join_and_items_do_not() {
        check(
            "The pump is tested every three months by the\nMaintenance team. It is then sealed with the\nred tag.",
            &[
                "The pump is tested every three months by the\nMaintenance team.",
                "It is then sealed with the\nred tag.",
            ],
        );
        check(
            "States:\n- Open\n- Closed\n2. Third item here. More.",
            &["States:", "- Open", "- Closed", "2. Third item here.", "More."],
        );
        check(
            "Overview\nThe valve opens when the pressure in the line is over 4 bar.",
            &["Overview", "The valve opens when the pressure in the line is over 4 bar."],
        );
    }

    #[test]
    fn rows_of_tables_stand_alone() {
        check(
            "Net sales $ 1,234 $ 1,111\nCost of sales 700 650\nGross margin (12) 3%",
            &["Net sales $ 1,234 $ 1,111", "Cost of sales 700 650", "Gross margin (12) 3%"],
        );
        check("Name\tAge\nMr. A. Lee\t4", &["Name\tAge", "Mr. A. Lee\t4"]);
    }

    #[test]
    fn a_blank_line_ends_a_sentence_whatever_the_line_ending() {
        check("one two\r\nthree\r\n\r\nFour", &["one two\r\nthree", "Four"]);
        check("a long heading without a stop\n\nand text", &["a long heading without a stop", "and text"]);
        check("", &[]);
        check(" \n ... \n", &["..."]);
        check("これは文です。次の文です。", &["これは文です。", "次の文です。"]);
    }

    #[test]
    fn spans_are_ordered_trimmed_and_cover_every_letter() {
        for text in ["né. È vero! …", "1. a\n2. b. C\u{2028}d [1]. [2] e", "(a) x. (b) y?\u{c}Z", "..\n.", "a.b. C"]
        {
            let spans = sentences(text);
            let mut last = 0;
            for span in &spans {
                assert!(span.start >= last && !span.is_empty(), "{text:?}");
                assert_eq!(span.trimmed(text), *span, "{text:?}");
                assert!(text[last..span.start].trim().is_empty(), "{text:?}");
                last = span.end;
            }
            assert!(text[last..].trim().is_empty(), "{text:?}");
        }
    }
}
