//! Releases the claim of a key by hand: for a holder that does not use it, or whose journal cannot be read any more.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use azure_ids::KeyUrl;
use onboarding::claim::ReleaseError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::said::{answer, read, reason_of};
use crate::{App, pages::Problem};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseRequest {
    /// The key, in whatever version.
    key: KeyUrl,
    /// Why; it stays with the claims.
    reason: Option<String>,
}

/// `POST /api/operations/claims/release`
pub(super) async fn release(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    answer(&headers, released(&app, &body).await)
}

async fn released(app: &App, body: &[u8]) -> Result<Value, Problem> {
    let ReleaseRequest { key, reason } = read(body)?;
    let Some(reason) = reason_of(reason)? else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "A reason is required."));
    };
    let key = key.without_version();
    match app.claims.release_by_operator(&app.journal, &key, &reason).await {
        Ok(Some(holder)) => {
            tracing::warn!(onboarding = %holder, "the operator released the claim of a key");
            let message = "Released: another onboarding can use this key.";
            Ok(json!({"key": key, "holder": holder, "message": message}))
        }
        Ok(None) => Ok(json!({"key": key, "holder": null, "message": "Nobody holds this key."})),
        Err(ReleaseError::InUse(holder)) => Err(Problem::new(
            StatusCode::CONFLICT,
            format!(
                "Onboarding {holder} uses this key. A claim ends when its onboarding leaves or uses another key."
            ),
        )),
        Err(error @ (ReleaseError::Store(_) | ReleaseError::Holder(_))) => {
            Err(Problem::unavailable("releasing the claim of a key", &error))
        }
    }
}
