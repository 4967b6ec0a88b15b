//! Figures that no passage has but that follow from those it has: sums, differences, shares, durations; exact but for the rounding
//! that the claim shows.

use super::figures::{Amount, Date, Figure, Value};
use super::view::{Held, View};

/// Words of claims that tell the result of a calculation.
const CUES: &[&str] = &[
    "total",
    "together",
    "sum",
    "combined",
    "difference",
    "increase",
    "increased",
    "rose",
    "rise",
    "grew",
    "growth",
    "decrease",
    "decreased",
    "fell",
    "fall",
    "declined",
    "dropped",
    "more",
    "less",
    "fewer",
    "higher",
    "lower",
    "share",
    "half",
    "third",
    "quarter",
    "twice",
    "double",
    "doubled",
    "average",
    "altogether",
    "overall",
    "lasted",
    "between",
    "longer",
    "shorter",
    "apart",
    "margin",
    "exceeded",
    "up",
    "down",
    "both",
    "jointly",
];
/// Figures of the evidence that are tried.
const FIGURES_MAX: usize = 24;

/// Whether the claim tells a result and `claimed` is the sum, difference or share of two figures of the evidence, the sum of a column, or
/// the time between two of its dates.
pub(super) fn derived(claim: &View<'_>, claimed: &Figure, evidence: &[Held<'_>]) -> bool {
    let cue = claim.text.words.iter().any(|word| CUES.contains(&word.folded.as_str()));
    let Value::Amount(amount) = &claimed.value else { return false };
    if !cue {
        return false;
    }
    let figures = || evidence.iter().flat_map(|held| &held.view.figures);
    let amounts: Vec<&Amount> = figures()
        .filter_map(|figure| if let Value::Amount(amount) = &figure.value { Some(amount) } else { None })
        .take(FIGURES_MAX)
        .collect();
    let dates: Vec<Date> = figures()
        .filter_map(|figure| if let Value::Date(date) = figure.value { Some(date) } else { None })
        .take(FIGURES_MAX)
        .collect();
    let is = |value: f64| close(amount, value);
    let unit = amount.quantity.unit.as_str();
    let alike = |other: &Amount| other.quantity.unit == unit || other.quantity.unit.is_empty() || unit.is_empty();
    for (at, a) in amounts.iter().enumerate() {
        for b in &amounts[at + 1..] {
            let (x, y) = (a.quantity.value, b.quantity.value);
            let same_unit = a.quantity.unit == b.quantity.unit;
            if same_unit && alike(a) && (is(x + y) || is((x - y).abs())) {
                return true;
            }
            if same_unit && unit == "%" && x != 0.0 && y != 0.0 {
                let shares = [x / y, y / x, (x - y).abs() / y.abs(), (x - y).abs() / x.abs()];
                if shares.iter().any(|share| is(share * 100.0)) {
                    return true;
                }
            }
            if same_unit && unit.is_empty() && x != 0.0 && y != 0.0 && (is(x / y) || is(y / x)) {
                return true;
            }
        }
    }
    sums(evidence, amount) || matches!(unit, "d" | "wk" | "mo" | "y") && durations(&dates, amount)
}

/// Whether `value` is the claim's once rounded to what it shows.
fn close(amount: &Amount, value: f64) -> bool {
    let claimed = amount.quantity.value;
    let decimals = if claimed.fract() == 0.0 { 1.0 } else { 0.1 };
    let step = if amount.quantity.step > 0.0 {
        amount.quantity.step
    } else if amount.quantity.unit == "%" {
        decimals
    } else {
        0.0
    };
    let error = (claimed - value).abs();
    error <= 1e-9 * value.abs().max(1.0) || step > 0.0 && error <= step / 2.0 * 1.000_001
}

/// Whether the figures of one column sum up to the claim's.
fn sums(evidence: &[Held<'_>], amount: &Amount) -> bool {
    let mut columns: std::collections::BTreeMap<&str, Vec<f64>> = std::collections::BTreeMap::new();
    for held in evidence {
        for figure in &held.view.figures {
            if let (Some(column), Value::Amount(held)) = (held.column(figure.words.start), &figure.value) {
                columns.entry(column.name.as_str()).or_default().push(held.quantity.value);
            }
        }
    }
    columns.values().any(|values| values.len() > 1 && close(amount, values.iter().sum()))
}

/// Whether two of the dates are the claim's time apart.
fn durations(dates: &[Date], amount: &Amount) -> bool {
    let value = amount.quantity.value;
    let pairs = dates.iter().enumerate().flat_map(|(at, a)| dates[at + 1..].iter().map(move |b| (a, b)));
    pairs.into_iter().any(|(a, b)| {
        let (Some(from), Some(to)) = (a.year, b.year) else { return false };
        let years = (f64::from(to) - f64::from(from)).abs();
        let months = match (a.month, b.month) {
            (Some(a), Some(b)) => {
                Some((f64::from(to) * 12.0 + f64::from(b) - f64::from(from) * 12.0 - f64::from(a)).abs())
            }
            _ => None,
        };
        let days = match (day_number(a), day_number(b)) {
            (Some(a), Some(b)) => Some((a - b).abs() as f64),
            _ => None,
        };
        let is = |time: Option<f64>, wanted: f64| time.is_some_and(|time| (time - wanted).abs() < 0.5);
        match amount.quantity.unit.as_str() {
            "y" => is(Some(years), value) || is(months, value * 12.0),
            "mo" => is(months, value),
            "wk" => is(days, value * 7.0),
            // Both ends may be counted.
            _ => is(days, value) || is(days, value - 1.0),
        }
    })
}

/// Days since a fixed day (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`).
fn day_number(date: &Date) -> Option<i64> {
    let (year, month, day) = (i64::from(date.year?), i64::from(date.month?), i64::from(date.day?));
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year)
}
