//! After an outage: looks for the dead letters that it caused of one onboarding, and sends them again, a few at a time.
//!
//! Looking and sending are two runs, with an entry between them: what is to be sent again is in the journal before it is
//! done. Reads and changes the dead letters of the app's own queues. Publishes [`ReplayDue`] until all are looked at.
//! Letters of others, of a contradiction and from before the outage stay as they are.

use onboarding::{Fact, event::ReplayDue};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::dead_letters,
};

pub(crate) async fn handle(step: Step<ReplayDue>, app: App) -> Result<Next, StepError> {
    let (onboarding, entry) = (step.onboarding()?, step.event.data.entry);
    let Some(replay) = onboarding.replay().filter(|replay| replay.entry == entry) else {
        return Ok(Next::Void("it was gone on with, or something is out again"));
    };
    let outage = dead_letters::Outage { onboarding: onboarding.id(), replay };
    if replay.letters.is_empty() {
        let (letters, next) = dead_letters::look(&app, &outage).await?;
        return step.decide(Fact::LettersChosen { letters, next });
    }
    let trace = step.cause().traceparent;
    let (replayed, gone, left) = dead_letters::send_again(&app, &outage, trace.as_deref()).await?;
    step.decide(Fact::LettersReplayed { replayed, gone, left })
}
