//! The calls, which disks and snapshots answer alike.

use http::{Method, StatusCode};
use serde_json::json;

use crate::arm::error::ArmError;
use crate::arm::limits::groups;
use crate::arm::provider::refused;
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::arm::{operations, regions};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::store::Stored;
use crate::state::operation::Outcome;

use super::body::StoreBody;
use super::encryption;
use super::missing::missing;
use super::store::Store;

/// Answers a call on a disk or a snapshot.
pub(super) fn answer<S: Store>(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
    rest: &[&str],
) -> Result<ArmResponse, ArmError> {
    match (&request.method, rest) {
        (&Method::PUT, []) => put::<S>(cloud, request, target),
        (&Method::PATCH, []) => patch::<S>(cloud, request, target),
        (&Method::GET, []) => get::<S>(cloud, target),
        (&Method::DELETE, []) => delete::<S>(cloud, request, target),
        _ => refused(request, rest),
    }
}

/// The group of Compute's limits that a call counts in.
pub(super) fn counted_as(method: &Method) -> Option<&'static str> {
    match *method {
        Method::GET => Some(groups::READ),
        Method::PUT | Method::PATCH => Some(groups::DISKS_WRITTEN),
        _ => None,
    }
}

/// `PUT`: 202 with id, name and type, unlike a set (recorded). Of one that is there only what is named changes, and the
/// tags.
fn put<S: Store>(cloud: &Cloud, request: &ArmRequest, target: &Target) -> Result<ArmResponse, ArmError> {
    let body: StoreBody = request.json()?;
    let location = regions::check(body.location.as_deref(), S::TYPE)?;
    let existing = cloud.read(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        Ok(S::all(&state.arm).get(&arm_id::key(&target.id)).cloned())
    })?;
    let mut store = match existing {
        Some(existing) => {
            regions::check_unmoved(&existing.common().location, &location, &target.name, &target.group)?;
            existing
        }
        None => {
            let properties = body.properties.as_ref().ok_or_else(|| missing::<S>("properties"))?;
            S::new(cloud, target, location, properties)?
        }
    };
    store.common_mut().tags = body.tags.clone();
    let store = planned(cloud, store, &body)?;
    Ok(begin(cloud, request, store))
}

/// `PATCH`: only what is named changes. 200 at once for tags alone, otherwise 202.
fn patch<S: Store>(cloud: &Cloud, request: &ArmRequest, target: &Target) -> Result<ArmResponse, ArmError> {
    let body: StoreBody = request.json()?;
    let existing = cloud.read(|state| S::all(&state.arm).get(&arm_id::key(&target.id)).cloned());
    let mut existing = existing.ok_or_else(|| not_found::<S>(target))?;
    if body.tags.is_some() {
        existing.common_mut().tags = body.tags.clone();
    }
    if body.properties.is_none() && body.sku.is_none() {
        let reply = ArmResponse::ok(Stored::shown(&existing));
        cloud.change(|state| S::all_mut(&mut state.arm).insert(arm_id::key(&target.id), existing));
        return Ok(reply);
    }
    let store = planned(cloud, existing, &body)?;
    Ok(begin(cloud, request, store))
}

/// `GET` one.
fn get<S: Store>(cloud: &Cloud, target: &Target) -> Result<ArmResponse, ArmError> {
    let now = cloud.clock.now();
    cloud.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        operations::look(state, &target.id, now);
        let store = S::all(&state.arm).get(&arm_id::key(&target.id)).ok_or_else(|| not_found::<S>(target))?;
        Ok(ArmResponse::ok(Stored::shown(store)))
    })
}

/// `DELETE`: 202, or 204 when there is none.
fn delete<S: Store>(cloud: &Cloud, request: &ArmRequest, target: &Target) -> Result<ArmResponse, ArmError> {
    cloud.change(|state| {
        let Some(store) = S::all(&state.arm).get(&arm_id::key(&target.id)).cloned() else {
            return Ok(ArmResponse::empty(StatusCode::NO_CONTENT));
        };
        store.check_unused()?;
        let place = (store.common().id.as_str(), store.common().location.as_str());
        let headers = operations::begin(cloud, state, request, place, Outcome::Delete);
        Ok(ArmResponse { headers, ..ArmResponse::empty(StatusCode::ACCEPTED) })
    })
}

/// What it will be, everything checked.
fn planned<S: Store>(cloud: &Cloud, mut store: S, body: &StoreBody) -> Result<S, ArmError> {
    if let Some(name) = body.sku.as_ref().and_then(|sku| sku.name.clone()) {
        store.common_mut().sku = name;
    }
    let Some(properties) = &body.properties else {
        return Ok(store);
    };
    store.apply(properties);
    if let Some(encryption) = &properties.encryption {
        let planned = encryption::planned(cloud, store.common(), encryption)?;
        if planned.differs(&store.common().encryption) {
            cloud.read(|state| store.check_change(state, &planned))?;
        }
        store.common_mut().encryption = planned;
    }
    Ok(store)
}

/// Begins the operation that makes it what it is planned to be, and echoes it.
fn begin<S: Store>(cloud: &Cloud, request: &ArmRequest, mut store: S) -> ArmResponse {
    let mut echo = Stored::shown(&store);
    echo["properties"]["provisioningState"] = json!("Updating");
    let common = store.common_mut();
    common.encryption.settle();
    // It may have been read while an earlier write was still under way.
    common.provisioning_state = "Succeeded".into();
    let (id, location) = (common.id.clone(), common.location.clone());
    let headers = cloud.change(|state| {
        let held = S::all_mut(&mut state.arm);
        let meanwhile = held.entry(arm_id::key(&id)).or_insert_with(|| store.clone());
        meanwhile.common_mut().provisioning_state = "Updating".into();
        operations::begin(cloud, state, request, (&id, &location), store.written())
    });
    ArmResponse { headers, ..ArmResponse::new(StatusCode::ACCEPTED, echo) }
}

fn not_found<S: Store>(target: &Target) -> ArmError {
    ArmError::resource_not_found(S::TYPE, &target.name, &target.group)
}
