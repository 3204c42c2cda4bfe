//! NCRONTAB: `{second} {minute} {hour} {day} {month} {day-of-week}`, in UTC.
//!
//! The dialect is that of the NCrontab library (Microsoft Learn, "Timer trigger for Azure Functions"): Sunday is 0,
//! day and weekday must both hold, `5/15` means "from 5 on, every 15", and none of Quartz's `L`, `W`, `#` and `?`
//! exist. `croner` evaluates it, told to be so; what `croner` knows beyond the dialect is refused here first.
//! Five fields are the classic crontab, with the second 0.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use time::OffsetDateTime;

use crate::configuration::time_span;

/// When a timer runs.
#[derive(Debug, Clone)]
pub(crate) enum Schedule {
    Cron(Arc<Cron>),
    /// A .NET `TimeSpan` between two runs: what Azure allows on App Service plans, and Core Tools everywhere.
    Every(Duration),
}

/// A schedule that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "The schedule expression '{expression}' was not recognized as a valid cron expression or timespan string."
)]
pub struct ScheduleError {
    expression: String,
}

impl Schedule {
    pub(crate) fn parse(expression: &str) -> Result<Self, ScheduleError> {
        let fail = || ScheduleError { expression: expression.to_owned() };
        if let Some(interval) = expression.contains(':').then(|| time_span::parse(expression)).flatten() {
            return if interval.is_zero() { Err(fail()) } else { Ok(Self::Every(interval)) };
        }
        let plain = without_names(expression).ok_or_else(fail)?;
        let parser = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .dom_and_dow(true)
            .sloppy_ranges(true)
            .build();
        let schedule = Self::Cron(Arc::new(parser.parse(&plain).map_err(|_| fail())?));
        // `31 2` and the like parse and never come: the real host would fail on them at its start as well.
        schedule.after(OffsetDateTime::UNIX_EPOCH).ok_or_else(fail)?;
        Ok(schedule)
    }

    /// The first occurrence later than `instant`.
    pub(crate) fn after(&self, instant: OffsetDateTime) -> Option<OffsetDateTime> {
        let cron = match self {
            Self::Cron(cron) => cron,
            Self::Every(interval) => return instant.checked_add((*interval).try_into().ok()?),
        };
        let from: DateTime<Utc> = DateTime::from_timestamp(instant.unix_timestamp(), instant.nanosecond())?;
        let next = cron.find_next_occurrence(&from, false).ok()?;
        OffsetDateTime::from_unix_timestamp(next.timestamp()).ok()
    }

    /// A cron expression is about the time of day, an interval is not.
    pub(crate) fn adjusts_for_daylight_saving(&self) -> bool {
        matches!(self, Self::Cron(_))
    }

    /// Whether two neighbouring occurrences lie less than a minute apart.
    pub(crate) fn is_faster_than_a_minute(&self) -> bool {
        if let Self::Every(interval) = self {
            return *interval < Duration::from_secs(60);
        }
        let mut last = OffsetDateTime::UNIX_EPOCH;
        for _ in 0..5 {
            let Some(next) = self.after(last) else { return false };
            if last != OffsetDateTime::UNIX_EPOCH && next - last < Duration::from_secs(60) {
                return true;
            }
            last = next;
        }
        false
    }
}

/// Puts numbers for the names of months and weekdays, and refuses every sign that NCRONTAB does not have.
fn without_names(expression: &str) -> Option<String> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let fields: Vec<&str> = expression.split_whitespace().collect();
    let count = fields.len();
    if !matches!(count, 5 | 6) {
        return None;
    }
    let plain = fields.into_iter().enumerate().map(|(index, field)| match count - index {
        2 => numbers(field, &MONTHS, 1),
        1 => numbers(field, &WEEKDAYS, 0).filter(|field| !field.contains('7')),
        _ => numbers(field, &[], 0),
    });
    Some(plain.collect::<Option<Vec<_>>>()?.join(" "))
}

/// A name counts by its first three letters: NCrontab takes `Monday` as well as `Mon`.
fn numbers(field: &str, names: &[&str], first: usize) -> Option<String> {
    let mut result = String::new();
    let mut rest = field;
    while let Some(character) = rest.chars().next() {
        if character.is_ascii_alphabetic() {
            let end = rest.find(|next: char| !next.is_ascii_alphabetic()).unwrap_or(rest.len());
            let short = rest.get(..3)?.to_ascii_lowercase();
            let index = names.iter().position(|name| *name == short).filter(|_| end >= 3)?;
            result.push_str(&(first + index).to_string());
            rest = &rest[end..];
        } else if character.is_ascii_digit() || matches!(character, '*' | ',' | '-' | '/') {
            result.push(character);
            rest = &rest[1..];
        } else {
            return None;
        }
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_next_occurrence_is_that_of_ncrontab() {
        let start = datetime!(2026-01-15 10:07:30 UTC); // a Thursday
        let check = |expression: &str, expected: OffsetDateTime| {
            let schedule = Schedule::parse(expression).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(schedule.after(start), Some(expected), "{expression}");
        };
        check("0 */5 * * * *", datetime!(2026-01-15 10:10 UTC));
        check("*/5 * * * *", datetime!(2026-01-15 10:10 UTC));
        check("* * * * * *", datetime!(2026-01-15 10:07:31 UTC));
        check("0 0 * * * *", datetime!(2026-01-15 11:00 UTC));
        check("0 30 9 * * 1-5", datetime!(2026-01-16 09:30 UTC));
        check("0 30 9 * * Mon-Friday", datetime!(2026-01-16 09:30 UTC));
        check("0 0 0 * * 0", datetime!(2026-01-18 00:00 UTC));
        check("0 0 0 * * SUNDAY", datetime!(2026-01-18 00:00 UTC));
        check("0 0 0 1 Feb *", datetime!(2026-02-01 00:00 UTC));
        check("30 5/15 * * * *", datetime!(2026-01-15 10:20:30 UTC));
        check("0 1,2,59 * * * *", datetime!(2026-01-15 10:59 UTC));
        // Both must hold: the next 13th that is a Friday.
        check("0 0 0 13 * 5", datetime!(2026-02-13 00:00 UTC));
        check("01:30:00", datetime!(2026-01-15 11:37:30 UTC));
        check("1.00:00:00", datetime!(2026-01-16 10:07:30 UTC));
    }

    #[test]
    fn what_ncrontab_does_not_know_is_refused() {
        let others = [
            "",
            "often",
            "* * * *",
            "* * * * * * *",
            "0 0 0 L * *",
            "0 0 0 ? * *",
            "0 0 0 * * 5#2",
            "@daily",
            "60 * * * * *",
            "0 0 0 * 13 *",
            "0 0 0 * * 7",
            "0 0 0 30 2 *",
            "0 0 0 * Mon *",
            "0 0 0 15W * *",
            "00:00:00",
            "25:00:00",
        ];
        for expression in others {
            let error = Schedule::parse(expression).map(|_| ()).unwrap_err();
            assert!(
                error.to_string().contains("was not recognized as a valid cron expression"),
                "{expression}"
            );
        }
    }

    #[test]
    fn schedules_below_a_minute_are_known() {
        let fast = |expression| Schedule::parse(expression).unwrap().is_faster_than_a_minute();
        assert!(fast("*/30 * * * * *"));
        assert!(fast("0,30 0 * * * *"));
        assert!(!fast("0 * * * * *"));
        assert!(fast("00:00:30") && !fast("00:01:00"));
    }
}
