//! Text to the numbers, dates, units and names in it, in one normal form; does not know which of them matter.

use super::lexical::{Word, words};
use crate::document::ByteSpan;
use crate::months::month;

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
    /// The step it is rounded to, in its own unit: two figures after "about" and the like, the last digit shown before a scale
    /// word (`0.1e9` for `4.2 billion`), and 0 for a figure that is exact.
    pub step: f64,
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
    ("quarters", "q"),
    ("decades", "decade"),
    ("tonnes", "t"),
    ("tonne", "t"),
    ("tons", "t"),
    ("lb", "lb"),
    ("lbs", "lb"),
    ("ounces", "oz"),
    ("oz", "oz"),
    ("inches", "in"),
    ("inch", "in"),
    ("litre", "l"),
    ("liter", "l"),
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
/// Words that make the number after them a round figure.
const HEDGES: &[&str] = &["about", "approximately", "around", "roughly", "nearly", "almost", "some", "over", "circa"];
/// Four digits without comma, unit or scale are a year in this range.
const YEARS: std::ops::RangeInclusive<f64> = 1300.0..=2100.0;

/// Whether `word` names a unit or a currency.
pub(super) fn is_unit(word: &str) -> bool {
    look_up(UNITS, word).is_some() || look_up(CURRENCIES, word).is_some()
}

fn look_up<T: Copy>(table: &[(&str, T)], key: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == key).map(|&(_, value)| value)
}

/// The numbers, years and dates of `text` in order. "one" is mostly a pronoun, and a number only before a unit or a scale.
#[must_use]
pub fn quantities(text: &str) -> Vec<Quantity> {
    quantities_of(text, &words(text))
}

/// The same of a text whose words are known.
#[must_use]
pub fn quantities_of(text: &str, words: &[Word]) -> Vec<Quantity> {
    let mut found: Vec<Quantity> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match read(text, words, at) {
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
    if let Some(month) = month_at(text, words, at) {
        return Some((
            Quantity { kind: Kind::Month, value: month, unit: String::new(), step: 0.0, span: word.span },
            1,
        ));
    }
    let (mut value, tail, written) = if word.folded.starts_with(|c: char| c.is_ascii_digit()) {
        digits(&word.folded)?
    } else {
        (look_up(WORDS, &word.folded).or_else(|| one(text, words, at))?, "", false)
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
    let mut scale_all = 1.0;
    if let Some(scale) = look_up(SCALES, tail).filter(|_| !tail.is_empty()) {
        value *= scale;
        scale_all *= scale;
    }
    while let Some((" " | "-" | "\u{a0}" | "\n", next)) = gap(used) {
        let Some(scale) = look_up(SCALES, &next.folded).filter(|_| next.folded.len() > 1) else { break };
        value *= scale;
        scale_all *= scale;
        used += 1;
    }
    let end = words[at + used - 1].span.end;
    let unit = unit(text, word.span.start, end, gap(used).map(|(_, next)| next), tail);
    let is_year =
        written && scale_all <= 1.0 && unit.is_empty() && word.folded.len() - tail.len() == 4 && YEARS.contains(&value);
    let kind = if is_year && matches!(tail, "" | "s") { Kind::Year } else { Kind::Number };
    let hedged = at > 0 && HEDGES.contains(&words[at - 1].folded.as_str())
        || at > 1 && HEDGES.contains(&words[at - 2].folded.as_str());
    let decimals =
        word.folded.split_once('.').map_or(0, |(_, after)| after.bytes().take_while(u8::is_ascii_digit).count());
    let step = if hedged && value >= 10.0 {
        10f64.powi(value.log10().floor() as i32 - 1)
    } else if scale_all > 1.0 {
        scale_all / 10f64.powi(decimals.min(15) as i32)
    } else {
        0.0
    };
    Some((Quantity { kind, value, unit, step, span: ByteSpan::new(word.span.start, end) }, used))
}

/// "one month", "a single day", "one million": 1, where word `at` is that and no pronoun.
fn one(text: &str, words: &[Word], at: usize) -> Option<f64> {
    let next = words.get(at + 1).filter(|next| matches!(&text[words[at].span.end..next.span.start], " " | "-"))?;
    let counted = next.folded.len() > 1
        && (look_up(UNITS, &next.folded).is_some()
            || look_up(CURRENCIES, &next.folded).is_some()
            || look_up(SCALES, &next.folded).is_some()
            || matches!(next.folded.as_str(), "working" | "business" | "banking" | "calendar"));
    let points =
        at > 0 && matches!(words[at - 1].folded.as_str(), "no" | "this" | "that" | "which" | "any" | "every" | "each");
    (matches!(words[at].folded.as_str(), "one" | "single") && counted && !points).then_some(1.0)
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
    if let Some(unit) = look_up(UNITS, tail).filter(|_| tail != "s" && look_up(SCALES, tail).is_none()) {
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
fn month_at(text: &str, words: &[Word], at: usize) -> Option<f64> {
    let word = &words[at];
    let folded = &*word.folded;
    let number = month(folded).filter(|_| word.capital)?;
    let is_digit = |word: &Word| word.folded.starts_with(|c: char| c.is_ascii_digit());
    if folded.len() == 3 || matches!(folded, "sept" | "march" | "august") {
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
    Some(f64::from(number))
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

/// Whether `held` bears out `claimed`: a month for a month, else the same value whatever it counts, or the same once rounded to
/// the claim's step.
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
    // A coarser figure is borne out by a finer one, not the other way round.
    claimed.kind == Kind::Number
        && claimed.step > 0.0
        && ((value / claimed.step).round() - other / claimed.step).abs() <= 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(Kind, f64, &str)]) {
        let found: Vec<(Kind, f64, String)> = quantities(text).into_iter().map(|q| (q.kind, q.value, q.unit)).collect();
        let found: Vec<(Kind, f64, &str)> =
            found.iter().map(|(kind, value, unit)| (*kind, *value, unit.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn one_number_has_one_form() {
        for text in ["$4.2 billion", "$4.2bn", "$4,200 million", "4.2 billion dollars", "$4,200,000,000"] {
            check(text, &[(Kind::Number, 4.2e9, "$")]);
        }
        for text in ["5%", "5 %", "5 percent", "five per cent", "5.0 per cent"] {
            check(text, &[(Kind::Number, 5.0, "%")]);
        }
        check(
            "twenty-five or 25 or the third",
            &[(Kind::Number, 25.0, ""), (Kind::Number, 25.0, ""), (Kind::Number, 3.0, "")],
        );
        check("1,000 km in 12 hours", &[(Kind::Number, 1000.0, "km"), (Kind::Number, 12.0, "h")]);
    }

    #[test]
    fn dates_fall_into_parts() {
        let date = [(Kind::Day, 4.0, ""), (Kind::Month, 3.0, ""), (Kind::Year, 2021.0, "")];
        check("on 4 March 2021", &date);
        check("March 4, 2021", &[date[1], date[0], date[2]]);
        check("2021-03-04", &[date[2], date[1], date[0]]);
        check("They may march in the 1990s", &[(Kind::Year, 1990.0, "")]);
    }

    #[test]
    fn round_figures_agree_only_within_what_they_show() {
        let agree = |claimed: &str, held: &str| agrees(&quantities(claimed)[0], &quantities(held)[0]);
        assert!(agree("4.2 billion", "4,213 million") && agree("about 260,000", "263,400") && agree("1,000", "1000"));
        assert!(
            !agree("310 million", "312 million") && !agree("4.2 billion", "4.3 billion") && !agree("4,200", "4,213")
        );
        assert!(!agree("41.3%", "41%") && !agree("1,200", "1,150") && !agree("2 million", "2"));
    }
}
