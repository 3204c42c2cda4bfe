//! The one place where the host reads the wall clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// The host's clock: the machine's, and what it is ahead of it
/// ([`Options::ahead_milliseconds`](crate::Options::ahead_milliseconds)).
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    ahead_milliseconds: Arc<AtomicI64>,
}

impl Clock {
    pub(crate) fn ahead(ahead_milliseconds: Arc<AtomicI64>) -> Self {
        Self { ahead_milliseconds }
    }

    /// The present, in UTC.
    #[expect(clippy::disallowed_methods, reason = "this is the host's one clock")]
    pub(crate) fn now(&self) -> OffsetDateTime {
        let machine = OffsetDateTime::from(std::time::SystemTime::now());
        machine + Duration::milliseconds(self.ahead_milliseconds.load(Ordering::SeqCst))
    }
}

/// `2023-10-12T20:13:49.640002Z`: up to seven digits of fraction, without trailing zeros, as Newtonsoft.Json
/// writes a UTC `DateTime`.
pub(crate) fn utc_text(instant: OffsetDateTime) -> String {
    let instant = instant.to_offset(time::UtcOffset::UTC);
    let ticks = instant.nanosecond() / 100 * 100;
    let instant = instant.replace_nanosecond(ticks).expect("fewer nanoseconds than before");
    instant.format(&Rfc3339).expect("years of messages and timers have four digits")
}

/// `2023-10-12T20:13:49`: what is left of a `DateTime` after the real host took it through `DateTime.Parse` of
/// its own text, without fraction and zone.
pub(crate) fn second_text(instant: OffsetDateTime) -> String {
    let instant = instant.to_offset(time::UtcOffset::UTC);
    let (date, time) = (instant.date(), instant.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn instants_are_written_as_the_real_host_writes_them() {
        let instant = datetime!(2023-10-12 22:13:49.640_002_09 +2);
        assert_eq!(utc_text(instant), "2023-10-12T20:13:49.640002Z");
        assert_eq!(second_text(instant), "2023-10-12T20:13:49");
        assert_eq!(utc_text(datetime!(2023-10-12 20:13:49 UTC)), "2023-10-12T20:13:49Z");
    }
}
