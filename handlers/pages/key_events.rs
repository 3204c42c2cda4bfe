//! How the customer has Event Grid tell us about the key at once.

use azure_ids::KeyUrl;
use onboarding::OnboardingId;

use crate::App;

/// The header in which the customer's event subscription sends its secret.
pub(crate) const HEADER: &str = "x-latchkey-key-events";

/// What may concern a key: Microsoft Learn, "Azure Key Vault as Event Grid source". Nothing is raised when a key is
/// disabled or deleted.
const EVENT_TYPES: &str = "Microsoft.KeyVault.KeyNewVersionCreated Microsoft.KeyVault.KeyNearExpiry \
    Microsoft.KeyVault.KeyExpired Microsoft.KeyVault.VaultAccessPolicyChanged";

/// Where the events of an onboarding's key go.
pub(crate) fn address_of(app: &App, onboarding: OnboardingId) -> String {
    app.settings.public(&format!("/api/key-events/{onboarding}"))
}

/// The command that subscribes us to the events of the key's vault.
pub(crate) fn subscribe_command(app: &App, onboarding: OnboardingId, key: &KeyUrl) -> String {
    format!(
        "az eventgrid event-subscription create --name latchkey \
         --source-resource-id $(az keyvault show --name {} --query id --output tsv) --endpoint {} \
         --delivery-attribute-mapping {HEADER} static {} true --included-event-types {EVENT_TYPES}",
        key.host().vault_name(),
        address_of(app, onboarding),
        app.signer.key_events_secret(onboarding),
    )
}
