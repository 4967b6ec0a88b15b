//! A count of days and the parts of a date that are asked for go in, the date as text comes out.

use super::Token;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
/// Days from 1899-12-30, the day zero of spreadsheets, to 1970-01-01.
const EPOCH_DAYS: i64 = 25_569;
/// Days from 1899-12-30 to 1904-01-01, the other day zero.
const EPOCH_1904_DAYS: i64 = 1_462;
/// The day 1900-02-29, which spreadsheets count and no calendar has.
const LEAP_DAY: i64 = 60;
/// The last day that has a date: 9999-12-31.
const DAYS_MAX: f64 = 2_958_466.0;
const DAY_MS: i64 = 86_400_000;

/// A point in time, as a spreadsheet counts it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    year: i64,
    month: usize,
    day: i64,
    weekday: usize,
    /// Within the day, and since day zero.
    day_ms: i64,
    all_ms: i64,
}

impl Moment {
    /// The moment `days` after day zero, rounded to `precision` digits of a second; none where no date is shown for it.
    pub(super) fn new(days: f64, is_1904: bool, precision: usize) -> Option<Self> {
        if !(0.0..DAYS_MAX).contains(&days) {
            return None;
        }
        let step = 10_i64.pow(3 - precision.min(3) as u32);
        let all_ms = ((days * DAY_MS as f64) / step as f64).round() as i64 * step;
        let mut day = all_ms.div_euclid(DAY_MS);
        if is_1904 {
            day += EPOCH_1904_DAYS;
        } else if day < LEAP_DAY && day > 0 {
            day += 1;
        }
        let (year, month, of_month) = civil(day - EPOCH_DAYS);
        let weekday = (day - 1).rem_euclid(7) as usize;
        Some(Self { year, month, day: of_month, weekday, day_ms: all_ms.rem_euclid(DAY_MS), all_ms })
    }

    /// The parts that `tokens` ask for.
    pub(super) fn show(&self, tokens: &[Token]) -> String {
        let has_noon = tokens.contains(&Token::Noon);
        let mut text = String::new();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                Token::Literal(literal) => text.push_str(literal),
                Token::Date('m', count) if is_minutes(tokens, at) => push(&mut text, self.day_ms / 60_000 % 60, *count),
                Token::Date(letter, count) => self.part(&mut text, *letter, *count, has_noon),
                Token::Elapsed(letter, count) => {
                    let unit = match letter {
                        'h' => 3_600_000,
                        'm' => 60_000,
                        _ => 1000,
                    };
                    push(&mut text, self.all_ms / unit, *count);
                }
                Token::Fraction(digits) => {
                    let ms = format!("{:03}", self.day_ms % 1000);
                    text.push('.');
                    text.push_str(&ms[..(*digits).min(3)]);
                }
                Token::Noon => text.push_str(if self.day_ms < DAY_MS / 2 { "AM" } else { "PM" }),
                Token::Slash => text.push('/'),
                Token::Point => text.push('.'),
                Token::Comma => text.push(','),
                Token::Percent => text.push('%'),
                Token::Digit(_) | Token::Exponent | Token::Text | Token::General => {}
            }
        }
        text.trim().to_owned()
    }

    fn part(&self, text: &mut String, letter: char, count: usize, has_noon: bool) {
        match (letter, count) {
            ('y', 1 | 2) => push(text, self.year % 100, 2),
            ('y', _) => push(text, self.year, 4),
            ('m', 3) => text.push_str(&MONTHS[self.month - 1][..3]),
            ('m', 4) => text.push_str(MONTHS[self.month - 1]),
            ('m', 5) => text.push_str(&MONTHS[self.month - 1][..1]),
            ('m', _) => push(text, self.month as i64, count),
            ('d', 3) => text.push_str(&DAYS[self.weekday][..3]),
            ('d', 4..) => text.push_str(DAYS[self.weekday]),
            ('d', _) => push(text, self.day, count),
            ('h', _) => {
                let hour = self.day_ms / 3_600_000;
                push(text, if has_noon { (hour + 11) % 12 + 1 } else { hour }, count);
            }
            _ => push(text, self.day_ms / 1000 % 60, count),
        }
    }
}

fn push(text: &mut String, number: i64, width: usize) {
    let width = width.min(4);
    text.push_str(&format!("{number:0width$}"));
}

/// Whether the `m` at `at` stands for minutes: next to hours or seconds.
fn is_minutes(tokens: &[Token], at: usize) -> bool {
    let time = |token: &&Token| matches!(token, Token::Date(..) | Token::Elapsed(..));
    let before = tokens[..at].iter().rev().find(time);
    let after = tokens[at + 1..].iter().find(time);
    matches!(before, Some(Token::Date('h', _) | Token::Elapsed('h', _)))
        || matches!(after, Some(Token::Date('s', _) | Token::Elapsed('s', _)))
}

/// Year, month and day of the day `days` after 1970-01-01 (H. Hinnant, `civil_from_days`).
fn civil(days: i64) -> (i64, usize, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as usize, day)
}
