//! How Resource Manager refuses: the status, the code and the envelope.
//!
//! Codes and texts: Microsoft Learn, "Troubleshoot common Azure deployment errors", and recordings in Microsoft's
//! public test suites. Where neither shows a text, the place that builds it says `Our guess:`.

use http::StatusCode;
use serde_json::{Value, json};

/// A refusal of the control plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArmError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) target: Option<String>,
    /// Set where there were too many requests.
    pub(crate) throttled: Option<Box<Throttled>>,
}

/// What goes with a 429.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Throttled {
    pub(crate) retry_after_seconds: u64,
    /// What Compute has left.
    pub(crate) remaining: Option<String>,
    /// What Compute tells beside its code, which then has no `error` around it.
    pub(crate) details: Option<Value>,
}

impl ArmError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), target: None, throttled: None }
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 400 `InvalidParameter` that names the parameter.
    pub(crate) fn invalid_parameter(target: impl Into<String>, message: impl Into<String>) -> Self {
        Self { target: Some(target.into()), ..Self::bad_request("InvalidParameter", message) }
    }

    pub(crate) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// 404 for a resource, in the words of the gateway.
    pub(crate) fn resource_not_found(resource_type: &str, name: &str, group: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFound",
            format!(
                "The Resource '{resource_type}/{name}' under resource group '{group}' was not found. For more details \
                 please go to https://aka.ms/ARMResourceNotFoundFix"
            ),
        )
    }

    pub(crate) fn group_not_found(group: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ResourceGroupNotFound",
            format!("Resource group '{group}' could not be found."),
        )
    }

    pub(crate) fn subscription_not_found(subscription: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "SubscriptionNotFound",
            format!("The subscription '{subscription}' could not be found."),
        )
    }

    /// 404 for a path that this sandbox does not have.
    pub(crate) fn no_such_route(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "InvalidResourceType",
            format!("The resource type could not be found for the path '{path}'."),
        )
    }

    pub(crate) fn method_not_allowed(method: &http::Method) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "HttpMethodNotAllowed",
            format!("The http method '{method}' is not supported by the resource type."),
        )
    }

    /// Whether the gateway refuses before a provider is asked: it says so in a header (recorded for what is not found).
    ///
    /// Our guess: of which refusals that is so beside those.
    pub(super) fn is_the_gateways(&self) -> bool {
        const GATEWAY: [&str; 16] = [
            "AuthorizationFailed",
            "DeploymentNotFound",
            "HttpMethodNotAllowed",
            "InvalidResourceNamespace",
            "InvalidResourceType",
            "InternalServerError",
            "InvalidTemplate",
            "LinkedAuthorizationFailed",
            "LocationRequired",
            "MissingApiVersionParameter",
            "NoRegisteredProviderFound",
            "RequestEntityTooLarge",
            "ResourceGroupNotFound",
            "ResourceNotFound",
            "SubscriptionNotFound",
            "SubscriptionRequestsThrottled",
        ];
        GATEWAY.contains(&self.code)
    }

    /// The body that goes with the status.
    pub(crate) fn body(&self) -> Value {
        if let Some(details) = self.throttled.as_ref().and_then(|throttled| throttled.details.as_ref()) {
            return json!({ "code": self.code, "message": self.message, "details": details });
        }
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(target) = &self.target {
            error["target"] = json!(target);
        }
        json!({ "error": error })
    }
}
