//! User-assigned identities.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::resources::identity::Identity;
use crate::state::tags::Tags;
use crate::tracked::Tracked;

use super::resource::{Resource, held_in};

impl Resource for Identity {
    const TYPE: &'static str = "Microsoft.ManagedIdentity/userAssignedIdentities";
    type Held = Self;

    held_in!(identities);

    fn shown(identity: &Self, _: &State) -> Value {
        json!({
            "id": identity.id,
            "name": identity.name,
            "type": Self::TYPE,
            "location": identity.location,
            "tags": identity.tags.clone().unwrap_or_default(),
            "properties": {
                "tenantId": identity.tenant_id,
                "principalId": identity.principal_id,
                "clientId": identity.client_id,
            },
        })
    }

    /// Its principal goes with it.
    fn remove(state: &mut State, key: &str, _: OffsetDateTime) {
        if let Some(identity) = state.arm.identities.remove(key) {
            state.directory.remove_managed_identity(&identity.id);
        }
    }
}
