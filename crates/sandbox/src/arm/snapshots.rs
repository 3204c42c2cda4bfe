//! Microsoft.Compute: snapshots of disks, as far as their encryption goes.
//!
//! Shapes: Azure REST API, `Snapshots`. A snapshot that says nothing about encryption is under its disk's key; it may be
//! made under another set's or the platform's (recorded), unless it is incremental (documented).

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::moments;
use crate::world::World;

use super::body::{Tags, add_tags};
use super::encryption::{self, Encryption, EncryptionBody, Store};
use super::error::ArmError;
use super::operations::{self, Outcome};
use super::request::{ArmRequest, Reply};
use super::resource::Target;
use super::{ArmState, path, regions};

pub(super) const TYPE: &str = "Microsoft.Compute/snapshots";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) id: String,
    name: String,
    location: String,
    tags: Option<Tags>,
    sku: String,
    /// The id of the disk or snapshot that it is a copy of.
    source: String,
    creation_data: Value,
    incremental: bool,
    pub(super) size_gb: u32,
    os_type: Option<String>,
    encryption: Encryption,
    unique_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    time_created: OffsetDateTime,
    provisioning_state: String,
}

#[derive(Debug, Deserialize)]
struct SnapshotBody {
    location: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
    #[serde(default)]
    sku: Option<Sku>,
    #[serde(default)]
    properties: Option<PropertiesBody>,
}

#[derive(Debug, Deserialize)]
struct Sku {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PropertiesBody {
    #[serde(default)]
    creation_data: Option<Value>,
    #[serde(default)]
    incremental: Option<bool>,
    #[serde(default)]
    encryption: Option<EncryptionBody>,
}

impl Snapshot {
    /// Whether it is under the set with this id.
    pub(super) fn uses(&self, set: &str) -> bool {
        self.encryption.uses(set)
    }

    pub(super) fn shown(&self) -> Value {
        let mut properties = json!({
            "creationData": self.creation_data,
            "diskSizeGB": self.size_gb,
            "diskSizeBytes": u64::from(self.size_gb) << 30,
            "encryption": self.encryption.shown(),
            "incremental": self.incremental,
            "networkAccessPolicy": "AllowAll",
            "publicNetworkAccess": "Enabled",
            "timeCreated": moments::with_offset(self.time_created),
            "provisioningState": self.provisioning_state,
            "diskState": "Unattached",
            "uniqueId": self.unique_id,
        });
        if let Some(os_type) = &self.os_type {
            properties["osType"] = json!(os_type);
        }
        let tier = if self.sku.starts_with("Premium") { "Premium" } else { "Standard" };
        let mut shown = json!({
            "name": self.name,
            "id": self.id,
            "type": TYPE,
            "location": self.location,
            "sku": { "name": self.sku, "tier": tier },
            "properties": properties,
        });
        add_tags(&mut shown, self.tags.as_ref());
        shown
    }
}

/// `PUT`: a new snapshot, or the tags and the encryption of an old one.
pub(super) fn put(world: &World, request: &ArmRequest, target: &Target) -> Result<Reply, ArmError> {
    let body: SnapshotBody = request.json()?;
    let location = regions::check(body.location.as_deref(), TYPE)?;
    let existing = world.read(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        Ok(state.arm.snapshots.get(&path::key(&target.id)).cloned())
    })?;
    let snapshot = match existing {
        Some(existing) => {
            regions::check_unmoved(&existing.location, &location, &target.name, &target.group)?;
            Snapshot { tags: body.tags.clone(), ..existing }
        }
        None => new_snapshot(world, target, location, &body)?,
    };
    let snapshot = planned(world, request, snapshot, &body)?;
    Ok(begin(world, request, snapshot))
}

/// `PATCH`: 200 at once for tags alone, otherwise 202.
pub(super) fn patch(world: &World, request: &ArmRequest, target: &Target) -> Result<Reply, ArmError> {
    let body: SnapshotBody = request.json()?;
    let existing = world.read(|state| state.arm.snapshots.get(&path::key(&target.id)).cloned());
    let mut existing = existing.ok_or_else(|| not_found(target))?;
    if body.tags.is_some() {
        existing.tags = body.tags.clone();
    }
    if body.properties.is_none() && body.sku.is_none() {
        let reply = Reply::ok(existing.shown());
        world.change(|state| state.arm.snapshots.insert(path::key(&target.id), existing));
        return Ok(reply);
    }
    let snapshot = planned(world, request, existing, &body)?;
    Ok(begin(world, request, snapshot))
}

/// `GET` one.
pub(super) fn get(world: &World, target: &Target) -> Result<Reply, ArmError> {
    let now = world.clock.now();
    world.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        operations::look(state, &target.id, now);
        let snapshot = state.arm.snapshots.get(&path::key(&target.id)).ok_or_else(|| not_found(target))?;
        Ok(Reply::ok(snapshot.shown()))
    })
}

/// `GET` all within a group or a subscription.
pub(super) fn list(world: &World, scope: &str) -> Reply {
    world.read(|state| {
        let snapshots = state.arm.snapshots.values();
        let inside = snapshots.filter(|snapshot| path::covers(scope, &snapshot.id));
        Reply::list(inside.map(Snapshot::shown).collect())
    })
}

/// `DELETE`: 202, or 204 when there is none.
pub(super) fn delete(world: &World, request: &ArmRequest, target: &Target) -> Reply {
    let now = world.clock.now();
    world.change(|state| {
        operations::finish_all(state, &target.id, now);
        let Some(snapshot) = state.arm.snapshots.get(&path::key(&target.id)).cloned() else {
            return Reply::empty(StatusCode::NO_CONTENT);
        };
        let place = (snapshot.id.as_str(), snapshot.location.as_str());
        let headers = operations::begin(world, state, request, place, Outcome::DeleteSnapshot);
        Reply { headers, ..Reply::empty(StatusCode::ACCEPTED) }
    })
}

/// The incremental snapshots of a disk: they bind it to its key.
pub(super) fn incremental_of<'a>(arm: &'a ArmState, disk: &'a str) -> impl Iterator<Item = &'a Snapshot> {
    arm.snapshots.values().filter(move |snapshot| snapshot.incremental && path::same(&snapshot.source, disk))
}

fn new_snapshot(
    world: &World,
    target: &Target,
    location: String,
    body: &SnapshotBody,
) -> Result<Snapshot, ArmError> {
    let missing = |target: &'static str| {
        ArmError::invalid_parameter(target, format!("Required parameter '{target}' is missing (null)."))
    };
    let properties = body.properties.as_ref().ok_or_else(|| missing("snapshot.properties"))?;
    let creation_data = properties.creation_data.clone().ok_or_else(|| missing("snapshot.creationData"))?;
    let copies = ["Copy", "CopyStart"].contains(&creation_data["createOption"].as_str().unwrap_or_default());
    let source = creation_data["sourceResourceId"].as_str().or(creation_data["sourceUri"].as_str());
    let source =
        source.filter(|_| copies).ok_or_else(|| missing("snapshot.creationData.sourceResourceId"))?;
    let source = source.to_owned();
    let (size_gb, os_type, encryption, its_location) = copied(world, &source)?;
    if !regions::same(&its_location, &location) {
        // Our guess: code and words. A snapshot is in its disk's region.
        return Err(ArmError::bad_request(
            "InvalidParameter",
            format!("The source '{source}' is in region '{its_location}', not in '{location}'."),
        ));
    }
    Ok(Snapshot {
        id: target.id.clone(),
        name: target.name.clone(),
        location,
        tags: body.tags.clone(),
        sku: "Standard_LRS".into(),
        source,
        creation_data,
        incremental: properties.incremental.unwrap_or(false),
        size_gb,
        os_type,
        encryption,
        unique_id: Uuid::new_v4(),
        time_created: world.clock.now(),
        provisioning_state: "Succeeded".into(),
    })
}

/// Size, system, key and region of what is copied.
fn copied(world: &World, source: &str) -> Result<(u32, Option<String>, Encryption, String), ArmError> {
    let key = path::key(source);
    let found = world.read(|state| {
        let disk = state.arm.disks.get(&key);
        let disk = disk
            .map(|disk| (disk.size_gb, disk.os_type.clone(), disk.encryption.clone(), disk.location.clone()));
        disk.or_else(|| {
            let snapshot = state.arm.snapshots.get(&key)?;
            let Snapshot { size_gb, os_type, encryption, location, .. } = snapshot.clone();
            Some((size_gb, os_type, encryption, location))
        })
    });
    found.ok_or_else(|| {
        ArmError::new(StatusCode::NOT_FOUND, "NotFound", format!("Resource {source} is not found."))
    })
}

fn planned(
    world: &World,
    request: &ArmRequest,
    mut snapshot: Snapshot,
    body: &SnapshotBody,
) -> Result<Snapshot, ArmError> {
    if let Some(name) = body.sku.as_ref().and_then(|sku| sku.name.clone()) {
        snapshot.sku = name;
    }
    let Some(encryption) = body.properties.as_ref().and_then(|properties| properties.encryption.as_ref())
    else {
        return Ok(snapshot);
    };
    let store = Store {
        id: &snapshot.id,
        name: &snapshot.name,
        location: &snapshot.location,
        sku: &snapshot.sku,
        action: "Microsoft.Compute/snapshots/write",
    };
    let planned = encryption::planned(world, request, store, encryption)?;
    if snapshot.incremental && planned.differs(&snapshot.encryption) {
        // Our guess: code and words. The rule is documented.
        return Err(ArmError::conflict(
            "OperationNotAllowed",
            format!(
                "Incremental snapshot {} must use the same disk encryption set as its disk '{}'.",
                snapshot.name, snapshot.source
            ),
        ));
    }
    snapshot.encryption = planned;
    Ok(snapshot)
}

fn begin(world: &World, request: &ArmRequest, mut snapshot: Snapshot) -> Reply {
    let now = world.clock.now();
    let mut echo = snapshot.shown();
    echo["properties"]["provisioningState"] = json!("Updating");
    snapshot.encryption = snapshot.encryption.settled();
    let (id, location) = (snapshot.id.clone(), snapshot.location.clone());
    let headers = world.change(|state| {
        operations::finish_all(state, &id, now);
        let entry = state.arm.snapshots.entry(path::key(&id)).or_insert_with(|| snapshot.clone());
        entry.provisioning_state = "Updating".into();
        let outcome = Outcome::WriteSnapshot(Box::new(snapshot));
        operations::begin(world, state, request, (&id, &location), outcome)
    });
    Reply { headers, ..Reply::new(StatusCode::ACCEPTED, echo) }
}

fn not_found(target: &Target) -> ArmError {
    ArmError::resource_not_found(TYPE, &target.name, &target.group)
}
