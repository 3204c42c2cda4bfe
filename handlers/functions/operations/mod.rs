//! The vendor's view: every onboarding, the history of one and whether it holds together, whether a key works now, and
//! which dead letters a replay can help. Links to an onboarding's page are issued and withdrawn here too.
//!
//! Behind a function key in Azure (`authLevel: function`). Reads the journal and, for a check, the customer's vault; has
//! evidence signed in the vendor's own vault; changes which links and claims count, and the journal, where the operator
//! freezes an onboarding, marks it as a test, begins a drill, sets a window for its disks, or has it leave. Before that,
//! Azure is asked what uses its disk encryption set. Publishes [`CheckDue`](onboarding::event::CheckDue) when the operator
//! resumes an onboarding, and [`KeyReplacementRequested`](onboarding::event::KeyReplacementRequested) when the operator has
//! a key replaced.

mod check;
mod claims;
mod dead_letters;
mod disks;
mod evidence;
mod evidence_draft;
mod grace;
mod health;
mod history;
mod leaving;
mod links;
mod replacing;
mod said;

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, post},
};
use onboarding::{
    OnboardingId,
    journal::{Head, JournalError},
};
use serde_json::{Value, json};

use crate::{
    App, budgets,
    pages::{Problem, blockers, ladder, private_json, replacement, rotation},
    systems::checks,
};

/// `GET /api/operations/onboardings`, and below it `/{id}`, `/{id}/verification`, `/{id}/evidence` and, with POST,
/// `/{id}/check`, `/{id}/resume`, `/{id}/replace`, `/{id}/link`, `/{id}/withdraw-links`, `/{id}/freeze`, `/{id}/unfreeze`,
/// `/{id}/mark-test` and `/{id}/drill`; `/{id}/leaving`, and with POST `/{id}/leave`, `/{id}/stay` and
/// `/{id}/approve-leaving`; `GET …/{id}/disks` and
/// `POST …/{id}/disks/window`; `POST /api/operations/claims/release`;
/// `POST /api/operations/dead-letters/assess`; `GET /api/operations/health`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/api/operations/onboardings", get(list))
        .route("/api/operations/onboardings/{id}", get(history::show))
        .route("/api/operations/onboardings/{id}/verification", get(history::verify))
        .route("/api/operations/onboardings/{id}/evidence", get(evidence::pack))
        .route("/api/operations/onboardings/{id}/check", post(check::check))
        .route("/api/operations/onboardings/{id}/resume", post(resume))
        .route("/api/operations/onboardings/{id}/replace", post(replacing::replace))
        .route("/api/operations/onboardings/{id}/link", post(links::issue))
        .route("/api/operations/onboardings/{id}/withdraw-links", post(links::withdraw))
        .route("/api/operations/onboardings/{id}/freeze", post(grace::freeze))
        .route("/api/operations/onboardings/{id}/unfreeze", post(grace::unfreeze))
        .route("/api/operations/onboardings/{id}/mark-test", post(grace::mark_test))
        .route("/api/operations/onboardings/{id}/drill", post(grace::drill))
        .route("/api/operations/onboardings/{id}/leaving", get(leaving::show))
        .route("/api/operations/onboardings/{id}/leave", post(leaving::leave))
        .route("/api/operations/onboardings/{id}/stay", post(leaving::stay))
        .route("/api/operations/onboardings/{id}/approve-leaving", post(leaving::approve))
        .route("/api/operations/health", get(health::health))
        .route("/api/operations/claims/release", post(claims::release))
        .route("/api/operations/onboardings/{id}/disks", get(disks::plan))
        .route("/api/operations/onboardings/{id}/disks/window", post(disks::apply))
        .route("/api/operations/dead-letters/assess", post(dead_letters::assess))
}

async fn list(State(app): State<App>, headers: HeaderMap) -> Response {
    match summaries(&app).await {
        Ok(onboardings) => private_json(StatusCode::OK, &json!({"onboardings": onboardings})),
        Err(error) => Problem::unavailable("listing onboardings", &error).respond_to(&headers),
    }
}

async fn summaries(app: &App) -> Result<Vec<Value>, JournalError> {
    let mut summaries = vec![];
    for id in app.journal.onboardings().await? {
        if let Some(Head { onboarding, .. }) = app.journal.load(id).await? {
            summaries.push(json!({
                "onboarding": id,
                "state": onboarding.stage(),
                "tenant": onboarding.tenant(),
                "region": onboarding.region(),
                "keyVersion": rotation::version_in_use(&onboarding, app.clock.now()),
                "key": onboarding.key().map(|key| &key.version),
                "rotation": rotation::json(&onboarding),
                "replacement": replacement::json(&onboarding),
                "warnings": rotation::reminder(&onboarding).iter().map(blockers::finding).collect::<Vec<_>>(),
                "blocker": blockers::first(&onboarding),
                "blockers": blockers::all(&onboarding),
                "entry": onboarding.number(),
                "grace": ladder::json(&app.settings.grace, &onboarding, app.clock.now()),
                "leaving": leaving::of(&onboarding),
            }));
        }
    }
    Ok(summaries)
}

/// The operator says that what stopped it is mended: everything that it waits for is looked at, also a refused step.
async fn resume(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match resumed(&app, &id).await {
        Ok(answer) => private_json(StatusCode::ACCEPTED, &answer),
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn resumed(app: &App, id: &str) -> Result<Value, Problem> {
    let onboarding = load(app, id).await?.onboarding;
    if onboarding.blockers().is_empty() && onboarding.is_at_rest() {
        return Err(Problem::new(StatusCode::CONFLICT, "This onboarding waits for nothing."));
    }
    within_budget(app, onboarding.id()).await?;
    let sent = checks::resume(app, onboarding.id()).await;
    sent.map_err(|error| Problem::unavailable("publishing a check", &error))?;
    let message =
        "Everything that this onboarding waits for is being looked at again, also what was refused.";
    Ok(json!({"onboarding": onboarding.id(), "message": message}))
}

/// Takes one from the operator's budget for this onboarding.
async fn within_budget(app: &App, onboarding: OnboardingId) -> Result<(), Problem> {
    let taken = budgets::take_one(app, &budgets::OPERATOR, onboarding).await;
    match taken.map_err(|error| Problem::unavailable("taking from the operator's budget", &error))? {
        None => Ok(()),
        Some(wait) => Err(Problem::too_often("This onboarding was looked at very often.", wait)),
    }
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is no such onboarding.")
}

/// The onboarding that an address names.
async fn load(app: &App, id: &str) -> Result<Head, Problem> {
    let id: OnboardingId = id.parse().map_err(|_| unknown())?;
    let head = app.journal.load(id).await;
    head.map_err(|error| Problem::unavailable("reading a journal", &error))?.ok_or_else(unknown)
}
