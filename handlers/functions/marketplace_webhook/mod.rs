//! Where the marketplace says that a subscription changed.
//!
//! The caller must show the marketplace's own token; the body is read leniently, because it has had several forms and
//! Microsoft reserves the right to extend it. Whatever it says is only a hint: `marketplace_changed` asks the
//! marketplace itself. Answers 200 at once, also for actions that we do not know, so that the marketplace does not
//! repeat them for hours.
//!
//! Publishes [`MarketplaceChanged`].

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use azure_clients::WebhookTokenError;
use onboarding::{
    OnboardingId,
    event::{Event, EventData, EventId, MarketplaceChanged},
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{App, pages::Problem, step::chain_of, trace_context};

/// `POST /api/marketplace/webhook`
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/api/marketplace/webhook", post(receive))
}

/// What we need of the payload. Of 2022's forms one names the action `operationType` and has no `id`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Webhook {
    id: Option<Uuid>,
    subscription_id: Uuid,
    #[serde(alias = "operationType", default)]
    action: String,
    time_stamp: Option<String>,
}

async fn receive(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    match take(&app, &headers, &body).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn take(app: &App, headers: &HeaderMap, body: &Bytes) -> Result<(), Problem> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    app.webhook_tokens.validate(authorization, app.clock.now()).await.map_err(|error| problem_of(&error))?;
    let webhook: Webhook = serde_json::from_slice(body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("The payload cannot be read: {error}"))
    })?;
    let subject = OnboardingId::of_subscription(webhook.subscription_id);
    let event_id = EventId::of_origin(MarketplaceChanged::KIND, &identity_of(&webhook));
    let data = MarketplaceChanged {
        subscription: webhook.subscription_id,
        operation: webhook.id,
        action: webhook.action.chars().take(64).collect(),
    };
    let mut event = Event::new(event_id, "marketplace_webhook", subject, app.clock.now(), data);
    event.traceparent = Some(trace_context::new_trace());
    let published = app.bus.publish(&event.to_message(None)).await;
    published.map_err(|error| Problem::unavailable("publishing a webhook", &error))
}

/// The marketplace repeats a webhook up to 500 times within 8 hours: the same operation is the same event.
fn identity_of(webhook: &Webhook) -> String {
    match webhook.id {
        Some(operation) => operation.to_string(),
        None => format!(
            "{}\n{}\n{}",
            webhook.subscription_id,
            webhook.action,
            webhook.time_stamp.as_deref().unwrap_or_default()
        ),
    }
}

/// A token that is refused is the caller's fault; that we cannot check it is ours, and worth a repetition.
fn problem_of(error: &WebhookTokenError) -> Problem {
    match error {
        WebhookTokenError::Unavailable(_) | WebhookTokenError::KeysUndecodable(_) => {
            Problem::unavailable("checking a webhook's token", error)
        }
        WebhookTokenError::Missing
        | WebhookTokenError::Malformed
        | WebhookTokenError::WrongAlgorithm
        | WebhookTokenError::UnknownKey
        | WebhookTokenError::WrongSignature
        | WebhookTokenError::WrongClaim(_)
        | WebhookTokenError::Expired
        | WebhookTokenError::NotYetValid => {
            tracing::warn!(reason = chain_of(error), "a webhook was refused");
            Problem::new(StatusCode::UNAUTHORIZED, "The marketplace's token is required.")
        }
    }
}
