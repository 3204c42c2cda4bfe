//! Disk encryption sets.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::moments;
use crate::names::arm_id;
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::resources::disk_encryption_set::{ActiveKey, DiskEncryptionSet, PreviousKey, SetIdentity};
use crate::state::tags::{Tags, add_tags};
use crate::tracked::Tracked;

use super::resource::{Resource, Runner, held_in};
use super::store::Stored as _;

impl Resource for DiskEncryptionSet {
    const TYPE: &'static str = "Microsoft.Compute/diskEncryptionSets";
    const RUNNER: Runner = Runner::Disks;
    type Held = Self;

    held_in!(disk_encryption_sets);

    fn shown(held: &Self, state: &State) -> Value {
        held.shown_in(state)
    }

    /// A system-assigned identity goes with its set.
    fn remove(state: &mut State, key: &str, _: OffsetDateTime) {
        if let Some(set) = state.arm.disk_encryption_sets.remove(key) {
            state.directory.remove_managed_identity(&set.id);
        }
    }

    fn user_outside(arm: &ArmState, group: &str) -> Option<String> {
        let users = Self::within(arm, group).flat_map(|set| users_of(arm, &set.id));
        users.filter(|user| !arm_id::covers(group, user)).map(str::to_owned).next()
    }
}

impl SetIdentity {
    pub(crate) fn is_user_assigned(&self) -> bool {
        self.kind.contains("UserAssigned")
    }

    pub(crate) fn shown(&self, state: &State) -> Value {
        let mut shown = json!({ "type": self.kind });
        if let Some(principal) = self.system_principal {
            shown["principalId"] = json!(principal);
            shown["tenantId"] = json!(self.tenant_id);
        }
        if self.is_user_assigned() {
            let identities = self.user_assigned.iter().map(|id| {
                let ids = state.arm.identities.get(&arm_id::key(id)).map_or_else(
                    || json!({}),
                    |identity| json!({ "principalId": identity.principal_id, "clientId": identity.client_id }),
                );
                (id.clone(), ids)
            });
            shown["userAssignedIdentities"] = Value::Object(identities.collect());
        }
        shown
    }
}

impl ActiveKey {
    pub(crate) fn shown(&self) -> Value {
        let mut shown = Map::new();
        if let Some(vault) = &self.source_vault {
            shown.insert("sourceVault".into(), json!({ "id": vault }));
        }
        shown.insert("keyUrl".into(), json!(self.key_url));
        Value::Object(shown)
    }
}

impl DiskEncryptionSet {
    /// The whole resource, as `GET` answers it.
    pub(crate) fn shown_in(&self, state: &State) -> Value {
        let mut properties = json!({
            "activeKey": self.active_key.shown(),
            "encryptionType": self.encryption_type,
            "provisioningState": self.provisioning_state,
        });
        if !self.previous_keys.is_empty() {
            let keys: Vec<Value> = self.previous_keys.iter().map(|previous| previous.key.shown()).collect();
            properties["previousKeys"] = json!(keys);
        }
        if let Some(enabled) = self.rotation_enabled {
            properties["rotationToLatestKeyVersionEnabled"] = json!(enabled);
        }
        if let Some(application) = self.federated_client_id {
            properties["federatedClientId"] = json!(application);
        }
        if let Some(rotated) = self.last_rotation {
            properties["lastKeyRotationTimestamp"] = json!(moments::with_offset(rotated));
        }
        if let Some((code, message)) = &self.rotation_error {
            properties["autoKeyRotationError"] = json!({ "code": code, "message": message });
        }
        let mut shown = json!({
            "name": self.name,
            "id": self.id,
            "type": Self::TYPE,
            "location": self.location,
            "identity": self.identity.shown(state),
            "properties": properties,
        });
        add_tags(&mut shown, self.tags.as_ref());
        shown
    }

    /// The whole resource while something is being done to it.
    pub(crate) fn shown_updating(&self, state: &State) -> Value {
        let mut shown = self.shown_in(state);
        shown["properties"]["provisioningState"] = json!("Updating");
        shown
    }

    /// Takes up another key. The old one is shown until every disk is wrapped anew.
    pub(crate) fn change_key(&mut self, key: ActiveKey, now: OffsetDateTime, rewrapped_at: OffsetDateTime) {
        let previous = std::mem::replace(&mut self.active_key, key);
        self.previous_keys.push(PreviousKey { key: previous, until: rewrapped_at });
        self.last_rotation = Some(now);
    }
}

/// Ids of the disks and snapshots that use a set.
pub(crate) fn users_of<'a>(arm: &'a ArmState, set: &'a str) -> impl Iterator<Item = &'a str> {
    let disks = arm.disks.values().filter(|disk| disk.uses(set)).map(|disk| disk.common().id.as_str());
    let snapshots = arm.snapshots.values().filter(|snapshot| snapshot.uses(set));
    disks.chain(snapshots.map(|snapshot| snapshot.common().id.as_str()))
}

/// A system-assigned identity is born with the set and dies when the set gives it up.
pub(crate) fn give_system_identity(
    state: &mut State,
    set: &mut DiskEncryptionSet,
    now: time::OffsetDateTime,
) {
    let wants = set.identity.kind.contains("SystemAssigned");
    match (wants, set.identity.system_principal) {
        (true, None) => {
            let tenant: Uuid = set.identity.tenant_id;
            let principal = state.directory.add_managed_identity(tenant, &set.name, &set.id, now);
            set.identity.system_principal = Some(principal.object_id);
        }
        (false, Some(_)) => {
            state.directory.remove_managed_identity(&set.id);
            set.identity.system_principal = None;
        }
        _ => {}
    }
}
