//! Switching machines on and off, and what a lost key does to a running one.
//!
//! Documented: when a key is disabled or deleted, running machines shut down within about an hour and do not start until
//! the key works again. Reported against the documentation: an expired key leaves running machines alone, and only keeps
//! them from starting.

use std::time::Duration;

use http::StatusCode;
use time::OffsetDateTime;

use crate::arm::disk_encryption_sets::{key_check, rotation::settle_previous_keys};
use crate::arm::error::ArmError;
use crate::arm::operations;
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::virtual_machine::switched;
use crate::state::operation::Outcome;
use crate::state::resources::disk_encryption_set::DiskEncryptionSet;
use crate::state::resources::virtual_machine::{Power, VirtualMachine};

use super::find::not_found;

/// `POST .../{start|powerOff|deallocate}`: 202, empty.
pub(in crate::arm) fn switch(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
    power: Power,
) -> Result<ArmResponse, ArmError> {
    let now = cloud.clock.now();
    notice_lost_keys(cloud);
    let machine = cloud.read(|state| state.arm.virtual_machines.get(&arm_id::key(&target.id)).cloned());
    let machine = machine.ok_or_else(|| not_found(target))?;
    let refusal = match power {
        Power::Running => prove_keys(cloud, &machine).err(),
        _ => None,
    };
    let outcome = match refusal {
        None => Outcome::Switch(power),
        Some(refusal) => Outcome::FailMachine { code: refusal.code.into(), message: refusal.message },
    };
    cloud.change(|state| {
        operations::finish_all(state, &machine.id, now);
        let place = (machine.id.as_str(), machine.location.as_str());
        let headers = operations::begin(cloud, state, request, place, outcome);
        Ok(ArmResponse { headers, ..ArmResponse::empty(StatusCode::ACCEPTED) })
    })
}

/// Tries the key of every disk, as the service does before a machine runs.
pub(super) fn prove_keys(cloud: &Cloud, machine: &VirtualMachine) -> Result<(), ArmError> {
    settle_previous_keys(cloud);
    let sets = sets_of(cloud, machine).into_iter();
    for (disk, set) in
        sets.flat_map(|(disk, set)| with_previous_keys(set).map(move |set| (disk.clone(), set)))
    {
        key_check::prove(cloud, &set).map_err(|error| ArmError {
            message: format!("{} Target: VM: '{}', disk: '{disk}'", error.message, machine.id),
            ..error
        })?;
    }
    Ok(())
}

/// Lets time do its work on running machines: one whose key has been lost for
/// [`Lags::key_loss`](crate::Lags::key_loss) stops.
///
/// Our guess: the moment counts from when the sandbox first looks after the loss. It looks when somebody reads a machine or
/// moves the clock.
pub(crate) fn notice_lost_keys(cloud: &Cloud) {
    settle_previous_keys(cloud);
    let now = cloud.clock.now();
    let running: Vec<VirtualMachine> = cloud.read(|state| {
        let machines = state.arm.virtual_machines.values();
        machines.filter(|machine| machine.power == Power::Running).cloned().collect()
    });
    for machine in running {
        let lost = lost_now(cloud, &machine);
        if lost != machine.key_lost_since.is_some() || lost {
            cloud.change(|state| {
                let key = arm_id::key(&machine.id);
                let Some(held) = state.arm.virtual_machines.get_mut(&key) else { return };
                held.key_lost_since = lost.then(|| held.key_lost_since.unwrap_or(now));
                let stops = held
                    .key_lost_since
                    .is_some_and(|since: OffsetDateTime| now >= since + cloud.lags.key_loss);
                if stops {
                    // Our guess: that it ends as stopped and not as deallocated, so that its disks stay attached.
                    switched(&mut state.arm, &key, Power::Stopped);
                }
            });
        }
    }
}

/// When the next machine stops because its key is lost.
pub(crate) fn next_stop(cloud: &Cloud) -> Option<OffsetDateTime> {
    cloud.read(|state| {
        let running = state.arm.virtual_machines.values().filter(|machine| machine.power == Power::Running);
        running.filter_map(|machine| Some(machine.key_lost_since? + cloud.lags.key_loss)).min()
    })
}

/// Lets time pass at once. What happened before counts from before.
pub(crate) fn advance_clock(cloud: &Cloud, by: Duration) {
    notice_lost_keys(cloud);
    cloud.clock.advance(by);
}

/// Whether a key has been disabled, deleted or closed to us. One that has merely expired still unwraps.
fn lost_now(cloud: &Cloud, machine: &VirtualMachine) -> bool {
    let needed = sets_of(cloud, machine).into_iter().flat_map(|(_, set)| with_previous_keys(set));
    needed.into_iter().any(|set| !key_check::still_unwraps(cloud, &set))
}

/// A set once for each key that its disks may be wrapped with: under that key.
fn with_previous_keys(set: DiskEncryptionSet) -> impl Iterator<Item = DiskEncryptionSet> {
    let mut keys = vec![set.active_key.clone()];
    keys.extend(set.previous_keys.iter().map(|previous| previous.key.clone()));
    keys.into_iter().map(move |active_key| DiskEncryptionSet { active_key, ..set.clone() })
}

/// The sets of a machine's disks, each with the name of a disk under it.
fn sets_of(cloud: &Cloud, machine: &VirtualMachine) -> Vec<(String, DiskEncryptionSet)> {
    cloud.read(|state| {
        let disks = machine.disks.iter().filter_map(|id| state.arm.disks.get(&arm_id::key(id)));
        disks
            .filter_map(|disk| {
                let set = disk.common.set()?;
                let set = state.arm.disk_encryption_sets.get(&arm_id::key(set))?;
                Some((disk.common.name.clone(), set.clone()))
            })
            .collect()
    })
}
