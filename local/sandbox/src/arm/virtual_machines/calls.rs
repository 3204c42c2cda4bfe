//! Reading and deleting a machine.

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::operations;
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::state::operation::Outcome;
use crate::state::resources::virtual_machine::VirtualMachine;

use super::find::not_found;
use super::power::notice_lost_keys;

impl VirtualMachine {
    pub(super) fn instance_view(&self) -> Value {
        let provisioning = format!("ProvisioningState/{}", self.provisioning_state.to_ascii_lowercase());
        json!({ "statuses": [
            { "code": provisioning, "level": "Info", "displayStatus": self.provisioning_state },
            {
                "code": self.power.code(),
                "level": "Info",
                "displayStatus": format!("VM {}", self.power.code().trim_start_matches("PowerState/")),
            },
        ]})
    }
}

/// `GET` one, with its power when `$expand=instanceView` asks for it.
pub(super) fn get(cloud: &Cloud, request: &ArmRequest, target: &Target) -> Result<ArmResponse, ArmError> {
    let machine = looked_at(cloud, target)?;
    let mut shown = machine.shown_whole();
    let expand = request.query.get("$expand").map(String::as_str).unwrap_or_default();
    if expand.eq_ignore_ascii_case("instanceView") {
        shown["properties"]["instanceView"] = machine.instance_view();
    }
    Ok(ArmResponse::ok(shown))
}

/// `GET .../instanceView`.
pub(super) fn instance_view(cloud: &Cloud, target: &Target) -> Result<ArmResponse, ArmError> {
    looked_at(cloud, target).map(|machine| ArmResponse::ok(machine.instance_view()))
}

/// `DELETE`: 202, or 204 when there is none. Its disks stay.
pub(super) fn delete(cloud: &Cloud, request: &ArmRequest, target: &Target) -> ArmResponse {
    cloud.change(|state| {
        let Some(machine) = state.arm.virtual_machines.get(&arm_id::key(&target.id)).cloned() else {
            return ArmResponse::empty(StatusCode::NO_CONTENT);
        };
        let place = (machine.id.as_str(), machine.location.as_str());
        let headers = operations::begin(cloud, state, request, place, Outcome::Delete);
        ArmResponse { headers, ..ArmResponse::empty(StatusCode::ACCEPTED) }
    })
}

pub(super) fn looked_at(cloud: &Cloud, target: &Target) -> Result<VirtualMachine, ArmError> {
    let now = cloud.clock.now();
    notice_lost_keys(cloud);
    cloud.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        operations::look(state, &target.id, now);
        let machine = state.arm.virtual_machines.get(&arm_id::key(&target.id));
        machine.cloned().ok_or_else(|| not_found(target))
    })
}
