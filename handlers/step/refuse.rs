//! A message that is refused for good: it becomes a dead letter, and the onboarding's page says so if the chain stands
//! still because of it.

use custom_handler::Outcome;
use onboarding::{
    Cause, Fact, Reason, Stops,
    event::{Event, EventData},
    journal::JournalError,
};

use super::{
    cause::{CONTENTION_LIMIT, cause_of},
    chain_of,
    ended::{Ended, StepFailed},
};
use crate::{App, metrics};

pub(super) async fn refuse<D: EventData>(
    function: &'static str,
    event: &Event<D>,
    app: &App,
    reason: Reason,
    description: String,
) -> Ended {
    let detail = format!("{reason}: {description}");
    match reason.stops() {
        Stops::Nothing => {}
        // What cannot be read cannot be written to either: the vendor learns of it here and from the dead letter.
        Stops::Journal => {
            tracing::error!(onboarding = %event.subject, function, detail, "the journal is damaged")
        }
        Stops::Chain => {
            if let Err(error) = show(function, event, app, reason).await {
                // A dead letter that the page does not show would leave the onboarding mute: the message comes back.
                let detail = format!("{detail}; and the onboarding could not be told: {}", chain_of(&error));
                return Ended { outcome: "failed", detail: detail.clone(), answer: Err(StepFailed(detail)) };
            }
        }
    }
    metrics::dead_letter(function, reason);
    Ended {
        outcome: "refused",
        detail,
        answer: Ok(Outcome::Refuse { reason: reason.as_str().to_owned(), description }),
    }
}

/// Writes down that the chain stands still, under an id of its own, so that the event itself can still be replayed.
async fn show<D: EventData>(
    function: &'static str,
    event: &Event<D>,
    app: &App,
    reason: Reason,
) -> Result<(), JournalError> {
    let mut lost = None;
    for _ in 0..CONTENTION_LIMIT {
        let Some(head) = app.journal.load(event.subject).await? else { return Ok(()) };
        let refused = event.id.derive("refused", &event.attempt.to_string());
        let cause = Cause { event: refused, ..cause_of(function, event, app) };
        let fact = Fact::StepRefused { function: function.to_owned(), reason, about: event.data.about() };
        let Ok(Some(decision)) = head.onboarding.decide(cause, fact) else { return Ok(()) };
        match app.journal.append(Some(&head), decision).await {
            Ok(_) => return Ok(()),
            // What another step appended says nothing about this refusal: it still stands.
            Err(error @ JournalError::Lost { .. }) => lost = Some(error),
            Err(error) => return Err(error),
        }
    }
    lost.map_or(Ok(()), Err)
}
