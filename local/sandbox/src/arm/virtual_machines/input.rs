//! What a client may write about a virtual machine.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::arm::error::ArmError;
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::arm::{operations, regions};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::Resource;
use crate::state::State;
use crate::state::operation::Outcome;
use crate::state::resources::disk::DiskState;
use crate::state::resources::virtual_machine::{Power, VirtualMachine};
use crate::state::tags::Tags;

use super::power;

/// Of the many properties of a machine those are read that the simulation has a use for; the others are passed over.
#[derive(Debug, Deserialize)]
struct MachineBody {
    location: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
    properties: PropertiesBody,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PropertiesBody {
    #[serde(default)]
    hardware_profile: Option<Hardware>,
    storage_profile: Storage,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hardware {
    #[serde(default)]
    vm_size: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Storage {
    os_disk: AttachedDisk,
    #[serde(default)]
    data_disks: Vec<AttachedDisk>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AttachedDisk {
    create_option: String,
    #[serde(default)]
    managed_disk: Option<ManagedDisk>,
}

#[derive(Debug, Deserialize)]
struct ManagedDisk {
    #[serde(default)]
    id: Option<String>,
}

/// `PUT`: 201 for a new machine, 200 for an old one, and an operation in either case. A new machine runs.
pub(in crate::arm) fn put(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
) -> Result<ArmResponse, ArmError> {
    let body: MachineBody = request.json()?;
    let location = regions::check(body.location.as_deref(), VirtualMachine::TYPE)?;
    let storage = &body.properties.storage_profile;
    let disks: Vec<String> = std::iter::once(&storage.os_disk)
        .chain(&storage.data_disks)
        .map(attached)
        .collect::<Result<_, _>>()?;
    let existing = cloud.read(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        for disk in &disks {
            check_disk(state, target, disk, &location)?;
        }
        Ok(state.arm.virtual_machines.get(&arm_id::key(&target.id)).cloned())
    })?;
    if let Some(existing) = &existing {
        regions::check_unmoved(&existing.location, &location, &target.name, &target.group)?;
    }
    let status = if existing.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let size = body.properties.hardware_profile.and_then(|hardware| hardware.vm_size);
    let machine = VirtualMachine {
        id: target.id.clone(),
        name: target.name.clone(),
        location,
        tags: body.tags,
        // Our guess: the size of a machine that names none.
        size: size.unwrap_or_else(|| "Standard_DS1_v2".into()),
        disks,
        vm_id: existing.as_ref().map_or_else(Uuid::new_v4, |existing| existing.vm_id),
        time_created: existing.as_ref().map_or_else(|| cloud.clock.now(), |existing| existing.time_created),
        power: existing.as_ref().map_or(Power::Running, |existing| existing.power),
        provisioning_state: "Succeeded".into(),
        key_lost_since: None,
    };
    let refusal = match machine.power {
        Power::Running => power::prove_keys(cloud, &machine).err(),
        _ => None,
    };
    Ok(begin(cloud, request, machine, refusal, status))
}

fn begin(
    cloud: &Cloud,
    request: &ArmRequest,
    machine: VirtualMachine,
    refusal: Option<ArmError>,
    status: StatusCode,
) -> ArmResponse {
    let mut echo = machine.shown_whole();
    echo["properties"]["provisioningState"] =
        json!(if status == StatusCode::OK { "Updating" } else { "Creating" });
    let (id, location) = (machine.id.clone(), machine.location.clone());
    let headers = cloud.change(|state| {
        let key = arm_id::key(&id);
        let meanwhile = state
            .arm
            .virtual_machines
            .entry(key)
            .or_insert_with(|| VirtualMachine { power: Power::Stopped, ..machine.clone() });
        meanwhile.provisioning_state = "Creating".into();
        let outcome = match refusal {
            None => Outcome::WriteMachine(Box::new(machine)),
            Some(refusal) => Outcome::FailMachine { code: refusal.code.into(), message: refusal.message },
        };
        operations::begin(cloud, state, request, (&id, &location), outcome)
    });
    // A PUT that answers 200 or 201 has no Location, so that nobody takes it for where to go next.
    let headers = headers.into_iter().filter(|(name, _)| name != http::header::LOCATION).collect();
    ArmResponse { headers, ..ArmResponse::new(status, echo) }
}

fn attached(disk: &AttachedDisk) -> Result<String, ArmError> {
    let id = disk.managed_disk.as_ref().and_then(|managed| managed.id.clone());
    match id {
        Some(id) if disk.create_option.eq_ignore_ascii_case("Attach") => {
            Ok(id.trim_end_matches('/').to_owned())
        }
        // Our guess: there are no images here to make a disk from.
        _ => Err(ArmError::invalid_parameter(
            "storageProfile",
            "The sandbox makes virtual machines of existing disks only: every disk needs createOption 'Attach' and the id of \
             a managed disk.",
        )),
    }
}

/// Our guess: codes and words; the rules are documented.
fn check_disk(state: &State, target: &Target, id: &str, location: &str) -> Result<(), ArmError> {
    let disk = state.arm.disks.get(&arm_id::key(id)).ok_or_else(|| {
        ArmError::new(StatusCode::NOT_FOUND, "NotFound", format!("Disk '{id}' was not found."))
    })?;
    if !regions::same(&disk.common.location, location) {
        return Err(ArmError::bad_request(
            "InvalidParameter",
            format!("Disk '{}' is not in region '{location}' of the virtual machine.", disk.common.name),
        ));
    }
    let own = disk.managed_by.as_deref().is_some_and(|machine| arm_id::same(machine, &target.id));
    if disk.state == DiskState::Unattached || own {
        return Ok(());
    }
    Err(ArmError::conflict(
        "AttachDiskWhileBeingDetached",
        format!("Disk '{}' is attached to another virtual machine.", disk.common.name),
    ))
}
