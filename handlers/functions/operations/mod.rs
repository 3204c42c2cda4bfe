//! The vendor's view: every onboarding, the whole checked history of one, and whether its key works now.
//!
//! Behind a function key in Azure (`authLevel: function`). Reads the journal and, for a check, the customer's vault;
//! changes nothing, publishes nothing.

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, post},
};
use azure_ids::KeyUrl;
use onboarding::{Key, Onboarding, OnboardingId, finding::Finding, journal::JournalError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    App,
    pages::{Problem, private_json},
    step::StepError,
    systems::key::probe,
    systems::refusals::Refusal,
};

/// `GET /api/operations/onboardings`, `GET /api/operations/onboardings/{id}` and
/// `POST /api/operations/onboardings/{id}/check`
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/api/operations/onboardings", get(list))
        .route("/api/operations/onboardings/{id}", get(history))
        .route("/api/operations/onboardings/{id}/check", post(check))
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

/// What a check may be told. An empty body means the key that the onboarding has.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckRequest {
    /// The key to try, for a message that was to hand it in.
    key: Option<KeyUrl>,
}

/// Tries a key now, as the step that takes it would: the answer is `works`, and the finding when it does not.
async fn check(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    match checked(&app, &id, &body).await {
        Ok(None) => private_json(StatusCode::OK, &json!({"works": true})),
        Ok(Some(finding)) => {
            let mut answer = json!(finding);
            answer["works"] = json!(false);
            private_json(StatusCode::OK, &answer)
        }
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn checked(app: &App, id: &str, body: &[u8]) -> Result<Option<Finding>, Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "There is no such onboarding.");
    let request: CheckRequest = if body.is_empty() {
        CheckRequest::default()
    } else {
        serde_json::from_slice(body).map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "Expected {} or {\"key\": the URL of a key}.")
        })?
    };
    let onboarding: OnboardingId = id.parse().map_err(|_| unknown())?;
    let head = app.journal.load(onboarding).await;
    let head =
        head.map_err(|error| Problem::unavailable("reading a journal", &error))?.ok_or_else(unknown)?;
    let Some(key) = request.key.or_else(|| key_of(&head.state)) else {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "This onboarding has no key yet, and none was named.",
        ));
    };
    match probe(app, &head.state, &key).await {
        Ok(_) => Ok(None),
        Err(Refusal::Finding { finding, .. }) => Ok(Some(finding)),
        Err(Refusal::Error(StepError::Refuse { description, .. })) => {
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, description))
        }
        Err(Refusal::Error(StepError::Retry { source, .. })) => {
            Err(Problem::unavailable("checking a key", source.as_ref()))
        }
    }
}

/// The key that was handed in, whether it is proven or not.
fn key_of(onboarding: &Onboarding) -> Option<KeyUrl> {
    match onboarding.key() {
        Key::NotShared => None,
        Key::Refused { key } => Some(key.clone()),
        Key::Proven { proof } => Some(proof.version.clone()),
    }
}
