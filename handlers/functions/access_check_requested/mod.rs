//! Proves that our access to the key of an onboarding that has left is gone: a probe with a new token that must fail.
//!
//! Reads the customer's vault; changes nothing there. While the application still has access, the customer is asked to take
//! it away, and it is looked at again. After `LATCHKEY_LEAVING_PROOF_SECONDS` the onboarding has left all the same: nobody
//! waits for ever for a customer who is gone, and the journal says which of the two it was. Publishes nothing.

use onboarding::{
    Fact,
    event::AccessCheckRequested,
    finding::Code,
    leaving::{AccessSeen, Removed},
};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::{key::fresh_probe, refusals::Refusal},
};

pub(crate) async fn handle(step: Step<AccessCheckRequested>, app: App) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    let undo = onboarding.leaving().and_then(|leaving| leaving.undo.as_ref());
    let Some(Removed::Gone { at }) = undo.map(|undo| undo.set) else {
        return Ok(Next::NoNews("the set is not gone"));
    };
    let Some(key) = onboarding.key() else { return Ok(Next::NoNews("there is no key")) };
    let give_up_at = at + app.settings.leaving.proof;
    let seen = match fresh_probe(&app, onboarding, &key.version.without_version()).await {
        Ok(_) => AccessSeen::Remains { found: None },
        Err(Refusal::Finding { finding, .. }) if is_refusal(finding.code()) => {
            AccessSeen::Refused { code: finding.code() }
        }
        Err(Refusal::Finding { finding, .. }) => AccessSeen::Remains { found: Some(finding.code()) },
        Err(Refusal::Error(error)) => return Err(error),
    };
    step.decide(Fact::AccessChecked { seen, give_up_at })
}

/// Whether it says that we may not use the key, or that there is none. That a key is disabled or a vault cannot be reached
/// says nothing about our access to it.
fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::ConsentMissing
            | Code::ApplicationDisabled
            | Code::PolicyBlocks
            | Code::GrantMissing
            | Code::AccessPolicyMissing
            | Code::KeyNotFound
            | Code::KeyDeleted
            | Code::VaultNotFound
    )
}
