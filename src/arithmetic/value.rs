//! Exact amounts with units, and dates, in; sums, products and differences of them out, or why they make no sense.

use std::fmt;

use jiff::civil::Date;
use jiff::{Span, Unit as Calendar};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// What an amount is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nothing.
    Plain,
    /// Hundredths; `25 bps` is `0.25%`.
    Percent,
    /// A currency, by its ISO code.
    Currency(&'static str),
    /// Days; a week is seven.
    Days,
    /// Calendar months; a year is twelve.
    Months,
}

/// A result of the calculator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A number with its unit.
    Amount(Decimal, Unit),
    /// A day.
    Date(Date),
}

/// Currencies as they are written, with their ISO codes.
pub(super) const CURRENCIES: [(&str, &str); 24] = [
    ("$", "USD"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("¥", "JPY"),
    ("usd", "USD"),
    ("eur", "EUR"),
    ("gbp", "GBP"),
    ("jpy", "JPY"),
    ("chf", "CHF"),
    ("cny", "CNY"),
    ("inr", "INR"),
    ("cad", "CAD"),
    ("aud", "AUD"),
    ("sek", "SEK"),
    ("nok", "NOK"),
    ("dkk", "DKK"),
    ("pln", "PLN"),
    ("dollar", "USD"),
    ("dollars", "USD"),
    ("euro", "EUR"),
    ("euros", "EUR"),
    ("pound", "GBP"),
    ("pounds", "GBP"),
    ("yen", "JPY"),
];

impl Unit {
    /// Its name in results; empty for plain numbers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Percent => "%",
            Self::Currency(code) => code,
            Self::Days => "days",
            Self::Months => "months",
        }
    }

    fn said(self) -> &'static str {
        if self == Self::Plain { "a plain number" } else { self.name() }
    }
}

fn too_large() -> String {
    "the result is too large for 28 digits".into()
}

impl Value {
    /// A number without a unit.
    #[must_use]
    pub fn plain(number: Decimal) -> Self {
        Self::Amount(number, Unit::Plain)
    }

    /// The number that it is when its unit is left out: 12.5% is 0.125. None for dates.
    #[must_use]
    pub fn number(self) -> Option<Decimal> {
        match self {
            Self::Amount(number, Unit::Percent) => number.checked_div(Decimal::ONE_HUNDRED),
            Self::Amount(number, _) => Some(number),
            Self::Date(_) => None,
        }
    }

    /// What it is counted in; `date` for dates.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Amount(_, unit) => unit.name(),
            Self::Date(_) => "date",
        }
    }

    pub(super) fn add(self, other: Self) -> Result<Self, String> {
        match (self, other) {
            (Self::Date(date), amount @ Self::Amount(..)) | (amount @ Self::Amount(..), Self::Date(date)) => {
                later(date, amount)
            }
            (Self::Amount(a, one), Self::Amount(b, two)) => {
                Ok(Self::Amount(a.checked_add(b).ok_or_else(too_large)?, together(one, two)?))
            }
            (Self::Date(_), Self::Date(_)) => {
                Err("two dates cannot be added; subtract them for the days between".into())
            }
        }
    }

    pub(super) fn subtract(self, other: Self) -> Result<Self, String> {
        match (self, other) {
            (Self::Date(one), Self::Date(two)) => between(two, one, Calendar::Day),
            (_, Self::Amount(..)) => self.add(other.negate()),
            (Self::Amount(..), Self::Date(_)) => Err("a date cannot be subtracted from a number".into()),
        }
    }

    pub(super) fn multiply(self, other: Self) -> Result<Self, String> {
        let (Self::Amount(a, one), Self::Amount(b, two)) = (self, other) else {
            return Err("a date cannot be multiplied".into());
        };
        let (a, b, unit) = match (one, two) {
            (Unit::Percent, unit) => (a / Decimal::ONE_HUNDRED, b, unit),
            (unit, Unit::Percent) => (a, b / Decimal::ONE_HUNDRED, unit),
            (Unit::Plain, unit) | (unit, Unit::Plain) => (a, b, unit),
            _ => return Err(format!("{} times {} makes no sense", one.name(), two.name())),
        };
        Ok(Self::Amount(a.checked_mul(b).ok_or_else(too_large)?, unit))
    }

    pub(super) fn divide(self, other: Self) -> Result<Self, String> {
        let (Self::Amount(a, one), Self::Amount(b, two)) = (self, other) else {
            return Err("a date cannot be divided".into());
        };
        if b.is_zero() {
            return Err("division by zero".into());
        }
        let (b, unit) = match (one, two) {
            _ if one == two => (b, Unit::Plain),
            (unit, Unit::Percent) => (b / Decimal::ONE_HUNDRED, unit),
            (unit, Unit::Plain) => (b, unit),
            _ => return Err(format!("{} divided by {} makes no sense", one.said(), two.said())),
        };
        if b.is_zero() {
            return Err("division by a number too small for 28 digits".into());
        }
        Ok(Self::Amount(a.checked_div(b).ok_or_else(too_large)?, unit))
    }

    pub(super) fn power(self, other: Self) -> Result<Self, String> {
        let (Self::Amount(base, unit @ (Unit::Plain | Unit::Percent)), Self::Amount(exponent, Unit::Plain)) =
            (self, other)
        else {
            return Err("only plain numbers have powers".into());
        };
        let whole = exponent.is_integer().then(|| exponent.to_i64()).flatten().filter(|whole| whole.abs() <= 1_000);
        let whole = whole.ok_or("an exponent is a whole number from -1000 to 1000")?;
        let base = if unit == Unit::Percent { base / Decimal::ONE_HUNDRED } else { base };
        if base.is_zero() && whole < 0 {
            return Err("division by zero".into());
        }
        power(base, whole).map(Self::plain).ok_or_else(too_large)
    }

    pub(super) fn negate(self) -> Self {
        match self {
            Self::Amount(number, unit) => Self::Amount(-number, unit),
            date @ Self::Date(_) => date,
        }
    }
}

/// By squaring; none when a step leaves 28 digits.
fn power(base: Decimal, exponent: i64) -> Option<Decimal> {
    let mut result = Decimal::ONE;
    let mut square = base;
    let mut left = exponent.unsigned_abs();
    while left > 0 {
        if left & 1 == 1 {
            result = result.checked_mul(square)?;
        }
        left >>= 1;
        if left > 0 {
            square = square.checked_mul(square)?;
        }
    }
    if exponent >= 0 { Some(result) } else { Decimal::ONE.checked_div(result) }
}

/// The unit of a sum. A plain number takes the other's unit, except that percent would be ambiguous: 200 + 10% is 220 to
/// some and 200.1 to others.
pub(super) fn together(one: Unit, two: Unit) -> Result<Unit, String> {
    match (one, two) {
        _ if one == two => Ok(one),
        (Unit::Percent, _) | (_, Unit::Percent) => {
            Err("a percentage cannot be added to an amount; write 200 * (1 + 10%) or 200 + 10% of 200".into())
        }
        (Unit::Plain, unit @ Unit::Currency(_)) | (unit @ Unit::Currency(_), Unit::Plain) => Ok(unit),
        _ => Err(format!("{} and {} cannot be added", one.said(), two.said())),
    }
}

/// The date `amount` days or months later; the last day of a shorter month stands for days that it lacks.
pub(super) fn later(date: Date, amount: Value) -> Result<Value, String> {
    let Value::Amount(number, unit) = amount else { return Err("two dates cannot be added".into()) };
    let whole = number.is_integer().then(|| number.to_i64()).flatten().ok_or("dates move by whole days or months")?;
    let span = match unit {
        Unit::Days => Span::new().try_days(whole),
        Unit::Months => Span::new().try_months(whole),
        _ => return Err(format!("a date moves by days or months, not by {}", unit.said())),
    };
    let moved = span.and_then(|span| date.checked_add(span)).map_err(|_| "the date is out of range".to_string())?;
    Ok(Value::Date(moved))
}

/// Whole `calendar` units from one date to another.
pub(super) fn between(from: Date, to: Date, calendar: Calendar) -> Result<Value, String> {
    let span = from.until((calendar, to)).map_err(|_| "the dates are out of range".to_string())?;
    Ok(match calendar {
        Calendar::Year => Value::plain(span.get_years().into()),
        Calendar::Month => Value::Amount(span.get_months().into(), Unit::Months),
        _ => Value::Amount(span.get_days().into(), Unit::Days),
    })
}

impl fmt::Display for Value {
    /// For people: thousands separated, the unit beside the number.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => write!(formatter, "{date}"),
            Self::Amount(number, unit) => {
                let number = grouped(&number.normalize().to_string());
                match unit {
                    Unit::Plain => write!(formatter, "{number}"),
                    Unit::Percent => write!(formatter, "{number}%"),
                    unit => write!(formatter, "{number} {}", unit.name()),
                }
            }
        }
    }
}

/// The digits of a number in groups of three, its sign before and what is behind its point as it is.
#[must_use]
pub fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, part) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let mut out = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(part) = part {
        out.push('.');
        out.push_str(part);
    }
    out
}
