//! An outage, as one onboarding sees it: from when something that it needs gives no answer until it gets on again. Then
//! the dead letters that the outage caused are sent again, a few at a time.
//!
//! What is to be sent again is written down before it is done, so that the journal shows it whatever happens then.

use time::{Duration, OffsetDateTime};

/// Letters that are sent again at a time.
pub const LETTERS_AT_A_TIME: usize = 10;

/// The pause before the next ones: what was stopped together does not come back together.
pub const PAUSE_BETWEEN_LETTERS: std::time::Duration = std::time::Duration::from_secs(10);

/// What is so of outages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outage {
    /// Since when, as far as is recorded. None: nothing is known to be out.
    pub since: Option<OffsetDateTime>,
    /// What is sent again after the last one.
    pub replay: Option<Replay>,
}

/// The dead letters of an outage are being sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The entry that recorded the recovery.
    pub recovery: u64,
    /// The newest entry about this replay: a message that names another is void.
    pub entry: u64,
    /// When that was.
    pub at: OffsetDateTime,
    /// When the outage began, as far as is recorded.
    pub since: OffsetDateTime,
    /// When it was over.
    pub until: OffsetDateTime,
    /// The dead letters that are sent again next, each as `queue/number`.
    pub letters: Vec<String>,
    /// Where to look for others. None: everything was looked at.
    pub next: Option<Place>,
}

/// A place among the dead letters of all queues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The queue. Empty: the first.
    pub queue: String,
    /// The number that a dead letter there has at least.
    pub from: i64,
}

impl Replay {
    /// Whether a message that was put into its queue then, and died, died of this outage. An outage begins before it is
    /// recorded: by as much as `unnoticed`.
    #[must_use]
    pub fn is_of_outage(&self, enqueued: OffsetDateTime, unnoticed: std::time::Duration) -> bool {
        let unnoticed = Duration::try_from(unnoticed).unwrap_or_default();
        enqueued >= self.since - unnoticed && enqueued <= self.until
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn only_what_was_sent_during_the_outage_died_of_it() {
        let (since, until) = (datetime!(2026-02-01 12:00 UTC), datetime!(2026-02-01 18:00 UTC));
        let replay = Replay {
            recovery: 7,
            entry: 7,
            at: until,
            since,
            until,
            letters: vec![],
            next: Some(Place::default()),
        };
        let unnoticed = std::time::Duration::from_secs(960);
        for (enqueued, is_of_it) in [
            (since - Duration::seconds(961), false),
            (since - Duration::seconds(960), true),
            (since, true),
            (until, true),
            (until + Duration::seconds(1), false),
        ] {
            assert_eq!(replay.is_of_outage(enqueued, unnoticed), is_of_it, "{enqueued}");
        }
    }
}
