//! Formulas with results worked out by hand or by another program, and random ones that must never panic.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn told(formula: &str) -> String {
    match evaluate(formula, &BTreeMap::new()) {
        Ok(value) => value.to_string(),
        Err(reason) => format!("error: {reason}"),
    }
}

#[test]
fn formulas_have_exact_results() {
    for (formula, expected) in [
        ("0.1 + 0.2", "0.3"),
        ("1 - 0.9", "0.1"),
        ("-2^2", "-4"),
        ("(-2)^2", "4"),
        ("2^3^2", "512"),
        ("2^-2", "0.25"),
        ("2 + 3 * 4", "14"),
        ("8 / 4 / 2", "1"),
        ("7 − 2 × 3", "1"),
        ("1,234,567.89 + 0.11", "1,234,568"),
        ("1_000 + 1", "1,001"),
        ("1e6 + 1", "1,000,001"),
        ("12.5% of 200", "25"),
        ("12.5 percent of 200", "25"),
        ("200 * (100% + 10%)", "220"),
        ("12.5% * 50%", "6.25%"),
        ("25 bps + 1%", "1.25%"),
        ("50 / 20%", "250"),
        ("$1,250.5 million / 2", "625,250,000 USD"),
        ("$1.2bn - $200m", "1,000,000,000 USD"),
        ("€5 + 3", "8 EUR"),
        ("5 € + EUR 3", "8 EUR"),
        ("USD 3m / $2 million", "1.5"),
        ("12.5% of £80", "10 GBP"),
        ("1.05^3", "1.157625"),
        ("sum(1, 2.5, 3)", "6.5"),
        ("sum(1,250; 250)", "1,500"),
        ("min(3, 1, 2) + max(3, 1, 2)", "4"),
        ("avg(1, 2)", "1.5"),
        ("round(1234.5678, 2)", "1,234.57"),
        ("round(2.5) + round(-2.5)", "0"),
        ("round(1.005, 2)", "1.01"),
        ("abs(-3 million)", "3,000,000"),
        ("floor(2.7) + ceil(2.1)", "5"),
        ("sqrt(2.25)", "1.5"),
        ("2024-03-31 - 2024-01-01", "90 days"),
        ("days(2023-02-28, 2024-02-28)", "365 days"),
        ("months(2024-01-31, 2024-04-30)", "2 months"),
        ("years(1990-06-15, 2024-06-14)", "33"),
        ("2024-01-31 + 1 month", "2024-02-29"),
        ("31 January 2024 + 2 weeks", "2024-02-14"),
        ("March 31, 2024 - 1 year", "2023-03-31"),
        ("add_months(2023-11-30, 3)", "2024-02-29"),
        ("add_days(2024-02-28, 2)", "2024-03-01"),
        ("year(2024-02-28) + month(2024-02-28)", "2,026"),
        ("max(2024-02-28, 2024-03-01)", "2024-03-01"),
        ("2024 - 03 - 31", "1,990"),
        ("90 days / 30 days", "3"),
    ] {
        assert_eq!(told(formula), expected, "{formula}");
    }
}

#[test]
fn what_makes_no_sense_is_said() {
    for (formula, words) in [
        ("", "ends too early"),
        ("1 +", "ends too early"),
        ("1 / 0", "division by zero"),
        ("1 / (1 - 1)", "division by zero"),
        ("0^-1", "division by zero"),
        ("(1 + 2", "`)` is missing"),
        ("1 2", "operator is missing"),
        ("ebitda * 2", "neither a number nor a name"),
        ("$5 + €5", "USD and EUR"),
        ("$5 * $5", "makes no sense"),
        ("200 + 10%", "cannot be added"),
        ("2024-02-30", "no day"),
        ("2024-01-01 + 2024-01-01", "cannot be added"),
        ("2024-01-01 + 5", "days or months"),
        ("9999-12-31 + 1 day", "out of range"),
        ("10^40", "too large"),
        ("2^0.5", "exponent"),
        ("sqrt(-1)", "no square root"),
        ("round(1, 2.5)", "0 to 28"),
        ("launch(1)", "no function `launch`"),
        ("sqrt(1, 2)", "does not take these"),
        ("99999999999999999999999999999999", "28 digits"),
        ("1 @ 2", "not part of a formula"),
        ("$", "number is missing"),
    ] {
        let said = told(formula);
        assert!(said.starts_with("error: ") && said.contains(words), "{formula}: {said}");
    }
    assert!(told(&"(".repeat(3_000)).contains("deep"));
    assert!(told(&"-".repeat(3_000)).contains("deep"));
    assert!(told(&"1+".repeat(3_000)).contains("longer"));
}

#[test]
fn names_and_figures_of_documents_are_computed_with() {
    let given = |text: &str| figure(&json!(text)).unwrap();
    let names = BTreeMap::from([
        ("total_debt".to_string(), given("$1,250.5 million")),
        ("cash".to_string(), given("(50.5m)")),
        ("ebitda".to_string(), figure(&json!(400_000_000)).unwrap()),
    ]);
    let ratio = evaluate("round((total_debt + cash) / ebitda, 2)", &names).unwrap();
    assert_eq!((ratio.to_string().as_str(), nearest_number(ratio)), ("3 USD", Some(3.0)));
    assert_eq!(decimal_text(given("12.5%")), "0.125");
    assert_eq!(decimal_text(given("$(1,250)")), "-1250");
    assert!(figure(&json!([1])).is_err() && figure(&json!("n/a")).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let _ = evaluate(&text, &BTreeMap::new());
        let _ = figure(&json!(text));
    }

    #[test]
    fn nothing_that_looks_like_a_formula_makes_it_panic(
        text in "([0-9]{1,30}|[.,;%$€^*/+() -]|million|bn|bps|days|months|of|round\\(|sum\\(|sqrt\\(|2024-02-29|March 31, 2024|e9){0,24}"
    ) {
        let _ = evaluate(&text, &BTreeMap::new());
    }

    #[test]
    fn sums_of_cents_are_those_of_whole_numbers(cents in prop::collection::vec(-10_000_000_000_i64..10_000_000_000, 1..20)) {
        let term = |cents: &i64| format!("({}{}.{:02})", if *cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100);
        let formula: Vec<String> = cents.iter().map(term).collect();
        let value = evaluate(&formula.join(" + "), &BTreeMap::new()).unwrap();
        prop_assert_eq!(value.number().unwrap(), Decimal::new(cents.iter().sum(), 2));
    }
}
