//! Words go in, the days, months, quarters and years that they name come out; knows neither tables nor questions.

use std::ops::Range;

use crate::lexicon::folded;
use crate::months::month;

/// A point or stretch of time, as far as it is named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Period {
    /// The year.
    pub(super) year: Option<i32>,
    /// The quarter of a business year, 1 to 4.
    pub(super) quarter: Option<u8>,
    /// The month that it ends in.
    pub(super) month: Option<u8>,
    /// The day that it ends on.
    pub(super) day: Option<u8>,
    /// How many months it lasts.
    pub(super) months: Option<u8>,
}

impl Period {
    /// Whether nothing of it is named.
    #[must_use]
    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Year, month and day as a number that grows with time; what is not named counts as the latest.
    #[must_use]
    pub(super) fn order(self) -> i64 {
        let quarter_month = self.quarter.map(|quarter| quarter * 3);
        let month = self.month.or(quarter_month).unwrap_or(12);
        i64::from(self.year.unwrap_or(0)) * 10_000 + i64::from(month) * 100 + i64::from(self.day.unwrap_or(31))
    }
}

/// Words that belong to a period without naming one.
const AROUND: &[&str] = &[
    "ended",
    "ending",
    "end",
    "period",
    "month",
    "quarter",
    "quarterly",
    "year",
    "fiscal",
    "week",
    "half",
    "unaudited",
    "audited",
    "date",
    "annual",
    "calendar",
    "fy",
    "day",
    "three",
    "six",
    "nine",
    "twelve",
    "thirteen",
    "last",
    "close",
    "to",
];

/// Whether a folded word belongs to a period without naming one.
#[must_use]
pub(super) fn is_around(word: &str) -> bool {
    AROUND.contains(&word)
}

/// The periods that `words`, which are folded, name, each with the words that name it. Lengths without a date are periods as well.
#[must_use]
pub(super) fn periods(words: &[String]) -> Vec<(Period, Range<usize>)> {
    let mut found: Vec<(Period, Range<usize>)> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match period_at(words, at) {
            Some((period, length)) => {
                found.push((period, at..at + length));
                at += length;
            }
            None => at += 1,
        }
    }
    let mut found = join(found);
    found.iter_mut().for_each(|(period, range)| lengthen(period, range, words));
    found
}

/// A date after `quarter ended`, `half year to` or `year ended` is the end of that stretch.
fn lengthen(period: &mut Period, range: &mut Range<usize>, words: &[String]) {
    const AHEAD: usize = 4;
    const ENDS: [&str; 5] = ["ended", "ending", "to", "through", "until"];
    if period.day.is_none() || period.months.is_some() || period.quarter.is_some() {
        return;
    }
    let from = range.start.saturating_sub(AHEAD);
    let before = &words[from..range.start];
    let at = |list: &[&str]| before.iter().rposition(|word| list.contains(&word.as_str()));
    let Some(stretch) = at(&["quarter", "half", "year", "trimester"]) else { return };
    // `the end of the quarter, June 30` is a day.
    let is_day = words[..from + stretch].iter().rev().take(3).any(|word| word == "end" || word == "close");
    let after = &before[stretch + 1..];
    let leads =
        after.iter().all(|word| ENDS.contains(&word.as_str()) || ["that", "which", "on"].contains(&word.as_str()));
    if is_day || !leads || !after.iter().any(|word| ENDS.contains(&word.as_str())) {
        return;
    }
    let is_half = before[..=stretch].iter().any(|word| word == "half");
    period.months = Some(match before[stretch].as_str() {
        "quarter" | "trimester" => 3,
        _ if is_half => 6,
        _ => 12,
    });
    range.start = from + stretch;
}

/// The one period that a name of a column names: all its parts together.
#[must_use]
pub(super) fn period_of(text: &str) -> Period {
    let mut whole = Period::default();
    for (part, _) in periods(&folded(text)) {
        whole = Period {
            year: part.year.or(whole.year),
            quarter: part.quarter.or(whole.quarter),
            month: part.month.or(whole.month),
            day: part.day.or(whole.day),
            months: part.months.or(whole.months),
        };
    }
    whole
}

/// A length before a date is that of the time that ends then: `three months ended June 30, 2023`.
fn join(found: Vec<(Period, Range<usize>)>) -> Vec<(Period, Range<usize>)> {
    let mut joined: Vec<(Period, Range<usize>)> = Vec::new();
    for (period, range) in found {
        if let Some((last, words)) = joined.last_mut() {
            let is_length =
                last.months.is_some() && last.year.is_none() && last.month.is_none() && last.quarter.is_none();
            let near = range.start.saturating_sub(words.end) <= 3;
            if is_length && near && period.months.is_none() {
                *last = Period { months: last.months, ..period };
                words.end = range.end;
                continue;
            }
            // `June 30, 2023 and 2022`: a year alone after a date has its day.
            let is_year = period.month.is_none() && period.quarter.is_none() && period.months.is_none();
            if is_year && near && (last.day.is_some() || last.quarter.is_some()) && last.year.is_some() {
                let day = Period { year: period.year, ..*last };
                joined.push((day, range));
                continue;
            }
        }
        joined.push((period, range));
    }
    joined
}

fn period_at(words: &[String], at: usize) -> Option<(Period, usize)> {
    let word = |offset: usize| words.get(at + offset).map_or("", String::as_str);
    let year = |offset: usize| year(word(offset));
    if let Some(month) = month(word(0)) {
        // `may` is a verb more often than a month, unless a number follows.
        let day = day(word(1)).filter(|_| year(2).is_some() || year(1).is_none());
        return match (day, year(1), year(2)) {
            (Some(day), _, after) => Some((
                Period { month: Some(month), day: Some(day), year: after, ..Period::default() },
                2 + usize::from(after.is_some()),
            )),
            (None, Some(after), _) => Some((Period { month: Some(month), year: Some(after), ..Period::default() }, 2)),
            _ => None,
        };
    }
    if let (Some(day), Some(month)) = (day(word(0)), month(word(1))) {
        let after = year(2);
        return Some((
            Period { month: Some(month), day: Some(day), year: after, ..Period::default() },
            2 + usize::from(after.is_some()),
        ));
    }
    if let Some((quarter, length)) = quarter_at(words, at) {
        let skipped = (length..length + 4)
            .take_while(|&offset| ["of", "fiscal", "year", "the", "in", "for", "fy"].contains(&word(offset)))
            .count();
        let after = year(length + skipped).or_else(|| short_year(word(length + skipped)));
        let length = if after.is_some() { length + skipped + 1 } else { length };
        return Some((Period { quarter: Some(quarter), year: after, ..Period::default() }, length));
    }
    if let (Some(year), Some((quarter, length))) = (year(0), quarter_at(words, at + 1)) {
        return Some((Period { quarter: Some(quarter), year: Some(year), ..Period::default() }, 1 + length));
    }
    if ["first", "opening"].contains(&word(0)) {
        if word(1) == "half" {
            return Some((Period { months: Some(6), ..Period::default() }, 2));
        }
        if let Some(months) = length_at(word(1), word(2)) {
            return Some((Period { months: Some(months), ..Period::default() }, 3));
        }
    }
    // `Due within the next twelve months` is no stretch that figures are of.
    let is_ahead =
        at.checked_sub(1).is_some_and(|at| ["within", "next", "following", "coming"].contains(&words[at].as_str()));
    if let Some(months) = length_at(word(0), word(1)).filter(|_| !is_ahead) {
        return Some((Period { months: Some(months), ..Period::default() }, 2));
    }
    if let Some(year) = short_year(word(0)) {
        return Some((Period { year: Some(year), ..Period::default() }, 1));
    }
    // `2023-06-30`, split at its signs.
    if let (Some(year), Ok(month @ 1..=12), Some(day)) = (year(0), word(1).parse::<u8>(), day(word(2)))
        && word(1).len() == 2
        && word(2).len() == 2
    {
        return Some((Period { year: Some(year), month: Some(month), day: Some(day), ..Period::default() }, 3));
    }
    year(0).map(|year| (Period { year: Some(year), ..Period::default() }, 1))
}

/// `q3`, `third quarter`, `quarter 3`, `3rd quarter`.
fn quarter_at(words: &[String], at: usize) -> Option<(u8, usize)> {
    let word = |offset: usize| words.get(at + offset).map_or("", String::as_str);
    let number = |text: &str| text.parse::<u8>().ok().filter(|quarter| (1..=4).contains(quarter));
    if let Some(quarter) = word(0).strip_prefix('q').and_then(number) {
        return Some((quarter, 1));
    }
    let ordinal = match word(0) {
        "first" | "1st" | "1" => Some(1),
        "second" | "2nd" => Some(2),
        "third" | "3rd" => Some(3),
        "fourth" | "4th" => Some(4),
        _ => None,
    };
    let skip = usize::from(word(1) == "fiscal");
    if word(1 + skip) == "quarter" && !matches!(word(0), "1") {
        return ordinal.map(|quarter| (quarter, 2 + skip));
    }
    (word(0) == "quarter").then(|| number(word(1))).flatten().map(|quarter| (quarter, 2))
}

/// `three months`, `39 weeks`; the words are in the singular.
fn length_at(number: &str, unit: &str) -> Option<u8> {
    let number: u8 = match number {
        "three" => 3,
        "six" => 6,
        "nine" => 9,
        "twelve" => 12,
        "thirteen" => 13,
        other => other.parse().ok()?,
    };
    match unit {
        "month" if (1..=60).contains(&number) => Some(number),
        "week" => match number {
            12..=14 => Some(3),
            25..=27 => Some(6),
            38..=40 => Some(9),
            51..=53 => Some(12),
            _ => None,
        },
        _ => None,
    }
}

/// `fy23`, `fy2023`.
fn short_year(word: &str) -> Option<i32> {
    let short = word.strip_prefix("fy")?;
    if short.len() == 2 { year(&format!("20{short}")) } else { year(short) }
}

fn year(word: &str) -> Option<i32> {
    word.parse().ok().filter(|year| word.len() == 4 && (1900..2100).contains(year))
}

fn day(word: &str) -> Option<u8> {
    let digits = word.trim_end_matches(|c: char| c.is_alphabetic());
    let suffix = &word[digits.len()..];
    digits.parse().ok().filter(|day| (1..=31).contains(day) && ["", "st", "nd", "rd", "th"].contains(&suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let show = |(p, _): &(Period, Range<usize>)| {
            let part = |name: &str, value: Option<i32>| value.map(|value| format!("{name}{value}")).unwrap_or_default();
            format!(
                "{}{}{}{}{}",
                part("y", p.year),
                part("q", p.quarter.map(i32::from)),
                part("m", p.month.map(i32::from)),
                part("d", p.day.map(i32::from)),
                part("n", p.months.map(i32::from))
            )
        };
        periods(&folded(text)).iter().map(show).collect()
    }

    #[test]
    fn periods_are_read_however_they_are_written() {
        for (text, expected) in [
            ("Three Months Ended July 1, 2023", vec!["y2023m7d1n3"]),
            ("for the nine months to 30 June 2023", vec!["y2023m6d30n9"]),
            ("in the third quarter of fiscal year 2023", vec!["y2023q3"]),
            ("2023 Q2 against Q2 2022", vec!["y2023q2", "y2022q2"]),
            ("June 30, 2023 and 2022", vec!["y2023m6d30", "y2022m6d30"]),
            ("39 weeks ended October 29, 2023", vec!["y2023m10d29n9"]),
            ("from 2021 to 2022", vec!["y2021", "y2022"]),
            ("as of 2023-06-30", vec!["y2023m6d30"]),
            ("what may they pay", vec![]),
            ("Unit 2 has 12 rooms", vec![]),
            ("March 2024 and FY23", vec!["y2024m3", "y2023"]),
            ("in the quarter that ended on July 1, 2023", vec!["y2023m7d1n3"]),
            ("the half year to June 30, 2023", vec!["y2023m6d30n6"]),
            ("for the fiscal year ended June 30, 2023", vec!["y2023m6d30n12"]),
            ("at the end of the quarter, June 30, 2023", vec!["y2023m6d30"]),
            ("the third quarter of FY23", vec!["y2023q3"]),
            ("due within the next twelve months on July 1, 2023", vec!["y2023m7d1"]),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        assert_eq!(
            period_of("Six Months Ended | June 30, 2023"),
            Period { months: Some(6), month: Some(6), day: Some(30), year: Some(2023), quarter: None }
        );
    }
}
