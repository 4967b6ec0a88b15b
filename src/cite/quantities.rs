//! Text to the numbers, dates, units and names in it, in one normal form; does not know which of them matter.

use super::lexical::{Word, words};
use crate::document::ByteSpan;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An amount, a count, a rank.
    Number,
    /// A calendar year.
    Year,
    /// A month by name or in an ISO date, 1 to 12.
    Month,
    /// A day beside a month.
    Day,
}

/// A number of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// What it counts.
    pub kind: Kind,
    /// Scale words and grouping commas applied: `4.2bn` is 4.2e9; `three` is 3.
    pub value: f64,
    /// `$`, `%` and the like in one form, or the stem of the noun after it; empty where there is none.
    pub unit: String,
    /// Whether it is given as a round figure: after "about", "over" and the like, or with a scale word.
    pub rough: bool,
    /// Where it lies, unit left out.
    pub span: ByteSpan,
}

const CURRENCIES: &[(&str, &str)] = &[
    ("$", "$"),
    ("€", "€"),
    ("£", "£"),
    ("¥", "¥"),
    ("dollars", "$"),
    ("dollar", "$"),
    ("usd", "$"),
    ("euros", "€"),
    ("euro", "€"),
    ("eur", "€"),
    ("pounds", "£"),
    ("gbp", "£"),
    ("yen", "¥"),
    ("pence", "p"),
    ("cents", "c"),
];
const UNITS: &[(&str, &str)] = &[
    ("%", "%"),
    ("percent", "%"),
    ("pct", "%"),
    ("percentage", "%"),
    ("km", "km"),
    ("kilometres", "km"),
    ("kilometers", "km"),
    ("kilometre", "km"),
    ("kilometer", "km"),
    ("mi", "mi"),
    ("miles", "mi"),
    ("mile", "mi"),
    ("m", "m"),
    ("metres", "m"),
    ("meters", "m"),
    ("metre", "m"),
    ("meter", "m"),
    ("cm", "cm"),
    ("mm", "mm"),
    ("kg", "kg"),
    ("kilograms", "kg"),
    ("kilogram", "kg"),
    ("g", "g"),
    ("grams", "g"),
    ("mg", "mg"),
    ("°c", "°c"),
    ("°f", "°f"),
    ("celsius", "°c"),
    ("fahrenheit", "°f"),
    ("hours", "h"),
    ("hour", "h"),
    ("h", "h"),
    ("hrs", "h"),
    ("minutes", "min"),
    ("minute", "min"),
    ("min", "min"),
    ("seconds", "s"),
    ("second", "s"),
    ("s", "s"),
    ("ms", "ms"),
    ("milliseconds", "ms"),
    ("days", "d"),
    ("day", "d"),
    ("weeks", "wk"),
    ("week", "wk"),
    ("months", "mo"),
    ("month", "mo"),
    ("years", "y"),
    ("year", "y"),
    ("kb", "kb"),
    ("mb", "mb"),
    ("gb", "gb"),
    ("tb", "tb"),
    ("bar", "bar"),
    ("kpa", "kpa"),
    ("mpa", "mpa"),
    ("psi", "psi"),
    ("v", "v"),
    ("kv", "kv"),
    ("volts", "v"),
    ("w", "w"),
    ("kw", "kw"),
    ("mw", "mw"),
    ("watts", "w"),
    ("hz", "hz"),
    ("khz", "khz"),
    ("mhz", "mhz"),
    ("ghz", "ghz"),
    ("l", "l"),
    ("litres", "l"),
    ("liters", "l"),
    ("ml", "ml"),
    ("acres", "acre"),
    ("feet", "ft"),
    ("ft", "ft"),
];
const SCALES: &[(&str, f64)] = &[
    ("hundred", 1e2),
    ("thousand", 1e3),
    ("k", 1e3),
    ("million", 1e6),
    ("millions", 1e6),
    ("mn", 1e6),
    ("mm", 1e6),
    ("m", 1e6),
    ("billion", 1e9),
    ("billions", 1e9),
    ("bn", 1e9),
    ("b", 1e9),
    ("trillion", 1e12),
    ("tn", 1e12),
];
const WORDS: &[(&str, f64)] = &[
    ("zero", 0.0),
    ("two", 2.0),
    ("three", 3.0),
    ("four", 4.0),
    ("five", 5.0),
    ("six", 6.0),
    ("seven", 7.0),
    ("eight", 8.0),
    ("nine", 9.0),
    ("ten", 10.0),
    ("eleven", 11.0),
    ("twelve", 12.0),
    ("thirteen", 13.0),
    ("fourteen", 14.0),
    ("fifteen", 15.0),
    ("sixteen", 16.0),
    ("seventeen", 17.0),
    ("eighteen", 18.0),
    ("nineteen", 19.0),
    ("twenty", 20.0),
    ("thirty", 30.0),
    ("forty", 40.0),
    ("fifty", 50.0),
    ("sixty", 60.0),
    ("seventy", 70.0),
    ("eighty", 80.0),
    ("ninety", 90.0),
    ("dozen", 12.0),
    ("twice", 2.0),
    ("double", 2.0),
    ("doubled", 2.0),
    ("triple", 3.0),
    ("tripled", 3.0),
    ("pair", 2.0),
    ("couple", 2.0),
    ("first", 1.0),
    ("second", 2.0),
    ("third", 3.0),
    ("fourth", 4.0),
    ("fifth", 5.0),
    ("sixth", 6.0),
    ("seventh", 7.0),
    ("eighth", 8.0),
    ("ninth", 9.0),
    ("tenth", 10.0),
    ("eleventh", 11.0),
    ("twelfth", 12.0),
    ("twentieth", 20.0),
    ("quarterly", 4.0),
    ("half", 0.5),
];
const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// Words that make the number after them a round figure.
const HEDGES: &[&str] = &[
    "about",
    "approximately",
    "around",
    "roughly",
    "nearly",
    "almost",
    "some",
    "over",
    "under",
    "than",
    "least",
    "most",
    "up",
    "circa",
];
/// Four digits without comma, unit or scale are a year in this range.
const YEARS: std::ops::RangeInclusive<f64> = 1300.0..=2100.0;

fn look_up<T: Copy>(table: &[(&str, T)], key: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == key).map(|&(_, value)| value)
}

/// The numbers, years and dates of `text` in order. "one" is left out: it is mostly a pronoun.
#[must_use]
pub fn quantities(text: &str) -> Vec<Quantity> {
    let words = words(text);
    let mut found: Vec<Quantity> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match read(text, &words, at) {
            Some((quantity, used)) => {
                found.push(quantity);
                at += used;
            }
            None => at += 1,
        }
    }
    mark_days(text, &mut found);
    found
}

/// The quantity that starts at word `at`, and how many words it takes.
fn read(text: &str, words: &[Word], at: usize) -> Option<(Quantity, usize)> {
    let word = &words[at];
    if let Some(month) = month(text, words, at) {
        return Some((
            Quantity { kind: Kind::Month, value: month, unit: String::new(), rough: false, span: word.span },
            1,
        ));
    }
    let (mut value, tail, written) = if word.folded.starts_with(|c: char| c.is_ascii_digit()) {
        digits(&word.folded)?
    } else {
        (look_up(WORDS, &word.folded)?, "", false)
    };
    let mut used = 1;
    let gap =
        |used: usize| words.get(at + used).map(|next| (&text[words[at + used - 1].span.end..next.span.start], next));
    if !written && (20.0..100.0).contains(&value) {
        // "twenty-five", "thirty first"
        if let Some((" " | "-", next)) = gap(1)
            && let Some(unit) = look_up(WORDS, &next.folded)
            && (1.0..10.0).contains(&unit)
        {
            value += unit;
            used += 1;
        }
    }
    let mut scaled = false;
    if let Some(scale) = look_up(SCALES, tail).filter(|_| !tail.is_empty()) {
        value *= scale;
        scaled = true;
    }
    while let Some((" " | "-" | "\u{a0}" | "\n", next)) = gap(used) {
        let Some(scale) = look_up(SCALES, &next.folded).filter(|_| next.folded.len() > 1) else { break };
        value *= scale;
        scaled = true;
        used += 1;
    }
    let end = words[at + used - 1].span.end;
    let unit = unit(text, word.span.start, end, gap(used).map(|(_, next)| next), tail);
    let is_year =
        written && !scaled && unit.is_empty() && word.folded.len() - tail.len() == 4 && YEARS.contains(&value);
    let kind = if is_year && matches!(tail, "" | "s") { Kind::Year } else { Kind::Number };
    let hedged = at > 0 && HEDGES.contains(&words[at - 1].folded.as_str())
        || at > 1 && HEDGES.contains(&words[at - 2].folded.as_str());
    let rough = hedged || scaled;
    Some((Quantity { kind, value, unit, rough, span: ByteSpan::new(word.span.start, end) }, used))
}

/// The value of a word that starts with a digit, and the letters after it.
fn digits(folded: &str) -> Option<(f64, &str, bool)> {
    let end = folded.find(|c: char| !(c.is_ascii_digit() || c == ',' || c == '.')).unwrap_or(folded.len());
    let tail = &folded[end..];
    let known = tail.is_empty() || matches!(tail, "st" | "nd" | "rd" | "th" | "s") || look_up(SCALES, tail).is_some();
    let number = folded[..end].replace(',', "");
    // "2.4.1" is a version: a name and not a number.
    let known = known || look_up(UNITS, tail).is_some();
    known.then(|| number.parse().ok()).flatten().map(|value| (value, tail, true))
}

fn unit(text: &str, start: usize, end: usize, next: Option<&Word>, tail: &str) -> String {
    let before = text[..start].trim_end().chars().next_back();
    if let Some(sign) = before.and_then(|c| look_up(CURRENCIES, c.encode_utf8(&mut [0; 4]))) {
        return sign.to_owned();
    }
    let rest = text[end..].trim_start();
    if rest.starts_with('%') || rest.starts_with("per cent") {
        return "%".to_owned();
    }
    if let Some(unit) = look_up(UNITS, tail).filter(|_| !tail.is_empty() && look_up(SCALES, tail).is_none()) {
        return unit.to_owned();
    }
    if let Some(rest) = rest.strip_prefix('°') {
        return format!("°{}", rest.trim_start().chars().next().map_or(' ', |c| c.to_ascii_lowercase()))
            .trim()
            .to_owned();
    }
    let next = next.filter(|next| text[end..next.span.start].chars().all(|c| c.is_whitespace() || c == '-'));
    let named = next.and_then(|next| look_up(CURRENCIES, &next.folded).or_else(|| look_up(UNITS, &next.folded)));
    named.unwrap_or_default().to_owned()
}

/// The month that word `at` names. "may" and "march" need a capital and a date's word beside them.
fn month(text: &str, words: &[Word], at: usize) -> Option<f64> {
    let word = &words[at];
    let folded = if word.folded == "sept" { "sep" } else { &word.folded };
    if !word.capital || folded.len() < 3 {
        return None;
    }
    let index = MONTHS.iter().position(|month| *month == folded || folded.len() == 3 && month.starts_with(folded))?;
    let is_digit = |word: &Word| word.folded.starts_with(|c: char| c.is_ascii_digit());
    if folded.len() == 3 || matches!(folded, "march" | "august") {
        let preposition = |word: &Word| {
            matches!(
                &*word.folded,
                "in" | "on" | "of" | "since" | "until" | "by" | "from" | "early" | "late" | "mid" | "last" | "to"
            )
        };
        let near_before = at > 0 && (is_digit(&words[at - 1]) || preposition(&words[at - 1]));
        let near_after = words.get(at + 1).is_some_and(|next| is_digit(next) && next.span.start - word.span.end <= 2);
        if !near_before && !near_after && text.len() > word.span.len() {
            return None;
        }
    }
    Some(index as f64 + 1.0)
}

/// Turns the number beside a month into a day, and ISO dates into their parts.
fn mark_days(text: &str, found: &mut [Quantity]) {
    for index in 0..found.len() {
        let is_day = |q: &Quantity| {
            q.kind == Kind::Number && q.unit.is_empty() && (1.0..=31.0).contains(&q.value) && q.value.fract() == 0.0
        };
        if found[index].kind == Kind::Month {
            let month = found[index].span;
            if found.get(index + 1).is_some_and(|next| is_day(next) && next.span.start - month.end <= 2) {
                found[index + 1].kind = Kind::Day;
            } else if index > 0
                && is_day(&found[index - 1])
                && matches!(text[found[index - 1].span.end..month.start].trim(), "" | "of")
            {
                found[index - 1].kind = Kind::Day;
            }
        }
        let iso = found[index].kind == Kind::Year
            && found.get(index + 2).is_some_and(|day| {
                is_day(day) && is_day(&found[index + 1]) && day.span.end - found[index].span.start == "2024-01-31".len()
            });
        if iso && text[found[index].span.end..].starts_with('-') {
            found[index + 1].kind = Kind::Month;
            found[index + 2].kind = Kind::Day;
        }
    }
}

/// Whether `held` bears out `claimed`: the same kind and value, or for a figure given as round, equal once rounded to as many
/// figures as are claimed, two at least.
#[must_use]
pub fn agrees(claimed: &Quantity, held: &Quantity) -> bool {
    let alike = |a: Kind, b: Kind| a == b || !matches!((a, b), (Kind::Month, _) | (_, Kind::Month));
    if !alike(claimed.kind, held.kind) {
        return false;
    }
    let (value, other) = (claimed.value, held.value);
    if (value - other).abs() <= 1e-9 * value.abs().max(1.0) {
        return true;
    }
    if !claimed.rough || claimed.kind != Kind::Number || value < 10.0 || other < 10.0 {
        return false;
    }
    // The coarsest power of ten that divides the claimed figure, but two figures must remain.
    let coarsest = value.log10().floor() as i32 - 1;
    (0..=coarsest.clamp(0, 15)).map(|power| 10f64.powi(power)).any(|step| {
        let steps = value / step;
        (steps - steps.round()).abs() < 1e-6 && (other / step).round() == steps.round()
    })
}
