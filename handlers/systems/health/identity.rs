//! The managed identity, and the application that it stands for in the vendor's own tenant.

use azure_clients::{CallError, EntraError, EntraRefusal};

use super::{Check, Outcome, Owner, tried};
use crate::{App, step::chain_of};

pub(super) async fn checks(app: &App) -> Vec<Check> {
    vec![tried("federated-credential", exchange(app)).await]
}

/// A real exchange: the identity's assertion for a token of the application.
async fn exchange(app: &App) -> Outcome {
    let tenant = app.settings.vendor_tenant;
    match app.identity.prove_consent(tenant).await {
        Ok(_) => Outcome::good("the managed identity gets tokens of the application in your own tenant"),
        Err(error) => explain(&error),
    }
}

fn explain(error: &EntraError) -> Outcome {
    let saw = chain_of(error);
    let (owner, mend) = match error {
        CallError::Throttled { .. } | CallError::Unavailable(_) | CallError::Undecodable(_) => {
            return Outcome::not_checked(saw);
        }
        CallError::Token(_) | CallError::Refused(EntraRefusal::ManagedIdentityMissing) => (
            Owner::Deployer,
            "Assign the user-assigned managed identity to the function app, and set \
             LATCHKEY_MANAGED_IDENTITY_CLIENT_ID to its client ID.",
        ),
        CallError::Refused(EntraRefusal::CredentialSpreading { .. }) => (
            Owner::EntraAdministrator,
            "Add the federated credential to the application: run latchkey setup. A new one works after a few minutes.",
        ),
        CallError::Refused(EntraRefusal::ConsentMissing { .. }) => (
            Owner::EntraAdministrator,
            "Create the application's service principal in your own tenant: run latchkey setup.",
        ),
        CallError::Refused(EntraRefusal::ApplicationDisabled { .. }) => {
            (Owner::EntraAdministrator, "Enable sign-in of the application's service principal.")
        }
        CallError::Refused(EntraRefusal::PolicyBlocks { .. }) => (
            Owner::EntraAdministrator,
            "Exclude the application from the Conditional Access policy for workload identities.",
        ),
        CallError::Refused(_) => (
            Owner::EntraAdministrator,
            "Compare the application, its tenant and its federated credential with the settings: run \
             latchkey setup --dry-run.",
        ),
    };
    Outcome::wrong(saw, owner, mend)
}
