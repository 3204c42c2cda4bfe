//! How long a sign-up that is not opened is tried, before it is left to the operator.

use std::time::Duration;

/// How often a sign-up is sent again.
pub(crate) const SENT_AGAIN: u32 = 2;

/// How long after the landing page nothing more is tried by itself, when this long is waited before each time.
pub(crate) fn given_up_after(standstill: Duration) -> Duration {
    standstill.saturating_mul(SENT_AGAIN + 1)
}
