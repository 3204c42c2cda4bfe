//! Nobody is sent events who did not agree to get them: one handshake for each form of event.
//!
//! Microsoft Learn, "Endpoint validation with Event Grid event schema" and "with CloudEvents schema".

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::moments;
use crate::outgoing::{self, OutgoingFault, WebhookResponse};
use crate::state::State;
use crate::state::event_grid::subscription::{EventSubscription, Schema, Standing};

const ORIGIN: &str = "eventgrid.azure.net";
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long the validation address can be opened.
const MANUAL_MINUTES: i64 = 10;

/// Why an endpoint gets no events.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeFault {
    #[error(transparent)]
    Outgoing(#[from] OutgoingFault),
    #[error("the endpoint answered the handshake with {0}; 200 was expected")]
    Status(StatusCode),
    #[error("the endpoint answered the handshake with the wrong code")]
    WrongCode,
    #[error("the endpoint did not allow the origin {ORIGIN} in WebHook-Allowed-Origin")]
    NotAllowed,
}

/// Asks the endpoint. Gives how the subscription stands then.
pub(crate) async fn shake_hands(
    subscription: &EventSubscription,
    validation_url: &str,
    now: OffsetDateTime,
) -> Result<Standing, HandshakeFault> {
    match subscription.schema {
        Schema::EventGridSchema => by_event(subscription, validation_url, now).await,
        Schema::CloudEvents => by_options(subscription, validation_url).await,
    }
}

/// Somebody opened the validation address. False when the code is wrong or the time is over.
pub(crate) fn confirm(state: &mut State, id: Uuid, code: &str, now: OffsetDateTime) -> bool {
    let found = state.event_grid.subscriptions.get_mut(&id).filter(|held| {
        held.validation_code.to_string() == code && now < held.since + time::Duration::minutes(MANUAL_MINUTES)
    });
    found.map(|held| held.standing = Standing::Active).is_some()
}

async fn by_event(
    subscription: &EventSubscription,
    validation_url: &str,
    now: OffsetDateTime,
) -> Result<Standing, HandshakeFault> {
    let code = subscription.validation_code.to_string();
    let body = json!([{
        "id": Uuid::new_v4(),
        "topic": subscription.topic,
        "subject": "",
        "data": { "validationCode": code, "validationUrl": validation_url },
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": moments::zulu(now),
        "metadataVersion": "1",
        "dataVersion": "1",
    }]);
    let request = with_headers(subscription, Method::POST)?
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header("aeg-event-type", "SubscriptionValidation")
        .header("aeg-subscription-name", subscription.name.to_ascii_uppercase());
    let answer = send(request, body.to_string()).await?;
    if answer.status != StatusCode::OK {
        return Err(HandshakeFault::Status(answer.status));
    }
    let given: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match given["validationResponse"].as_str() {
        Some(given) if given == code => Ok(Standing::Active),
        Some(_) => Err(HandshakeFault::WrongCode),
        None => Ok(Standing::AwaitingManualAction),
    }
}

async fn by_options(
    subscription: &EventSubscription,
    validation_url: &str,
) -> Result<Standing, HandshakeFault> {
    let request = with_headers(subscription, Method::OPTIONS)?
        .header("WebHook-Request-Origin", ORIGIN)
        .header("WebHook-Request-Callback", validation_url)
        .header("WebHook-Request-Rate", "120");
    let answer = send(request, String::new()).await?;
    if answer.status != StatusCode::OK {
        return Err(HandshakeFault::Status(answer.status));
    }
    let allowed = answer.headers.get("webhook-allowed-origin").and_then(|origin| origin.to_str().ok());
    match allowed {
        Some(origin) if origin == "*" || origin.eq_ignore_ascii_case(ORIGIN) => Ok(Standing::Active),
        Some(_) => Err(HandshakeFault::NotAllowed),
        None => Ok(Standing::AwaitingManualAction),
    }
}

/// Our guess: the handshake carries the delivery's own headers too, so that an endpoint which wants its password
/// before it answers anything can be subscribed.
fn with_headers(
    subscription: &EventSubscription,
    method: Method,
) -> Result<http::request::Builder, HandshakeFault> {
    let address = outgoing::check_address(&subscription.endpoint)?;
    let request = Request::builder().method(method).uri(address);
    Ok(subscription.headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
}

async fn send(request: http::request::Builder, body: String) -> Result<WebhookResponse, HandshakeFault> {
    let request = request.body(Full::new(Bytes::from(body))).map_err(|_| OutgoingFault::Address)?;
    Ok(outgoing::send(request, LONGEST_WAIT).await?)
}
