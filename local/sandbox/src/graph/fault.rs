//! Why Graph refuses, in Graph's own codes.
//!
//! Sources: Microsoft Learn, "Microsoft Graph error responses", and the codes that users quote in public issues.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use crate::tokens::TokenFault;

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GraphFault {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl GraphFault {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// The request makes no sense to Graph.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
    }

    pub(super) fn not_found(key: &str) -> Self {
        let text = format!(
            "Resource '{key}' does not exist or one of its queried reference-property objects are not present."
        );
        Self::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", text)
    }

    pub(super) fn already_there(property: &str) -> Self {
        let text = format!("Another object with the same value for property {property} already exists.");
        Self::new(StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", text)
    }

    /// The application was let in again, so that its service principal is there under another object id.
    pub(super) fn name_in_use(name: &str) -> Self {
        let text = format!(
            "The service principal cannot be created, updated, or restored because the service principal name {name} is \
             already in use."
        );
        Self::new(StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", text)
    }

    pub(super) fn no_such_application(app_id: &str) -> Self {
        let text = format!(
            "The appId '{app_id}' of the service principal does not reference a valid application object."
        );
        Self::new(StatusCode::BAD_REQUEST, "NoBackingApplicationObject", text)
    }

    pub(super) fn insufficient_privileges() -> Self {
        let text = "Insufficient privileges to complete the operation.";
        Self::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", text)
    }

    pub(super) fn me_needs_a_person() -> Self {
        let text = "/me request is only valid with delegated authentication flow.";
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", text)
    }

    pub(super) fn no_such_segment(segment: &str) -> Self {
        let text = format!("Resource not found for the segment '{segment}'.");
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", text)
    }

    /// Graph can do this, the sandbox cannot: it says so rather than answer something else.
    pub(super) fn not_offered(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotImplemented",
            format!("The sandbox does not offer {what}."),
        )
    }

    pub(super) fn into_reply(self, now: OffsetDateTime, request_id: Uuid, client_request: Uuid) -> Response {
        let date = now
            .format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]"))
            .expect("every part of this format is a part of an OffsetDateTime");
        let body = json!({"error": {
            "code": self.code,
            "message": self.message,
            "innerError": {"date": date, "request-id": request_id, "client-request-id": client_request},
        }});
        let reply = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = "Bearer realm=\"\", \
                             authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                             client_id=\"00000003-0000-0000-c000-000000000000\"";
            return ([(header::WWW_AUTHENTICATE, challenge)], reply).into_response();
        }
        reply
    }
}

impl From<TokenFault> for GraphFault {
    fn from(fault: TokenFault) -> Self {
        let text = match fault {
            TokenFault::Missing => "Access token is empty.",
            TokenFault::Malformed => "IDX14100: JWT is not well formed, there are no dots (.).",
            TokenFault::Signature => "Access token validation failure. Signature is invalid.",
            TokenFault::Expired => "Lifetime validation failed, the token is expired.",
            TokenFault::Audience { .. } => "Access token validation failure. Invalid audience.",
        };
        Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", text)
    }
}
