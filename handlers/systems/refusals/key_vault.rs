//! What a vault's refusal means.

use azure_clients::{
    KeyVaultError,
    key_vault::{Forbidden, ForbiddenKind, KeyVaultRefusal},
};
use azure_ids::{KeyUrl, ObjectId, TenantId};
use onboarding::finding::Finding;

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
    let (vault, key) = (vault.to_owned(), key.without_version());
    Refusal::certain(match refusal {
        KeyVaultRefusal::NoSuchVault => Finding::VaultNotFound { vault },
        KeyVaultRefusal::WrongTenant { found, expected } => Finding::WrongTenant { vault, found, expected },
        KeyVaultRefusal::UntrustedChallenge(fault) => Finding::NotAVault { vault, fault: fault.to_owned() },
        KeyVaultRefusal::KeyNotFound => Finding::KeyNotFound { key },
        KeyVaultRefusal::KeyInBin { .. } => Finding::KeyDeleted { key },
        KeyVaultRefusal::Forbidden(forbidden) => return of_forbidden(*forbidden, key, principal),
        KeyVaultRefusal::BadRequest { code, .. } => Finding::KeyAlgorithm { key, error: code },
        KeyVaultRefusal::RoundTripDiffers => Finding::WrapMismatch,
        KeyVaultRefusal::TokenRefused { .. } | KeyVaultRefusal::NoRandomness => {
            return Refusal::Error(StepError::retry(refusal));
        }
    })
}

fn of_forbidden(forbidden: Forbidden, key: KeyUrl, principal: Option<ObjectId>) -> Refusal {
    let service_principal = forbidden.caller_object_id.or(principal);
    match forbidden.kind {
        ForbiddenKind::Rbac => Refusal::spreading(Finding::GrantMissing { service_principal, key }),
        ForbiddenKind::AccessPolicy => {
            Refusal::spreading(Finding::AccessPolicyMissing { service_principal, key })
        }
        ForbiddenKind::Firewall => {
            let client_address = forbidden.client_address.map(|address| address.to_string());
            Refusal::certain(Finding::Firewall { key, client_address })
        }
        ForbiddenKind::Connection => Refusal::certain(Finding::PrivateOnly { key }),
        ForbiddenKind::KeyDisabled => Refusal::certain(Finding::KeyDisabled { key }),
        ForbiddenKind::Operation => Refusal::certain(Finding::KeyOperations { key }),
        ForbiddenKind::Other(error) => Refusal::certain(Finding::VaultRefuses { error }),
    }
}
