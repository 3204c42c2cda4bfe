//! The events that an onboarding took in, as far back as one can come again.
//!
//! A message is delivered at least once: the same event may come again after its step was done. A step then only has
//! its messages published again. The memory is bounded, by age and by number (decision 10 says how old a duplicate can
//! be), and it knows how far back it reaches: an event from before that is looked at like a new one, and when it turns
//! out to be no news, whatever the chain waits for is sent again. That is always harmless, because the ids of messages
//! derive from the event, and a fact that is no news changes nothing.

use std::{collections::BTreeMap, time::Duration};

use time::OffsetDateTime;

use crate::event::EventId;

/// How long an event is remembered: a message lives for at most fourteen days in its queue, and a day longer while it is
/// locked, retried and redelivered.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(15 * 86_400);

/// How many events are remembered at the most, beside [`REMEMBERED_PER_DISK`] for each disk.
pub const REMEMBERED: usize = 256;

/// How many events are remembered for each disk: asking, looking back, and as much again for retries and checks.
pub const REMEMBERED_PER_DISK: usize = 4;

/// The clocks of two instances may differ by this much.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// The events that were taken in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    pub(crate) events: BTreeMap<EventId, TakenEvent>,
    pub(crate) forgotten_until: Option<OffsetDateTime>,
}

/// One event that was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenEvent {
    /// The number of the entry that it led to.
    pub entry: u64,
    /// When.
    pub at: OffsetDateTime,
}

impl Taken {
    /// The number of the entry that this event led to, when it is remembered.
    #[must_use]
    pub fn entry_of(&self, event: &EventId) -> Option<u64> {
        self.events.get(event).map(|taken| taken.entry)
    }

    /// Whether an event that first happened at this time may have been taken in and forgotten.
    #[must_use]
    pub fn may_have_forgotten(&self, happened_at: OffsetDateTime) -> bool {
        self.forgotten_until.is_some_and(|until| happened_at <= until + CLOCK_SKEW)
    }

    /// How many events are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Takes one in, and forgets what is too old, or too many.
    pub(crate) fn take(&mut self, event: EventId, entry: u64, at: OffsetDateTime, disks: usize) {
        self.events.insert(event, TakenEvent { entry, at });
        let oldest = at - REMEMBERED_FOR;
        let limit = REMEMBERED + REMEMBERED_PER_DISK * disks;
        let too_many = self.events.len().saturating_sub(limit);
        let mut by_entry: Vec<(u64, OffsetDateTime)> =
            self.events.values().map(|taken| (taken.entry, taken.at)).collect();
        by_entry.sort_unstable_by_key(|(entry, _)| *entry);
        // The newest entry is kept, whatever the clocks say: it may not have published yet.
        let forgotten = by_entry
            .iter()
            .enumerate()
            .filter(|(place, (number, taken_at))| {
                (*place < too_many || *taken_at < oldest) && *number != entry
            })
            .map(|(_, forgotten)| *forgotten);
        for (number, taken_at) in forgotten.collect::<Vec<_>>() {
            self.events.retain(|_, taken| taken.entry != number);
            self.forgotten_until = self.forgotten_until.max(Some(taken_at));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const DAY: f64 = 86_400.0;

    fn event(number: usize) -> EventId {
        EventId::of_origin("test", &number.to_string())
    }

    /// Events with the seconds between each and the one before, by clocks that differ.
    fn any_history() -> impl Strategy<Value = Vec<f64>> {
        let dense = proptest::collection::vec(0.0..60.0, 0..700);
        let spaced = proptest::collection::vec(0.0..DAY, 0..200);
        let mixed = proptest::collection::vec(prop_oneof![9 => -120.0..120.0, 1 => 0.0..20.0 * DAY], 0..500);
        prop_oneof![dense, spaced, mixed]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]

        /// A duplicate of every age, in entries and in days: either it is remembered, or it is known that it may be
        /// forgotten. An event happens before it is taken in: at once, or after retries, or a replay, of up to a month.
        #[test]
        fn a_duplicate_of_any_age_is_remembered_or_known_to_be_forgotten(
            gaps in any_history(), waited in proptest::collection::vec(0.0..30.0 * DAY, 700), disks in 0..8_usize
        ) {
            let (mut taken, mut now) = (Taken::default(), datetime!(2026-02-01 12:00 UTC));
            let mut happened = vec![];
            for (place, gap) in gaps.into_iter().enumerate() {
                now += time::Duration::seconds_f64(gap);
                let number = place as u64 + 1;
                taken.take(event(place), number, now, disks);
                happened.push(now - time::Duration::seconds_f64(if place % 2 == 0 { 0.0 } else { waited[place] }));
                prop_assert!(taken.len() <= REMEMBERED + REMEMBERED_PER_DISK * disks);
                prop_assert_eq!(taken.entry_of(&event(place)), Some(number), "the newest is always kept");
                // Looking at every age after every entry would take long: the ages around the limits, and some others.
                let ages = if place % 50 == 0 { 1 } else { 37 };
                for (earlier, happened_at) in happened.iter().enumerate().step_by(ages) {
                    match taken.entry_of(&event(earlier)) {
                        Some(entry) => prop_assert_eq!(entry, earlier as u64 + 1),
                        None => prop_assert!(taken.may_have_forgotten(*happened_at), "event {} of {}", earlier, place),
                    }
                }
            }
        }

        /// What is younger than the limits is remembered: a history in which nothing is forgotten says so of no event.
        #[test]
        fn within_the_limits_nothing_is_forgotten(entries in 1..=REMEMBERED, spacing in 0.0..1000.0) {
            let mut taken = Taken::default();
            let opened_at = datetime!(2026-02-01 12:00 UTC);
            for place in 0..entries {
                let at = opened_at + time::Duration::seconds_f64(spacing * place as f64);
                taken.take(event(place), place as u64 + 1, at, 0);
            }
            prop_assert_eq!(taken.len(), entries);
            prop_assert!(!taken.may_have_forgotten(opened_at));
        }
    }

    #[test]
    fn the_newest_entry_is_kept_also_when_its_clock_is_slow() {
        let (mut taken, now) = (Taken::default(), datetime!(2026-02-01 12:00 UTC));
        taken.take(event(1), 1, now, 0);
        taken.take(event(2), 2, now - time::Duration::days(100), 0);
        assert_eq!(taken.entry_of(&event(2)), Some(2));
    }

    #[test]
    fn an_event_that_is_taken_in_again_counts_from_then() {
        let (mut taken, now) = (Taken::default(), datetime!(2026-02-01 12:00 UTC));
        taken.take(event(1), 1, now, 0);
        taken.take(event(1), 2, now + time::Duration::days(14), 0);
        taken.take(event(3), 3, now + time::Duration::days(28), 0);
        assert_eq!(taken.entry_of(&event(1)), Some(2));
    }

    #[test]
    fn each_disk_makes_room_for_its_own_events() {
        let (mut few, mut many) = (Taken::default(), Taken::default());
        for place in 0..1000 {
            few.take(event(place), place as u64, datetime!(2026-02-01 12:00 UTC), 0);
            many.take(event(place), place as u64, datetime!(2026-02-01 12:00 UTC), 100);
        }
        assert_eq!((few.len(), many.len()), (256, 656));
    }
}
