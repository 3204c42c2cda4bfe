//! What happens around a handler: load, journal, publish.

use custom_handler::{Message, MessageMetadata, Outcome};
use onboarding::{
    About, Cause, Decision, Fact, Onboarding, Stage, Subject,
    event::{Event, EventData, WindowDue},
    journal::{Head, JournalError},
};
use time::OffsetDateTime;

use super::{
    Next, Step, StepError,
    cause::{CONTENTION_LIMIT, cause_of},
    ended::{Ended, StepFailed},
    log,
    observer::observed,
    postpone::postpone,
    refuse::refuse,
};
use crate::App;

/// The property in which `latchkey dead-letters` names the dead letter that a message is a replay of.
const REPLAY_OF: &str = "x-replay-of";

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
    let observer = app.observer.clone();
    observed(function, observer.as_ref(), carry_out(function, message, app, handler)).await
}

async fn carry_out<D, F>(
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
    let sent = message.metadata.enqueued_time;
    if let Some(at) = replayed_at(&message.metadata) {
        event.replayed_at = Some(at);
    }
    let started = app.clock.now();
    if event.data.void_from().is_some_and(|void_from| void_from <= started) {
        let overtaken = Ended::done("another has taken its place".to_owned());
        log::line(function, &event, started, started, &overtaken);
        return overtaken.answer;
    }
    let ended = match attempt(function, &event, &app, handler).await {
        Ok((outcome, detail)) => Ended { outcome, detail, answer: Ok(Outcome::Complete) },
        Err(StepError::NotNow(why)) => Ended::done(why.to_string()),
        // Another comes in its place, which may find it mended: nobody has to replay this one.
        Err(StepError::Refuse { reason, description }) if event.data.void_from().is_some() => {
            tracing::error!(onboarding = %event.subject, function, %reason, description, "refused, and not kept");
            Ended::done(format!("{reason}: {description}"))
        }
        Err(StepError::Refuse { reason, description }) => {
            refuse(function, &event, &app, reason, description).await
        }
        Err(StepError::Retry { after, source }) => {
            let deadline = Some(app.settings.retry.deadline);
            postpone(function, &event, &app, after, source.as_ref(), deadline, sent).await
        }
        Err(StepError::LeaveToNewer { source }) => {
            postpone(function, &event, &app, None, source.as_ref(), None, sent).await
        }
    };
    log::line(function, &event, started, app.clock.now(), &ended);
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
    // A call that Azure accepted is not made again because another step appended first: that would be a call a step, for
    // every machine of a window at once.
    let mut accepted: Option<Box<Fact>> = None;
    for _ in 0..CONTENTION_LIMIT {
        let head = app.journal.load(event.subject).await?;
        let onboarding = head.as_ref().map(|head| &head.onboarding);
        if let Some((onboarding, entry)) =
            onboarding.and_then(|known| Some((known, known.taken().entry_of(&event.id)?)))
        {
            // The newest entry is at hand already: nothing more is read for it.
            match head.as_ref().filter(|head| head.onboarding.number() == entry) {
                Some(head) => publish(app, head).await?,
                None => publish_again(app, onboarding, entry).await?,
            }
            return Ok(("duplicate", format!("taken in before, as entry {entry}")));
        }
        if onboarding.is_some_and(|known| known.stage() == Stage::Ended && !is_owed(known, event)) {
            return Ok(("done", "the subscription has ended".to_owned()));
        }
        let cause = cause_of(function, event, app);
        let next = match recorded_anew(onboarding, &cause, accepted.take())? {
            Some(decision) => Next::Decided(decision),
            None => {
                let step =
                    Step { event: event.clone(), onboarding: onboarding.cloned(), cause: cause.clone() };
                match handler(step, app.clone()).await {
                    Err(StepError::NotNow(_)) => Next::NoNews("nothing to do at present"),
                    next => next?,
                }
            }
        };
        let decision = match next {
            Next::Decided(decision) => *decision,
            Next::Void(why) => return Ok(("done", why.to_owned())),
            Next::NoNews(why) => match left_to_do(onboarding, event, cause)? {
                Some(decision) => decision,
                None => return Ok(("done", why.to_owned())),
            },
        };
        let before = head;
        let fact = decision.fact().is_an_accepted_call().then(|| Box::new(decision.fact().clone()));
        let head = match app.journal.append(before.as_ref(), decision).await {
            Err(JournalError::Lost { .. }) => {
                accepted = fact;
                continue;
            }
            appended => appended?,
        };
        publish(app, &head).await?;
        release_keys(app, before.as_ref().map(|before| &before.onboarding), &head.onboarding).await;
        return Ok(outcome_of(&head.onboarding));
    }
    Err(StepError::retry("other steps on the same onboarding kept appending first"))
}

/// What a call means that Azure accepted before another step appended.
fn recorded_anew(
    onboarding: Option<&Onboarding>,
    cause: &Cause,
    accepted: Option<Box<Fact>>,
) -> Result<Option<Box<Decision>>, StepError> {
    let (Some(onboarding), Some(fact)) = (onboarding, accepted) else { return Ok(None) };
    Ok(onboarding.decide(cause.clone(), *fact)?.map(Box::new))
}

/// A machine that a window stopped runs again, whatever has ended meanwhile.
fn is_owed<D: EventData>(onboarding: &Onboarding, event: &Event<D>) -> bool {
    let is_about_machines = D::QUEUE == WindowDue::QUEUE || matches!(event.data.about(), About::Machine(_));
    is_about_machines && onboarding.owes_power()
}

/// What is left to do although the handler learnt nothing new: to say that a step which had been refused is done; and,
/// for an event that may have been taken in and forgotten since, to send again what the chain waits for.
fn left_to_do<D: EventData>(
    onboarding: Option<&Onboarding>,
    event: &Event<D>,
    cause: Cause,
) -> Result<Option<Decision>, StepError> {
    let Some(onboarding) = onboarding else { return Ok(None) };
    let about = event.data.about();
    let fact = if onboarding.blockers().get(&Subject::step(cause.function, &about)).is_some() {
        Fact::StepDone { function: cause.function.to_owned(), about }
    } else if onboarding.taken().may_have_forgotten(event.time) {
        Fact::OldEvent
    } else {
        return Ok(None);
    };
    Ok(onboarding.decide(cause, fact)?)
}

pub(super) async fn publish(app: &App, head: &Head) -> Result<(), StepError> {
    app.due.set(&head.onboarding, head.onboarding.number()).await?;
    app.watched.follow(&head.onboarding).await?;
    remind_of_rung(app, &head.onboarding).await?;
    for message in &head.messages {
        app.bus.publish(message).await?;
    }
    Ok(())
}

/// Every entry may change what is done next by the grace ladder or in a window, and when.
async fn remind_of_rung(app: &App, onboarding: &Onboarding) -> Result<(), StepError> {
    if let Some(next) = onboarding.next_move(&app.settings.grace) {
        app.due.set_rung(onboarding.id(), next.at).await?;
    }
    Ok(())
}

/// The run before this one may have been killed before it published.
async fn publish_again(app: &App, onboarding: &Onboarding, entry: u64) -> Result<(), StepError> {
    app.due.set(onboarding, entry).await?;
    app.watched.follow(onboarding).await?;
    remind_of_rung(app, onboarding).await?;
    for message in app.journal.messages_of(onboarding.id(), entry).await? {
        app.bus.publish(&message).await?;
    }
    Ok(())
}

/// Releases the keys that this entry uses no more. A claim that stays behind does no harm: whoever wants the key sees in
/// the journal that it is not used, and takes it over.
pub(super) async fn release_keys(app: &App, before: Option<&Onboarding>, after: &Onboarding) {
    for key in before.into_iter().flat_map(Onboarding::keys).filter(|key| !after.holds(key)) {
        if let Err(error) = app.claims.release(key, after.id(), after.number()).await {
            tracing::warn!(onboarding = %after.id(), %error, "a key could not be released");
        }
    }
}

/// What this entry made it wait for, or how far it is.
fn outcome_of(onboarding: &Onboarding) -> (&'static str, String) {
    let mut news = onboarding.blockers().iter().filter(|(_, blocker)| blocker.entry == onboarding.number());
    match news.next() {
        Some((_, blocker)) => ("waiting", blocker.finding.summary()),
        None => ("done", onboarding.stage().as_str().to_owned()),
    }
}

#[cfg(test)]
#[path = "again_tests.rs"]
mod again_tests;
#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
