//! Dates as documents write them go in, RFC 3339 comes out.

use jiff::Timestamp;
use jiff::civil::Date;

/// `text`, a date in a profile of ISO 8601, as RFC 3339: to the second where it says the offset from UTC, else to the day. None for less
/// than a day, and for what is no date.
pub(super) fn rfc3339(text: &str) -> Option<String> {
    let text = text.trim();
    let day: Date = text.get(..10)?.parse().ok()?;
    let rest = &text[10..];
    if rest.starts_with(['T', 't', ' '])
        && let Ok(time) = text.parse::<Timestamp>()
    {
        // The offset is kept as it is written: it tells the hour where the document was made.
        let zone = rest.rfind(['+', '-']).and_then(|at| rest.get(at..at + 6)).filter(|zone| zone.as_bytes()[3] == b':');
        let clock = rest.get(1..9).filter(|clock| clock.bytes().filter(|byte| *byte == b':').count() == 2);
        return Some(match (clock, zone) {
            (Some(clock), Some(zone)) => format!("{day}T{clock}{zone}"),
            _ => time.round(jiff::Unit::Second).unwrap_or(time).to_string(),
        });
    }
    Some(day.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_to_the_day_or_to_the_second() {
        for (written, expected) in [
            ("2024-03-05T14:30:00Z", Some("2024-03-05T14:30:00Z")),
            ("2024-03-05T14:30:00.25+01:00", Some("2024-03-05T14:30:00+01:00")),
            ("2024-03-05T14:30Z", Some("2024-03-05T14:30:00Z")),
            (" 2024-03-05T14:30:00.123456789 ", Some("2024-03-05")),
            ("2024-03-05", Some("2024-03-05")),
            ("2024-03-05T99:30:00Z", Some("2024-03-05")),
            ("2024-02-30", None),
            ("2024-03", None),
            ("éééééééé", None),
            ("", None),
        ] {
            assert_eq!(rfc3339(written).as_deref(), expected, "{written}");
        }
    }
}
