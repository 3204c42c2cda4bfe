//! What the calls have in common: where they are, which subscription they mean, what their bodies say.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::marketplace::gate::Publisher;
use crate::state::marketplace::MarketplaceState;
use crate::state::marketplace::subscription::Subscription;

use super::gate::Refusal;

pub(super) const ROOT: &str = "/api/saas/subscriptions";

/// The subscription, if it is this publisher's.
pub(super) fn find<'a>(
    marketplace: &'a MarketplaceState,
    publisher: &Publisher,
    id: &str,
) -> Result<&'a Subscription, Refusal> {
    let subscription = Uuid::parse_str(id).ok().and_then(|id| marketplace.subscriptions.get(&id));
    let subscription = subscription.ok_or_else(|| Refusal::not_found(id))?;
    if subscription.publisher == publisher.0 { Ok(subscription) } else { Err(Refusal::forbidden()) }
}

/// The body, which has to be an object: serde would take `[]` for a struct of which everything is optional.
pub(super) fn object<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    let fields: Result<Map<String, Value>, _> = serde_json::from_slice(body);
    fields
        .and_then(|fields| serde_json::from_value(Value::Object(fields)))
        .map_err(|error| Refusal::bad(format!("The body is invalid: {error}")))
}
