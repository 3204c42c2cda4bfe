//! Values on the command line: ages, rates, ratios.

use std::time::Duration;

pub(super) fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a number with a unit: 90s, 15m, 2h, 7d".to_owned();
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    // A hundred years is as good as for ever, and no time on this side of it overflows.
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let total = number.checked_mul(seconds).filter(|total| *total <= 3_153_600_000).ok_or_else(wrong)?;
    Ok(Duration::from_secs(total))
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && (0.001..=1_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected messages per second, from 0.001 to 1000000".to_owned()),
    }
}

pub(super) fn ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("expected a ratio from 0 to 1, such as 0.1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_rates_and_ratios_are_checked_at_the_door() {
        assert_eq!(age("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(age("7d"), Ok(Duration::from_secs(604_800)));
        for text in ["", "7", "d", "-1d", "1w", "1.5h", "99999999999999999999d", "999999999d"] {
            assert!(age(text).is_err(), "{text}");
        }
        assert_eq!((rate("20"), ratio("0.1")), (Ok(20.0), Ok(0.1)));
        for text in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert!(ratio("1.1").is_err() && ratio("NaN").is_err());
    }
}
