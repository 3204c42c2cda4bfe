//! Durations as rotation policies write them: ISO 8601, such as `P90D`, `P1Y10D` or `PT48H`.
//!
//! Our guess: a month counts 30 days and a year 365. Recordings show that a day is 24 hours, and say nothing about months.

use serde::{Deserialize, Serialize};

const DAY: i64 = 86_400;

/// A duration, kept in the words it came in because it is shown in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct IsoDuration {
    pub(crate) text: String,
    pub(crate) seconds: i64,
}

/// The text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a duration in ISO 8601 form such as P90D")]
pub(crate) struct NotADuration(String);

impl IsoDuration {
    pub(crate) fn days(days: i64) -> Self {
        Self { text: format!("P{days}D"), seconds: days * DAY }
    }

    pub(crate) fn seconds(&self) -> i64 {
        self.seconds
    }
}

impl std::fmt::Display for IsoDuration {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl From<IsoDuration> for String {
    fn from(duration: IsoDuration) -> Self {
        duration.text
    }
}

impl TryFrom<String> for IsoDuration {
    type Error = NotADuration;

    fn try_from(text: String) -> Result<Self, NotADuration> {
        match seconds_of(&text) {
            Some(seconds) if seconds > 0 => Ok(Self { text, seconds }),
            _ => Err(NotADuration(text)),
        }
    }
}

fn seconds_of(text: &str) -> Option<i64> {
    let rest = text.strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (rest, ""),
    };
    let date = added_up(date, &[('Y', 365 * DAY), ('M', 30 * DAY), ('W', 7 * DAY), ('D', DAY)])?;
    date.checked_add(added_up(time, &[('H', 3_600), ('M', 60), ('S', 1)])?)
}

/// Numbers with their units, each unit at most once and in the order of `units`.
fn added_up(mut text: &str, mut units: &[(char, i64)]) -> Option<i64> {
    let mut total = 0_i64;
    while !text.is_empty() {
        let end = text.find(|letter: char| !letter.is_ascii_digit())?;
        let number: i64 = text[..end].parse().ok()?;
        let unit = text[end..].chars().next()?;
        let at = units.iter().position(|(known, _)| *known == unit)?;
        total = total.checked_add(number.checked_mul(units[at].1)?)?;
        units = &units[at + 1..];
        text = &text[end + 1..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_iso_form_and_in_nothing_else() {
        let table = [
            ("P90D", Some(90 * DAY)),
            ("P3M", Some(90 * DAY)),
            ("P1Y10D", Some(375 * DAY)),
            ("PT48H", Some(2 * DAY)),
            ("P1DT1H1M1S", Some(DAY + 3_661)),
            ("P2W", Some(14 * DAY)),
            ("P0D", None),
            ("P", None),
            ("PT", None),
            ("P1DT", None),
            ("P1D1D", None),
            ("P1D1M", None),
            ("PD", None),
            ("P-1D", None),
            ("p1d", None),
            ("90", None),
            ("", None),
            ("P99999999999999999999D", None),
            ("P9999999999999999Y", None),
        ];
        for (text, seconds) in table {
            let read = IsoDuration::try_from(text.to_owned());
            assert_eq!(read.as_ref().ok().map(IsoDuration::seconds), seconds, "{text}");
            if let Ok(duration) = read {
                assert_eq!(String::from(duration), text, "shown in its own words");
            }
        }
    }
}
