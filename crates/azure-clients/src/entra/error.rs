//! What a refusal of Entra's means: the one place that knows AADSTS numbers.
//!
//! Microsoft documents the numbers ("Microsoft Entra authentication and authorization error codes") and warns against
//! relying on the texts around them.

use std::{error::Error as StdError, time::Duration};

use azure_core::{error::ErrorKind, http::RawResponse};
use azure_ids::TenantId;
use serde::Deserialize;

use crate::transport::{Outage, causes, is_outage, retry_after};

/// Why there is no token.
///
/// Where the meaning depends on how long ago something was set up, the variant says so: only the caller knows that age.
#[derive(Debug, thiserror::Error)]
pub enum EntraError {
    /// The application has no service principal in the tenant, or nobody consented to what it asks for.
    /// For some minutes after consent it means that the service principal is still spreading.
    #[error("the tenant has not consented to the application (AADSTS{code})")]
    ConsentMissing {
        /// The AADSTS number.
        code: u32,
    },
    /// No federated credential of the application matches the assertion. For about ten minutes after the credential
    /// was written, or now and then while it spreads, it means nothing more; after that the credential is wrong.
    #[error("no federated credential matches the managed identity's assertion (AADSTS{code})")]
    CredentialSpreading {
        /// The AADSTS number.
        code: u32,
    },
    /// The tenant's administrator switched the application off: the customer's way to revoke.
    #[error("the application is disabled in the tenant (AADSTS{code})")]
    ApplicationDisabled {
        /// The AADSTS number.
        code: u32,
    },
    /// There is no such tenant in this cloud.
    #[error("the tenant does not exist (AADSTS{code})")]
    TenantNotFound {
        /// The AADSTS number.
        code: u32,
    },
    /// What somebody's administrators forbid stops the application.
    #[error("a policy stops the application (AADSTS{code})")]
    PolicyBlocks {
        /// The AADSTS number.
        code: u32,
        /// What kind of policy it is.
        policy: TenantPolicy,
    },
    /// The tenant does not know the service that the token is for: for Key Vault, a tenant without any subscription.
    #[error("the tenant does not know the service that the token is for (AADSTS{code})")]
    ServiceUnknown {
        /// The AADSTS number.
        code: u32,
    },
    /// The application, its credential or the managed identity is set up wrongly. The vendor's to mend.
    #[error("the application is misconfigured (AADSTS{code})")]
    Misconfigured {
        /// The AADSTS number.
        code: u32,
    },
    /// The identity endpoint does not know the managed identity. So for about a minute after it was assigned.
    #[error("the managed identity is not assigned to this app")]
    ManagedIdentityMissing,
    /// Too many requests.
    #[error("Entra wants to be asked later")]
    Throttled {
        /// How long Entra asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// No answer, or one that says that Entra is not well.
    #[error("Entra did not answer")]
    Unavailable(#[source] Outage),
    /// A refusal that we know nothing about.
    #[error("Entra refused with status {status}{}", .code.map(|code| format!(" (AADSTS{code})")).unwrap_or_default())]
    Unrecognized {
        /// The HTTP status.
        status: u16,
        /// The AADSTS number, if there was one.
        code: Option<u32>,
    },
    /// The token is of another tenant than the one that was asked.
    #[error("asked for a token of tenant {expected}, got one of {found}")]
    WrongTenant {
        /// The tenant that was asked.
        expected: TenantId,
        /// The tenant that the token names.
        found: TenantId,
    },
    /// The answer cannot be understood.
    #[error("Entra's answer cannot be understood: {0}")]
    Undecodable(&'static str),
    /// The identity could not be set up in this process.
    #[error("the identity cannot be set up")]
    Setup(#[source] azure_core::Error),
}

/// A policy by which administrators keep applications out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantPolicy {
    /// Conditional Access in the tenant that was asked.
    ConditionalAccess,
    /// The tenant that was asked lets nobody of the application's home in.
    InboundAccess,
    /// The application's home lets nobody out.
    OutboundAccess,
    /// The tenant that was asked wants an administrator to approve the application.
    AdministratorConsent,
    /// The same, because the application is taken to be risky.
    RiskyApplication,
}

impl EntraError {
    /// How long Entra asked to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => *retry_after,
            Self::Unavailable(outage) => outage.retry_after(),
            _ => None,
        }
    }
}

impl From<Outage> for EntraError {
    fn from(outage: Outage) -> Self {
        Self::Unavailable(outage)
    }
}

/// Marks an error as the managed identity's, on its way through the SDK.
#[derive(Debug, thiserror::Error)]
#[error("the managed identity gave no token")]
pub(super) struct FromManagedIdentity(#[source] pub(super) azure_core::Error);

/// Reads the error of a credential's `get_token`.
pub(crate) fn classify(error: azure_core::Error) -> EntraError {
    let from_managed_identity = causes(&error).any(|cause| cause.is::<FromManagedIdentity>());
    if let Some(response) = causes(&error).find_map(response_of) {
        return if from_managed_identity {
            from_identity_endpoint(response)
        } else {
            from_token_endpoint(response)
        };
    }
    if causes(&error).any(is_undecodable) {
        return EntraError::Undecodable("not a token response");
    }
    EntraError::Unavailable(Outage::Sdk(error))
}

/// The identity's error inside an error of an SDK client, if that is what made the call fail.
pub(crate) fn find_entra_error(error: azure_core::Error) -> Result<EntraError, azure_core::Error> {
    if causes(&error).any(is_credential) { Ok(classify(error)) } else { Err(error) }
}

fn kind_of<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a ErrorKind> {
    error.downcast_ref::<azure_core::Error>().map(azure_core::Error::kind)
}

fn is_credential(error: &(dyn StdError + 'static)) -> bool {
    matches!(kind_of(error), Some(ErrorKind::Credential))
}

fn is_undecodable(error: &(dyn StdError + 'static)) -> bool {
    error.is::<serde_json::Error>() || matches!(kind_of(error), Some(ErrorKind::DataConversion))
}

fn response_of<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a RawResponse> {
    match kind_of(error)? {
        ErrorKind::HttpResponse { raw_response, .. } => raw_response.as_deref(),
        _ => None,
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    error_codes: Vec<u32>,
    #[serde(default)]
    error_description: String,
}

/// Every AADSTS number of a refusal, the most telling first.
fn error_codes(response: &RawResponse) -> Vec<u32> {
    let Ok(body) = serde_json::from_slice::<ErrorBody>(response.body().as_ref()) else { return Vec::new() };
    if !body.error_codes.is_empty() {
        return body.error_codes;
    }
    // Some front ends leave `error_codes` out; the number then stands at the beginning of the description.
    let digits = body.error_description.trim_start().strip_prefix("AADSTS").unwrap_or_default();
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().into_iter().collect()
}

fn from_token_endpoint(response: &RawResponse) -> EntraError {
    let status = u16::from(response.status());
    let wait = wait(response);
    if status == 429 {
        return EntraError::Throttled { retry_after: wait };
    }
    let codes = error_codes(response);
    for code in &codes {
        if let Some(error) = meaning(*code, status, wait) {
            return error;
        }
    }
    let code = codes.first().copied();
    if is_outage(status) {
        let code = code.map(|code| format!("AADSTS{code}"));
        return EntraError::Unavailable(Outage::Status { status, code, retry_after: wait });
    }
    EntraError::Unrecognized { status, code }
}

fn from_identity_endpoint(response: &RawResponse) -> EntraError {
    let status = u16::from(response.status());
    match status {
        429 => EntraError::Throttled { retry_after: wait(response) },
        400 => EntraError::ManagedIdentityMissing,
        // 404 and 410: the endpoint is being updated (Microsoft Learn, "How to use managed identities ... error handling").
        404 | 410 => {
            EntraError::Unavailable(Outage::Status { status, code: None, retry_after: wait(response) })
        }
        _ if is_outage(status) => {
            EntraError::Unavailable(Outage::Status { status, code: None, retry_after: wait(response) })
        }
        _ => EntraError::Unrecognized { status, code: None },
    }
}

fn wait(response: &RawResponse) -> Option<Duration> {
    retry_after(|name| {
        response.headers().get_optional_str(&azure_core::http::headers::HeaderName::from(name.to_owned()))
    })
}

/// The table.
fn meaning(code: u32, status: u16, retry_after: Option<Duration>) -> Option<EntraError> {
    Some(match code {
        700_016 | 7_000_229 | 65_001 | 65_004 => EntraError::ConsentMissing { code },
        90_094 | 90_095 => EntraError::PolicyBlocks { code, policy: TenantPolicy::AdministratorConsent },
        900_941 => EntraError::PolicyBlocks { code, policy: TenantPolicy::RiskyApplication },
        70_021 | 700_211 | 700_212 | 700_213 | 7_002_121 | 7_002_138 => {
            EntraError::CredentialSpreading { code }
        }
        70_001 | 7_000_112 => EntraError::ApplicationDisabled { code },
        90_002 | 900_382 => EntraError::TenantNotFound { code },
        53_000..=53_011 | 530_032 | 530_034 => {
            EntraError::PolicyBlocks { code, policy: TenantPolicy::ConditionalAccess }
        }
        500_212 => EntraError::PolicyBlocks { code, policy: TenantPolicy::OutboundAccess },
        500_213 => EntraError::PolicyBlocks { code, policy: TenantPolicy::InboundAccess },
        500_011 | 650_052 => EntraError::ServiceUnknown { code },
        50_194 | 650_056 | 700_022 | 700_025 | 700_027 | 700_222 | 700_226 | 700_227 | 700_229 | 700_236
        | 7_000_215 | 7_000_222 => EntraError::Misconfigured { code },
        // "Request loop": we asked for the same thing too often.
        50_196 => EntraError::Throttled { retry_after },
        // The assertion ran out on the way, and the next one will be younger; or Entra says that it is not well.
        700_024 | 50_033 | 90_006 | 90_012 | 90_024 | 90_033 | 90_055 | 90_090 => {
            EntraError::Unavailable(Outage::Status {
                status,
                code: Some(format!("AADSTS{code}")),
                retry_after,
            })
        }
        _ => return None,
    })
}
