//! What a person states, the vendor's operator or the customer, recorded at once: the answer comes when the journal has
//! it.

use custom_handler::BoxError;
use onboarding::{Cause, Fact, Onboarding, OnboardingId, event::EventId, journal::JournalError};
use uuid::Uuid;

use super::{
    cause::CONTENTION_LIMIT,
    run::{publish, release_keys},
};
use crate::{App, trace_context};

/// What became of it.
pub(crate) enum Recorded {
    /// It is recorded; this is so from now on.
    Done(Box<Onboarding>),
    /// It is no news, or cannot be so now.
    NoNews(Box<Onboarding>),
    /// There is no such onboarding.
    Unknown,
}

/// Records a fact. When another step appends first, it is decided anew.
///
/// # Errors
/// When the journal or the bus does not answer. It may be recorded then; asking again is harmless.
pub(crate) async fn record(
    app: &App,
    function: &'static str,
    id: OnboardingId,
    fact: &Fact,
) -> Result<Recorded, BoxError> {
    let event = EventId::of_origin(function, &Uuid::new_v4().to_string());
    for _ in 0..CONTENTION_LIMIT {
        let Some(before) = app.journal.load(id).await? else { return Ok(Recorded::Unknown) };
        let cause = Cause {
            event: event.clone(),
            function,
            now: app.clock.now(),
            traceparent: Some(trace_context::new_trace()),
            first_check: app.settings.first_check,
            hold: app.settings.leaving.hold,
        };
        let Some(decision) = before.onboarding.decide(cause, fact.clone())? else {
            return Ok(Recorded::NoNews(Box::new(before.onboarding)));
        };
        let head = match app.journal.append(Some(&before), decision).await {
            Err(JournalError::Lost { .. }) => continue,
            appended => appended?,
        };
        publish(app, &head).await.map_err(|_| "what was recorded could not be published")?;
        release_keys(app, Some(&before.onboarding), &head.onboarding).await;
        return Ok(Recorded::Done(Box::new(head.onboarding)));
    }
    Err("other steps on the same onboarding kept appending first".into())
}
