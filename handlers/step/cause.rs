//! What the decisions of a step derive their ids and times from.

use onboarding::{
    Cause,
    event::{Event, EventData},
};

use crate::{App, trace_context};

/// How often a step decides anew within one run, when other steps on the same onboarding append first.
pub(super) const CONTENTION_LIMIT: u32 = 5;

/// The cause of a decision of this function, over this event.
pub(super) fn cause_of<D: EventData>(function: &'static str, event: &Event<D>, app: &App) -> Cause {
    Cause {
        event: event.id.clone(),
        function,
        now: app.clock.now(),
        traceparent: Some(trace_context::child_of(event.traceparent.as_deref())),
        first_check: app.settings.first_check,
        hold: app.settings.leaving.hold,
    }
}
