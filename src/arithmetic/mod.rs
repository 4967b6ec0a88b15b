//! Exact arithmetic: a formula in, its exact result out: decimals, percentages, units, currencies, dates; never floating point.
//!
//! `12.5% of $1,250.5 million`, `(total_debt - cash) / ebitda`, `2024-01-31 + 3 months`, `round(1,234 / 7, 2)`. A comma with exactly
//! three digits after it separates thousands; arguments are separated by a comma and a space, or by `;`. Results have up
//! to 28 digits; a division or a root that has more is rounded there.

mod formula;
mod read;
mod value;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

pub use formula::{CHARS_MAX, FUNCTIONS, evaluate};
pub use value::{Unit, Value, grouped};

/// The value without unit and separators: all its digits, or the date as `2024-03-31`.
#[must_use]
pub fn decimal_text(value: Value) -> String {
    match value {
        Value::Date(date) => date.to_string(),
        amount @ Value::Amount(..) => amount.number().unwrap_or_default().normalize().to_string(),
    }
}

/// The nearest floating point number; none for dates.
#[must_use]
pub fn nearest_number(value: Value) -> Option<f64> {
    // Parsed from all digits: `Decimal`'s own conversion is not always the nearest.
    value.number().and_then(|number| number.to_string().parse().ok().or_else(|| number.to_f64()))
}

/// The value of a figure as a document or a model gives it: a JSON number, or a text such as `$1,250.5 million`, `12.5%`,
/// `(300)` for -300, `2024-03-31`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn figure(value: &serde_json::Value) -> Result<Value, String> {
    match value {
        serde_json::Value::Number(number) => {
            let text = number.to_string();
            let read = if text.contains(['e', 'E']) {
                Decimal::from_scientific(&text)
            } else {
                Decimal::from_str_exact(&text)
            };
            read.map(Value::plain).map_err(|_| format!("{text} has more than 28 digits"))
        }
        serde_json::Value::String(text) => {
            let text = text.trim();
            // Accounts write losses in parentheses.
            let bare = text.trim_start_matches(['$', '€', '£', '¥', ' ']);
            let negative = bare.starts_with('(') && bare.contains(')');
            let value = evaluate(
                &if negative { text.replacen(['(', ')'], "", 2) } else { text.to_string() },
                &BTreeMap::new(),
            )?;
            Ok(if negative { value.negate() } else { value })
        }
        other => Err(format!("{other} is not a figure; it must be a number or a text with one")),
    }
}

#[cfg(test)]
mod tests;
