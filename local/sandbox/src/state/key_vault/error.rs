//! How a vault refuses: the status, the code and the very words, since clients have only those to go by.
//!
//! Words and codes: Microsoft Learn, "Azure Key Vault REST API error codes", and recordings in Microsoft's public test suites.

use http::StatusCode;
use serde_json::{Value, json};

/// A refusal of the data plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VaultError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// The finer reason, where the service gives one, such as `ForbiddenByRbac`.
    pub(crate) inner: Option<&'static str>,
}

impl VaultError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), inner: None }
    }

    /// 403 with the finer reason that clients tell the cases apart by.
    pub(crate) fn forbidden(inner: &'static str, message: impl Into<String>) -> Self {
        Self { inner: Some(inner), ..Self::new(StatusCode::FORBIDDEN, "Forbidden", message) }
    }

    /// 401; the answer carries the vault's challenge as well.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message)
    }

    pub(crate) fn bad_parameter(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadParameter", message)
    }

    /// 404 for a key, or a version of it, that this vault does not have. `asked_for` is the name, or `name/version`.
    pub(crate) fn key_not_found(asked_for: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "KeyNotFound",
            format!(
                "A key with (name/id) {asked_for} was not found in this key vault. If you recently deleted this key \
                 you may be able to recover it using the correct recovery command. For help resolving this issue, \
                 please see https://go.microsoft.com/fwlink/?linkid=2125182"
            ),
        )
    }

    /// The body that goes with the status.
    pub(crate) fn body(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(inner) = self.inner {
            error["innererror"] = json!({ "code": inner });
        }
        json!({ "error": error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finer_reason_stands_beside_the_words() {
        let error = VaultError::forbidden("ForbiddenByRbac", "no");
        assert_eq!(
            error.body(),
            json!({"error": {"code": "Forbidden", "message": "no", "innererror": {"code": "ForbiddenByRbac"}}})
        );
        assert_eq!(
            VaultError::bad_parameter("x").body(),
            json!({"error": {"code": "BadParameter", "message": "x"}})
        );
    }
}
