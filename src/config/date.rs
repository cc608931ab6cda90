//! Days of the calendar, for ignores that end. The clock is asked by the binary alone.

use std::fmt;

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// Reads `2027-06-30`; nothing where the text has another form or there is no such day.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let part = |range: std::ops::Range<usize>| {
            let digits = text.get(range)?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let has_form = text.len() == 10 && [4, 7].iter().all(|&at| text.as_bytes()[at] == b'-');
        let date = has_form.then_some(Self { year: part(0..4)?, month: part(5..7)?, day: part(8..10)? })?;
        let is_day = (1..=12).contains(&date.month) && (1..=days_of(date.year, date.month)).contains(&date.day);
        is_day.then_some(date)
    }

    /// The day that lies this many days after 1970-01-01.
    ///
    /// Years are counted from March here, so that the day that is added in a leap year is the last of its year.
    #[must_use]
    pub fn from_days(days: i64) -> Self {
        const PER_ERA: i64 = 146_097;
        let days = days + 719_468;
        let (era, of_era) = (days.div_euclid(PER_ERA), days.rem_euclid(PER_ERA));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self { year: year_of_era + era * 400 + i64::from(month <= 2), month, day }
    }
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for text in ["2027-06-30", "2024-02-29", "2000-02-29", "1999-12-31"] {
            assert_eq!(Date::parse(text).map(|date| date.to_string()).as_deref(), Some(text));
        }
        for text in [
            "2027-6-30",
            "2023-02-29",
            "1900-02-29",
            "2027-04-31",
            "2027-00-10",
            "tomorrow",
            "2027-06-3é",
            "+027-06-30",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn days_are_counted_from_1970() {
        let shown = |days| Date::from_days(days).to_string();
        assert_eq!(
            [shown(0), shown(-1), shown(59), shown(11_016)],
            ["1970-01-01", "1969-12-31", "1970-03-01", "2000-02-29"]
        );
        // Each day has its successor, over two centuries.
        for days in -36_525..36_525 {
            assert!(Date::from_days(days) < Date::from_days(days + 1));
            assert_eq!(Date::parse(&shown(days)), Some(Date::from_days(days)));
        }
    }
}
