//! Moves the grace ladder of a revoked onboarding: announces the next rung, or takes the one that was announced.
//!
//! What is due is read from the journal, never from the message. Before a rung is taken the key is looked at once more,
//! with a new token: if it works, there is no rung but a recovery; if nobody can look, there is no rung now. Reads the
//! customer's vault, and for the rung that stops machines, the disks. Publishes
//! [`MachineSwitchRequested`](onboarding::event::MachineSwitchRequested) for each machine.
//!
//! Whatever gets no answer is asked again by the reminder, so that an outage fills no queue and nothing is ever given up.

use azure_ids::ArmId;
use onboarding::{Fact, Onboarding, What, event::RungDue, finding::KeyIs, grace::Rung};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::{key::fresh_probe, machines, refusals::Refusal},
};

const NO_ANSWER: Next = Next::Void("no answer; the reminder asks again");

pub(crate) async fn handle(step: Step<RungDue>, app: App) -> Result<Next, StepError> {
    let (onboarding, now) = (step.onboarding()?, step.now());
    let next = onboarding.next_ladder_move(&app.settings.grace).filter(|next| next.at <= now);
    match next.map(|next| next.what) {
        None | Some(What::Window) => Ok(Next::NoNews("nothing is due")),
        Some(What::Announce(rung)) => match &onboarding.grace().ladder {
            Some(ladder) => {
                let due = onboarding.rules_now(&app.settings.grace).due(ladder, rung, now);
                step.decide(Fact::RungAnnounced { rung, due })
            }
            None => Ok(Next::NoNews("there is no ladder")),
        },
        Some(What::Withdraw(rung)) => step.decide(Fact::RungWithdrawn { rung }),
        Some(What::Take(rung)) => take(&step, &app, onboarding, rung).await,
        Some(What::LookAtMachines) => step.decide(Fact::MachinesDue),
        Some(What::Leave) => Ok(Next::NoNews("it leaves, which is another function's")),
    }
}

async fn take(
    step: &Step<RungDue>,
    app: &App,
    onboarding: &Onboarding,
    rung: Rung,
) -> Result<Next, StepError> {
    let Some(key) = onboarding.key_to_look_at() else { return Ok(Next::NoNews("there is no key")) };
    match fresh_probe(app, onboarding, &key.without_version()).await {
        Ok((proof, _)) => return step.decide(Fact::KeyProven { proof }),
        Err(Refusal::Finding { finding, .. }) if finding.code().key_is() == KeyIs::Revoked => {}
        Err(Refusal::Finding { finding, .. }) => {
            tracing::warn!(onboarding = %onboarding.id(), code = %finding.code().name(), "no rung: the key cannot be looked at");
            return Ok(NO_ANSWER);
        }
        Err(Refusal::Error(error)) => return unanswered(onboarding, error),
    }
    let machines: Vec<ArmId> = match rung {
        Rung::Suspend | Rung::Offboard => vec![],
        Rung::Deallocate => match machines::of(app, onboarding).await {
            Ok(machines) => machines,
            Err(error) => return unanswered(onboarding, error),
        },
    };
    step.decide(Fact::RungTaken { rung, machines })
}

fn unanswered(onboarding: &Onboarding, error: StepError) -> Result<Next, StepError> {
    match error {
        StepError::Retry { source, .. } => {
            tracing::warn!(onboarding = %onboarding.id(), error = %source, "no rung: no answer");
            Ok(NO_ANSWER)
        }
        error => Err(error),
    }
}
