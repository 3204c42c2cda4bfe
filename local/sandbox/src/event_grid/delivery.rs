//! Sending events until they are taken, given up, or too old.
//!
//! Schedule, limits and the answers that end a delivery at once: Microsoft Learn, "Event Grid message delivery and
//! retry".

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::cloud::{Cloud, SharedCloud};
use crate::outgoing::{self, OutgoingFault};
use crate::state::State;
use crate::state::event_grid::delivery::Delivery;
use crate::state::event_grid::subscription::{EventSubscription, Schema};

use super::observer;

/// How often the vaults are looked at and due deliveries are sent.
const TICK: Duration = Duration::from_millis(50);
/// An endpoint that answers later than this has not answered.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Taken,
    Failed,
    /// An answer that no repetition would change.
    Refused,
}

/// Watches the vaults, and sends, until the sandbox stops.
pub(crate) fn watch(cloud: &SharedCloud) {
    let shared = Arc::clone(cloud);
    cloud.spawn(async move {
        let under_way = Arc::new(Mutex::new(BTreeSet::new()));
        loop {
            tokio::time::sleep(TICK).await;
            take_note(&shared);
            for (delivery, subscription) in due(&shared, &under_way) {
                let (cloud, under_way) = (Arc::clone(&shared), Arc::clone(&under_way));
                shared.spawn(async move {
                    let attempt = attempt(&delivery, &subscription).await;
                    settle(&cloud, &delivery, &subscription, attempt);
                    under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&delivery.id);
                });
            }
        }
    });
}

/// Sees what happened in the vaults since it was looked last.
pub(crate) fn take_note(cloud: &Cloud) {
    let now = cloud.clock.now();
    let nobody = cloud.read(|state| state.event_grid.subscriptions.is_empty());
    if nobody || cloud.read(|state| observer::look(state, now).is_empty()) {
        return;
    }
    cloud.change(|state| {
        // Looked at again, because somebody may have come between.
        let news = observer::look(state, now);
        observer::tell(&mut state.event_grid, news, now);
    });
}

/// When something is sent next. What is being sent is still due.
pub(crate) fn next_due(state: &State) -> Option<OffsetDateTime> {
    let grid = &state.event_grid;
    let pending =
        grid.pending.iter().filter(|delivery| grid.subscriptions.contains_key(&delivery.subscription));
    pending.map(|delivery| delivery.next).min()
}

fn due(cloud: &Cloud, under_way: &Mutex<BTreeSet<Uuid>>) -> Vec<(Delivery, EventSubscription)> {
    let now = cloud.clock.now();
    let mut under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
    cloud.read(|state| {
        let grid = &state.event_grid;
        grid.pending
            .iter()
            .filter(|delivery| delivery.next <= now)
            .filter_map(|delivery| Some((delivery, grid.subscriptions.get(&delivery.subscription)?)))
            .filter(|(delivery, _)| under_way.insert(delivery.id))
            .map(|(delivery, subscription)| (delivery.clone(), subscription.clone()))
            .collect()
    })
}

async fn attempt(delivery: &Delivery, subscription: &EventSubscription) -> Attempt {
    let answer = match request(delivery, subscription) {
        Ok(request) => outgoing::send(request, LONGEST_WAIT).await,
        Err(fault) => Err(fault),
    };
    match answer {
        // Documented: 200, 201, 202, 203 and 204 and nothing else.
        Ok(answer) if (200..=204).contains(&answer.status.as_u16()) => Attempt::Taken,
        Ok(answer) => match answer.status {
            StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::PAYLOAD_TOO_LARGE => Attempt::Refused,
            _ => Attempt::Failed,
        },
        Err(_) => Attempt::Failed,
    }
}

fn request(
    delivery: &Delivery,
    subscription: &EventSubscription,
) -> Result<Request<Full<Bytes>>, OutgoingFault> {
    let address = outgoing::check_address(&subscription.endpoint)?;
    let kind = match subscription.schema {
        Schema::EventGridSchema => "application/json; charset=utf-8",
        Schema::CloudEvents => "application/cloudevents+json; charset=utf-8",
    };
    let mut request = Request::post(address)
        .header(header::CONTENT_TYPE, kind)
        .header("aeg-event-type", "Notification")
        .header("aeg-subscription-name", subscription.name.to_ascii_uppercase())
        .header("aeg-delivery-count", delivery.failed)
        .header("aeg-data-version", "1")
        .header("aeg-metadata-version", "1");
    for (name, value) in &subscription.headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|_| OutgoingFault::Address)?;
        let value = HeaderValue::try_from(value.as_str()).map_err(|_| OutgoingFault::Address)?;
        request = request.header(name, value);
    }
    let body = delivery.event.body(subscription.schema, subscription.data_case);
    request.body(Full::new(Bytes::from(body.to_string()))).map_err(|_| OutgoingFault::Address)
}

fn settle(cloud: &Cloud, delivery: &Delivery, subscription: &EventSubscription, attempt: Attempt) {
    let now = cloud.clock.now();
    let next = match attempt {
        Attempt::Taken | Attempt::Refused => None,
        Attempt::Failed => delivery.after_failure(subscription, now),
    };
    cloud.change(|state| {
        let grid = &mut state.event_grid;
        match next {
            Some(next) => {
                let held = grid.pending.iter_mut().filter(|held| held.id == delivery.id);
                held.for_each(|held| (held.failed, held.next) = (delivery.failed + 1, next));
            }
            None => grid.pending.retain(|held| held.id != delivery.id),
        }
        // The subscription may have gone meanwhile.
        let is_there = grid.subscriptions.contains_key(&subscription.id);
        if next.is_none() && attempt != Attempt::Taken && is_there {
            *grid.dropped.entry(subscription.id).or_default() += 1;
        }
    });
}
