//! Whether anything goes on in a host, for whoever moves its clock.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio_util::task::TaskTracker;

use crate::invocation::Executor;
use crate::timer::agenda::Agenda;

/// What can go on in a host.
pub(super) struct Activity {
    pub(super) executor: Arc<Executor>,
    pub(super) agenda: Agenda,
    pub(super) in_flight: TaskTracker,
}

impl Activity {
    /// How many invocations have begun, if none is under way and no timer is due.
    pub(super) fn quiet_after(&self) -> Option<u64> {
        let now = self.executor.clock.now();
        let quiet = self.in_flight.is_empty() && self.agenda.is_quiet(now);
        quiet.then(|| self.executor.started.load(Ordering::SeqCst))
    }
}

/// Hides the executor's inner parts.
impl std::fmt::Debug for Activity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Activity").field("quiet_after", &self.quiet_after()).finish()
    }
}
