//! What one connection may reach, and until when.

use std::collections::BTreeMap;

use crate::clock::Timestamp;

/// The claims that a connection has put.
#[derive(Debug, Default)]
pub(crate) struct Access {
    everything: bool,
    /// Until when a path, and all below it, is open.
    open: BTreeMap<String, Timestamp>,
}

impl Access {
    pub(crate) fn none_yet() -> Self {
        Self::default()
    }

    pub(crate) fn to_everything() -> Self {
        Self { everything: true, open: BTreeMap::new() }
    }

    pub(crate) fn open(&mut self, path: String, until: Timestamp) {
        self.open.insert(path, until);
    }

    /// Whether links to the node at a path may be attached and used. A claim for a queue covers its dead letters and
    /// its management node; one for the namespace (an empty path) covers everything.
    pub(crate) fn allows(&self, node: &str, now: Timestamp) -> bool {
        self.everything || self.open.iter().any(|(path, until)| *until > now && covers(path, node))
    }

    /// When a claim ends next, of those that still hold.
    pub(crate) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.open.values().copied().filter(|until| *until > now).min()
    }
}

/// Whether a path is another one or lies above it.
pub(crate) fn covers(above: &str, path: &str) -> bool {
    above.is_empty()
        || path.strip_prefix(above).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_covers_what_lies_below_and_nothing_beside() {
        assert!(covers("", "orders"));
        assert!(covers("orders", "orders"));
        assert!(covers("orders", "orders/$deadletterqueue"));
        assert!(!covers("orders", "orders2"));
        assert!(!covers("orders/$deadletterqueue", "orders"));
    }

    #[test]
    fn a_claim_ends() {
        let at = Timestamp::from_milliseconds;
        let mut access = Access::none_yet();
        let orders = "orders";
        assert!(!access.allows(orders, at(0)));
        access.open("orders".to_owned(), at(10));
        assert!(access.allows(orders, at(9)));
        assert!(!access.allows(orders, at(10)));
        assert!(Access::to_everything().allows(orders, at(99)));
    }
}
