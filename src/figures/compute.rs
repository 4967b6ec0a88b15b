//! Cells in, exact results and how they are written out; knows neither questions nor places.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};

use super::table::{Cell, Unit};
use crate::arithmetic::{Value, evaluate, grouped};
use crate::lexicon::{DAYS, RatioUnit};

/// Digits behind the point that a rounded result is shown with: of ratios, of percentages, of days.
const RATIO_DIGITS: u32 = 3;
const PERCENT_DIGITS: u32 = 2;
const DAY_DIGITS: u32 = 1;

/// A figure as it is said: `$1,577 million`, `(12.5)%` as `-12.5%`.
#[must_use]
pub(super) fn shown(cell: &Cell) -> String {
    amount(cell.value, cell.decimals, &cell.unit)
}

/// `value` with its unit.
#[must_use]
pub(super) fn amount(value: Decimal, decimals: u32, unit: &Unit) -> String {
    let mut digits = grouped(&format!("{:.*}", decimals as usize, value.abs()));
    let sign = if value.is_sign_negative() && !value.is_zero() { "-" } else { "" };
    if unit.is_percent {
        digits.push('%');
    }
    let scale = match unit.zeros {
        3 => " thousand",
        6 => " million",
        9 => " billion",
        _ => "",
    };
    format!("{sign}{}{digits}{scale}", unit.currency)
}

/// The value in units of one.
#[must_use]
pub(super) fn whole(cell: &Cell) -> Option<Decimal> {
    cell.value.checked_mul(Decimal::from(10_u64.checked_pow(cell.unit.zeros)?))
}

/// What a formula over named figures gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Computed {
    /// The exact value; a division that never ends is rounded at 28 digits.
    pub(super) value: Decimal,
    /// As it is said.
    pub(super) text: String,
    /// Whether that is rounded.
    pub(super) is_rounded: bool,
}

/// Computes `formula` over `given`. Amounts of one scale stay in it, others are counted in ones; the result of an amount is said in the unit
/// of the first.
///
/// # Errors
/// Why it makes no sense, in words.
pub(super) fn formula(
    formula: &str,
    given: &[(String, Cell)],
    days: Option<Decimal>,
    result: RatioUnit,
) -> Result<Computed, String> {
    let too_large = || "a figure has more than 28 digits".to_owned();
    let amounts: Vec<&Cell> = given.iter().map(|(_, cell)| cell).filter(|cell| !cell.value.is_zero()).collect();
    let zeros = amounts.first().map_or(0, |cell| cell.unit.zeros);
    let same_scale = amounts.iter().all(|cell| cell.unit.zeros == zeros);
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    for (name, cell) in given {
        let value = if same_scale { cell.value } else { whole(cell).ok_or_else(too_large)? };
        values.insert(name.clone(), Value::plain(value));
    }
    if let Some(days) = days {
        values.insert(DAYS.to_owned(), Value::plain(days));
    }
    let value = evaluate(formula, &values)?.number().ok_or("the result is no number")?;
    let first = amounts.first().map(|cell| cell.unit.clone()).unwrap_or_default();
    let unit = Unit { zeros: if same_scale { first.zeros } else { 0 }, ..first };
    Ok(match result {
        RatioUnit::Times => rounded(value, RATIO_DIGITS, &Unit::default()),
        RatioUnit::Percent => {
            let percent = value.checked_mul(Decimal::ONE_HUNDRED).ok_or_else(too_large)?;
            rounded(percent, PERCENT_DIGITS, &Unit { is_percent: true, ..Unit::default() })
        }
        RatioUnit::Days => {
            let mut computed = rounded(value, DAY_DIGITS, &Unit::default());
            computed.text.push_str(" days");
            computed
        }
        RatioUnit::Amount => {
            let decimals = given.iter().map(|(_, cell)| cell.decimals).max().unwrap_or(0);
            Computed {
                value,
                text: amount(value, decimals.max(value.normalize().scale().min(RATIO_DIGITS)), &unit),
                is_rounded: value.normalize().scale() > RATIO_DIGITS.max(decimals),
            }
        }
    })
}

/// `value` with at most `digits` behind the point.
#[must_use]
pub(super) fn rounded(value: Decimal, digits: u32, unit: &Unit) -> Computed {
    let short = value.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero).normalize();
    Computed { value, text: amount(short, short.scale(), unit), is_rounded: short != value.normalize() }
}

/// The sum and the mean of figures of one unit; none where they are of several.
#[must_use]
pub(super) fn sum(cells: &[&Cell]) -> Option<(Decimal, Decimal)> {
    let first = cells.first()?;
    let is_one = cells.iter().all(|cell| cell.unit == first.unit);
    let sum = cells.iter().try_fold(Decimal::ZERO, |sum, cell| sum.checked_add(cell.value))?;
    let mean = sum.checked_div(Decimal::from(cells.len()))?;
    is_one.then_some((sum, mean))
}

/// From one figure to another: the difference, and its share of the first in hundredths where that is above zero.
#[must_use]
pub(super) fn change(from: &Cell, to: &Cell) -> Option<(Decimal, Option<Decimal>)> {
    if from.unit.zeros != to.unit.zeros || from.unit.is_percent != to.unit.is_percent {
        return None;
    }
    let difference = to.value.checked_sub(from.value)?;
    let share = (from.value > Decimal::ZERO)
        .then(|| difference.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(from.value))
        .flatten();
    Some((difference, share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(value: &str, zeros: u32) -> Cell {
        let value = Decimal::from_str_exact(value).unwrap();
        Cell { value, decimals: value.scale(), unit: Unit { currency: "$".into(), zeros, is_percent: false } }
    }

    #[test]
    fn figures_are_said_with_their_units() {
        assert_eq!(shown(&cell("1577", 6)), "$1,577 million");
        assert_eq!(shown(&cell("-12.50", 0)), "-$12.50");
        let percent = Cell { unit: Unit { is_percent: true, ..Unit::default() }, ..cell("12.5", 0) };
        assert_eq!(shown(&percent), "12.5%");
    }

    #[test]
    fn formulas_are_exact_and_know_scales() {
        let given = vec![("a".to_owned(), cell("122659", 6)), ("b".to_owned(), cell("124963", 6))];
        let ratio = formula("a / b", &given, None, RatioUnit::Times).unwrap();
        assert_eq!((ratio.text.as_str(), ratio.is_rounded), ("0.982", true));
        assert_eq!(formula("a - b", &given, None, RatioUnit::Amount).unwrap().text, "-$2,304 million");
        let mixed = vec![("a".to_owned(), cell("2", 6)), ("b".to_owned(), cell("500", 3))];
        assert_eq!(formula("a + b", &mixed, None, RatioUnit::Amount).unwrap().text, "$2,500,000");
        assert_eq!(formula("b / a", &mixed, None, RatioUnit::Percent).unwrap().text, "25%");
        let days = Some(Decimal::from(90));
        assert_eq!(formula("b / a * days", &mixed, days, RatioUnit::Days).unwrap().text, "22.5 days");
        assert!(formula("a / (b - b)", &given, None, RatioUnit::Times).unwrap_err().contains("zero"));
    }

    #[test]
    fn changes_and_sums_are_exact() {
        assert_eq!(change(&cell("80", 6), &cell("100", 6)), Some((Decimal::from(20), Some(Decimal::from(25)))));
        assert_eq!(change(&cell("-80", 6), &cell("100", 6)).unwrap().1, None);
        assert_eq!(change(&cell("80", 3), &cell("100", 6)), None);
        assert_eq!(
            sum(&[&cell("1.5", 0), &cell("2", 0)]).map(|(sum, mean)| (sum.to_string(), mean.normalize().to_string())),
            Some(("3.5".into(), "1.75".into()))
        );
        assert_eq!(sum(&[&cell("1.5", 0), &cell("2", 3)]), None);
    }
}
