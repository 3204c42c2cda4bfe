//! One step: what every queue function does around its own few lines.
//!
//! 1. The event is decoded (by the runtime, which refuses what cannot be) and the onboarding loaded.
//! 2. An event that was taken in before only has its messages published again. An onboarding that has ended takes
//!    nothing in.
//! 3. The handler asks the outside world, decides, and acts outside, repeatably.
//! 4. The decision is appended to the journal; if another step was first, all of this is done again.
//! 5. What was decided is published, under ids that a second run would choose again.
//!
//! The process may be killed at any await in between. A step that got no answer goes out again as a scheduled message
//! with one attempt more, never by the host's own instant redelivery, which would burn the delivery count within a
//! second; past the deadline it becomes a dead letter with the last error as its description. A replay of that has the
//! whole deadline again.

mod cause;
mod ended;
mod log;
pub mod observer;
mod postpone;
pub(crate) mod record;
mod refuse;
mod run;

use std::{error::Error as StdError, time::Duration};

use azure_ids::ObjectId;
use onboarding::{
    About, Cause, Contradiction, Decision, Fact, NoPlan, NotNow, Onboarding, Reason,
    event::{Event, EventData},
    finding::Finding,
    journal::JournalError,
};
use service_bus::ServiceBusError;
use time::OffsetDateTime;

use crate::App;
pub use ended::StepFailed;
pub use run::run;

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
    /// The message does not count any more: what it says is not even looked at. The reason is for the log.
    Void(&'static str),
}

/// What becomes of a message whose step did not come to anything.
#[derive(Debug)]
pub enum StepError {
    /// Nothing can be done now, and that is no fault: the chain is taken up from here when it changes.
    NotNow(NotNow),
    /// The world may differ soon.
    Retry {
        /// Not sooner than this.
        after: Option<Duration>,
        /// Why.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A newer version of the app, which runs beside this one, can carry it out. However long that takes.
    LeaveToNewer {
        /// Why.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// This message can never succeed.
    Refuse {
        /// Why, for ops to group by.
        reason: Reason,
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
    pub fn refuse(reason: Reason, description: impl Into<String>) -> Self {
        Self::Refuse { reason, description: description.into() }
    }
}

impl From<Contradiction> for StepError {
    fn from(contradiction: Contradiction) -> Self {
        Self::refuse(contradiction.into(), contradiction.to_string())
    }
}

impl From<NoPlan> for StepError {
    fn from(no_plan: NoPlan) -> Self {
        match no_plan {
            NoPlan::NotNow(why) => Self::NotNow(why),
            NoPlan::Contradiction(contradiction) => contradiction.into(),
        }
    }
}

impl From<JournalError> for StepError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Lost { .. } | JournalError::Store(_) => Self::retry(error),
            JournalError::Newer { .. } => Self::LeaveToNewer { source: error.into() },
            // Trying again will not mend the journal; somebody has to look.
            JournalError::Unreadable { .. } => Self::refuse(Reason::JournalUnreadable, error.to_string()),
            JournalError::Tampered { .. } => Self::refuse(Reason::JournalTampered, error.to_string()),
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
    /// A step on an event, for tests of its handler.
    #[cfg(test)]
    pub(crate) fn on(event: Event<D>, onboarding: Onboarding, app: &App) -> Self {
        let cause = cause::cause_of(D::QUEUE, &event, app);
        Self { event, onboarding: Some(onboarding), cause }
    }

    /// The onboarding that the event is about.
    ///
    /// # Errors
    /// A refusal, when nobody opened it.
    pub fn onboarding(&self) -> Result<&Onboarding, StepError> {
        self.onboarding.as_ref().ok_or_else(|| {
            StepError::refuse(
                Reason::UnknownOnboarding,
                format!("nobody opened onboarding {}", self.event.subject),
            )
        })
    }

    /// The onboarding, when it was opened.
    #[must_use]
    pub fn opened(&self) -> Option<&Onboarding> {
        self.onboarding.as_ref()
    }

    /// Whether what a refusal says is missing may have been changed so lately that it is still spreading.
    #[must_use]
    pub fn may_be_spreading(&self, app: &App) -> bool {
        !self.event.resumed && self.event.age(self.cause.now) < app.settings.spreading
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

    /// Waits for whoever must act.
    ///
    /// # Errors
    /// A refusal, when the finding contradicts what the onboarding is bound to.
    pub fn wait(&self, finding: Finding, token_of: Option<ObjectId>) -> Result<Next, StepError> {
        self.decide(Fact::Found { about: self.about(), finding, token_of })
    }

    /// Tries again while a change may still be spreading; afterwards waits for whoever must act.
    ///
    /// # Errors
    /// A retry, while it may be spreading.
    pub fn wait_or_retry(
        &self,
        app: &App,
        finding: Finding,
        token_of: Option<ObjectId>,
    ) -> Result<Next, StepError> {
        if self.may_be_spreading(app) {
            return Err(StepError::retry(format!("may still be spreading: {}", finding.summary())));
        }
        self.wait(finding, token_of)
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

    fn about(&self) -> About {
        self.event.data.about()
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
