//! Finds out whether a key works, before anything is built on it.
//!
//! Reads the customer's vault and changes nothing there; takes the claim that one key belongs to one onboarding.
//! A 403 soon after the key was shared may be a grant that is still spreading: the age of the event decides.
//! Publishes [`ProvisionRequested`](onboarding::event::ProvisionRequested) with the proof.

use onboarding::{Fact, claim::ClaimError, event::KeyShared, finding::Finding};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::key::probe,
    systems::refusals::Refusal,
};

pub(crate) async fn handle(step: Step<KeyShared>, app: App) -> Result<Next, StepError> {
    let KeyShared { key } = step.event.data.clone();
    let onboarding = step.onboarding()?;
    let proof = match probe(&app, onboarding, &key).await {
        Ok(proof) => proof,
        Err(Refusal::Finding { finding, may_be_spreading: true, token_of }) => {
            return step.wait_or_retry(&app, finding, token_of);
        }
        Err(Refusal::Finding { finding, may_be_spreading: false, token_of }) => {
            return step.wait(finding, token_of);
        }
        Err(Refusal::Error(error)) => return Err(error),
    };
    match app.claims.take(&proof.version, onboarding.id()).await {
        Ok(()) => step.decide(Fact::KeyProven { proof }),
        Err(ClaimError::Claimed(_)) => step.wait(Finding::KeyClaimed, Some(proof.service_principal)),
        Err(ClaimError::Store(error)) => Err(error.into()),
    }
}
