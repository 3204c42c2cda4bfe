//! Microsoft.Compute: disk encryption sets, each of which lends one key to many disks.
//!
//! Shapes and quirks: Azure REST API, `DiskEncryptionSets`, and recordings in Microsoft's public test suites. A set
//! with a user-assigned identity is checked against its key when it is written; a set with a system-assigned one
//! cannot be, because the identity is born with it.

mod input;
mod key_check;
mod rotation;
mod write;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::moments;
use crate::state::State;
use crate::world::World;

use super::body::{Tags, add_tags};
use super::error::ArmError;
use super::request::Reply;
use super::resource::Target;
use super::stores::Store as _;
use super::{ArmState, operations, path};

pub(super) use key_check::{prove, still_unwraps};
pub(super) use write::{delete, patch, put};

pub(super) const TYPE: &str = "Microsoft.Compute/diskEncryptionSets";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DiskEncryptionSet {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) tags: Option<Tags>,
    pub(crate) identity: SetIdentity,
    pub(crate) active_key: ActiveKey,
    pub(crate) encryption_type: String,
    pub(crate) rotation_enabled: Option<bool>,
    /// The multi-tenant application through which a key of another tenant is reached.
    pub(crate) federated_client_id: Option<Uuid>,
    pub(crate) previous_keys: Vec<PreviousKey>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) last_rotation: Option<OffsetDateTime>,
    /// Code and message. While it is there, the service does not rotate.
    pub(crate) rotation_error: Option<(String, String)>,
    pub(crate) provisioning_state: String,
}

/// As whom the set reaches its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SetIdentity {
    /// `None`, `SystemAssigned`, `UserAssigned` or `SystemAssigned, UserAssigned`.
    pub(crate) kind: String,
    /// ARM ids, in the spelling in which they are shown.
    pub(crate) user_assigned: Vec<String>,
    /// Principal of the system-assigned identity.
    pub(crate) system_principal: Option<Uuid>,
    pub(crate) tenant_id: Uuid,
}

/// A key, by its versioned URL in the client's own spelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActiveKey {
    pub(crate) key_url: String,
    pub(crate) source_vault: Option<String>,
}

/// A key that some disk is still wrapped with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PreviousKey {
    key: ActiveKey,
    /// When every disk is wrapped with the new key.
    #[serde(with = "time::serde::rfc3339")]
    until: OffsetDateTime,
}

impl SetIdentity {
    pub(crate) fn is_user_assigned(&self) -> bool {
        self.kind.contains("UserAssigned")
    }

    fn shown(&self, state: &State) -> Value {
        let mut shown = json!({ "type": self.kind });
        if let Some(principal) = self.system_principal {
            shown["principalId"] = json!(principal);
            shown["tenantId"] = json!(self.tenant_id);
        }
        if self.is_user_assigned() {
            let identities = self.user_assigned.iter().map(|id| {
                let ids = state.arm.identities.get(&path::key(id)).map_or_else(
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
    fn shown(&self) -> Value {
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
    pub(super) fn shown(&self, state: &State) -> Value {
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
            "type": TYPE,
            "location": self.location,
            "identity": self.identity.shown(state),
            "properties": properties,
        });
        add_tags(&mut shown, self.tags.as_ref());
        shown
    }

    /// The whole resource while something is being done to it.
    fn shown_updating(&self, state: &State) -> Value {
        let mut shown = self.shown(state);
        shown["properties"]["provisioningState"] = json!("Updating");
        shown
    }

    /// Takes up another key. The old one is shown until every disk is wrapped anew.
    fn change_key(&mut self, key: ActiveKey, now: OffsetDateTime, rewrapped_at: OffsetDateTime) {
        let previous = std::mem::replace(&mut self.active_key, key);
        if rewrapped_at > now {
            self.previous_keys.push(PreviousKey { key: previous, until: rewrapped_at });
        }
        self.last_rotation = Some(now);
    }
}

/// `GET` one. Looking is when the sandbox lets time do its work on the set.
pub(super) fn get(world: &World, target: &Target) -> Result<Reply, ArmError> {
    rotation::rotate_if_due(world, &target.id);
    let now = world.clock.now();
    world.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        operations::look(state, &target.id, now);
        let set = find_mut(&mut state.arm, target)?;
        set.previous_keys.retain(|previous| now < previous.until);
        let set = set.clone();
        Ok(Reply::ok(set.shown(state)))
    })
}

/// `GET` all within a group or a subscription.
pub(super) fn list(world: &World, scope: &str) -> Reply {
    world.read(|state| {
        let sets = state.arm.disk_encryption_sets.values();
        Reply::list(sets.filter(|set| path::covers(scope, &set.id)).map(|set| set.shown(state)).collect())
    })
}

/// `GET .../associatedResources`: ids of disks and snapshots, with group and name in capitals (recorded).
pub(super) fn associated_resources(world: &World, target: &Target) -> Result<Reply, ArmError> {
    world.read(|state| {
        let set =
            state.arm.disk_encryption_sets.get(&path::key(&target.id)).ok_or_else(|| not_found(target))?;
        let users = users_of(&state.arm, &set.id).map(|disk| {
            let id = path::with_group_in_capitals(disk);
            let (start, name) = id.rsplit_once('/').unwrap_or(("", id.as_str()));
            json!(format!("{start}/{}", name.to_ascii_uppercase()))
        });
        Ok(Reply::list(users.collect()))
    })
}

/// Ids of the disks and snapshots that use a set.
fn users_of<'a>(arm: &'a ArmState, set: &'a str) -> impl Iterator<Item = &'a str> {
    let disks = arm.disks.values().filter(|disk| disk.uses(set)).map(|disk| disk.common().id.as_str());
    let snapshots = arm.snapshots.values().filter(|snapshot| snapshot.uses(set));
    disks.chain(snapshots.map(|snapshot| snapshot.common().id.as_str()))
}

fn find_mut<'a>(arm: &'a mut ArmState, target: &Target) -> Result<&'a mut DiskEncryptionSet, ArmError> {
    arm.disk_encryption_sets.get_mut(&path::key(&target.id)).ok_or_else(|| not_found(target))
}

fn not_found(target: &Target) -> ArmError {
    ArmError::resource_not_found(TYPE, &target.name, &target.group)
}
