//! Proves the consent that somebody says was given.
//!
//! Asks Entra for a fresh token in the bound tenant: only that is proof. Soon after consent the refusal may only mean
//! that the new service principal is still spreading, so the age of the event decides between trying again and waiting
//! for the customer. Changes nothing outside. When a key was submitted before, publishes
//! [`KeyShared`](onboarding::event::KeyShared).

use onboarding::{Contradiction, Fact, event::CustomerConsented};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::refusals::{Refusal, of_entra},
};

pub(crate) async fn handle(step: Step<CustomerConsented>, app: App) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    let tenant = onboarding.tenant();
    if step.event.data.tenant != tenant {
        return Err(Contradiction::ConsentOfAnotherTenant.into());
    }
    match app.identity.prove_consent(tenant).await.map_err(|error| of_entra(error, tenant)) {
        Ok(service_principal) => step.decide(Fact::ConsentProven { service_principal }),
        Err(Refusal::Finding { finding, may_be_spreading: true, token_of }) => {
            step.wait_or_retry(&app, finding, token_of)
        }
        Err(Refusal::Finding { finding, may_be_spreading: false, token_of }) => step.wait(finding, token_of),
        Err(Refusal::Error(error)) => Err(error),
    }
}
