//! The line that every step writes.

use std::time::Duration;

use onboarding::event::{Event, EventData};
use time::OffsetDateTime;

use super::ended::Ended;
use crate::metrics;

pub(super) fn line<D: EventData>(
    function: &'static str,
    event: &Event<D>,
    started: OffsetDateTime,
    ended: OffsetDateTime,
    how: &Ended,
) {
    let started_at = started.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
    let duration_ms = u64::try_from((ended - started).whole_milliseconds()).unwrap_or_default();
    tracing::info!(
        target: "latchkey::step",
        function,
        message_id = event.message_id(),
        attempt = event.attempt.get(),
        onboarding = %event.subject,
        outcome = how.outcome,
        detail = how.detail,
        started_at,
        duration_ms,
        "step"
    );
    metrics::step(function, how.outcome, Duration::try_from(ended - started).unwrap_or_default());
}
