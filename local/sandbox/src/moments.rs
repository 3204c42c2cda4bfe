//! How Azure writes a moment: in steps of 100 nanoseconds, as .NET counts them, without zeros at the end (recorded).

use time::OffsetDateTime;
use time::macros::format_description;

/// `2025-02-26T08:56:16.9960559+00:00`, as the disk provider writes it.
pub(crate) fn with_offset(moment: OffsetDateTime) -> String {
    to_the_second(moment) + &fraction(moment) + "+00:00"
}

/// `2022-12-12T05:31:40.4230489Z`, as Graph, Event Grid and role assignments write it.
pub(crate) fn zulu(moment: OffsetDateTime) -> String {
    to_the_second(moment) + &fraction(moment) + "Z"
}

fn to_the_second(moment: OffsetDateTime) -> String {
    moment
        .to_offset(time::UtcOffset::UTC)
        .format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]"))
        .expect("every part of this format is a part of an OffsetDateTime")
}

fn fraction(moment: OffsetDateTime) -> String {
    let ticks = format!("{:07}", moment.nanosecond() / 100);
    match ticks.trim_end_matches('0') {
        "" => String::new(),
        digits => format!(".{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn moments_have_at_most_seven_digits_and_no_zeros_at_the_end() {
        for (moment, expected) in [
            (datetime!(2025-02-26 08:56:16.996_055_987 UTC), "2025-02-26T08:56:16.9960559"),
            (datetime!(2022-12-12 05:45:08.647_233 UTC), "2022-12-12T05:45:08.647233"),
            (datetime!(2022-12-12 05:45:08 UTC), "2022-12-12T05:45:08"),
            (datetime!(2022-12-12 07:45:08.000_000_100 +2), "2022-12-12T05:45:08.0000001"),
        ] {
            assert_eq!(with_offset(moment), format!("{expected}+00:00"));
            assert_eq!(zulu(moment), format!("{expected}Z"));
        }
    }
}
