//! The vendor's view: every onboarding, and the whole checked history of one.
//!
//! Behind a function key in Azure (`authLevel: function`). Reads the journal; changes nothing.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use onboarding::{OnboardingId, journal::JournalError};
use serde_json::{Value, json};

use crate::{
    App,
    http::{Problem, private_json},
};

/// `GET /api/operations/onboardings` and `GET /api/operations/onboardings/{id}`
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/api/operations/onboardings", get(list))
        .route("/api/operations/onboardings/{id}", get(history))
}

async fn list(State(app): State<App>, headers: HeaderMap) -> Response {
    match summaries(&app).await {
        Ok(onboardings) => private_json(StatusCode::OK, &json!({"onboardings": onboardings})),
        Err(error) => Problem::unavailable("listing onboardings", &error).respond_to(&headers),
    }
}

async fn summaries(app: &App) -> Result<Vec<Value>, JournalError> {
    let mut summaries = vec![];
    for onboarding in app.journal.onboardings().await? {
        if let Some(head) = app.journal.load(onboarding).await? {
            let state = head.state;
            summaries.push(json!({
                "onboarding": onboarding,
                "state": state.state(),
                "tenant": state.tenant(),
                "region": state.region(),
                "blocker": state.blocker(),
                "entry": state.number(),
            }));
        }
    }
    Ok(summaries)
}

async fn history(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "There is no such onboarding.");
    let Ok(onboarding) = id.parse::<OnboardingId>() else { return unknown().respond_to(&headers) };
    match app.journal.history(onboarding).await {
        Ok(entries) if entries.is_empty() => unknown().respond_to(&headers),
        Ok(entries) => private_json(StatusCode::OK, &json!({"onboarding": onboarding, "entries": entries})),
        Err(error @ JournalError::Tampered { .. }) => {
            tracing::error!(%onboarding, %error, "the journal does not hold together");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).respond_to(&headers)
        }
        Err(error) => Problem::unavailable("reading a journal", &error).respond_to(&headers),
    }
}
