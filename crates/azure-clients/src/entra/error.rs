//! What a refusal of Entra's means: the one place that knows AADSTS numbers.
//!
//! Microsoft documents the numbers ("Microsoft Entra authentication and authorization error codes") and warns against
//! relying on the texts around them.

use std::{error::Error as StdError, time::Duration};

use azure_core::{error::ErrorKind, http::RawResponse};
use serde::Deserialize;

use crate::{
    CallError,
    call_error::SystemRefusal,
    entra_refusal::{EntraRefusal, TenantPolicy},
    transport::{Outage, causes, is_outage, retry_after},
};

/// Why there is no token.
pub type EntraError = CallError<EntraRefusal>;

impl SystemRefusal for EntraRefusal {
    const SYSTEM: &'static str = "Entra";
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
        return EntraError::undecodable("not a token response");
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
    EntraError::Refused(EntraRefusal::Unrecognized { status, code })
}

fn from_identity_endpoint(response: &RawResponse) -> EntraError {
    let status = u16::from(response.status());
    match status {
        429 => EntraError::Throttled { retry_after: wait(response) },
        400 => EntraError::Refused(EntraRefusal::ManagedIdentityMissing),
        // 404 and 410: the endpoint is being updated (Microsoft Learn, "How to use managed identities ... error handling").
        404 | 410 => {
            EntraError::Unavailable(Outage::Status { status, code: None, retry_after: wait(response) })
        }
        _ if is_outage(status) => {
            EntraError::Unavailable(Outage::Status { status, code: None, retry_after: wait(response) })
        }
        _ => EntraError::Refused(EntraRefusal::Unrecognized { status, code: None }),
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
        700_016 | 7_000_229 | 65_001 | 65_004 => EntraError::Refused(EntraRefusal::ConsentMissing { code }),
        90_094 | 90_095 => EntraError::Refused(EntraRefusal::PolicyBlocks {
            code,
            policy: TenantPolicy::AdministratorConsent,
        }),
        900_941 => {
            EntraError::Refused(EntraRefusal::PolicyBlocks { code, policy: TenantPolicy::RiskyApplication })
        }
        70_021 | 700_211 | 700_212 | 700_213 | 7_002_121 | 7_002_138 => {
            EntraError::Refused(EntraRefusal::CredentialSpreading { code })
        }
        70_001 | 7_000_112 => EntraError::Refused(EntraRefusal::ApplicationDisabled { code }),
        90_002 | 900_382 => EntraError::Refused(EntraRefusal::TenantNotFound { code }),
        53_000..=53_011 | 530_032 | 530_034 => {
            EntraError::Refused(EntraRefusal::PolicyBlocks { code, policy: TenantPolicy::ConditionalAccess })
        }
        500_212 => {
            EntraError::Refused(EntraRefusal::PolicyBlocks { code, policy: TenantPolicy::OutboundAccess })
        }
        500_213 => {
            EntraError::Refused(EntraRefusal::PolicyBlocks { code, policy: TenantPolicy::InboundAccess })
        }
        500_011 | 650_052 => EntraError::Refused(EntraRefusal::ServiceUnknown { code }),
        50_194 | 650_056 | 700_022 | 700_025 | 700_027 | 700_222 | 700_226 | 700_227 | 700_229 | 700_236
        | 7_000_215 | 7_000_222 => EntraError::Refused(EntraRefusal::Misconfigured { code }),
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
