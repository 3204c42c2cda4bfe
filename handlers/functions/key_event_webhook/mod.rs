//! Where Event Grid says that something happened to a key in the customer's vault.
//!
//! The customer's event subscription has a secret of its own, in a header of each delivery; it is checked before a body of
//! at most 64 KiB is read. That body may hold any number of events: together they are at most one message for each
//! onboarding and minute, and only when one of them is about the key in use. What they say is only a hint to look.
//!
//! The handshakes need no secret, because whether Event Grid sends the header with them is not documented: they show that
//! this endpoint wants events, and whoever subscribes without the secret is refused each of them. The validation address
//! that comes with a handshake is never opened.
//!
//! Publishes [`KeyEventReceived`]. Reads the journal once.

mod notice;

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use onboarding::{
    Onboarding, OnboardingId, Set, Stage,
    event::{Event, EventData, EventId, KeyEventReceived},
};
use serde_json::json;

use self::notice::Notices;
use crate::{
    App,
    pages::{Problem, body, key_events::HEADER, windows::minute_of},
    trace_context,
};

/// The only sender that is allowed: Event Grid in Azure's public cloud.
const ORIGIN: &str = "eventgrid.azure.net";

/// How many deliveries a minute are wanted.
const RATE: &str = "120";

/// `POST` and `OPTIONS /api/key-events/{id}`
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/api/key-events/{id}", post(receive).options(agree))
}

/// The handshake of CloudEvents.
async fn agree(headers: HeaderMap) -> Response {
    match text(&headers, "webhook-request-origin") {
        Some(origin) if origin.eq_ignore_ascii_case(ORIGIN) => {
            let allowed = [("webhook-allowed-origin", ORIGIN), ("webhook-allowed-rate", RATE)];
            (StatusCode::OK, allowed.map(|(name, value)| (name, HeaderValue::from_static(value))))
                .into_response()
        }
        _ => Problem::new(StatusCode::FORBIDDEN, "Only Event Grid is allowed.").respond_to(&headers),
    }
}

async fn receive(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let is_handshake = text(&headers, "aeg-event-type")
        .is_some_and(|kind| kind.eq_ignore_ascii_case("SubscriptionValidation"));
    let answer = if is_handshake { validate(body).await } else { take(&app, &id, &headers, body).await };
    answer.unwrap_or_else(|problem| problem.respond_to(&headers))
}

/// The handshake of Event Grid's own schema: the code goes back as it came.
async fn validate(body: Body) -> Result<Response, Problem> {
    let notices = Notices::read(&body::read(body, body::HANDSHAKE).await?).ok_or_else(unreadable)?;
    let code = notices.validation_code().ok_or_else(unreadable)?;
    Ok((StatusCode::OK, Json(json!({ "validationResponse": code }))).into_response())
}

async fn take(app: &App, id: &str, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    let id = known(app, id, headers)?;
    let notices = Notices::read(&body::read(body, body::WEBHOOK).await?).ok_or_else(unreadable)?;
    let now = app.clock.now();
    if app.windows.is_used(id, now) {
        return Ok(StatusCode::OK.into_response());
    }
    let head = app.journal.load(id).await;
    let head = head.map_err(|error| Problem::unavailable("reading a journal", &error))?;
    if head.is_some_and(|head| concerns(&notices, &head.onboarding)) {
        let event_id = EventId::of_origin(KeyEventReceived::KIND, &format!("{id}\n{}", minute_of(now)));
        let mut event = Event::new(event_id, "key_event_webhook", id, now, KeyEventReceived {});
        event.traceparent = Some(trace_context::new_trace());
        let published = app.bus.publish(&event.to_message(None)).await;
        published.map_err(|error| Problem::unavailable("publishing a key event", &error))?;
        app.windows.use_up(id, now);
    }
    Ok(StatusCode::OK.into_response())
}

/// The onboarding, if the sender has its secret. One answer for every fault.
fn known(app: &App, id: &str, headers: &HeaderMap) -> Result<OnboardingId, Problem> {
    let refused =
        || Problem::new(StatusCode::UNAUTHORIZED, "The secret of the event subscription is required.");
    let id: OnboardingId = id.parse().map_err(|_| refused())?;
    let secret = text(headers, HEADER).unwrap_or_default();
    app.signer.check_key_events_secret(id, secret).map_err(|error| {
        tracing::warn!(onboarding = %id, %error, "a key event was refused");
        refused()
    })?;
    Ok(id)
}

fn concerns(notices: &Notices, onboarding: &Onboarding) -> bool {
    let follows_a_key = matches!(onboarding.set(), Set::Ready { .. }) && onboarding.stage() != Stage::Ended;
    follows_a_key && onboarding.key().is_some_and(|key| notices.concern(&key.version))
}

fn unreadable() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "Expected events in the schema of Event Grid or of CloudEvents.")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests;
