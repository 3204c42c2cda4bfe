//! Finds out whether a key works, before anything is built on it.
//!
//! Reads the customer's vault and changes nothing there; takes the claim of the key for the entry that uses it.
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
    let (version, service_principal) = (proof.version.clone(), proof.service_principal);
    let next = step.decide(Fact::KeyProven { proof })?;
    // Only an entry that uses the key needs the claim.
    if !matches!(&next, Next::Decided(decision) if decision.onboarding().holds(&version)) {
        return Ok(next);
    }
    match app.claims.take(&app.journal, &version, onboarding).await {
        Ok(()) => Ok(next),
        Err(ClaimError::Claimed(_)) => step.wait(Finding::KeyClaimed, Some(service_principal)),
        Err(ClaimError::Store(error)) => Err(error.into()),
        Err(ClaimError::Holder(error)) => Err(StepError::retry(error)),
    }
}
