//! What the operator says about the grace ladder of an onboarding: freeze it, lift the freeze, mark it as a test, rehearse
//! a revocation. Recorded in the journal before the answer.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use onboarding::{Fact, Onboarding, OnboardingId, Stage, grace::Drill};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::unknown;
use crate::{
    App,
    pages::{Problem, ladder, private_json},
    step::record::{Recorded, record},
    systems::checks,
};

/// A reason is a sentence or two.
const LONGEST_REASON: usize = 500;

/// A rehearsal is over within a day.
const LONGEST_DRILL: u64 = 86_400;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FreezeRequest {
    /// Why; only operators see it.
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DrillRequest {
    /// How long looks answer that the key is disabled.
    lasts_seconds: u64,
    /// The time between two rungs.
    pace_seconds: u64,
}

/// `POST …/{id}/freeze`
pub(super) async fn freeze(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&headers, frozen(&app, &id, &body).await)
}

async fn frozen(app: &App, id: &str, body: &[u8]) -> Result<Value, Problem> {
    let request: FreezeRequest = if body.is_empty() { FreezeRequest::default() } else { read(body)? };
    let reason = request.reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > LONGEST_REASON) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "The reason is longer than 500 characters."));
    }
    let onboarding = match recorded(app, id, &Fact::Frozen { reason }).await? {
        Ok(onboarding) => onboarding,
        Err(known) if known.grace().frozen.is_some() => known,
        Err(_) => return Err(ended()),
    };
    Ok(told(app, &onboarding, "Frozen: no rung is announced or taken, and no virtual machine is stopped."))
}

/// `POST …/{id}/unfreeze`
pub(super) async fn unfreeze(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answer(&headers, unfrozen(&app, &id).await)
}

async fn unfrozen(app: &App, id: &str) -> Result<Value, Problem> {
    let onboarding = recorded(app, id, &Fact::Unfrozen).await?.unwrap_or_else(|known| known);
    Ok(told(app, &onboarding, "Not frozen. Each rung is announced again before it is taken."))
}

/// `POST …/{id}/mark-test`
pub(super) async fn mark_test(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    answer(&headers, marked(&app, &id).await)
}

async fn marked(app: &App, id: &str) -> Result<Value, Problem> {
    let onboarding = match recorded(app, id, &Fact::MarkedAsTest).await? {
        Ok(onboarding) => onboarding,
        Err(known) if known.grace().is_test => known,
        Err(_) => return Err(ended()),
    };
    Ok(told(app, &onboarding, "Marked as a test: a revocation can be rehearsed on it."))
}

/// `POST …/{id}/drill`
pub(super) async fn drill(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&headers, drilled(&app, &id, &body).await)
}

async fn drilled(app: &App, id: &str, body: &[u8]) -> Result<Value, Problem> {
    let DrillRequest { lasts_seconds, pace_seconds } = read(body)?;
    if !(1..=LONGEST_DRILL).contains(&lasts_seconds) || !(1..=LONGEST_DRILL).contains(&pace_seconds) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "Both times must be from 1 to 86400 seconds."));
    }
    let since = app.clock.now();
    let drill = Drill {
        since,
        until: since + Duration::from_secs(lasts_seconds),
        pace: Duration::from_secs(pace_seconds),
    };
    let onboarding = match recorded(app, id, &Fact::DrillStarted { drill }).await? {
        Ok(onboarding) => onboarding,
        Err(known) => return Err(Problem::new(StatusCode::CONFLICT, why_no_drill(&known))),
    };
    let asked = checks::ask(app, &onboarding, "operations").await;
    asked.map_err(|error| Problem::unavailable("publishing a check", &error))?;
    Ok(told(
        app,
        &onboarding,
        "The drill has begun: until its end, looks at the key answer that it is disabled.",
    ))
}

fn why_no_drill(onboarding: &Onboarding) -> &'static str {
    if !onboarding.grace().is_test {
        "This onboarding is not marked as a test. A revocation is never rehearsed on a real customer."
    } else if onboarding.grace().drill.is_some() {
        "A drill is under way on this onboarding."
    } else {
        "This onboarding is not active. A revocation can be rehearsed only while the key works."
    }
}

/// The onboarding as it is from now on; or as it was, when the fact is no news.
async fn recorded(app: &App, id: &str, fact: &Fact) -> Result<Result<Onboarding, Onboarding>, Problem> {
    let id: OnboardingId = id.parse().map_err(|_| unknown())?;
    match record(app, "operations", id, fact).await {
        Ok(Recorded::Done(onboarding)) => Ok(Ok(*onboarding)),
        Ok(Recorded::NoNews(onboarding)) if onboarding.stage() == Stage::Ended => Err(ended()),
        Ok(Recorded::NoNews(onboarding)) => Ok(Err(*onboarding)),
        Ok(Recorded::Unknown) => Err(unknown()),
        Err(error) => Err(Problem::unavailable("recording what the operator says", error.as_ref())),
    }
}

fn ended() -> Problem {
    Problem::new(StatusCode::CONFLICT, "The subscription has ended.")
}

fn told(app: &App, onboarding: &Onboarding, message: &str) -> Value {
    json!({
        "onboarding": onboarding.id(),
        "message": message,
        "grace": ladder::json(&app.settings.grace, onboarding, app.clock.now()),
    })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("The body cannot be read: {error}")))
}

fn answer(headers: &HeaderMap, answer: Result<Value, Problem>) -> Response {
    match answer {
        Ok(answer) => private_json(StatusCode::OK, &answer),
        Err(problem) => problem.respond_to(headers),
    }
}
