//! What a vault's refusal means.
//!
//! Shapes and codes: Microsoft Learn, "Azure Key Vault REST API error codes" and "Troubleshoot Azure Key Vault RBAC";
//! the lines inside the 403 texts as the service sends them.

use std::net::IpAddr;

use azure_ids::{ObjectId, TenantId};
use serde::Deserialize;

use crate::{
    CallError,
    call_error::SystemRefusal,
    transport::{Outage, is_outage, retry_after},
};

/// Why a vault did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum KeyVaultRefusal {
    /// No vault has this name: it never existed, or it was deleted.
    #[error("no vault has this name")]
    NoSuchVault,
    /// What answered is not a vault, or is one that sends us to a place for tokens that is not Microsoft's.
    #[error("the vault's challenge is not to be trusted: {0}")]
    UntrustedChallenge(&'static str),
    /// The vault is another tenant's. It received nothing of ours.
    #[error("the vault belongs to tenant {found}, not to {expected}")]
    WrongTenant {
        /// The tenant that the vault should belong to.
        expected: TenantId,
        /// The tenant that it belongs to.
        found: TenantId,
    },
    /// We may not. Soon after a grant this can mean that the grant is still spreading.
    #[error("the vault forbids it ({:?})", .0.kind)]
    Forbidden(Box<Forbidden>),
    /// The vault has no such key, or no such version of it.
    #[error("the vault has no such key")]
    KeyNotFound,
    /// The key is deleted but could be recovered, or is being deleted or recovered.
    #[error("the key is in the vault's bin ({code})")]
    KeyInBin {
        /// Key Vault's code, such as `ObjectIsDeletedButRecoverable`.
        code: String,
    },
    /// The key cannot do what it was asked to: wrong kind, wrong size, operation not allowed.
    #[error("the key cannot be used for this ({code})")]
    BadRequest {
        /// Key Vault's code, such as `BadParameter`.
        code: String,
        /// Key Vault's own words.
        message: String,
    },
    /// The vault does not accept our token.
    #[error("the vault does not accept our token{}", .code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default())]
    TokenRefused {
        /// The number that the vault's text begins with, such as `AKV10032`.
        code: Option<String>,
    },
    /// Something else came out of the round trip than went in.
    #[error("unwrapping gave other bytes than were wrapped")]
    RoundTripDiffers,
    /// The operating system gave no random bytes.
    #[error("there are no random bytes to wrap")]
    NoRandomness,
}

/// Who was forbidden what, as far as the vault tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// Which of the vault's guards said no.
    pub kind: ForbiddenKind,
    /// The action that is missing, such as `Microsoft.KeyVault/vaults/keys/wrap/action`.
    pub action: Option<String>,
    /// Whom the vault took us for: the service principal that the grant must name.
    pub caller_object_id: Option<ObjectId>,
    /// The ARM id that the role must reach, as the vault spells it.
    pub resource: Option<String>,
    /// The address that we called from, when a firewall stopped us.
    pub client_address: Option<IpAddr>,
}

/// Which guard of the vault said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForbiddenKind {
    /// No role assignment allows it, or one that is still spreading does.
    Rbac,
    /// The vault uses access policies, and none allows it.
    AccessPolicy,
    /// The vault's firewall does not know our address.
    Firewall,
    /// The vault only answers its private network.
    Connection,
    /// The key is switched off.
    KeyDisabled,
    /// The key's own `key_ops`, `nbf` or `exp` stand against it.
    Operation,
    /// Something else, by Key Vault's code.
    Other(String),
}

/// Why a call to a vault failed.
pub type KeyVaultError = CallError<KeyVaultRefusal>;

impl SystemRefusal for KeyVaultRefusal {
    const SYSTEM: &'static str = "the key vault";
}

/// What a response lacks.
pub(super) fn missing(what: &str) -> KeyVaultError {
    KeyVaultError::undecodable(format!("no {what}"))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorDetail {
    code: String,
    message: String,
    /// The wire says `innererror`; dumps of the SDKs say `innerError`.
    #[serde(alias = "innerError")]
    innererror: Option<InnerError>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct InnerError {
    code: String,
}

/// Reads a refusal. Statuses decide first: a body may be missing, and a gateway's body is not Key Vault's.
pub(super) fn read<'a>(status: u16, header: impl Fn(&str) -> Option<&'a str>, body: &[u8]) -> KeyVaultError {
    let ErrorDetail { code, message, innererror } =
        serde_json::from_slice::<ErrorBody>(body).unwrap_or_default().error;
    let inner = innererror.map(|inner| inner.code).filter(|code| !code.is_empty());
    match status {
        400 => KeyVaultError::Refused(KeyVaultRefusal::BadRequest { code, message }),
        401 => KeyVaultError::Refused(KeyVaultRefusal::TokenRefused { code: akv_number(&message) }),
        403 => KeyVaultError::Refused(KeyVaultRefusal::Forbidden(Box::new(forbidden(
            inner.unwrap_or(code),
            &message,
        )))),
        404 => KeyVaultError::Refused(KeyVaultRefusal::KeyNotFound),
        409 => KeyVaultError::Refused(KeyVaultRefusal::KeyInBin { code: inner.unwrap_or(code) }),
        429 => KeyVaultError::Throttled { retry_after: retry_after(header) },
        _ if is_outage(status) => {
            let code = Some(code).filter(|code| !code.is_empty());
            KeyVaultError::Unavailable(Outage::Status { status, code, retry_after: retry_after(header) })
        }
        _ => KeyVaultError::undecodable(format!("unexpected status {status}")),
    }
}

fn forbidden(code: String, message: &str) -> Forbidden {
    let kind = match code.as_str() {
        "ForbiddenByRbac" => ForbiddenKind::Rbac,
        "AccessDenied" | "ForbiddenByPolicy" => ForbiddenKind::AccessPolicy,
        "ForbiddenByFirewall" => ForbiddenKind::Firewall,
        "ForbiddenByConnection" => ForbiddenKind::Connection,
        "KeyDisabled" => ForbiddenKind::KeyDisabled,
        "KeyOperationForbidden" | "KeyExpired" | "KeyNotYetValid" => ForbiddenKind::Operation,
        _ => ForbiddenKind::Other(code),
    };
    Forbidden {
        kind,
        action: line(message, "Action:").map(|action| action.trim_matches('\'').to_owned()),
        caller_object_id: caller_object_id(message),
        resource: line(message, "Resource:").map(|resource| resource.trim_matches('\'').to_owned()),
        client_address: line(message, "Client address:").and_then(|address| address.parse().ok()),
    }
}

fn line<'a>(message: &'a str, label: &str) -> Option<&'a str> {
    message.lines().find_map(|line| line.trim().strip_prefix(label)).map(str::trim)
}

/// `...appid=...;oid=...;iss=...`
fn caller_object_id(message: &str) -> Option<ObjectId> {
    let (_, rest) = message.split_once("oid=")?;
    rest.get(..36)?.parse().ok()
}

fn akv_number(message: &str) -> Option<String> {
    let (number, _) = message.split_once(':')?;
    (number.starts_with("AKV") && number.len() <= 12).then(|| number.to_owned())
}

#[cfg(test)]
mod tests;
