//! One step: what every queue function does around its own few lines.
//!
//! 1. The event is decoded (by the runtime, which refuses what cannot be) and the onboarding loaded.
//! 2. An event that was taken in before only has its messages published again.
//! 3. The handler asks the outside world, decides, and acts outside, repeatably.
//! 4. The decision is appended to the journal; if another step was first, all of this is done again.
//! 5. What was decided is published, under ids that a second run would choose again.
//!
//! The process may be killed between any two of these. A step that got no answer goes out again as a scheduled message
//! with one attempt more, never by the host's own instant redelivery, which would burn the delivery count within a
//! second; past the deadline it becomes a dead letter with the last error as its description.

use std::{error::Error as StdError, time::Duration};

use aws_lc_rs::rand;
use azure_ids::KeyUrl;
use custom_handler::{Message, Outcome};
use onboarding::{
    Cause, Decision, Fact, Illegal, Onboarding,
    event::{Event, EventData},
    finding::Finding,
    journal::{Head, JournalError},
};
use service_bus::ServiceBusError;
use time::OffsetDateTime;

use crate::{App, moments::Moment, trace_context};

/// How often a step decides anew within one run, when other steps on the same onboarding append first.
const CONTENTION_LIMIT: u32 = 5;

/// What a handler works on.
#[derive(Debug, Clone)]
pub struct Step<D: EventData> {
    /// What happened.
    pub event: Event<D>,
    onboarding: Option<Onboarding>,
    cause: Cause,
}

/// What a handler came to.
#[derive(Debug)]
pub enum Next {
    /// Something is so from now on.
    Decided(Box<Decision>),
    /// Nothing new; the reason is for the log.
    NoNews(&'static str),
}

/// What becomes of a message whose step did not come to anything.
#[derive(Debug)]
pub enum StepError {
    /// The world may differ soon.
    Retry {
        /// Not sooner than this.
        after: Option<Duration>,
        /// Why.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// This message can never succeed.
    Refuse {
        /// The dead letter's reason: one of a few words that ops can group by.
        reason: &'static str,
        /// The dead letter's description: one sentence.
        description: String,
    },
}

impl StepError {
    /// To be tried again.
    pub fn retry(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Retry { after: None, source: source.into() }
    }

    /// To be tried again, not sooner than the server asked.
    pub fn retry_after(after: Option<Duration>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Retry { after, source: source.into() }
    }

    /// Never to be tried again.
    pub fn refuse(reason: &'static str, description: impl Into<String>) -> Self {
        Self::Refuse { reason, description: description.into() }
    }
}

impl From<Illegal> for StepError {
    fn from(illegal: Illegal) -> Self {
        Self::refuse("Illegal", illegal.to_string())
    }
}

impl From<JournalError> for StepError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Lost { .. } | JournalError::Store(_) => Self::retry(error),
            // Trying again will not mend the journal; somebody has to look.
            JournalError::Unreadable { .. } | JournalError::Tampered { .. } => {
                Self::refuse("JournalUnreadable", error.to_string())
            }
        }
    }
}

impl From<ServiceBusError> for StepError {
    fn from(error: ServiceBusError) -> Self {
        Self::retry(error)
    }
}

impl From<object_store::Error> for StepError {
    fn from(error: object_store::Error) -> Self {
        Self::retry(error)
    }
}

impl<D: EventData> Step<D> {
    /// The onboarding that the event is about.
    ///
    /// # Errors
    /// A refusal, when nobody opened it.
    pub fn onboarding(&self) -> Result<&Onboarding, StepError> {
        self.onboarding.as_ref().ok_or_else(|| {
            StepError::refuse("UnknownOnboarding", format!("nobody opened onboarding {}", self.event.subject))
        })
    }

    /// The onboarding, when it was opened.
    #[must_use]
    pub fn opened(&self) -> Option<&Onboarding> {
        self.onboarding.as_ref()
    }

    /// How long ago the matter began.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::try_from(self.cause.now - self.event.time).unwrap_or_default()
    }

    /// The time at which the step began.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.cause.now
    }

    /// What ids and times derive from.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause.clone()
    }

    /// Tries again while a change may still be spreading; afterwards waits for whoever must act.
    ///
    /// # Errors
    /// A retry, while it may be spreading.
    pub fn wait_or_retry(
        &self,
        app: &App,
        finding: Finding,
        may_be_spreading: bool,
        key: Option<KeyUrl>,
    ) -> Result<Next, StepError> {
        if may_be_spreading && self.age() < app.settings.spreading {
            return Err(StepError::retry(format!("may still be spreading: {}", finding.summary)));
        }
        self.decide(Fact::Waiting { finding, key })
    }

    /// Decides over what was learnt.
    ///
    /// # Errors
    /// A refusal, when the fact contradicts what the onboarding is bound to.
    pub fn decide(&self, fact: Fact) -> Result<Next, StepError> {
        Ok(match self.onboarding()?.decide(self.cause(), fact)? {
            Some(decision) => Next::Decided(Box::new(decision)),
            None => Next::NoNews("known already"),
        })
    }
}

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
    let event = message.body;
    let started = app.clock.now();
    let ended = match attempt(function, &event, &app, handler).await {
        Ok((outcome, detail)) => Ended { outcome, detail, answer: Ok(Outcome::Complete) },
        Err(StepError::Refuse { reason, description }) => refused(reason, description),
        Err(StepError::Retry { after, source }) => put_off(&event, &app, after, source.as_ref()).await,
    };
    log_line(function, &event, started, app.clock.now(), &ended);
    ended.answer
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
        let cause = Cause {
            event: event.id.clone(),
            function,
            now: app.clock.now(),
            traceparent: Some(trace_context::child_of(event.traceparent.as_deref())),
            first_check: app.settings.first_check,
        };
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

fn refused(reason: &'static str, description: String) -> Ended {
    let detail = format!("{reason}: {description}");
    Ended {
        outcome: "refused",
        detail,
        answer: Ok(Outcome::Refuse { reason: reason.to_owned(), description }),
    }
}

/// Sends the same event out again for later; past the deadline it is refused with the last error.
async fn put_off<D: EventData>(
    event: &Event<D>,
    app: &App,
    after: Option<Duration>,
    error: &(dyn StdError + Send + Sync + 'static),
) -> Ended {
    let now = app.clock.now();
    let why = chain_of(error);
    let policy = app.settings.retry;
    if policy.is_over(Duration::try_from(now - event.time).unwrap_or_default()) {
        return refused("DeadlineExceeded", why);
    }
    let wait = policy.wait(event.attempt, jitter(), after);
    match app.bus.publish(&event.next_attempt().to_message(Some(now + wait))).await {
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

/// The error with everything that led to it.
pub(crate) fn chain_of(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
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
