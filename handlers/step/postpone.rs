//! A step that got no answer: the same event goes out again as a scheduled message.

use std::{error::Error as StdError, time::Duration};

use aws_lc_rs::rand;
use custom_handler::Outcome;
use onboarding::{
    Reason,
    event::{Event, EventData, Outgoing},
};

use super::{
    chain_of,
    ended::{Ended, StepFailed},
    refuse::refuse,
};
use time::OffsetDateTime;

use crate::{App, trace_context};

/// Sends the same event out again for later; past the deadline it is refused with the last error. `sent` is when the bus had
/// its message, by the clock of the bus.
pub(super) async fn postpone<D: EventData>(
    function: &'static str,
    event: &Event<D>,
    app: &App,
    after: Option<Duration>,
    error: &(dyn StdError + Send + Sync + 'static),
    deadline: Option<Duration>,
    sent: Option<OffsetDateTime>,
) -> Ended {
    let why = chain_of(error);
    let Some((wait, next)) = put_off(event, app, after, deadline, sent) else {
        return refuse(function, event, app, Reason::DeadlineExceeded, why).await;
    };
    match app.bus.publish(&next).await {
        Ok(()) => {
            let detail = format!("again in {:.1} s: {why}", wait.as_secs_f64());
            Ended { outcome: "retry", detail, answer: Ok(Outcome::Complete) }
        }
        Err(error) => {
            let detail = format!("{why}; and it could not be put off: {}", chain_of(&error));
            Ended { outcome: "failed", detail: detail.clone(), answer: Err(StepFailed(detail)) }
        }
    }
}

/// The same event for later, and how much later; `None` past the deadline.
///
/// The bus delivers by its own clock. To one that is ahead of ours, our later would be long ago, and the message would come
/// at once, again and again: so it is counted from when the bus had this one, if that is still to come here.
fn put_off<D: EventData>(
    event: &Event<D>,
    app: &App,
    after: Option<Duration>,
    deadline: Option<Duration>,
    sent: Option<OffsetDateTime>,
) -> Option<(Duration, Outgoing)> {
    let now = app.clock.now();
    if deadline.is_some_and(|deadline| event.age(now) > deadline) {
        return None;
    }
    let wait = app.settings.retry.wait(event.attempt.get(), jitter(), after);
    let mut next = event.next_attempt(now);
    next.traceparent = Some(trace_context::child_of(event.traceparent.as_deref()));
    let counted_from = sent.map_or(now, |sent| sent.max(now));
    Some((wait, next.to_message(Some(counted_from + wait))))
}

/// A number from 0 to 1. Without randomness the wait is the longest one, which is safe.
fn jitter() -> f64 {
    let mut bytes = [0_u8; 4];
    match rand::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
#[path = "postpone_tests.rs"]
mod tests;
