//! What a document says of its own date and version, in its name, title, headings and labelled dates; two documents to the newer of them.

use std::path::Path;

use crate::answer::{Hit, Side};
use crate::cite::evidence::Text;
use crate::cite::structure::{Dated, dates};
use crate::months::month;

/// Years that a number in a name may be.
const YEARS: std::ops::RangeInclusive<u32> = 1900..=2100;
/// Words before a date that make it the date of what they stand in.
const LABELS: &[&[&str]] = &[
    &["effective"],
    &["with", "effect"],
    &["in", "force"],
    &["into", "force"],
    &["valid", "from"],
    &["applies", "from"],
    &["apply", "from"],
    &["updated"],
    &["revised"],
    &["issued"],
    &["published"],
    &["dated"],
];
/// Words that may stand between such a label and its date.
const BETWEEN: &[&str] = &["date", "on", "from", "as", "of", "since", "is", "the", "last"];

/// When a document was written, and which version it is, as far as it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Edition {
    /// Year, month, day.
    pub(super) date: Option<When>,
    /// `2.1` as its numbers.
    version: Option<Vec<u32>>,
}

/// A day, or the month or year that is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct When {
    year: u32,
    month: Option<u32>,
    day: Option<u32>,
}

impl Edition {
    /// What `hits`, all of one document and the most telling first, say of it. A date that is labelled goes before one in the file's name or
    /// the title, and these before one in a heading.
    pub(super) fn of(hits: &[&Hit]) -> Self {
        let Some(first) = hits.first() else { return Self::default() };
        let stem = Path::new(&first.path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let title = hits.iter().find_map(|hit| hit.title.clone());
        let named: Vec<Self> = stem.iter().chain(&title).map(|text| Self::of_name(text)).collect();
        let headed = hits.iter().flat_map(|hit| &hit.heading).map(|heading| Self::of_name(heading));
        let told: Vec<Self> = named.into_iter().chain(headed).collect();
        let labelled = hits.iter().find_map(|hit| labelled_date(&hit.text));
        Self {
            date: labelled.or_else(|| told.iter().find_map(|edition| edition.date)),
            version: told.into_iter().find_map(|edition| edition.version),
        }
    }

    /// The date and version in a file's name, a title or a heading.
    fn of_name(name: &str) -> Self {
        let tokens = tokens(name);
        let mut edition = Self::default();
        for at in 0..tokens.len() {
            edition.date = edition.date.or_else(|| date_at(&tokens, at));
            if edition.version.is_none() {
                edition.version = version_at(&tokens, at);
            }
        }
        edition
    }

    /// Which of two is the newer; `None` where that is not told, or date and version tell otherwise. Versions of different works are not
    /// compared: `same_series` says that both are of one.
    pub(super) fn newer(&self, other: &Self, same_series: bool) -> Option<Side> {
        let by_date = self.date.zip(other.date).and_then(|(own, other)| own.later(other));
        let versions = self.version.as_ref().zip(other.version.as_ref()).filter(|_| same_series);
        let by_version = versions.and_then(|(own, other)| side(own.cmp(other)));
        match (by_date, by_version) {
            (Some(date), Some(version)) if date != version => None,
            (date, version) => date.or(version),
        }
    }
}

impl When {
    /// Which is later, as far as both are told.
    fn later(self, other: Self) -> Option<Side> {
        let parts = [(Some(self.year), Some(other.year)), (self.month, other.month), (self.day, other.day)];
        for (own, other) in parts {
            match own?.cmp(&other?) {
                std::cmp::Ordering::Equal => {}
                order => return side(order),
            }
        }
        None
    }
}

fn side(order: std::cmp::Ordering) -> Option<Side> {
    match order {
        std::cmp::Ordering::Less => Some(Side::Other),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(Side::Claim),
    }
}

/// Runs of letters and of digits in lower case, with the points inside numbers: `policy-v2.1` is `policy`, `v`, `2.1`.
pub(super) fn tokens(name: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut last = ' ';
    let chars: Vec<char> = name.to_lowercase().chars().collect();
    for (at, &c) in chars.iter().enumerate() {
        let is_digit = c.is_ascii_digit();
        let in_number = c == '.' && last.is_ascii_digit() && chars.get(at + 1).is_some_and(char::is_ascii_digit);
        let goes_on = match last {
            last if last.is_ascii_digit() || last == '.' => is_digit || in_number,
            last => last.is_alphabetic() && c.is_alphabetic(),
        };
        if goes_on {
            found.last_mut().expect("a token goes on that has begun").push(c);
        } else if c.is_alphanumeric() {
            found.push(c.to_string());
        }
        last = if c.is_alphanumeric() || in_number { c } else { ' ' };
    }
    found
}

/// Whether a token of a name tells its date or version, or is a word that only does so.
pub(super) fn tells_edition(token: &str) -> bool {
    const WORDS: &[&str] = &[
        "v", "ver", "version", "rev", "revision", "ed", "edition", "release", "q", "fy", "draft", "final", "old",
        "new", "copy", "current", "latest", "previous", "archive", "archived", "updated", "signed",
    ];
    token.starts_with(|c: char| c.is_ascii_digit()) || month(token).is_some() || WORDS.contains(&token)
}

fn number(token: Option<&String>, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
    token?.parse().ok().filter(|number| range.contains(number))
}

/// `2025`, `2025-03-01`, `20250301`, `2025.03`, `1 March 2025`, `mar-2025`, `q2 2025`, where it begins at the token `at`.
fn date_at(tokens: &[String], at: usize) -> Option<When> {
    let token = &tokens[at];
    if token.len() == 8 && token.bytes().all(|byte| byte.is_ascii_digit()) {
        return day_of(&[&token[..4], &token[4..6], &token[6..]]);
    }
    if token.contains('.') {
        let parts: Vec<&str> = token.split('.').collect();
        return day_of(&parts).filter(|_| parts[0].len() == 4);
    }
    if let Some(found) = month(token) {
        let year = number(tokens.get(at + 1), YEARS).or_else(|| number(tokens.get(at + 2), YEARS))?;
        let day = at.checked_sub(1).and_then(|before| number(tokens.get(before), 1..=31));
        let day = day.or_else(|| number(tokens.get(at + 1), 1..=31));
        return Some(When { year, month: Some(found.into()), day });
    }
    if token == "q" {
        let quarter = number(tokens.get(at + 1), 1..=4)?;
        let year = number(tokens.get(at + 2), YEARS)?;
        return Some(When { year, month: Some(3 * quarter), day: None });
    }
    let year = number(Some(token), YEARS).filter(|_| token.len() == 4)?;
    // `march 2025` and `v 2025` began before.
    let before = at.checked_sub(1).map(|before| tokens[before].as_str());
    if before.is_some_and(|before| month(before).is_some()) {
        return None;
    }
    let two = |at: usize| tokens.get(at).filter(|token| token.len() == 2);
    let after = tokens.get(at + 1).and_then(|token| month(token)).map(u32::from);
    let month = number(two(at + 1), 1..=12);
    let day = month.and_then(|_| number(two(at + 2), 1..=31));
    Some(When { year, month: month.or(after), day })
}

fn day_of(parts: &[&str]) -> Option<When> {
    let part = |at: usize, range: std::ops::RangeInclusive<u32>| {
        parts.get(at).and_then(|part| part.parse().ok()).filter(|number| range.contains(number))
    };
    let month = part(1, 1..=12);
    Some(When { year: part(0, YEARS)?, month, day: month.and_then(|_| part(2, 1..=31)) })
}

/// `v3`, `version 2.1`, `rev-4`.
fn version_at(tokens: &[String], at: usize) -> Option<Vec<u32>> {
    if !matches!(tokens[at].as_str(), "v" | "ver" | "version" | "rev" | "revision" | "edition" | "release") {
        return None;
    }
    let parts: Option<Vec<u32>> = tokens.get(at + 1)?.split('.').map(|part| part.parse().ok()).collect();
    parts.filter(|parts| !YEARS.contains(&parts[0]))
}

/// The date that a text gives as its own: "effective 1 March 2026". The last of several holds.
fn labelled_date(text: &str) -> Option<When> {
    let text = Text::new(text);
    let word = |at: usize| text.words.get(at).map_or("", |word| word.folded.as_str());
    let found = dates(&text).into_iter().filter_map(|Dated { start, year, month, day }| {
        let mut at = text.words.iter().position(|word| word.span.start >= start)?;
        while at > 0 && BETWEEN.contains(&word(at - 1)) && !LABELS.iter().any(|label| ends_at(label, at, &word)) {
            at -= 1;
        }
        let date = When { year: year?, month, day };
        LABELS.iter().any(|label| ends_at(label, at, &word)).then_some(date)
    });
    found.reduce(|a, b| if b.later(a) == Some(Side::Claim) { b } else { a })
}

/// Whether the words before `at` are `label`.
fn ends_at<'a>(label: &[&str], at: usize, word: &impl Fn(usize) -> &'a str) -> bool {
    at >= label.len() && label.iter().enumerate().all(|(step, wanted)| word(at - label.len() + step) == *wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::tests::hit;

    fn edition(path: &str, text: &str) -> Edition {
        Edition::of(&[&hit(path, 0, text)])
    }

    #[test]
    fn names_tell_dates_and_versions() {
        let day = |year, month, day| Some(When { year, month, day });
        for (name, date) in [
            ("policy-2024", day(2024, None, None)),
            ("policy_2025-03-01_final", day(2025, Some(3), Some(1))),
            ("20250301 policy", day(2025, Some(3), Some(1))),
            ("policy 2025.03", day(2025, Some(3), None)),
            ("Travel policy, 1 March 2025", day(2025, Some(3), Some(1))),
            ("policy-mar-2025", day(2025, Some(3), None)),
            ("Report Q2 2023", day(2023, Some(6), None)),
            ("policy v2", None),
            ("plan for 12 rooms", None),
        ] {
            assert_eq!(Edition::of_name(name).date, date, "{name}");
        }
        for (name, version) in [
            ("policy-v2.1", Some(vec![2, 1])),
            ("Handbook (version 10)", Some(vec![10])),
            ("rev_4", Some(vec![4])),
            ("v", None),
            ("policy 2", None),
        ] {
            assert_eq!(Edition::of_name(name).version, version, "{name}");
        }
    }

    #[test]
    fn the_newer_is_told_by_date_or_version_or_not_at_all() {
        for (a, b, newer) in [
            ("policy-2024.md", "policy-2025.md", Some(Side::Other)),
            ("policy-2025-06.md", "policy-2025-02.md", Some(Side::Claim)),
            ("policy-2025.md", "policy-2025-02.md", None),
            ("policy-v9.md", "policy-v10.md", Some(Side::Other)),
            ("policy-2024-v3.md", "policy-2025-v2.md", None),
            ("policy.md", "policy-2025.md", None),
        ] {
            assert_eq!(edition(a, "x").newer(&edition(b, "x"), true), newer, "{a} {b}");
        }
        assert_eq!(edition("a-v1.md", "x").newer(&edition("b-v2.md", "x"), false), None, "versions of two works");
    }

    #[test]
    fn a_labelled_date_goes_before_that_of_the_name() {
        let stated = edition("policy-2024.md", "Effective 1 March 2026. The fee is £40.");
        assert_eq!(stated.date, Some(When { year: 2026, month: Some(3), day: Some(1) }));
        for text in
            ["Last updated: 2026-03-01", "This policy is in force from 1 March 2026.", "Effective date: 1 March 2026"]
        {
            assert_eq!(edition("p.md", text).date, stated.date, "{text}");
        }
        assert_eq!(edition("p.md", "The lease ends on 1 March 2026.").date, None);
    }
}
