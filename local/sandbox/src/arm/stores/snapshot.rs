//! Snapshots of disks, as far as their encryption goes.
//!
//! A snapshot that says nothing about encryption is under its disk's key; it may be made under another set's or the
//! platform's (recorded), unless it is incremental (documented).

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::operations::Outcome;
use crate::arm::resource::Target;
use crate::arm::{ArmState, path, regions};
use crate::state::State;
use crate::tracked::Tracked;
use crate::world::World;

use super::body::{PropertiesBody, creation_data, missing};
use super::encryption::Encryption;
use super::{Common, Store};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    #[serde(flatten)]
    common: Common,
    /// The id of the disk or snapshot that it is a copy of.
    source: String,
    incremental: bool,
}

impl Store for Snapshot {
    const TYPE: &'static str = "Microsoft.Compute/snapshots";
    const WORD: &'static str = "snapshot";

    fn all(arm: &ArmState) -> &Tracked<String, Self> {
        &arm.snapshots
    }

    fn all_mut(arm: &mut ArmState) -> &mut Tracked<String, Self> {
        &mut arm.snapshots
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn new(
        world: &World,
        target: &Target,
        location: String,
        properties: &PropertiesBody,
    ) -> Result<Self, ArmError> {
        let creation_data = creation_data::<Self>(properties)?;
        let option = creation_data["createOption"].as_str().unwrap_or_default();
        let copies = ["Copy", "CopyStart"].contains(&option);
        let id = creation_data["sourceResourceId"].as_str().or(creation_data["sourceUri"].as_str());
        let id = id.filter(|_| copies).ok_or_else(|| missing::<Self>("creationData.sourceResourceId"))?;
        let id = id.to_owned();
        let copied = world.read(|state| source(&state.arm, &id).cloned()).ok_or_else(|| {
            ArmError::new(StatusCode::NOT_FOUND, "NotFound", format!("Resource {id} is not found."))
        })?;
        if !regions::same(&copied.location, &location) {
            // Our guess: code and words. A snapshot is in its disk's region.
            return Err(ArmError::bad_request(
                "InvalidParameter",
                format!("The source '{id}' is in region '{}', not in '{location}'.", copied.location),
            ));
        }
        Ok(Self {
            common: Common {
                os_type: copied.os_type,
                encryption: copied.encryption,
                ..Common::new(world, target, location, creation_data, copied.size_gb)
            },
            source: id,
            incremental: properties.incremental.unwrap_or(false),
        })
    }

    fn check_change(&self, _: &State, _: &Encryption) -> Result<(), ArmError> {
        if !self.incremental {
            return Ok(());
        }
        // Our guess: code and words. The rule is documented.
        Err(ArmError::conflict(
            "OperationNotAllowed",
            format!(
                "Incremental snapshot {} must use the same disk encryption set as its disk '{}'.",
                self.common.name, self.source
            ),
        ))
    }

    fn add_own(&self, shown: &mut Value) {
        shown["properties"]["incremental"] = json!(self.incremental);
    }

    fn written(self) -> Outcome {
        Outcome::WriteSnapshot(Box::new(self))
    }

    fn deleted() -> Outcome {
        Outcome::DeleteSnapshot
    }
}

/// The incremental snapshots of a disk: they bind it to its key.
pub(super) fn incremental_of<'a>(arm: &'a ArmState, disk: &'a str) -> impl Iterator<Item = &'a Snapshot> {
    arm.snapshots.values().filter(move |snapshot| snapshot.incremental && path::same(&snapshot.source, disk))
}

/// The disk or snapshot with this id, as what it stores is copied from it.
pub(super) fn source<'a>(arm: &'a ArmState, id: &str) -> Option<&'a Common> {
    let key = path::key(id);
    let disk = arm.disks.get(&key).map(Store::common);
    disk.or_else(|| arm.snapshots.get(&key).map(Store::common))
}
