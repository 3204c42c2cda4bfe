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
