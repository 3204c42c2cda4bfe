//! Where the customer submits the URL of a key.
//!
//! The URL is parsed by a strict grammar before anything is sent anywhere. Reads the journal; numbers the submission, because the last one counts.
//! Publishes [`KeyShared`].

use axum::{
    Form, Router,
    body::{Body, Bytes},
    extract::{FromRequest as _, Path, Query, Request, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::post,
};
use azure_ids::KeyUrl;
use onboarding::{
    Onboarding, OnboardingId, Set, Stage,
    event::{Event, EventData, EventId, KeyShared},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    App,
    budgets::{self, KEYS, KEYS_OF_TENANT},
    pages::{
        LinkQuery, Problem, address_of, asked, body, check_link, private_json, see_other, signing::Link,
        wants_json,
    },
    systems::checks::{Answer, ask},
    trace_context,
};

/// `POST /api/share-key/{id}?link=…` with `keyUrl` as JSON or as a form.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/api/share-key/{id}", post(share))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SharedKey {
    key_url: String,
}

/// What becomes of a key that was submitted.
enum Taken {
    /// It will be tried.
    New(Link, KeyUrl),
    /// It is the one that is known: that is "check again".
    Again(Link, Answer),
}

async fn share(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<LinkQuery>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match take(&app, &id, &query, &headers, body).await {
        Ok(Taken::New(link, key)) if wants_json(&headers) => {
            private_json(StatusCode::ACCEPTED, &json!({"onboarding": link.onboarding, "keyUrl": key}))
        }
        Ok(Taken::New(link, _)) => see_other(&address_of(&app, &link)),
        Ok(Taken::Again(link, answer)) if wants_json(&headers) => asked::json(link.onboarding, answer),
        Ok(Taken::Again(link, answer)) => asked::html(&app, &link, answer),
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn take(
    app: &App,
    id: &str,
    query: &LinkQuery,
    headers: &HeaderMap,
    body: Body,
) -> Result<Taken, Problem> {
    let link = check_link(app, id, query).await?;
    let onboarding = link.onboarding;
    let body = body::read(body, body::FORM).await?;
    let shared = read_body(headers, body).await?;
    let key: KeyUrl = shared.key_url.trim().parse().map_err(|error: azure_ids::KeyUrlError| {
        Problem::new(StatusCode::BAD_REQUEST, format!("This is not the URL of a key: {error}."))
    })?;
    let head = may_take(app, onboarding, &key).await?;
    let taken = budgets::take(app, (&KEYS, onboarding), (&KEYS_OF_TENANT, head.tenant())).await;
    let wait = taken.map_err(|error| Problem::unavailable("taking a key from its budget", &error))?;
    if let Some(wait) = wait {
        return Err(Problem::too_often("Many keys were submitted.", wait));
    }
    let submitted = app.submissions.submit(onboarding, &key).await;
    let submitted = submitted.map_err(|error| Problem::unavailable("numbering a submission", &error))?;
    let is_in_use = head.key().is_some_and(|proof| proof.version.is_same_key(&key));
    let is_candidate = head.candidate().is_some_and(|candidate| candidate.key == key);
    if is_in_use || submitted.is_repeated && is_candidate {
        // Nothing new but the customer's word that it works now: that is "check again".
        let answer = ask(app, &head, "share_key").await;
        let answer = answer.map_err(|error| Problem::unavailable("asking for a check", &error))?;
        return Ok(Taken::Again(link, answer));
    }
    let (number, submission) = (head.number(), submitted.number);
    // A double click is one message; whoever submits the key again later does so because nothing came of it.
    let moment = app.clock.now().unix_timestamp() / 10;
    let origin = format!("{onboarding}\n{number}\n{submission}\n{key}\nat {moment}");
    let id = EventId::of_origin(KeyShared::KIND, &origin);
    let data = KeyShared { key: key.clone(), submission: Some(submission) };
    let mut event = Event::new(id, "share_key", onboarding, app.clock.now(), data);
    event.traceparent = Some(trace_context::new_trace());
    let published = app.bus.publish(&event.to_message(None)).await;
    published.map_err(|error| Problem::unavailable("publishing a shared key", &error))?;
    Ok(Taken::New(link, key))
}

async fn read_body(headers: &HeaderMap, body: Bytes) -> Result<SharedKey, Problem> {
    let bad = |status: StatusCode, text: String| Problem::new(status, format!("keyUrl is expected: {text}"));
    if wants_json(headers) && !body.starts_with(b"keyUrl=") {
        return serde_json::from_slice(&body)
            .map_err(|error| bad(StatusCode::BAD_REQUEST, error.to_string()));
    }
    let mut request = Request::new(body.into());
    *request.method_mut() = axum::http::Method::POST;
    *request.headers_mut() = headers.clone();
    match Form::from_request(request, &()).await {
        Ok(Form(shared)) => Ok(shared),
        Err(rejection) => Err(bad(rejection.status(), rejection.body_text())),
    }
}

/// The onboarding, when it can take this key.
async fn may_take(app: &App, onboarding: OnboardingId, key: &KeyUrl) -> Result<Onboarding, Problem> {
    let head = app.journal.load(onboarding).await;
    let head = head.map_err(|error| Problem::unavailable("reading a journal", &error))?;
    let Some(head) = head else {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "This onboarding is still being opened. Try again in a moment.",
        ));
    };
    if head.onboarding.stage() == Stage::Ended {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "This onboarding has ended. Keys can no longer be submitted.",
        ));
    }
    if head.onboarding.leaving().is_some() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "This onboarding is ending. Keys can no longer be submitted.",
        ));
    }
    let in_use = head.onboarding.key().filter(|_| *head.onboarding.set() != Set::None);
    if in_use.is_some_and(|proof| !proof.version.is_same_key(key))
        && let Err(why) = head.onboarding.may_have_candidate()
    {
        return Err(Problem::new(StatusCode::CONFLICT, why.as_str()));
    }
    Ok(head.onboarding)
}
