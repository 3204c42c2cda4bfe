//! The vendor's operator has the key in use replaced by another one of the same customer's.

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use azure_ids::KeyUrl;
use onboarding::replacement::Asker;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{load, within_budget};
use crate::{
    App,
    pages::{Problem, body, private_json},
    systems::replacements,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplaceRequest {
    /// The other key.
    key: KeyUrl,
}

/// `POST …/{id}/replace`
pub(super) async fn replace(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match asked(&app, &id, body).await {
        Ok(answer) => private_json(StatusCode::ACCEPTED, &answer),
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn asked(app: &App, id: &str, body: Body) -> Result<Value, Problem> {
    let body = body::read(body, body::FORM).await?;
    let ReplaceRequest { key } = serde_json::from_slice(&body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("Expected {{\"key\": the URL of a key}}: {error}"))
    })?;
    let onboarding = load(app, id).await?.onboarding;
    onboarding.may_replace(&key).map_err(|why| Problem::new(StatusCode::CONFLICT, why.as_str()))?;
    within_budget(app, onboarding.id()).await?;
    let sent = replacements::ask(app, &onboarding, &key, Asker::Operator).await;
    sent.map_err(|error| Problem::unavailable("asking for a key to be replaced", &error))?;
    Ok(json!({
        "onboarding": onboarding.id(),
        "from": onboarding.key().map(|used| used.version.without_version()),
        "to": key.without_version(),
        "message": "The other key is being checked. If it works, the disk encryption set is changed to it. The onboarding's \
                    page shows how far that is.",
    }))
}
