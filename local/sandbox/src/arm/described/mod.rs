//! The calls on resources of which no more is simulated than that they are there.

mod address;
mod references;
mod write;

use http::{Method, StatusCode};

use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::described::DescribedType;

use super::access::authorize_request;
use super::api_version::{self, Versions};
use super::error::ArmError;
use super::limits;
use super::linked_access;
use super::request::{ArmRequest, ArmResponse};
use address::{Address, Reached};

/// Answers what is asked of one of these types; none where it is asked of another.
pub(super) fn answer(cloud: &Cloud, request: &ArmRequest) -> Option<Result<ArmResponse, ArmError>> {
    if let Some(answered) = references::answer(cloud, request) {
        return Some(answered);
    }
    let address = Address::of(&request.segments)?;
    Some(answered(cloud, request, &address))
}

fn answered(cloud: &Cloud, request: &ArmRequest, address: &Address) -> Result<ArmResponse, ArmError> {
    let Address { known, id, .. } = address;
    let oldest = known.versions.last().map_or("", String::as_str);
    api_version::check(Some(&request.api_version), Versions::Since(oldest), &known.name)?;
    let may = |verb: &str| authorize_request(cloud, request, &format!("{}/{verb}", known.name), id);
    match (&request.method, &address.reached) {
        (&Method::GET, Reached::All) => {
            may("read")?;
            let listed = cloud.read(|state| {
                if id.split('/').count() > 4 {
                    write::check_group(state, id)?;
                }
                // What is only told to whoever asks by POST is in no list either.
                Ok(if known.listed_by_post { Vec::new() } else { known.list(&state.arm, id) })
            })?;
            limits::page(cloud, request, ArmResponse::list(listed))
        }
        (&Method::GET, Reached::One) if !known.listed_by_post => {
            may("read")?;
            get(cloud, address)
        }
        (&Method::POST, Reached::Operation(operation)) if known.listed_by_post && operation == "list" => {
            may("list/action")?;
            get(cloud, address)
        }
        (&Method::PUT, Reached::One) => {
            may("write")?;
            let action = format!("{}/write", known.name);
            linked_access::authorize(cloud, request, &known.name, (&action, id))?;
            write::put(cloud, request, address)
        }
        (&Method::DELETE, Reached::One) => {
            may("delete")?;
            Ok(delete(cloud, id))
        }
        (_, Reached::Operation(_)) => Err(ArmError::no_such_route(&request.id())),
        _ => Err(ArmError::method_not_allowed(&request.method)),
    }
}

fn get(cloud: &Cloud, address: &Address) -> Result<ArmResponse, ArmError> {
    cloud.read(|state| {
        write::check_group(state, &address.id)?;
        // A secret of a deleted vault is kept, and is not there.
        let is_there = write::check_parent(state, address.known, &address.id).is_ok();
        let held = state.arm.described.get(&arm_id::key(&address.id)).filter(|_| is_there);
        held.map(|held| ArmResponse::ok(address.known.shown(held)))
            .ok_or_else(|| not_found(address.known, &address.id))
    })
}

/// 200, or 204 when there is none. What stands below it goes with it.
fn delete(cloud: &Cloud, id: &str) -> ArmResponse {
    cloud.change(|state| {
        let key = arm_id::key(id);
        state.arm.remove_below(&key);
        let removed = state.arm.described.remove(&key);
        ArmResponse::empty(if removed.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT })
    })
}

fn not_found(known: &DescribedType, id: &str) -> ArmError {
    let parts: Vec<&str> = id.split('/').collect();
    let group = parts.get(4).copied().unwrap_or_default();
    ArmError::resource_not_found(&known.name, parts.last().copied().unwrap_or_default(), group)
}
