//! Event subscriptions, and sending events again as somebody wants them: twice, in another order, from a forged topic.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query, State as RouterState};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::SharedCloud;
use crate::resources::vault;
use crate::state::event_grid::EventGridState;
use crate::state::event_grid::subscription::{DataCase, EVENT_TYPES, EventSubscription, Schema, Standing};
use crate::{event_grid, outgoing};

use super::ControlError;
use super::reply::Body;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct SubscribeBody {
    vault: String,
    endpoint: String,
    name: Option<String>,
    #[serde(default)]
    schema: Schema,
    #[serde(default)]
    data_case: DataCase,
    event_types: Option<Vec<String>>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    max_delivery_attempts: Option<u32>,
    event_time_to_live_minutes: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgainBody {
    events: Vec<Uuid>,
    topic: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Validation {
    #[serde(default)]
    code: String,
}

/// `GET /control/event-subscriptions`.
pub(super) async fn list(RouterState(cloud): RouterState<SharedCloud>) -> Json<Value> {
    cloud.read(|state| {
        let grid = &state.event_grid;
        let shown: Vec<Value> = grid.subscriptions.values().map(|held| shown(grid, held)).collect();
        Json(json!({ "eventSubscriptions": shown }))
    })
}

/// `POST /control/event-subscriptions`: after the handshake, and not without it.
pub(super) async fn subscribe(
    RouterState(cloud): RouterState<SharedCloud>,
    headers: HeaderMap,
    Body(body): Body<SubscribeBody>,
) -> Result<(StatusCode, Json<Value>), ControlError> {
    let now = cloud.clock.now();
    let topic = cloud.read(|state| {
        let vault = vault::named(&state.arm, &body.vault);
        let vault = vault.ok_or_else(|| ControlError::at("vault", "there is no vault of this name"))?;
        Ok::<_, ControlError>(vault.id.clone())
    })?;
    let subscription = read(body, topic, now)?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let validation_url = format!(
        "http://{host}/control/event-subscriptions/{}/validate?code={}",
        subscription.id, subscription.validation_code
    );
    let standing = event_grid::shake_hands(&subscription, &validation_url, now).await.map_err(|fault| {
        ControlError::at("endpoint", format!("the handshake failed: {}", with_cause(&fault)))
    })?;
    let subscription = EventSubscription { standing, ..subscription };
    cloud.change(|state| {
        if let Some(vault) = state.arm.vaults.get(&crate::names::arm_id::key(&subscription.topic)).cloned() {
            event_grid::begin_to_watch(state, &vault);
        }
        let made = shown(&state.event_grid, &subscription);
        state.event_grid.subscriptions.insert(subscription.id, subscription);
        Ok((StatusCode::CREATED, Json(made)))
    })
}

/// `GET /control/event-subscriptions/{id}/validate`: the other way to end a handshake.
pub(super) async fn validate(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(id): Path<Uuid>,
    Query(Validation { code }): Query<Validation>,
) -> Result<&'static str, ControlError> {
    let now = cloud.clock.now();
    match cloud.change(|state| event_grid::confirm(state, id, &code, now)) {
        true => Ok("Webhook successfully validated as a subscription endpoint."),
        false => {
            Err(ControlError::new(StatusCode::BAD_REQUEST, "the code is wrong, or older than ten minutes"))
        }
    }
}

/// `DELETE /control/event-subscriptions/{id}`.
pub(super) async fn unsubscribe(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ControlError> {
    match cloud.change(|state| state.event_grid.remove(id)) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ControlError::not_found("there is no event subscription with this id")),
    }
}

/// `POST /control/event-subscriptions/{id}/deliveries`: events that were sent before, once more, in this order.
pub(super) async fn send_again(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(id): Path<Uuid>,
    Body(body): Body<AgainBody>,
) -> Result<StatusCode, ControlError> {
    let now = cloud.clock.now();
    cloud.change(|state| {
        let grid = &mut state.event_grid;
        if !grid.subscriptions.contains_key(&id) {
            return Err(ControlError::not_found("there is no event subscription with this id"));
        }
        let sent = grid.sent.get(&id);
        let find = |(number, wanted): (usize, &Uuid)| {
            let found = sent.into_iter().flatten().find(|event| event.id == *wanted).cloned();
            found.ok_or_else(|| ControlError::at(format!("events[{number}]"), "this event is not remembered"))
        };
        let events = body.events.iter().enumerate().map(find).collect::<Result<Vec<_>, _>>()?;
        for mut event in events {
            if let Some(topic) = &body.topic {
                event.topic.clone_from(topic);
            }
            grid.send(id, event, now);
        }
        Ok(StatusCode::ACCEPTED)
    })
}

fn read(
    body: SubscribeBody,
    topic: String,
    now: time::OffsetDateTime,
) -> Result<EventSubscription, ControlError> {
    outgoing::check_address(&body.endpoint)
        .map_err(|fault| ControlError::at("endpoint", fault.to_string()))?;
    let every = || EVENT_TYPES.map(str::to_owned).to_vec();
    let event_types = body.event_types.unwrap_or_else(every);
    let known = |kind: &String| EVENT_TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind));
    if let Some(number) = event_types.iter().position(|kind| !known(kind)) {
        let problem = format!("there are: {}", EVENT_TYPES.join(", "));
        return Err(ControlError::at(format!("eventTypes[{number}]"), problem));
    }
    for (name, value) in &body.headers {
        if HeaderName::try_from(name.as_str()).is_err() || HeaderValue::try_from(value.as_str()).is_err() {
            return Err(ControlError::at(format!("headers.{name}"), "is no header that can be sent"));
        }
    }
    let id = Uuid::new_v4();
    Ok(EventSubscription {
        id,
        name: body.name.unwrap_or_else(|| format!("sandbox-{}", &id.simple().to_string()[..8])),
        topic,
        endpoint: body.endpoint,
        schema: body.schema,
        data_case: body.data_case,
        event_types,
        headers: body.headers,
        max_attempts: within("maxDeliveryAttempts", body.max_delivery_attempts, 30)?,
        time_to_live_minutes: within("eventTimeToLiveMinutes", body.event_time_to_live_minutes, 1_440)?,
        standing: Standing::AwaitingManualAction,
        validation_code: Uuid::new_v4(),
        since: now,
    })
}

/// The documented limits of both are their defaults too.
fn within(path: &str, given: Option<u32>, most: u32) -> Result<u32, ControlError> {
    match given.unwrap_or(most) {
        number if (1..=most).contains(&number) => Ok(number),
        _ => Err(ControlError::at(path, format!("a whole number from 1 to {most}"))),
    }
}

/// The values of the headers are not shown: a receiver may take one for a password.
fn shown(grid: &EventGridState, held: &EventSubscription) -> Value {
    let pending: Vec<Value> = grid
        .pending
        .iter()
        .filter(|delivery| delivery.subscription == held.id)
        .map(|delivery| json!({ "eventId": delivery.event.id, "failedAttempts": delivery.failed }))
        .collect();
    let sent: Vec<Value> = grid
        .sent
        .get(&held.id)
        .into_iter()
        .flatten()
        .map(|event| json!({ "id": event.id, "type": event.kind, "object": event.object.url }))
        .collect();
    json!({
        "id": held.id,
        "name": held.name,
        "topic": held.topic,
        "endpoint": held.endpoint,
        "schema": held.schema,
        "dataCase": held.data_case,
        "eventTypes": held.event_types,
        "headers": held.headers.keys().collect::<Vec<_>>(),
        "maxDeliveryAttempts": held.max_attempts,
        "eventTimeToLiveMinutes": held.time_to_live_minutes,
        "standing": held.standing,
        "pending": pending,
        "sent": sent,
        "dropped": grid.dropped.get(&held.id).copied().unwrap_or_default(),
    })
}

fn with_cause(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    let mut cause = fault.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
