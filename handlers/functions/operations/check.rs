//! Tries a key now, as the step that takes it would, but with a new token.

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use azure_ids::KeyUrl;
use onboarding::{Onboarding, finding::Finding};
use serde::Deserialize;
use serde_json::json;

use super::{load, within_budget};
use crate::{
    App,
    pages::{Problem, blockers, body, private_json},
    step::StepError,
    systems::{
        key::fresh_probe,
        refusals::{Refusal, of_entra},
    },
};

/// What a check may be told. An empty body means the key that the onboarding has.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckRequest {
    /// The key to try, for a message that was to submit it.
    key: Option<KeyUrl>,
}

/// The answer is `works`, and the finding when it does not.
pub(super) async fn check(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match checked(&app, &id, body).await {
        Ok(None) => private_json(StatusCode::OK, &json!({"works": true})),
        Ok(Some(finding)) => {
            let mut answer = blockers::finding(&finding);
            answer["works"] = json!(false);
            private_json(StatusCode::OK, &answer)
        }
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn checked(app: &App, id: &str, body: Body) -> Result<Option<Finding>, Problem> {
    let body = body::read(body, body::FORM).await?;
    let request: CheckRequest = if body.is_empty() {
        CheckRequest::default()
    } else {
        serde_json::from_slice(&body).map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "Expected {} or {\"key\": the URL of a key}.")
        })?
    };
    let head = load(app, id).await?;
    let onboarding = &head.onboarding;
    within_budget(app, onboarding.id()).await?;
    let tried = match request.key.or_else(|| onboarding.key_to_look_at().cloned()) {
        Some(key) => try_now(app, onboarding, &key).await,
        None => is_let_in(app, onboarding).await.map(Some),
    };
    match tried {
        Ok(fault) => Ok(fault),
        Err(StepError::Refuse { description, .. }) => {
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, description))
        }
        Err(StepError::NotNow(why)) => Err(Problem::new(StatusCode::CONFLICT, why.to_string())),
        Err(StepError::Retry { source, .. } | StepError::LeaveToNewer { source }) => {
            Err(Problem::unavailable("checking a key", source.as_ref()))
        }
    }
}

/// Without a key there is only the consent to try; then the key is what is missing.
async fn is_let_in(app: &App, onboarding: &Onboarding) -> Result<Finding, StepError> {
    match app.identity.prove_consent(onboarding.tenant()).await {
        Ok(service_principal) => {
            Ok(Finding::KeyNotShared { service_principal, region: onboarding.region().clone() })
        }
        Err(error) => match of_entra(error, onboarding.tenant()) {
            Refusal::Finding { finding, .. } => Ok(finding),
            Refusal::Error(error) => Err(error),
        },
    }
}

/// What is wrong with the key now, if anything.
pub(super) async fn try_now(
    app: &App,
    onboarding: &Onboarding,
    key: &KeyUrl,
) -> Result<Option<Finding>, StepError> {
    match fresh_probe(app, onboarding, key).await {
        Ok(_) => Ok(None),
        Err(Refusal::Finding { finding, .. }) => Ok(Some(finding)),
        Err(Refusal::Error(error)) => Err(error),
    }
}
