//! What every call of the fulfilment API passes: its version, its ids, and who calls.
//!
//! Only the application that the publisher has listed may call, with a token of the publisher's tenant. Anybody else
//! gets 403, also without any token at all (documented so). Our guess: the shape of error bodies.

use axum::Json;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::tokens::Audience;

pub(super) const API_VERSION: &str = "2018-08-31";

/// Which publisher calls: its subscriptions are the only ones it sees.
#[derive(Debug, Clone)]
pub(super) struct Publisher(pub(super) String);

/// A refusal.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) StatusCode, pub(super) &'static str, pub(super) String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, code, message) = self;
        (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
    }
}

impl Refusal {
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, "BadArgument", message.into())
    }

    pub(super) fn forbidden() -> Self {
        Self(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "The authorization token is invalid, expired, or was not provided, or the request is for a subscription of an \
             offer that is published under another application."
                .into(),
        )
    }

    pub(super) fn not_found(id: impl std::fmt::Display) -> Self {
        Self(StatusCode::NOT_FOUND, "EntityNotFound", format!("{id} was not found."))
    }
}

/// Refuses any other version.
pub(super) async fn check_api_version(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let given = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "api-version");
    match given {
        Some((_, version)) if version == API_VERSION => next.run(request).await,
        _ => Refusal::bad(format!("The query parameter api-version must be {API_VERSION}.")).into_response(),
    }
}

/// Both ids come back as they were sent; one that was not sent is made (documented).
pub(super) async fn tell_ids(request: Request, next: Next) -> Response {
    let made =
        || HeaderValue::from_str(&Uuid::new_v4().to_string()).expect("digits and hyphens make a header");
    let ids = ["x-ms-requestid", "x-ms-correlationid"]
        .map(|name| (name, request.headers().get(name).cloned().unwrap_or_else(made)));
    let mut response = next.run(request).await;
    for (name, id) in ids {
        response.headers_mut().insert(name, id);
    }
    response
}

/// Who calls; nobody but the listed application of the listed tenant may.
pub(super) fn publisher(cloud: &Cloud, headers: &HeaderMap) -> Result<Publisher, Refusal> {
    let caller = cloud.caller(headers, Audience::Marketplace).map_err(|_| Refusal::forbidden())?;
    cloud.read(|state| {
        let listing = state.marketplace.listing.as_ref();
        listing
            .filter(|listing| caller.tenant == listing.publisher_tenant)
            .filter(|listing| caller.application_id == listing.publisher_application)
            .map(|listing| Publisher(listing.publisher.clone()))
            .ok_or_else(Refusal::forbidden)
    })
}
