//! The figures of a text in the form they are compared in: amounts with unit, rate and bound, dates, times of day.

use std::ops::Range;

use super::clock::clocks;
use crate::cite::evidence::Text;
use crate::cite::quantities::{Kind, Quantity, agrees};
use crate::document::ByteSpan;

/// A figure of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    /// What it says.
    pub(super) value: Value,
    /// Its words, unit and bound left out.
    pub(super) words: Range<usize>,
    /// Where it lies, with its unit, rate and bound: what a reader is shown.
    pub(super) span: ByteSpan,
}

/// What a figure says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// So much of something.
    Amount(Amount),
    /// A day, month, quarter or year.
    Date(Date),
    /// A time of day, in minutes after midnight.
    Clock(u32),
}

/// So much of something.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Amount {
    /// As read.
    pub(super) quantity: Quantity,
    /// `d` for every day, `y` for every year …; empty where there is none.
    pub(super) per: &'static str,
    /// Whether days are working days.
    pub(super) working: bool,
    /// Whether it is a limit.
    pub(super) bound: Bound,
    /// The stem of the noun after it.
    pub(super) noun: String,
    /// Which side of nothing it is on.
    pub(super) side: Side,
}

/// Which side of nothing an amount is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// A gain or a rise, by the words around it.
    Above,
    /// Written with a minus, or in brackets in a table.
    Below,
    /// Nothing says.
    Open,
}

/// A day, month, quarter or year, as far as it is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: Option<u32>,
    pub(super) quarter: Option<u32>,
    pub(super) month: Option<u32>,
    pub(super) day: Option<u32>,
}

/// Which side of a figure is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// The figure itself.
    Exact,
    /// It or more.
    AtLeast,
    /// It or less.
    AtMost,
    /// More than it.
    MoreThan,
    /// Less than it.
    LessThan,
}

/// How two figures compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agreement {
    /// They say the same.
    Same,
    /// The same number of something else.
    OtherUnit,
    /// Another number of the same.
    Other,
    /// They are of different kinds.
    Apart,
}

/// The figures of `text` in order. Numbers that belong to a name ("Unit 3") are none.
pub(super) fn figures(text: &Text) -> Vec<Figure> {
    let mut found: Vec<Figure> = clocks(text)
        .into_iter()
        .map(|(minutes, words)| {
            let span = ByteSpan::new(text.words[words.start].span.start, text.words[words.end - 1].span.end);
            Figure { value: Value::Clock(minutes), words, span }
        })
        .collect();
    let taken: Vec<ByteSpan> = found.iter().map(|figure| figure.span).collect();
    let mut at = 0;
    let quantities: Vec<&Quantity> =
        text.quantities.iter().filter(|q| !taken.iter().any(|span| span.contains(q.span))).collect();
    while at < quantities.len() {
        let quantity = quantities[at];
        let Some(word) = text.words.iter().position(|word| quantity.span.contains(word.span)) else {
            at += 1;
            continue;
        };
        if let Some((date, used)) = date(text, &quantities[at..]) {
            let span = ByteSpan::new(quantity.span.start, quantities[at + used - 1].span.end);
            found.push(Figure { value: Value::Date(date), words: words_in(text, span), span });
            at += used;
            continue;
        }
        at += 1;
        if quantity.kind == Kind::Number && !is_part_of_name(text, quantity, word) {
            found.push(amount(text, quantity, word));
        }
    }
    found.sort_by_key(|figure| figure.span.start);
    found
}

fn words_in(text: &Text, span: ByteSpan) -> Range<usize> {
    let start = text.words.iter().position(|word| word.span.start >= span.start).unwrap_or(0);
    let count = text.words[start..].iter().take_while(|word| word.span.end <= span.end).count();
    start..start + count
}

/// "Unit 3", "P-12", "Section 4.2", "Tranche 1": a number after a capital word or joined to letters.
pub(super) fn is_part_of_name(text: &Text, quantity: &Quantity, word: usize) -> bool {
    if word == 0
        || !quantity.unit.is_empty()
        || quantity.span.len() > 6
        || !quantity.span.of(&text.text).starts_with(|c: char| c.is_ascii_digit())
    {
        return false;
    }
    let before = &text.words[word - 1];
    let gap = &text.text[before.span.end..quantity.span.start];
    let letters = before.folded.chars().all(char::is_alphabetic);
    let reference = matches!(
        before.folded.as_str(),
        "unit"
            | "section"
            | "clause"
            | "article"
            | "tranche"
            | "phase"
            | "note"
            | "page"
            | "item"
            | "level"
            | "no"
            | "number"
            | "building"
            | "room"
            | "gate"
            | "plot"
            | "bay"
            | "zone"
            | "class"
            | "tier"
            | "grade"
            | "type"
            | "step"
            | "stage"
            | "version"
            | "figure"
            | "table"
            | "schedule"
            | "annex"
            | "appendix"
            | "chapter"
            | "part"
            | "line"
            | "model"
            | "batch"
            | "lot"
            | "order"
            | "invoice"
            | "pump"
    );
    letters
        && (gap == "-"
            || gap == " " && reference
            || gap == " "
                && before.capital
                && !before.stop
                && word >= 2
                && text.words[word - 1].folded.len() > 1
                && quantity.span.of(&text.text).bytes().all(|b| b.is_ascii_digit())
                && quantity.span.len() <= 3
                && text.names.iter().any(|name| !name.unsure && name.span.contains(before.span)))
}

fn amount(text: &Text, quantity: &Quantity, word: usize) -> Figure {
    let words = words_in(text, quantity.span);
    let after = &text.words[words.end..];
    let near = |at: usize| after.get(at).map_or("", |word| word.folded.as_str());
    let working = matches!(near(0), "working" | "business" | "banking");
    let mut quantity = quantity.clone();
    let mut unit_words = 0;
    if working {
        quantity.unit = "d".into();
        unit_words = 2;
    } else if !quantity.unit.is_empty() && after.first().is_some_and(|word| is_unit_word(&word.folded)) {
        unit_words = 1;
    } else if matches!(near(0), "per") && matches!(near(1), "cent") {
        unit_words = 2;
    }
    let noun = after.iter().skip(unit_words).find(|word| !word.stop).map(|word| word.stem.clone()).unwrap_or_default();
    let (per, rate_words) = rate(text, words.start, words.end + unit_words);
    let (bound, before, behind) = bound(text, words.start, words.end + unit_words);
    let from = if before > 0 { text.words[words.start - before].span.start } else { quantity.span.start };
    let mut start = from;
    // The sign of a currency stands before its figure.
    if before == 0 {
        let sign = text.text[..start].chars().next_back().filter(|c| "$€£¥".contains(*c));
        start -= sign.map_or(0, char::len_utf8);
    }
    let last = words.end + unit_words + rate_words.max(behind);
    let mut end =
        text.words.get(last.wrapping_sub(1)).map_or(quantity.span.end, |word| word.span.end.max(quantity.span.end));
    if text.text[end..].starts_with('%') {
        end += 1;
    }
    let span = ByteSpan::new(start, end);
    let side = side(text, &quantity);
    let value = Value::Amount(Amount { quantity, per, working, bound, noun, side });
    let words = words_in(text, ByteSpan::new(text.words[word].span.start, text.words[words.end - 1].span.end));
    Figure { value, words, span }
}

/// Stems of what is above nothing, and of what is below or goes out.
const ABOVE: &[&str] =
    &["profit", "gain", "surplus", "increas", "rose", "rise", "grew", "growth", "earn", "incom", "posit"];
const BELOW: &[&str] = &[
    "loss",
    "lost",
    "lose",
    "deficit",
    "decreas",
    "declin",
    "fell",
    "fall",
    "drop",
    "reduc",
    "negat",
    "minus",
    "outflow",
    "use",
    "paid",
    "pay",
    "payment",
    "spent",
    "spend",
    "repurchas",
    "repay",
    "repaid",
    "cost",
    "expens",
    "provis",
    "charg",
    "purchas",
    "acquisit",
    "invest",
    "lower",
    "down",
    "less",
    "tax",
    "benefit",
    "dividend",
];

/// A sign before the figure or its currency, brackets around a figure of a table; else what the words of a text that is no table tell.
fn side(text: &Text, quantity: &Quantity) -> Side {
    let before = text.text[..quantity.span.start].trim_end_matches(['$', '€', '£', '¥', ' ']);
    let after = &text.text[quantity.span.end..];
    let signed = before.ends_with(['-', '−'])
        && !before.trim_end_matches(['-', '−']).ends_with(|c: char| c.is_alphanumeric() || c == ')' || c == '%')
        && before.len() < text.text.len();
    let row = super::segments::is_row(text);
    if signed || row && before.ends_with('(') && after.trim_start_matches('%').starts_with(')') {
        return Side::Below;
    }
    let holds = |stems: &[&str]| text.words.iter().any(|word| stems.contains(&word.stem.as_str()));
    if !row && holds(ABOVE) && !holds(BELOW) { Side::Above } else { Side::Open }
}

fn is_unit_word(word: &str) -> bool {
    crate::cite::quantities::is_unit(word)
}

const PERIODS: &[(&str, &str)] = &[
    ("hour", "h"),
    ("hourly", "h"),
    ("day", "d"),
    ("daily", "d"),
    ("night", "d"),
    ("nightly", "d"),
    ("week", "wk"),
    ("weekly", "wk"),
    ("month", "mo"),
    ("monthly", "mo"),
    ("quarter", "q"),
    ("quarterly", "q"),
    ("year", "y"),
    ("yearly", "y"),
    ("annum", "y"),
    ("annually", "y"),
    ("annual", "y"),
    ("minute", "min"),
    ("second", "s"),
];

fn period(word: &str) -> Option<&'static str> {
    PERIODS.iter().find(|(name, _)| *name == word).map(|&(_, period)| period)
}

/// The period of a rate: "27 days a year", "£41,000 per annum", "annual rent of £41,000"; and how many words after it tell.
fn rate(text: &Text, start: usize, end: usize) -> (&'static str, usize) {
    let folded = |at: usize| text.words.get(at).map_or("", |word| word.folded.as_str());
    for skip in 0..3 {
        if matches!(folded(end + skip), "a" | "an" | "per" | "each" | "every")
            && let Some(found) = period(folded(end + skip + 1))
        {
            return (found, skip + 2);
        }
        if folded(end + skip).ends_with("ly")
            && let Some(found) = period(folded(end + skip))
        {
            return (found, skip + 1);
        }
    }
    let before = (start.saturating_sub(5)..start).rev().find_map(|at| {
        let word = folded(at);
        (word.ends_with("ly") || word == "annual").then(|| period(word)).flatten()
    });
    (before.unwrap_or_default(), 0)
}

/// What stands before or after a figure and makes it a limit; how many words of that stand before and after.
fn bound(text: &Text, start: usize, end: usize) -> (Bound, usize, usize) {
    const BEFORE: &[(&[&str], Bound)] = &[
        (&["not", "more", "than"], Bound::AtMost),
        (&["no", "more", "than"], Bound::AtMost),
        (&["not", "less", "than"], Bound::AtLeast),
        (&["no", "less", "than"], Bound::AtLeast),
        (&["not", "fewer", "than"], Bound::AtLeast),
        (&["no", "fewer", "than"], Bound::AtLeast),
        (&["not", "exceed"], Bound::AtMost),
        (&["not", "exceeding"], Bound::AtMost),
        (&["no", "later", "than"], Bound::AtMost),
        (&["at", "least"], Bound::AtLeast),
        (&["at", "most"], Bound::AtMost),
        (&["up", "to"], Bound::AtMost),
        (&["a", "maximum", "of"], Bound::AtMost),
        (&["maximum", "of"], Bound::AtMost),
        (&["a", "minimum", "of"], Bound::AtLeast),
        (&["minimum", "of"], Bound::AtLeast),
        (&["more", "than"], Bound::MoreThan),
        (&["greater", "than"], Bound::MoreThan),
        (&["higher", "than"], Bound::MoreThan),
        (&["in", "excess", "of"], Bound::MoreThan),
        (&["less", "than"], Bound::LessThan),
        (&["fewer", "than"], Bound::LessThan),
        (&["lower", "than"], Bound::LessThan),
        (&["shorter", "than"], Bound::LessThan),
        (&["longer", "than"], Bound::MoreThan),
        (&["as", "much", "as"], Bound::AtMost),
        (&["within"], Bound::AtMost),
        (&["over"], Bound::MoreThan),
        (&["above"], Bound::MoreThan),
        (&["exceeding"], Bound::MoreThan),
        (&["exceeds"], Bound::MoreThan),
        (&["exceeded"], Bound::MoreThan),
        (&["under"], Bound::LessThan),
        (&["below"], Bound::LessThan),
    ];
    const AFTER: &[(&[&str], Bound)] = &[
        (&["or", "more"], Bound::AtLeast),
        (&["or", "less"], Bound::AtMost),
        (&["or", "fewer"], Bound::AtMost),
        (&["or", "longer"], Bound::AtLeast),
        (&["at", "most"], Bound::AtMost),
        (&["at", "least"], Bound::AtLeast),
    ];
    let stands = |at: usize, marker: &[&str]| {
        marker
            .iter()
            .enumerate()
            .all(|(step, wanted)| text.words.get(at + step).is_some_and(|word| word.folded == *wanted))
    };
    for (marker, bound) in BEFORE {
        // "up to a total of 500"
        for skip in 0..2 {
            if let Some(from) = start.checked_sub(marker.len() + skip)
                && stands(from, marker)
                && (skip == 0 || text.words[start - 1].stop)
            {
                return (*bound, start - from, 0);
            }
        }
    }
    let after = AFTER.iter().find(|(marker, _)| stands(end, marker));
    after.map_or((Bound::Exact, 0, 0), |(marker, bound)| (*bound, 0, marker.len()))
}

/// The date that `quantities` begin with, and how many of them it takes.
fn date(text: &Text, quantities: &[&Quantity]) -> Option<(Date, usize)> {
    let mut date = Date::default();
    let mut used = 0;
    let mut end = quantities.first()?.span.start;
    for quantity in quantities {
        let gap = text.text.get(end..quantity.span.start).unwrap_or("");
        if used > 0
            && !matches!(
                gap.trim(),
                "" | "," | "of" | "-" | "th" | "st" | "nd" | "rd" | "quarter" | "quarter of" | "quarter,"
            )
        {
            break;
        }
        let value = quantity.value as u32;
        let next = text.text[quantity.span.end..].trim_start().as_bytes();
        let quarter = next.get(..7).is_some_and(|word| word.eq_ignore_ascii_case(b"quarter"));
        match quantity.kind {
            Kind::Year if date.year.is_none() => date.year = Some(value),
            Kind::Month if date.month.is_none() => date.month = Some(value),
            Kind::Day if date.day.is_none() => date.day = Some(value),
            Kind::Number
                if quarter
                    && (1..=4).contains(&value)
                    && date.quarter.is_none()
                    && !quantity.span.of(&text.text).starts_with(|c: char| c.is_ascii_digit()) =>
            {
                date.quarter = Some(value);
            }
            _ => break,
        }
        used += 1;
        end = quantity.span.end;
    }
    (used > 0).then_some((date, used))
}

/// Dimensions with the size of each unit in the smallest of them.
const DIMENSIONS: &[&[(&str, f64)]] = &[
    &[("ms", 0.001), ("s", 1.0), ("min", 60.0), ("h", 3600.0), ("d", 86_400.0), ("wk", 604_800.0)],
    &[("mo", 1.0), ("q", 3.0), ("y", 12.0)],
    &[("mg", 0.001), ("g", 1.0), ("kg", 1000.0), ("t", 1_000_000.0), ("lb", 453.592), ("oz", 28.3495)],
    &[("mm", 0.001), ("cm", 0.01), ("m", 1.0), ("km", 1000.0), ("mi", 1609.344), ("ft", 0.3048), ("in", 0.0254)],
    &[("ml", 0.001), ("l", 1.0)],
    &[("kpa", 1.0), ("bar", 100.0), ("mpa", 1000.0), ("psi", 6.894_76)],
    &[("w", 1.0), ("kw", 1e3), ("mw", 1e6)],
    &[("v", 1.0), ("kv", 1e3)],
    &[("hz", 1.0), ("khz", 1e3), ("mhz", 1e6), ("ghz", 1e9)],
    &[("kb", 1.0), ("mb", 1e3), ("gb", 1e6), ("tb", 1e9)],
    &[("p", 1.0), ("£", 100.0)],
    &[("c", 1.0), ("$", 100.0)],
];

/// How many of `b` make one `a`; `None` where they measure different things.
fn ratio(a: &str, b: &str) -> Option<f64> {
    if a == b {
        return Some(1.0);
    }
    DIMENSIONS.iter().find_map(|units| {
        let size = |unit: &str| units.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
        Some(size(a)? / size(b)?)
    })
}

/// How the claim's figure compares with the evidence's.
pub(super) fn compare(claimed: &Value, held: &Value) -> Agreement {
    match (claimed, held) {
        (Value::Amount(claimed), Value::Amount(held)) => compare_amounts(claimed, held),
        (Value::Date(claimed), Value::Date(held)) => compare_dates(claimed, held),
        (Value::Clock(claimed), Value::Clock(held)) => {
            if claimed == held || claimed % 1440 == held % 1440 {
                Agreement::Same
            } else {
                Agreement::Other
            }
        }
        _ => Agreement::Apart,
    }
}

fn compare_amounts(claimed: &Amount, held: &Amount) -> Agreement {
    let (ours, theirs) = (&claimed.quantity, &held.quantity);
    let opposed = matches!((claimed.side, held.side), (Side::Above, Side::Below) | (Side::Below, Side::Above));
    let same_value = agrees(ours, theirs) && !opposed;
    if ours.unit.is_empty() || theirs.unit.is_empty() {
        // Tables leave out the currency of their figures, but hardly a share's sign or a unit of time.
        let bare = |unit: &str| unit.is_empty() || "$€£¥".contains(unit);
        return match (same_value, bare(&ours.unit) && bare(&theirs.unit)) {
            (true, true) => Agreement::Same,
            (true, false) if ours.unit.is_empty() => Agreement::Same,
            (true, false) => Agreement::OtherUnit,
            (false, true) => Agreement::Other,
            (false, false) => Agreement::Apart,
        };
    }
    let Some(ratio) = ratio(&ours.unit, &theirs.unit) else {
        // Weeks and months are no multiples of each other, but both are times.
        let times = |unit: &str| DIMENSIONS[..2].iter().any(|units| units.iter().any(|(name, _)| *name == unit));
        let both_money = [&ours.unit, &theirs.unit].iter().all(|unit| "$€£¥".contains(unit.as_str()));
        return match (same_value, times(&ours.unit) && times(&theirs.unit) || both_money) {
            (true, _) => Agreement::OtherUnit,
            (false, true) => Agreement::Other,
            (false, false) => Agreement::Apart,
        };
    };
    let same = if (ratio - 1.0).abs() < 1e-12 { same_value } else { converted(ours, theirs, ratio) && !opposed };
    let other_rate = !claimed.per.is_empty() && !held.per.is_empty() && claimed.per != held.per;
    if same && (other_rate || claimed.working != held.working && ours.unit == "d" && theirs.unit == "d") {
        return Agreement::OtherUnit;
    }
    if !same && same_value {
        Agreement::OtherUnit
    } else if same {
        Agreement::Same
    } else {
        Agreement::Other
    }
}

/// A measured length or weight may be this far from what it is converted from, beside its rounding.
const CONVERTED_SHARE_MAX: f64 = 0.05;

/// Whether the converted figure is the claim's: exactly for times and money, where 30 days are not four weeks; else once it is rounded to the
/// digits that the claim shows.
fn converted(ours: &Quantity, theirs: &Quantity, ratio: f64) -> bool {
    let held = theirs.value / ratio;
    let exact = (held - ours.value).abs() <= 1e-9 * held.abs().max(1.0);
    let counted = DIMENSIONS[..2].iter().chain(&DIMENSIONS[DIMENSIONS.len() - 2..]);
    let is_counted = counted.into_iter().any(|units| units.iter().any(|(name, _)| *name == ours.unit));
    let step = match (is_counted, ours.value.fract() == 0.0) {
        (true, true) => ours.step,
        (false, true) => ours.step.max(1.0),
        (_, false) => ours.step.max(0.1),
    };
    let near = (ours.value - held).abs() <= CONVERTED_SHARE_MAX * held.abs();
    exact || step > 0.0 && near && ((ours.value - held) / step).abs() <= 0.5
}

fn compare_dates(claimed: &Date, held: &Date) -> Agreement {
    let parts = [
        (claimed.year, held.year),
        (claimed.quarter, held.quarter),
        (claimed.month, held.month),
        (claimed.day, held.day),
    ];
    let both = parts.iter().filter(|(a, b)| a.is_some() && b.is_some()).count();
    if both == 0 {
        return Agreement::Apart;
    }
    if parts.iter().any(|(a, b)| a.is_some() && b.is_some() && a != b) {
        return Agreement::Other;
    }
    // A day that the evidence does not give is not borne out by its year.
    let finer = parts[1..].iter().any(|(a, b)| a.is_some() && b.is_none());
    if finer { Agreement::Apart } else { Agreement::Same }
}

/// Whether the claim's bound follows from the evidence's, given that they name the same figure.
pub(super) fn bound_follows(claimed: Bound, held: Bound) -> bool {
    matches!(
        (claimed, held),
        (Bound::Exact, Bound::Exact)
            | (Bound::AtLeast, Bound::AtLeast | Bound::MoreThan | Bound::Exact)
            | (Bound::AtMost, Bound::AtMost | Bound::LessThan | Bound::Exact)
            | (Bound::MoreThan, Bound::MoreThan)
            | (Bound::LessThan, Bound::LessThan)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement(claimed: &str, held: &str) -> Agreement {
        compare(&figures(&Text::new(claimed))[0].value, &figures(&Text::new(held))[0].value)
    }

    #[test]
    fn units_rates_and_dates_are_compared_as_what_they_are() {
        for (a, b) in [
            ("two weeks", "14 days"),
            ("2 hours", "120 minutes"),
            ("12 May 2026", "2026-05-12"),
            ("May 2026", "12 May 2026"),
            ("£3.9 million", "3,900,000"),
            ("open at 2 pm", "open at 14:00"),
            ("18 months", "1.5 years"),
            ("one month", "1 month"),
            ("8 km", "5 miles"),
            ("fell by 5%", "-5%"),
            ("net income of 1,162", "Net income | 1,162 | 800"),
            ("paid dividends of 1,162", "Dividends | (1,162) | (800)"),
        ] {
            assert_eq!(agreement(a, b), Agreement::Same, "{a} / {b}");
        }
        for (a, b) in [
            ("ten weeks", "ten days"),
            ("ten days", "ten working days"),
            ("27 days a month", "27 days a year"),
            ("$27", "27 pounds"),
        ] {
            assert_eq!(agreement(a, b), Agreement::OtherUnit, "{a} / {b}");
        }
        for (a, b) in [
            ("13 May 2026", "12 May 2026"),
            ("£3.8 million", "£3.9 million"),
            ("2 pm", "11:30"),
            ("four weeks", "30 days"),
            ("one month", "two months"),
            ("net income of 1,162", "Net income | (1,162) | 800"),
            ("an increase of 5%", "a change of -5%"),
        ] {
            assert_eq!(agreement(a, b), Agreement::Other, "{a} / {b}");
        }
    }

    #[test]
    fn numbers_of_names_are_no_figures_and_bounds_are_read() {
        assert!(figures(&Text::new("The tenant of Unit 3 left, and pump P-12 stopped.")).is_empty());
        let text = Text::new("Orders of up to 500 units and over 30 tonnes, or 3 days or more");
        let bounds: Vec<(Bound, &str)> = figures(&text)
            .iter()
            .map(|figure| match &figure.value {
                Value::Amount(amount) => (amount.bound, figure.span.of(&text.text)),
                _ => panic!("amounts only"),
            })
            .collect();
        assert_eq!(bounds[0].0, Bound::AtMost);
        assert_eq!(bounds[1].0, Bound::MoreThan);
        assert_eq!(bounds[2], (Bound::AtLeast, "3 days or more"));
    }
}
