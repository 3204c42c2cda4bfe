//! Snapshots of disks.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::names::arm_id;
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::resources::snapshot::Snapshot;
use crate::state::resources::store::Common;
use crate::state::tags::Tags;
use crate::tracked::Tracked;

use super::resource::{Resource, Runner};
use super::store::Stored;

impl Resource for Snapshot {
    const TYPE: &'static str = "Microsoft.Compute/snapshots";
    const RUNNER: Runner = Runner::Disks;
    type Held = Self;

    fn all(arm: &ArmState) -> &Tracked<String, Self> {
        &arm.snapshots
    }

    fn all_mut(arm: &mut ArmState) -> &mut Tracked<String, Self> {
        &mut arm.snapshots
    }

    fn tags(held: &Self) -> &Option<Tags> {
        &held.common.tags
    }

    fn tags_mut(held: &mut Self) -> &mut Option<Tags> {
        &mut held.common.tags
    }

    fn id(held: &Self) -> &str {
        &held.common.id
    }

    fn location(held: &Self) -> &str {
        &held.common.location
    }

    fn shown(held: &Self, _: &State) -> Value {
        Stored::shown(held)
    }

    fn remove(state: &mut State, key: &str, _: OffsetDateTime) {
        state.arm.snapshots.remove(key);
    }
}

impl Stored for Snapshot {
    fn common(&self) -> &Common {
        &self.common
    }

    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn add_own(&self, shown: &mut Value) {
        shown["properties"]["incremental"] = json!(self.incremental);
    }
}

/// The incremental snapshots of a disk: they bind it to its key.
pub(crate) fn incremental_of<'a>(arm: &'a ArmState, disk: &'a str) -> impl Iterator<Item = &'a Snapshot> {
    arm.snapshots
        .values()
        .filter(move |snapshot| snapshot.incremental && arm_id::same(&snapshot.source, disk))
}

/// The disk or snapshot with this id, as what it stores is copied from it.
pub(crate) fn source<'a>(arm: &'a ArmState, id: &str) -> Option<&'a Common> {
    let key = arm_id::key(id);
    let disk = arm.disks.get(&key).map(Stored::common);
    disk.or_else(|| arm.snapshots.get(&key).map(Stored::common))
}
