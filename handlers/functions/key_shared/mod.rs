//! Finds out whether a key works, before anything is built on it.
//!
//! Reads the customer's vault and changes nothing there; takes the claim that one key belongs to one onboarding.
//! A 403 soon after the key was shared may be a grant that is still spreading: the age of the event decides.
//! Publishes [`ProvisionRequested`](onboarding::event::ProvisionRequested) with the proof.

use onboarding::{
    Fact, Illegal, State,
    claim::ClaimError,
    event::KeyShared,
    finding::{Code, Finding},
};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::key::probe,
    systems::refusals::Refusal,
};

pub(crate) async fn handle(cx: Step<KeyShared>, app: App) -> Result<Next, StepError> {
    let KeyShared { key } = cx.event.data.clone();
    let onboarding = cx.onboarding()?;
    if onboarding.state() == State::Ended {
        // Whoever has left is not asked any more.
        return Next::without_plan(Illegal::Ended);
    }
    let proof = match probe(&app, onboarding, &key).await {
        Ok(proof) => proof,
        Err(Refusal::Finding { finding, may_be_spreading, service_principal }) => {
            return cx.wait_or_retry(&app, finding, may_be_spreading, Some(key), None, service_principal);
        }
        Err(Refusal::Error(error)) => return Err(error),
    };
    match app.claims.take(&proof.version, onboarding.id()).await {
        Ok(()) => cx.decide(Fact::KeyProven { proof }),
        Err(ClaimError::Claimed(_)) => {
            let finding = Finding::new(
                Code::KeyClaimed,
                "This key is in use by another onboarding.",
                &["Make a key of its own for this product and hand in its URL.".to_owned()],
            );
            cx.decide(Fact::Waiting {
                finding,
                key: Some(key),
                disk: None,
                service_principal: Some(proof.service_principal),
            })
        }
        Err(ClaimError::Store(error)) => Err(error.into()),
    }
}
