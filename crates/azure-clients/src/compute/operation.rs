//! Operations that outlast their request.
//!
//! ARM answers with the address of the operation (Microsoft Learn, "Track asynchronous Azure operations"). The address
//! is followed exactly as it came: it carries signatures, and its API version may differ from the request's.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use url::Url;

use super::{ArmError, ArmFault, decode, error};
use crate::transport::Reply;

/// The address of something at ARM, exactly as ARM gave it.
///
/// Only an address on ARM's own host parses: our token goes wherever this leads. `Debug` leaves the query out, because
/// it is signed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperationUrl(String);

/// The text is not an address on `https://management.azure.com`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address on https://management.azure.com")]
pub struct NotAnOperationUrl;

impl FromStr for OperationUrl {
    type Err = NotAnOperationUrl;

    fn from_str(text: &str) -> Result<Self, NotAnOperationUrl> {
        let url: Url = text.parse().map_err(|_| NotAnOperationUrl)?;
        let is_arm = url.scheme() == "https"
            && url.host_str() == Some("management.azure.com")
            && url.port().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        // The text is sent, not the parsed URL: whatever the parser would mend must not be in it.
        if is_arm && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnOperationUrl)
        }
    }
}

impl OperationUrl {
    /// The address as ARM gave it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OperationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.split(['?', '#']).next().unwrap_or_default();
        write!(f, "OperationUrl({path}?…)")
    }
}

impl TryFrom<String> for OperationUrl {
    type Error = NotAnOperationUrl;

    fn try_from(text: String) -> Result<Self, NotAnOperationUrl> {
        text.parse()
    }
}

impl From<OperationUrl> for String {
    fn from(url: OperationUrl) -> Self {
        url.0
    }
}

/// What ARM answered to a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted<T> {
    /// The resource as far as the answer shows it; for a change under way an echo without an id.
    pub resource: Option<T>,
    /// Where to ask how the change goes. `None` if it is done.
    pub operation: Option<OperationUrl>,
    /// How long ARM wants us to wait before asking.
    pub retry_after: Option<Duration>,
}

impl<T: DeserializeOwned> Accepted<T> {
    pub(super) fn read(reply: &Reply) -> Result<Self, ArmError> {
        let operation = reply.header("azure-asyncoperation").or_else(|| reply.header("location"));
        let operation = match (operation, reply.status.as_u16()) {
            (Some(url), 201 | 202) => Some(url.parse().map_err(ArmError::undecodable)?),
            (None, 202) => return Err(ArmError::undecodable("accepted, without the operation's address")),
            _ => None,
        };
        let resource = if reply.body.is_empty() { None } else { Some(decode(reply)?) };
        Ok(Self { resource, operation, retry_after: reply.retry_after() })
    }
}

/// How an operation goes.
#[derive(Debug)]
pub enum OperationState {
    /// Not yet done.
    InProgress {
        /// How long ARM wants us to wait before asking again.
        retry_after: Option<Duration>,
    },
    /// Done.
    Succeeded,
    /// Failed, with what a refusal of the request would have said.
    Failed(ArmError),
    /// Somebody canceled it.
    Canceled,
}

#[derive(Deserialize)]
struct OperationBody {
    status: String,
    error: Option<ArmFault>,
}

/// Reads the document behind `Azure-AsyncOperation`, or what `Location` answers, which has no `status` of its own.
pub(super) fn read(reply: &Reply) -> Result<OperationState, ArmError> {
    let in_progress = OperationState::InProgress { retry_after: reply.retry_after() };
    match reply.status.as_u16() {
        202 => return Ok(in_progress),
        204 => return Ok(OperationState::Succeeded),
        _ => {}
    }
    let body: serde_json::Value = decode(reply)?;
    if body.get("status").is_none() && body.get("id").is_some() {
        return Ok(OperationState::Succeeded);
    }
    let OperationBody { status, error } = serde_json::from_value(body).map_err(ArmError::undecodable)?;
    Ok(match status.to_ascii_lowercase().as_str() {
        "succeeded" => OperationState::Succeeded,
        "canceled" | "cancelled" => OperationState::Canceled,
        "failed" => OperationState::Failed(error::of_operation(error.unwrap_or_default())),
        // ARM: any status but the three terminal ones means that the operation still runs.
        _ => in_progress,
    })
}

#[cfg(test)]
mod tests {
    use reqwest::{StatusCode, header::HeaderMap};
    use serde_json::json;

    use super::{super::ArmRefusal, *};

    const URL: &str = "https://management.azure.com/subscriptions/s/providers/Microsoft.Compute/locations/eastus/DiskOperations/o?p=1&api-version=2022-03-02&t=63&c=MII&s=sig";

    fn reply(status: u16, body: &serde_json::Value) -> Reply {
        let headers = HeaderMap::from_iter([("retry-after".parse().unwrap(), "2".parse().unwrap())]);
        Reply { status: StatusCode::from_u16(status).unwrap(), headers, body: body.to_string().into_bytes() }
    }

    #[test]
    fn an_operation_is_followed_to_arm_and_nowhere_else() {
        let url: OperationUrl = URL.parse().unwrap();
        assert_eq!(url.as_str(), URL, "verbatim");
        assert!(!format!("{url:?}").contains("sig"), "{url:?}");
        assert_eq!(serde_json::from_value::<OperationUrl>(serde_json::to_value(&url).unwrap()).unwrap(), url);
        for bad in [
            "",
            "/subscriptions/s",
            "http://management.azure.com/o",
            "https://management.azure.com:8443/o",
            "https://management.azure.com.evil.example/o",
            "https://management.azure.com@evil.example/o",
            "https://user@management.azure.com/o",
            "https://evil.example/management.azure.com",
            "https://management.azure.com\\@evil.example/o",
            "https://management.azure.com/o\r\nHost: evil.example",
            "https://management.azure.us/o",
        ] {
            assert_eq!(bad.parse::<OperationUrl>(), Err(NotAnOperationUrl), "{bad}");
        }
    }

    #[test]
    fn every_status_of_an_operation_is_read() {
        let status = |status: &str| read(&reply(200, &json!({"status": status, "name": "o"}))).unwrap();
        assert!(
            matches!(status("InProgress"), OperationState::InProgress { retry_after: Some(wait) } if wait.as_secs() == 2)
        );
        assert!(matches!(status("Accepted"), OperationState::InProgress { .. }));
        assert!(matches!(status("Succeeded"), OperationState::Succeeded));
        assert!(matches!(status("Canceled"), OperationState::Canceled));
        assert!(matches!(status("Failed"), OperationState::Failed(_)));
        assert!(matches!(read(&reply(202, &json!({}))).unwrap(), OperationState::InProgress { .. }));
        assert!(matches!(read(&reply(204, &json!({}))).unwrap(), OperationState::Succeeded));
        assert!(matches!(
            read(&reply(200, &json!({"id": "/x", "properties": {}}))).unwrap(),
            OperationState::Succeeded
        ));
        assert!(matches!(read(&reply(200, &json!([]))), Err(ArmError::Undecodable(_))));
        assert!(matches!(read(&reply(200, &json!({}))), Err(ArmError::Undecodable(_))));
    }

    #[test]
    fn a_failed_operation_says_what_a_refused_request_says() {
        let body = json!({"status": "Failed", "error": {"code": "KeyVaultAccessForbidden", "message": "no"}});
        let OperationState::Failed(error) = read(&reply(200, &body)).unwrap() else { panic!("not failed") };
        assert!(
            matches!(error, ArmError::Refused(ArmRefusal::KeyVaultAccessForbidden { message }) if message == "no")
        );
    }
}
