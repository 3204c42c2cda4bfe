//! Durations as ISO 8601 writes them, within the limits that Azure sets.

use std::time::Duration;

use serde::de::{Deserialize as _, Deserializer, Error as _};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What .NET calls the longest time span, and Azure takes for "without end": longer than this many days.
const WITHOUT_END: Duration = Duration::from_secs(10_000_000 * 24 * 60 * 60);

/// Up to five minutes (Microsoft Learn, "Service Bus quotas").
pub(super) fn lock<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    within(from, Duration::from_secs(1), 5 * MINUTE)
}

/// Up to seven days (Microsoft Learn, "Duplicate detection"). Azure asks for 20 seconds at least, the emulator for five:
/// its files are read here too.
pub(super) fn duplicate_window<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    within(from, Duration::from_secs(5), 7 * DAY)
}

/// From one second, without end.
pub(super) fn time_to_live<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let lives = within(from, Duration::from_secs(1), Duration::MAX)?;
    Ok(lives.filter(|lives| *lives < WITHOUT_END))
}

fn within<'de, D: Deserializer<'de>>(
    from: D,
    least: Duration,
    most: Duration,
) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    let Some(duration) = parse(&text) else {
        return Err(D::Error::custom(format!(
            "'{text}' is not an ISO 8601 duration such as PT1M or P14D, of days, hours, minutes and seconds"
        )));
    };
    if duration < least {
        return Err(D::Error::custom(format!("'{text}' is shorter than {least:?}")));
    }
    if duration > most {
        return Err(D::Error::custom(format!("'{text}' is longer than {} seconds", most.as_secs())));
    }
    Ok(Some(duration))
}

/// Days, hours, minutes and seconds, in this order. Years and months are no fixed time, and .NET writes none.
fn parse(text: &str) -> Option<Duration> {
    let (days, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return None,
        None => (text.strip_prefix('P')?, ""),
    };
    if days.is_empty() && time.is_empty() {
        return None;
    }
    let days = parts(days, &[('D', DAY)])?;
    days.checked_add(parts(time, &[('H', 60 * MINUTE), ('M', MINUTE), ('S', Duration::from_secs(1))])?)
}

fn parts(mut text: &str, units: &[(char, Duration)]) -> Option<Duration> {
    let mut total = Duration::ZERO;
    for (unit, length) in units {
        let Some((number, rest)) = text.split_once(*unit) else { continue };
        text = rest;
        total = total.checked_add(times(number, *unit, *length)?)?;
    }
    text.is_empty().then_some(total)
}

fn times(number: &str, unit: char, length: Duration) -> Option<Duration> {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if unit == 'S' && (1..=9).contains(&fraction.len()) => (whole, fraction),
        Some(_) => return None,
        None => (number, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let nanoseconds: u32 = format!("{fraction:0<9}").parse().ok()?;
    length.checked_mul(whole.parse().ok()?)?.checked_add(Duration::from_nanos(nanoseconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_dotnet_writes_them() {
        let seconds = Duration::from_secs;
        for (text, expected) in [
            ("PT1M", seconds(60)),
            ("PT30S", seconds(30)),
            ("PT0.5S", Duration::from_millis(500)),
            ("PT1H2M3S", seconds(3723)),
            ("P14D", seconds(14 * 86400)),
            ("P1DT1S", seconds(86401)),
            ("PT90M", seconds(5400)),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert!(parse("P10675199DT2H48M5.4775807S").unwrap() > WITHOUT_END);
        for text in [
            "", "P", "PT", "1M", "PT1", "P1M", "PT1M1H", "PT-1S", "P1.5D", "PTS", "PT1.S", "00:01:00", "P1DT",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
