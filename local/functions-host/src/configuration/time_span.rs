//! Durations as .NET writes them: `[d.]hh:mm:ss[.fraction]`.

use std::time::Duration;

/// Parses a .NET `TimeSpan` that is not negative. `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (head, clock) = match text.split_once(':') {
        None => return text.parse::<u32>().ok().map(|days| Duration::from_secs(u64::from(days) * 86_400)),
        Some((head, clock)) => (head, clock),
    };
    let (days, hours) = match head.split_once('.') {
        Some((days, hours)) => (days.parse::<u32>().ok()?, hours),
        None => (0, head),
    };
    let (minutes, seconds) = clock.split_once(':').unwrap_or((clock, "0"));
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let hours = below(hours, 24)?;
    let minutes = below(minutes, 60)?;
    let seconds = below(seconds, 60)?;
    let whole = u64::from(days) * 86_400 + hours * 3_600 + minutes * 60 + seconds;
    Some(Duration::new(whole, nanoseconds(fraction)?))
}

/// `hh:mm:ss`, with days and fraction only where there are any.
pub(crate) fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    let days = match seconds / 86_400 {
        0 => String::new(),
        days => format!("{days}."),
    };
    match duration.subsec_nanos() / 100 {
        0 => format!("{days}{clock}"),
        ticks => format!("{days}{clock}.{ticks:07}"),
    }
}

fn below(digits: &str, limit: u64) -> Option<u64> {
    digits.parse().ok().filter(|value| *value < limit)
}

fn nanoseconds(fraction: &str) -> Option<u32> {
    if fraction.is_empty() || fraction.len() > 7 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{fraction:0<9}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_are_read_and_written_as_dotnet_does() {
        let check = |text: &str, milliseconds: u64, written: &str| {
            let parsed = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(parsed, Duration::from_millis(milliseconds), "{text}");
            assert_eq!(format(parsed), written);
        };
        check("00:00:30", 30_000, "00:00:30");
        check("00:05:00", 300_000, "00:05:00");
        check("1.02:03:04.5", 93_784_500, "1.02:03:04.5000000");
        check("00:00:00.80", 800, "00:00:00.8000000");
        check("00:10", 600_000, "00:10:00");
        check("2", 172_800_000, "2.00:00:00");
    }

    #[test]
    fn other_texts_are_no_time_spans() {
        for text in ["", "-1", "00:60:00", "24:00:00", "00:00:61", "abc", "00:00:00.", "1:2:3:4", "-00:00:01"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
