//! One request as the gateway sees it, and the answer that goes back.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::tokens::Caller;

use super::error::ArmError;

/// ARM refuses larger requests as well (Microsoft Learn, "Azure Resource Manager limits": 4 MB).
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// In which Compute tells how many calls are left.
pub(super) const REMAINING: HeaderName = HeaderName::from_static("x-ms-ratelimit-remaining-resource");

/// Who answers a request whose caller may come to the subscription: for services that call others.
pub(crate) type Gateway = fn(&Cloud, &ArmRequest) -> Result<ArmResponse, ArmError>;

/// A request whose token has been checked.
#[derive(Debug)]
pub(crate) struct ArmRequest {
    pub(crate) method: Method,
    /// The parts of the path, decoded, in the spelling they came in.
    pub(crate) segments: Vec<String>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) api_version: String,
    pub(crate) caller: Caller,
    pub(crate) body: Bytes,
    /// The gateway that it came through.
    pub(crate) gateway: Gateway,
}

/// One resource that a path names, or would name once it exists.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) subscription: String,
    /// Empty where it is in no group.
    pub(super) group: String,
    pub(super) name: String,
    /// The id in the usual spelling of its fixed parts, and the client's spelling of the names.
    pub(super) id: String,
}

/// What a provider answers with.
#[derive(Debug)]
pub(crate) struct ArmResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Option<Value>,
}

impl ArmRequest {
    /// One that a service makes as its own caller.
    pub(crate) fn inner(
        method: Method,
        path: &str,
        api_version: &str,
        caller: Caller,
        body: Option<&Value>,
        gateway: Gateway,
    ) -> Self {
        Self {
            method,
            segments: path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect(),
            query: BTreeMap::from([("api-version".to_owned(), api_version.to_owned())]),
            api_version: api_version.to_owned(),
            caller,
            body: body.map(|body| Bytes::from(body.to_string())).unwrap_or_default(),
            gateway,
        }
    }

    /// The body, decoded; a body that does not fit is refused with the place where it departs.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ArmError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            ArmError::bad_request(
                "InvalidRequestContent",
                format!("The request content was invalid and could not be deserialized: '{error}'."),
            )
        })
    }

    /// The same request with another body.
    pub(super) fn with_body(&self, body: &Value) -> Self {
        Self {
            method: self.method.clone(),
            segments: self.segments.clone(),
            query: self.query.clone(),
            api_version: self.api_version.clone(),
            caller: self.caller,
            body: Bytes::from(body.to_string()),
            gateway: self.gateway,
        }
    }

    /// The path as one id.
    pub(crate) fn id(&self) -> String {
        format!("/{}", self.segments.join("/"))
    }
}

impl ArmResponse {
    pub(crate) fn new(status: StatusCode, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self::new(StatusCode::OK, body)
    }

    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    /// The list envelope of every provider.
    pub(crate) fn list(items: Vec<Value>) -> Self {
        Self::ok(serde_json::json!({ "value": items }))
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The reply as it goes onto the wire.
    pub(crate) fn into_response(self) -> Response {
        let has_body = self.body.is_some();
        let body = self.body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        if has_body {
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, json);
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// The whole body, or the refusal that a larger one earns.
pub(super) async fn read_body(body: Body) -> Result<Bytes, ArmError> {
    axum::body::to_bytes(body, LARGEST_BODY).await.map_err(|_| {
        ArmError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            format!("The request could not be read or is larger than {LARGEST_BODY} bytes."),
        )
    })
}

/// A refusal as it goes onto the wire.
pub(super) fn refuse(error: &ArmError) -> Response {
    let mut reply = ArmResponse::new(error.status, error.body());
    let by_service = error.throttled.as_ref().is_some_and(|throttled| throttled.details.is_some());
    let cause = if by_service { Some("service") } else { error.is_the_gateways().then_some("gateway") };
    reply.headers.extend(cause.map(|cause| (HeaderName::from_static("x-ms-failure-cause"), cause.into())));
    if let Some(throttled) = &error.throttled {
        reply = reply.with_header(RETRY_AFTER, throttled.retry_after_seconds.to_string());
        reply.headers.extend(throttled.remaining.clone().map(|left| (REMAINING, left)));
    }
    reply.into_response()
}

/// As [`refuse`], with the challenge that goes with a 401.
pub(super) fn challenge(error: &ArmError, authority: &str, why: &str) -> Response {
    let challenge = format!(
        "Bearer authorization_uri=\"{authority}\", error=\"invalid_token\", error_description=\"{why}\""
    );
    ArmResponse::new(error.status, error.body()).with_header(WWW_AUTHENTICATE, challenge).into_response()
}

/// The sandbox itself failed. The cause is in its log.
pub(super) fn internal_error() -> Response {
    refuse(&ArmError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InternalServerError",
        "The sandbox failed to answer.",
    ))
}

/// The parts of a path and of a query, percent-decoded.
pub(super) fn take_apart(parts: &Parts) -> (Vec<String>, BTreeMap<String, String>) {
    let segments =
        parts.uri.path().split('/').filter(|segment| !segment.is_empty()).map(percent_decoded).collect();
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
        .collect();
    (segments, query)
}

/// Decodes `%20` and the like. `+` stays itself: only a query takes it for a blank.
fn percent_decoded(segment: &str) -> String {
    let guarded = segment.replace('+', "%2B");
    let pair = format!("x={guarded}");
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_decoded() {
        let (parts, ()) = http::Request::get(
            "https://management.azure.com/a/b%20c/d+e/?Api-Version=1&%24filter=x%20eq%20'y'",
        )
        .body(())
        .unwrap()
        .into_parts();
        let (segments, query) = take_apart(&parts);
        assert_eq!(segments, ["a", "b c", "d+e"]);
        assert_eq!(query["api-version"], "1");
        assert_eq!(query["$filter"], "x eq 'y'");
    }
}
