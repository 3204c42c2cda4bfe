//! What a refusal of ARM's means.
//!
//! The status decides before the code: Compute throttles with the code `OperationNotAllowed`, which under any other
//! status is permanent (Microsoft Learn, "Troubleshooting API throttling errors").

use serde::Deserialize;

use crate::{
    CallError,
    call_error::SystemRefusal,
    transport::{Outage, Reply, is_outage},
};

/// Why ARM did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ArmRefusal {
    /// There is no such resource, resource group or subscription.
    #[error("ARM knows no such resource ({code})")]
    NotFound {
        /// ARM's code, such as `ResourceNotFound` or `ResourceGroupNotFound`.
        code: String,
    },
    /// We may not. For some minutes after a role assignment this can mean that it is still spreading.
    #[error("ARM forbids it ({code})")]
    Forbidden {
        /// ARM's code, such as `AuthorizationFailed`.
        code: String,
        /// ARM's own words.
        message: String,
    },
    /// The disk encryption set cannot reach the customer's key. Azure's words name the managed identity as the one
    /// that needs the grant; across tenants it is the application's service principal.
    #[error("the disk encryption set may not use the key")]
    KeyVaultAccessForbidden {
        /// ARM's own words.
        message: String,
    },
    /// The customer's key can be reached and is of no use: disabled, expired, gone.
    #[error("the key is of no use to the disk encryption set ({code})")]
    KeyUnusable {
        /// ARM's code, such as `KeyVaultKeyNotEnabled`.
        code: String,
        /// ARM's own words.
        message: String,
    },
    /// The state of the resource stands against it: it is in use, or changing.
    #[error("the resource's state does not allow it ({code})")]
    Conflict {
        /// ARM's code.
        code: String,
        /// ARM's own words.
        message: String,
    },
    /// The request is wrong, and will be wrong again.
    #[error("ARM refuses the request ({code})")]
    BadRequest {
        /// ARM's code, such as `InvalidParameter`.
        code: String,
        /// ARM's own words.
        message: String,
    },
    /// ARM does not accept our token.
    #[error("ARM does not accept our token ({code})")]
    TokenRefused {
        /// ARM's code, such as `InvalidAuthenticationTokenTenant`.
        code: String,
    },
    /// The id that we were given is not one of this kind of resource. Nothing was sent.
    #[error("expected the id of a {expected}")]
    BadId {
        /// The kind of resource.
        expected: &'static str,
    },
}

/// Why a call to Resource Manager failed.
pub type ArmError = CallError<ArmRefusal>;

impl SystemRefusal for ArmRefusal {
    const SYSTEM: &'static str = "Azure Resource Manager";
}

/// An error as ARM writes it into a document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ArmFault {
    /// ARM's code.
    pub code: String,
    /// ARM's own words.
    pub message: String,
}

/// ARM wraps its error in `error`; Compute, when it throttles, does not.
#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorBody {
    error: Option<ArmFault>,
    #[serde(flatten)]
    bare: ArmFault,
}

/// Reads a refusal.
pub(super) fn read(reply: &Reply) -> ArmError {
    let body = serde_json::from_slice::<ErrorBody>(&reply.body).unwrap_or_default();
    let fault = body.error.unwrap_or(body.bare);
    let status = reply.status.as_u16();
    match status {
        429 => ArmError::Throttled { retry_after: reply.retry_after() },
        _ if is_outage(status) => {
            let code = Some(fault.code).filter(|code| !code.is_empty());
            ArmError::Unavailable(Outage::Status { status, code, retry_after: reply.retry_after() })
        }
        _ => of_key(&fault).unwrap_or_else(|| of_status(status, fault)),
    }
}

fn of_status(status: u16, ArmFault { code, message }: ArmFault) -> ArmError {
    match status {
        401 => ArmError::Refused(ArmRefusal::TokenRefused { code }),
        403 => ArmError::Refused(ArmRefusal::Forbidden { code, message }),
        404 => ArmError::Refused(ArmRefusal::NotFound { code }),
        // 412: somebody else changed the resource since it was read.
        409 | 412 => ArmError::Refused(ArmRefusal::Conflict { code, message }),
        400..=499 => ArmError::Refused(ArmRefusal::BadRequest { code, message }),
        // A redirect, or a success that we did not ask for.
        _ => ArmError::undecodable(format!("unexpected status {status}")),
    }
}

/// The customer's key is at fault, whatever the status: Compute answers 400, 403 or 409 with these codes.
fn of_key(fault: &ArmFault) -> Option<ArmError> {
    let ArmFault { code, message } = fault.clone();
    match code.as_str() {
        "KeyVaultAccessForbidden" | "KeyVaultAccessTokenCannotBeAcquired" => {
            Some(ArmError::Refused(ArmRefusal::KeyVaultAccessForbidden { message }))
        }
        "KeyVaultKeyNotEnabled"
        | "KeyVaultSecretDoesNotExist"
        | "KeyVaultKeyNotFound"
        | "KeyVaultKeyExpired" => Some(ArmError::Refused(ArmRefusal::KeyUnusable { code, message })),
        _ => None,
    }
}

/// Reads the error of an operation that failed, which has no status of its own.
pub(super) fn of_operation(fault: ArmFault) -> ArmError {
    if let Some(error) = of_key(&fault) {
        return error;
    }
    let ArmFault { code, message } = fault;
    match code.as_str() {
        "NotFound" | "ResourceNotFound" | "ResourceGroupNotFound" => {
            ArmError::Refused(ArmRefusal::NotFound { code })
        }
        "AuthorizationFailed" | "LinkedAuthorizationFailed" => {
            ArmError::Refused(ArmRefusal::Forbidden { code, message })
        }
        "Conflict" | "AnotherOperationInProgress" | "OperationNotAllowed" | "OperationPreempted" => {
            ArmError::Refused(ArmRefusal::Conflict { code, message })
        }
        "TooManyRequests" => ArmError::Throttled { retry_after: None },
        "InternalServerError"
        | "InternalExecutionError"
        | "InternalDiskManagementError"
        | "ServerTimeout"
        | "RetryableError" => {
            ArmError::Unavailable(Outage::Status { status: 500, code: Some(code), retry_after: None })
        }
        _ => ArmError::Refused(ArmRefusal::BadRequest { code, message }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::{StatusCode, header::HeaderMap};
    use serde_json::{Value, json};

    use super::*;

    fn read_of(status: u16, body: &Value) -> ArmError {
        let headers = HeaderMap::from_iter([("retry-after".parse().unwrap(), "1200".parse().unwrap())]);
        read(&Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.to_string().into_bytes(),
        })
    }

    fn fault(code: &str) -> Value {
        json!({"error": {"code": code, "message": "words", "target": null, "details": []}})
    }

    #[test]
    fn throttling_is_read_in_both_forms_of_its_body() {
        let compute = json!({"code": "OperationNotAllowed", "message": "too many requests",
            "details": [{"code": "TooManyRequests", "target": "HighCostGet30Min", "message": "{}"}]});
        for body in [compute, fault("TooManyRequests"), json!("not an object")] {
            let error = read_of(429, &body);
            assert!(matches!(error, ArmError::Throttled { .. }), "{body}");
            assert_eq!(error.retry_after(), Some(Duration::from_secs(1200)));
        }
    }

    #[test]
    fn every_status_has_its_variant() {
        assert!(
            matches!(read_of(404, &fault("ResourceNotFound")), ArmError::Refused(ArmRefusal::NotFound { code }) if code == "ResourceNotFound")
        );
        assert!(matches!(read_of(403, &fault("AuthorizationFailed")),
            ArmError::Refused(ArmRefusal::Forbidden { code, message }) if code == "AuthorizationFailed" && message == "words"));
        assert!(matches!(
            read_of(401, &fault("InvalidAuthenticationToken")),
            ArmError::Refused(ArmRefusal::TokenRefused { .. })
        ));
        assert!(matches!(
            read_of(409, &fault("OperationNotAllowed")),
            ArmError::Refused(ArmRefusal::Conflict { .. })
        ));
        assert!(matches!(
            read_of(412, &fault("PreconditionFailed")),
            ArmError::Refused(ArmRefusal::Conflict { .. })
        ));
        assert!(matches!(
            read_of(400, &fault("InvalidParameter")),
            ArmError::Refused(ArmRefusal::BadRequest { .. })
        ));
        assert!(
            matches!(read_of(400, &json!({"code": "Bare", "message": ""})), ArmError::Refused(ArmRefusal::BadRequest { code, .. }) if code == "Bare")
        );
        assert!(matches!(read_of(503, &fault("ServerTimeout")),
            ArmError::Unavailable(Outage::Status { status: 503, code: Some(code), .. }) if code == "ServerTimeout"));
        assert!(matches!(read_of(302, &json!({})), ArmError::Undecodable(_)));
    }

    #[test]
    fn a_key_at_fault_is_told_apart_under_any_status() {
        for status in [400, 403, 409] {
            assert!(matches!(read_of(status, &fault("KeyVaultAccessForbidden")),
                ArmError::Refused(ArmRefusal::KeyVaultAccessForbidden { message }) if message == "words"));
            assert!(matches!(
                read_of(status, &fault("KeyVaultKeyNotEnabled")),
                ArmError::Refused(ArmRefusal::KeyUnusable { .. })
            ));
        }
    }

    #[test]
    fn an_operation_fails_with_the_same_variants() {
        let of = |code: &str| of_operation(ArmFault { code: code.into(), message: String::new() });
        assert!(matches!(
            of("KeyVaultAccessForbidden"),
            ArmError::Refused(ArmRefusal::KeyVaultAccessForbidden { .. })
        ));
        assert!(matches!(of("OperationNotAllowed"), ArmError::Refused(ArmRefusal::Conflict { .. })));
        assert!(matches!(of("InternalServerError"), ArmError::Unavailable(_)));
        assert!(matches!(of("TooManyRequests"), ArmError::Throttled { .. }));
        assert!(matches!(of(""), ArmError::Refused(ArmRefusal::BadRequest { .. })));
    }
}
