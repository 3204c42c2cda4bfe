//! The ids of recent messages, so that a second copy can be dropped.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::clock::Timestamp;

/// Remembers an id for a fixed time after its first message (Microsoft Learn, "Duplicate detection": the window is
/// not prolonged by the copies).
#[derive(Debug)]
pub(crate) struct RecentIds {
    window: Duration,
    first_seen: HashMap<String, Timestamp>,
    oldest_first: VecDeque<(Timestamp, String)>,
}

impl RecentIds {
    pub(crate) fn new(window: Duration) -> Self {
        Self { window, first_seen: HashMap::new(), oldest_first: VecDeque::new() }
    }

    /// Remembers the id. False when it is remembered already: the message is a copy.
    pub(crate) fn remember(&mut self, id: &str, now: Timestamp) -> bool {
        self.forget_old(now);
        if self.first_seen.contains_key(id) {
            return false;
        }
        self.first_seen.insert(id.to_owned(), now);
        self.oldest_first.push_back((now, id.to_owned()));
        true
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.oldest_first.iter().map(|(at, id)| (id.as_str(), *at))
    }

    fn forget_old(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.oldest_first.front() {
            if at.after(self.window) > now {
                break;
            }
            if let Some((_, id)) = self.oldest_first.pop_front() {
                self.first_seen.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_free_again_when_its_window_has_passed() {
        let at = Timestamp::from_milliseconds;
        let mut recent = RecentIds::new(Duration::from_secs(10));
        assert!(recent.remember("a", at(0)));
        assert!(!recent.remember("a", at(9_999)), "still within the window");
        assert!(recent.remember("a", at(10_000)), "a copy does not prolong the window");
        assert_eq!(recent.iter().count(), 1);
    }
}
