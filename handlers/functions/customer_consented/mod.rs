//! Proves the consent that somebody says was given.
//!
//! Asks Entra for a fresh token in the bound tenant: only that is proof. Soon after consent the refusal may only mean
//! that the new service principal is still spreading, so the age of the event decides between trying again and waiting
//! for the customer. Changes nothing outside. When a key was handed in already, publishes
//! [`KeyShared`](onboarding::event::KeyShared).

use onboarding::{Fact, Illegal, State, event::CustomerConsented};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::refusals::{Refusal, of_entra},
};

pub(crate) async fn handle(cx: Step<CustomerConsented>, app: App) -> Result<Next, StepError> {
    let onboarding = cx.onboarding()?;
    if onboarding.state() == State::Ended {
        // Whoever has left is not asked any more.
        return Next::without_plan(Illegal::Ended);
    }
    let tenant = onboarding.tenant();
    if cx.event.data.tenant != tenant {
        return Err(StepError::refuse("Forbidden", "this consent is of another tenant than the bound one"));
    }
    match app.identity.prove_consent(tenant).await.map_err(|error| of_entra(error, tenant)) {
        Ok(service_principal) => cx.decide(Fact::ConsentProven { service_principal }),
        Err(Refusal::Finding { finding, may_be_spreading, service_principal }) => {
            cx.wait_or_retry(&app, finding, may_be_spreading, None, None, service_principal)
        }
        Err(Refusal::Error(error)) => Err(error),
    }
}
