//! Microsoft.Compute: the least of virtual machines, which is what their disks' encryption depends on.
//!
//! A machine is made of existing disks (`createOption` `Attach`); networks and images are passed over. What is simulated
//! is its power: a running machine pins its disks' keys, a deallocated one frees them (documented), and one whose key is
//! gone stops after a while and does not start again. Addresses and bodies of switching: recorded.

mod calls;
mod find;
mod input;
pub(crate) mod power;

use http::Method;

use crate::arm::api_version::Versions;
use crate::arm::error::ArmError;
use crate::arm::limits::groups;
use crate::arm::provider::{Provider, refused};
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::cloud::Cloud;
use crate::state::resources::virtual_machine::{Power, VirtualMachine};

impl Provider for VirtualMachine {
    /// Machines have versions of their own, unlike their disks.
    const VERSIONS: Versions = Versions::Since("2016-03-30");

    fn answer(
        cloud: &Cloud,
        request: &ArmRequest,
        target: &Target,
        rest: &[&str],
    ) -> Result<ArmResponse, ArmError> {
        match (&request.method, rest) {
            (&Method::PUT, []) => input::put(cloud, request, target),
            (&Method::GET, []) => calls::get(cloud, request, target),
            (&Method::GET, ["instanceview"]) => calls::instance_view(cloud, target),
            (&Method::DELETE, []) => Ok(calls::delete(cloud, request, target)),
            (&Method::POST, ["start"]) => power::switch(cloud, request, target, Power::Running),
            (&Method::POST, ["poweroff"]) => power::switch(cloud, request, target, Power::Stopped),
            (&Method::POST, ["deallocate"]) => power::switch(cloud, request, target, Power::Deallocated),
            _ => refused(request, rest),
        }
    }

    fn catch_up(cloud: &Cloud) {
        power::notice_lost_keys(cloud);
    }

    fn counted_as(method: &Method, rest: &[&str]) -> Option<&'static str> {
        match (method, rest) {
            (&Method::GET, _) => Some(groups::READ),
            (&Method::PUT, _) => Some(groups::MACHINES_WRITTEN),
            (&Method::DELETE, _) | (_, ["deallocate"]) => Some(groups::MACHINES_DELETED),
            _ => Some(groups::MACHINES_UPDATED),
        }
    }
}
