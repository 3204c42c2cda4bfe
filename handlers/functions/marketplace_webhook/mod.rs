//! Where the marketplace says that a subscription changed.
//!
//! The caller must show the marketplace's own token before a body of at most 64 KiB is read. The body is read leniently, because it has had several forms and
//! Microsoft reserves the right to extend it. Whatever it says is only a hint: `marketplace_changed` asks the
//! marketplace itself. Answers 200 at once, also for actions that we do not know, so that the marketplace does not
//! repeat them for hours.
//!
//! A body that names no subscription is answered 200 too, and logged as an error. A 4xx would refuse a customer's change
//! of plan or of seats because we cannot read, and anything else would be repeated 500 times in eight hours, to the
//! letter. Nothing is lost for long: `check_subscriptions` asks about every subscription once a day.
//!
//! Publishes [`MarketplaceChanged`].

mod notice;

use self::notice::Notice;
use crate::{
    App,
    pages::{Problem, body},
    step::chain_of,
    trace_context,
};
use axum::{
    Router,
    body::Body,
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

/// `POST /api/marketplace/webhook`
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/api/marketplace/webhook", post(receive))
}

async fn receive(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    match take(&app, &headers, body).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn take(app: &App, headers: &HeaderMap, body: Body) -> Result<(), Problem> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    app.webhook_tokens.validate(authorization, app.clock.now()).await.map_err(|error| problem_of(&error))?;
    let body = body::read(body, body::WEBHOOK).await?;
    let notice = Notice::read(&body);
    let Some((subscription, notice)) = notice.and_then(|notice| Some((notice.subscription()?, notice)))
    else {
        tracing::error!(bytes = body.len(), "a webhook of the marketplace names no subscription");
        return Ok(());
    };
    let subject = OnboardingId::of_subscription(subscription);
    let event_id = EventId::of_origin(MarketplaceChanged::KIND, &notice.identity());
    let data = MarketplaceChanged { subscription, operation: notice.operation(), action: notice.action() };
    let mut event = Event::new(event_id, "marketplace_webhook", subject, app.clock.now(), data);
    event.traceparent = Some(trace_context::new_trace());
    let published = app.bus.publish(&event.to_message(None)).await;
    published.map_err(|error| Problem::unavailable("publishing a webhook", &error))
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
