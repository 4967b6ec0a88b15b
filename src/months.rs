//! English names of months.

/// The months in order, in lower case.
pub const MONTHS: [&str; 12] = [
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

/// The number of the month, 1 to 12, that `word` in lower case is called: whole, by its first three letters, or `sept`.
#[must_use]
pub fn month(word: &str) -> Option<u8> {
    let is_it = |month: &&str| word == *month || word == &month[..3] || (word == "sept" && **month == *"september");
    MONTHS.iter().position(is_it).map(|at| at as u8 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_a_long_and_a_short_name() {
        for (word, number) in [("january", 1), ("jan", 1), ("may", 5), ("sept", 9), ("sep", 9), ("december", 12)] {
            assert_eq!(month(word), Some(number), "{word}");
        }
        for word in ["", "ja", "janu", "mayor", "JAN", "decem"] {
            assert_eq!(month(word), None, "{word}");
        }
    }
}
