//! The links to an onboarding's page: the operator issues a new one, or withdraws all.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde_json::{Value, json};

use super::{load, within_budget};
use crate::{
    App,
    pages::{Problem, address_of, issue_link, private_json},
};

/// The address of the page, with a new link.
pub(super) async fn issue(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match issued(&app, &id).await {
        Ok(answer) => private_json(StatusCode::OK, &answer),
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn issued(app: &App, id: &str) -> Result<Value, Problem> {
    let onboarding = load(app, id).await?.onboarding.id();
    within_budget(app, onboarding).await?;
    let link = issue_link(app, onboarding).await?;
    tracing::info!(%onboarding, "the operator was given a link");
    Ok(json!({"onboarding": onboarding, "address": address_of(app, &link)}))
}

/// Every link that was issued until now opens nothing any more.
pub(super) async fn withdraw(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match withdrawn(&app, &id).await {
        Ok(answer) => private_json(StatusCode::OK, &answer),
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn withdrawn(app: &App, id: &str) -> Result<Value, Problem> {
    let onboarding = load(app, id).await?.onboarding.id();
    within_budget(app, onboarding).await?;
    let withdrawn = app.withdrawals.withdraw(onboarding, app.clock.now()).await;
    withdrawn.map_err(|error| Problem::unavailable("withdrawing links", &error))?;
    tracing::warn!(%onboarding, "the operator withdrew every link to the onboarding's page");
    let message = "Every link to this onboarding's page is withdrawn. The customer gets a new one by opening the product's \
                   landing page again.";
    Ok(json!({"onboarding": onboarding, "message": message}))
}
