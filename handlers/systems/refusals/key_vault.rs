//! What a vault's refusal means.

use azure_clients::{
    KeyVaultError,
    key_vault::{Forbidden, ForbiddenKind, KeyVaultRefusal},
};
use azure_ids::{KeyUrl, ObjectId, TenantId};
use onboarding::finding::{Code, Finding};

use super::{Refusal, of_entra, refusal_of};
use crate::step::StepError;

/// A vault's refusal.
pub(crate) fn of_vault(
    error: KeyVaultError,
    key: &KeyUrl,
    tenant: TenantId,
    principal: Option<ObjectId>,
) -> Refusal {
    let vault = key.host().as_str();
    let refusal = match error {
        // Without a token the vault was not asked: it is the customer's tenant that refused.
        KeyVaultError::Token(error) => return of_entra(*error, tenant),
        error => match refusal_of(error) {
            Ok(refusal) => refusal,
            Err(error) => return Refusal::Error(error),
        },
    };
    match refusal {
        KeyVaultRefusal::NoSuchVault => Refusal::certain(Finding::new(
            Code::VaultNotFound,
            format!("There is no vault {vault}."),
            &["Check the URL; a deleted vault can be recovered with az keyvault recover.".to_owned()],
        )),
        KeyVaultRefusal::WrongTenant { found, expected } => Refusal::certain(Finding::new(
            Code::WrongTenant,
            format!("The vault {vault} belongs to tenant {found}; this onboarding is for tenant {expected}."),
            &["Make the key in a vault of your own tenant and hand in its URL.".to_owned()],
        )),
        KeyVaultRefusal::UntrustedChallenge(what) => Refusal::certain(Finding::new(
            Code::VaultNotFound,
            format!("What answers at {vault} does not speak as a key vault does: {what}."),
            &["Hand in the URL of a key in an Azure key vault.".to_owned()],
        )),
        KeyVaultRefusal::KeyNotFound => Refusal::certain(key_not_found(key, "The vault has no such key")),
        KeyVaultRefusal::KeyInBin { .. } => {
            Refusal::certain(key_not_found(key, "The key is deleted and can be recovered"))
        }
        KeyVaultRefusal::Forbidden(forbidden) => of_forbidden(&forbidden, key, principal),
        KeyVaultRefusal::BadRequest { code, .. } => Refusal::certain(Finding::new(
            Code::KeyOperations,
            format!("The key cannot wrap with RSA-OAEP-256 ({code})."),
            &["Make an RSA key that may wrapKey and unwrapKey.".to_owned()],
        )),
        KeyVaultRefusal::RoundTripDiffers => Refusal::certain(Finding::new(
            Code::WrapMismatch,
            "What the key unwrapped is not what it had wrapped.",
            &["Make another key and hand in its URL.".to_owned()],
        )),
        KeyVaultRefusal::TokenRefused { .. } | KeyVaultRefusal::NoRandomness => {
            Refusal::Error(StepError::retry(refusal))
        }
    }
}

fn key_not_found(key: &KeyUrl, what: &str) -> Finding {
    let (vault, name) = (key.host().vault_name(), key.name());
    Finding::new(
        Code::KeyNotFound,
        format!("{what}: {name} in {vault}."),
        &[format!("Check the URL, or: az keyvault key recover --vault-name {vault} --name {name}")],
    )
}

fn of_forbidden(forbidden: &Forbidden, key: &KeyUrl, principal: Option<ObjectId>) -> Refusal {
    let (vault, name) = (key.host().vault_name(), key.name());
    let principal = forbidden.caller_object_id.or(principal);
    let who = principal.map_or_else(|| "the application".to_owned(), |id| id.to_string());
    match &forbidden.kind {
        ForbiddenKind::Rbac => Refusal::spreading(Finding::grant_missing(principal, key)),
        ForbiddenKind::AccessPolicy => Refusal::spreading(Finding::new(
            Code::AccessPolicyMissing,
            "The vault uses access policies, and none lets the application use the key.",
            &[format!(
                "az keyvault set-policy --name {vault} --object-id {who} --key-permissions get wrapKey unwrapKey"
            )],
        )),
        ForbiddenKind::Firewall => Refusal::certain(Finding::new(
            Code::Firewall,
            "The vault's firewall does not know the address that Latchkey calls from.",
            &[forbidden.client_address.map_or_else(
                || "Add Latchkey's outbound address to the vault's firewall.".to_owned(),
                |address| format!("az keyvault network-rule add --name {vault} --ip-address {address}"),
            )],
        )),
        ForbiddenKind::Connection => Refusal::certain(Finding::new(
            Code::PrivateOnly,
            "The vault answers only on private endpoints.",
            &["Allow public access from Latchkey's outbound address, or approve a private endpoint."
                .to_owned()],
        )),
        ForbiddenKind::KeyDisabled => Refusal::certain(Finding::new(
            Code::KeyDisabled,
            "The key is disabled.",
            &[format!("az keyvault key set-attributes --vault-name {vault} --name {name} --enabled true")],
        )),
        ForbiddenKind::Operation => Refusal::certain(Finding::new(
            Code::KeyOperations,
            "The key may not wrap and unwrap now: its operations or its dates forbid it.",
            &[format!(
                "az keyvault key show --vault-name {vault} --name {name} --query \"{{ops:key.keyOps,attributes:attributes}}\""
            )],
        )),
        ForbiddenKind::Other(code) => Refusal::certain(Finding::new(
            Code::VaultRefuses,
            format!("The vault refuses: {code}."),
            &["Look into the vault's diagnostic log for this time.".to_owned()],
        )),
    }
}
