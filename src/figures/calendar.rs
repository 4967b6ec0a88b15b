//! The dates of a report go in, which business year and quarter a time belongs to comes out; knows no question.

use super::period::Period;
use super::table::Table;
use crate::tables::Statement;

/// Days into a month that still count as the one before: business years of 52 weeks end on a day of the week.
const DAYS_OVER: u8 = 7;

/// When the business years of a company end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Calendar {
    /// The month, 1 to 12.
    month: u8,
}

impl Calendar {
    /// What the balance sheet says: an interim report has the last day of the business year before beside its own.
    #[must_use]
    pub(super) fn of(tables: &[Table]) -> Option<Self> {
        let sheet =
            tables.iter().find(|table| table.is_primary && table.statement() == Some(Statement::BalanceSheet))?;
        let days = sheet.columns.iter().filter(|column| column.is_figures).map(|column| column.period);
        let days: Vec<Period> = days.filter(|period| period.day.is_some() && period.year.is_some()).collect();
        let first = days.iter().min_by_key(|period| period.order())?;
        (days.len() == 2).then(|| month_of(first)).flatten().map(|(_, month)| Self { month })
    }

    /// The business year and the quarter of it that end with `period`; a business year is called after the year in which it ends.
    #[must_use]
    pub(super) fn quarter(self, period: &Period) -> Option<(i32, u8)> {
        let (year, month) = month_of(period)?;
        let after = (i32::from(month) - i32::from(self.month)).rem_euclid(12);
        let quarter = if after == 0 { 4 } else { ((after + 2) / 3) as u8 };
        Some((if month > self.month { year + 1 } else { year }, quarter))
    }
}

/// Year and month that a day closes.
fn month_of(period: &Period) -> Option<(i32, u8)> {
    let (year, month) = (period.year?, period.month?);
    Some(match period.day {
        Some(day) if day <= DAYS_OVER && month == 1 => (year - 1, 12),
        Some(day) if day <= DAYS_OVER => (year, month - 1),
        _ => (year, month),
    })
}

/// Whether a day closes the month: its last days, or the first ones of the next.
#[must_use]
pub(super) fn closes(period: &Period, year: i32, month: u8) -> bool {
    const FROM: u8 = 24;
    period.day.is_none_or(|day| day <= DAYS_OVER || day >= FROM) && month_of(period) == Some((year, month))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::period::period_of;

    #[test]
    fn a_business_year_is_called_after_the_year_in_which_it_ends() {
        let check = |month: u8, day: &str| Calendar { month }.quarter(&period_of(day)).expect("a day");
        for (month, day, expected) in [
            (9, "December 31, 2022", (2023, 1)),
            (9, "April 1, 2023", (2023, 2)),
            (9, "September 30, 2023", (2023, 4)),
            (6, "March 31, 2023", (2023, 3)),
            (1, "October 30, 2022", (2023, 3)),
            (1, "April 30, 2023", (2024, 1)),
            (12, "July 1, 2023", (2023, 2)),
            (12, "January 1, 2022", (2021, 4)),
        ] {
            assert_eq!(check(month, day), expected, "{day}");
        }
        assert!(closes(&period_of("April 1, 2023"), 2023, 3) && closes(&period_of("January 29, 2023"), 2023, 1));
        assert!(!closes(&period_of("June 15, 2023"), 2023, 6));
    }
}
