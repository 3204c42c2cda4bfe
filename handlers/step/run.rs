//! What happens around a handler: load, journal, publish, put off, refuse, log.

use std::{error::Error as StdError, time::Duration};

use aws_lc_rs::rand;
use custom_handler::{Message, MessageMetadata, Outcome};
use onboarding::{
    Cause, Fact, Onboarding,
    event::{Event, EventData},
    finding::Finding,
    journal::{Head, JournalError},
};
use time::OffsetDateTime;

use super::{Next, Step, StepError, chain_of};
use crate::{App, moments::Moment, trace_context};

/// How often a step decides anew within one run, when other steps on the same onboarding append first.
const CONTENTION_LIMIT: u32 = 5;

/// The property in which `latchkey dead-letters` names the dead letter that a message is a replay of.
const REPLAY_OF: &str = "x-replay-of";

/// How a step ended, for the log and for the host.
struct Ended {
    outcome: &'static str,
    detail: String,
    answer: Result<Outcome, StepFailed>,
}

/// The invocation failed; the host returns the message to the queue.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StepFailed(String);

/// Runs one step of a function.
///
/// # Errors
/// When it can neither be finished nor be put off; the message then returns to the queue.
pub async fn run<D, F>(
    function: &'static str,
    message: Message<Event<D>>,
    app: App,
    handler: impl Fn(Step<D>, App) -> F,
) -> Result<Outcome, StepFailed>
where
    D: EventData,
    F: Future<Output = Result<Next, StepError>>,
{
    let mut event = message.body;
    if let Some(at) = replayed_at(&message.metadata) {
        event.replayed_at = Some(at);
    }
    let started = app.clock.now();
    let ended = match attempt(function, &event, &app, handler).await {
        Ok((outcome, detail)) => Ended { outcome, detail, answer: Ok(Outcome::Complete) },
        Err(StepError::Refuse { reason, description }) => {
            refused(function, &event, &app, reason, description).await
        }
        Err(StepError::Retry { after, source }) => {
            put_off(function, &event, &app, after, source.as_ref()).await
        }
    };
    log_line(function, &event, started, app.clock.now(), &ended);
    ended.answer
}

/// When this message came back from the dead letters, if it did: Service Bus's own time, so that a second delivery of
/// it has no other.
fn replayed_at(metadata: &MessageMetadata) -> Option<OffsetDateTime> {
    metadata.application_properties.contains_key(REPLAY_OF).then_some(metadata.enqueued_time)?
}

async fn attempt<D, F>(
    function: &'static str,
    event: &Event<D>,
    app: &App,
    handler: impl Fn(Step<D>, App) -> F,
) -> Result<(&'static str, String), StepError>
where
    D: EventData,
    F: Future<Output = Result<Next, StepError>>,
{
    for _ in 0..CONTENTION_LIMIT {
        let head = app.journal.load(event.subject).await?;
        if let Some(entry) = head.as_ref().and_then(|head| head.state.entry_of(&event.id)) {
            publish_again(app, event, head.as_ref(), entry).await?;
            return Ok(("duplicate", format!("taken in before, as entry {entry}")));
        }
        let cause = cause_of(function, event, app);
        let onboarding = head.as_ref().map(|head| head.state.clone());
        let decision = match handler(Step { event: event.clone(), onboarding, cause }, app.clone()).await? {
            Next::NoNews(why) => return Ok(("done", why.to_owned())),
            Next::Decided(decision) => *decision,
        };
        app.moments.reached(function, Moment::Acted);
        let head = match app.journal.append(head.as_ref(), decision).await {
            Err(JournalError::Lost { .. }) => continue,
            appended => appended?,
        };
        app.moments.reached(function, Moment::Journaled);
        publish(app, &head).await?;
        app.moments.reached(function, Moment::Published);
        return Ok(outcome_of(&head.state));
    }
    Err(StepError::retry("other steps on the same onboarding kept appending first"))
}

async fn publish(app: &App, head: &Head) -> Result<(), StepError> {
    app.due.set(&head.state).await?;
    for message in &head.messages {
        app.bus.publish(message).await?;
    }
    Ok(())
}

/// The run before this one may have been killed before it published.
async fn publish_again<D: EventData>(
    app: &App,
    event: &Event<D>,
    head: Option<&Head>,
    entry: u64,
) -> Result<(), StepError> {
    if let Some(head) = head {
        app.due.set(&head.state).await?;
    }
    for message in app.journal.messages_of(event.subject, entry).await? {
        app.bus.publish(&message).await?;
    }
    Ok(())
}

fn outcome_of(state: &Onboarding) -> (&'static str, String) {
    match state.blocker() {
        Some(blocker) => ("waiting", blocker.finding.summary.clone()),
        None => ("done", state.state().as_str().to_owned()),
    }
}

async fn refused<D: EventData>(
    function: &'static str,
    event: &Event<D>,
    app: &App,
    reason: &'static str,
    description: String,
) -> Ended {
    if stops_the_chain(reason)
        && let Err(error) = tell_whose_turn_it_is(function, event, app, reason, &description).await
    {
        // A dead letter that the page does not tell of would leave the onboarding mute: the message comes back.
        let detail = format!("{reason}: {description}; and it could not be told: {}", chain_of(&error));
        return Ended { outcome: "failed", detail: detail.clone(), answer: Err(StepFailed(detail)) };
    }
    let detail = format!("{reason}: {description}");
    Ended {
        outcome: "refused",
        detail,
        answer: Ok(Outcome::Refuse { reason: reason.to_owned(), description }),
    }
}

/// Whether the onboarding stands still because of this refusal. A message that contradicts the onboarding is refused
/// without any meaning for it: it may be anybody's.
fn stops_the_chain(reason: &str) -> bool {
    !matches!(reason, "Illegal" | "Forbidden" | "UnknownOnboarding" | "JournalUnreadable")
}

/// A chain that lies among the dead letters must not look as if it went on: the page names the refusal and the vendor.
/// Under an id of its own, so that the event itself can still be replayed.
async fn tell_whose_turn_it_is<D: EventData>(
    function: &'static str,
    event: &Event<D>,
    app: &App,
    reason: &str,
    description: &str,
) -> Result<(), JournalError> {
    let mut lost = None;
    for _ in 0..CONTENTION_LIMIT {
        let Some(head) = app.journal.load(event.subject).await? else { return Ok(()) };
        if head.state.blocker().is_some() {
            // Somebody's turn already, and with a better reason.
            return Ok(());
        }
        let cause = Cause {
            event: event.id.derive("refused", &event.attempt.to_string()),
            ..cause_of(function, event, app)
        };
        let finding = Finding::step_refused(function, reason, description);
        let waiting = Fact::Waiting { finding, key: None, disk: None, service_principal: None };
        let Ok(Some(decision)) = head.state.decide(cause, waiting) else { return Ok(()) };
        match app.journal.append(Some(&head), decision).await {
            Ok(_) => return Ok(()),
            // What another step appended, of another disk say, need not name anybody: this refusal still stands.
            Err(error @ JournalError::Lost { .. }) => lost = Some(error),
            Err(error) => return Err(error),
        }
    }
    lost.map_or(Ok(()), Err)
}

fn cause_of<D: EventData>(function: &'static str, event: &Event<D>, app: &App) -> Cause {
    Cause {
        event: event.id.clone(),
        function,
        now: app.clock.now(),
        traceparent: Some(trace_context::child_of(event.traceparent.as_deref())),
        first_check: app.settings.first_check,
        spreading: app.settings.spreading,
    }
}

/// Sends the same event out again for later; past the deadline it is refused with the last error.
async fn put_off<D: EventData>(
    function: &'static str,
    event: &Event<D>,
    app: &App,
    after: Option<Duration>,
    error: &(dyn StdError + Send + Sync + 'static),
) -> Ended {
    let now = app.clock.now();
    let why = chain_of(error);
    let policy = app.settings.retry;
    if policy.is_over(event.age(now)) {
        return refused(function, event, app, "DeadlineExceeded", why).await;
    }
    let wait = policy.wait(event.attempt, jitter(), after);
    let mut next = event.next_attempt();
    next.traceparent = Some(trace_context::child_of(event.traceparent.as_deref()));
    match app.bus.publish(&next.to_message(Some(now + wait))).await {
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

/// A number from 0 to 1. Without randomness the wait is the longest one, which is safe.
fn jitter() -> f64 {
    let mut bytes = [0_u8; 4];
    match rand::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

fn log_line<D: EventData>(
    function: &str,
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
        attempt = event.attempt,
        onboarding = %event.subject,
        outcome = how.outcome,
        detail = how.detail,
        started_at,
        duration_ms,
        "step"
    );
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
