//! What all calls have in common by which the operator states something.

use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};
use onboarding::{Fact, Onboarding, OnboardingId, Stage};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::unknown;
use crate::{
    App,
    pages::{Problem, private_json},
    step::record::{Recorded, record},
};

/// A reason is a sentence or two.
const LONGEST_REASON: usize = 500;

/// The onboarding as it is from now on; or as it was, when the fact is no news.
pub(super) async fn recorded(
    app: &App,
    id: &str,
    fact: &Fact,
) -> Result<Result<Onboarding, Onboarding>, Problem> {
    let id: OnboardingId = id.parse().map_err(|_| unknown())?;
    match record(app, "operations", id, fact).await {
        Ok(Recorded::Done(onboarding)) => Ok(Ok(*onboarding)),
        Ok(Recorded::NoNews(onboarding)) if onboarding.stage() == Stage::Ended => Err(ended()),
        Ok(Recorded::NoNews(onboarding)) => Ok(Err(*onboarding)),
        Ok(Recorded::Unknown) => Err(unknown()),
        Err(error) => Err(Problem::unavailable("recording what the operator says", error.as_ref())),
    }
}

pub(super) fn ended() -> Problem {
    Problem::new(StatusCode::CONFLICT, "The onboarding has ended.")
}

/// What the operator gave as a reason, if it is one.
pub(super) fn reason_of(given: Option<String>) -> Result<Option<String>, Problem> {
    let reason = given.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > LONGEST_REASON) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "The reason is longer than 500 characters."));
    }
    Ok(reason)
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("The body cannot be read: {error}")))
}

pub(super) fn answer(headers: &HeaderMap, answer: Result<Value, Problem>) -> Response {
    match answer {
        Ok(answer) => private_json(StatusCode::OK, &answer),
        Err(problem) => problem.respond_to(headers),
    }
}
