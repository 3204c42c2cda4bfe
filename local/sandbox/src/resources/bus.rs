//! Service Bus namespaces.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::moments;
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::resources::bus::BusNamespace;
use crate::state::tags::Tags;
use crate::tracked::Tracked;

use super::resource::{Resource, held_in};

impl Resource for BusNamespace {
    const TYPE: &'static str = "Microsoft.ServiceBus/namespaces";
    type Held = Self;

    held_in!(bus_namespaces);

    fn shown(held: &Self, _: &State) -> Value {
        json!({
            "id": held.id,
            "name": held.name,
            "type": Self::TYPE,
            "location": held.location,
            "tags": held.tags.clone().unwrap_or_default(),
            "sku": { "name": held.tier, "tier": held.tier },
            "properties": {
                "createdAt": moments::zulu(held.created_at),
                "updatedAt": moments::zulu(held.updated_at),
                "disableLocalAuth": held.disable_local_auth,
                "provisioningState": "Succeeded",
                "serviceBusEndpoint": format!("https://{}.servicebus.windows.net:443/", held.name),
                "status": "Active",
            },
        })
    }

    fn remove(state: &mut State, key: &str, _: OffsetDateTime) {
        state.arm.bus_namespaces.remove(key);
    }
}
