//! A credential of the SDK, and when it has to be made anew.
//!
//! The SDK renews tokens by the machine's clock and cannot be given another. Where ours is the machine's, nothing is
//! ever made anew here.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use time::{Duration, OffsetDateTime};

use crate::clock::Clock;

/// Entra's tokens live for an hour at least (Microsoft Learn, "Access tokens in the Microsoft identity platform", token
/// lifetime). The SDK would renew them in the last five minutes.
const SURELY_ALIVE: Duration = Duration::minutes(50);

/// A credential with the tokens that it keeps.
#[derive(Clone)]
pub(super) struct Kept {
    credential: Arc<dyn TokenCredential>,
    made: Made,
}

impl Kept {
    pub(super) fn new(credential: Arc<dyn TokenCredential>, clock: &dyn Clock) -> Self {
        Self { credential, made: Made::now(clock) }
    }

    /// The credential, unless it has to be made anew.
    pub(super) fn usable(&self, clock: &dyn Clock) -> Option<Arc<dyn TokenCredential>> {
        (!self.made.has_outlived_its_tokens(clock)).then(|| self.credential.clone())
    }
}

/// When a credential was made, by our clock and by the machine's.
#[derive(Debug, Clone, Copy)]
struct Made {
    ours: OffsetDateTime,
    machines: OffsetDateTime,
}

impl Made {
    fn now(clock: &dyn Clock) -> Self {
        Self { ours: clock.now(), machines: OffsetDateTime::now_utc() }
    }

    /// Whether the tokens may have ended by our clock without the machine's clock showing it.
    fn has_outlived_its_tokens(self, clock: &dyn Clock) -> bool {
        let now = Self::now(clock);
        let (ours, machines) = (now.ours - self.ours, now.machines - self.machines);
        ours > SURELY_ALIVE && ours - machines > Duration::MINUTE
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    struct Ahead(AtomicI64);

    impl Clock for Ahead {
        fn now(&self) -> OffsetDateTime {
            OffsetDateTime::now_utc() + Duration::minutes(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn tokens_are_outlived_only_where_our_clock_left_the_machines_behind() {
        let clock = Ahead(AtomicI64::new(0));
        let made = Made::now(&clock);
        for (minutes, outlived) in [(0, false), (49, false), (51, true)] {
            clock.0.store(minutes, Ordering::SeqCst);
            assert_eq!(made.has_outlived_its_tokens(&clock), outlived, "{minutes}");
        }
        let made_later = Made::now(&clock);
        assert!(!made_later.has_outlived_its_tokens(&clock), "it was ahead already");
        let long_ago = Duration::hours(5);
        let old = Made { ours: made_later.ours - long_ago, machines: made_later.machines - long_ago };
        assert!(!old.has_outlived_its_tokens(&clock), "the SDK renews them itself");
    }
}
