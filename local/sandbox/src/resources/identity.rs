//! User-assigned identities.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::resources::identity::Identity;
use crate::state::tags::Tags;
use crate::tracked::Tracked;

use super::resource::Resource;

impl Resource for Identity {
    const TYPE: &'static str = "Microsoft.ManagedIdentity/userAssignedIdentities";
    type Held = Self;

    fn all(arm: &ArmState) -> &Tracked<String, Self> {
        &arm.identities
    }

    fn all_mut(arm: &mut ArmState) -> &mut Tracked<String, Self> {
        &mut arm.identities
    }

    fn tags(held: &Self) -> &Option<Tags> {
        &held.tags
    }

    fn tags_mut(held: &mut Self) -> &mut Option<Tags> {
        &mut held.tags
    }

    fn id(held: &Self) -> &str {
        &held.id
    }

    fn location(held: &Self) -> &str {
        &held.location
    }

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
