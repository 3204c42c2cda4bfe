//! Microsoft.ServiceBus: namespaces, as far as roles are assigned at them and at the queues below.
//!
//! The queues themselves are the broker's: as a key of a vault, a queue is a scope of roles without being looked for.

use http::{Method, StatusCode};
use serde::Deserialize;

use crate::arm::api_version::Versions;
use crate::arm::provider::{Provider, refused};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::Resource;
use crate::state::resources::bus::BusNamespace;
use crate::state::tags::Tags;

use super::error::ArmError;
use super::regions;
use super::request::{ArmRequest, ArmResponse, Target};

const TIERS: [&str; 3] = ["Basic", "Standard", "Premium"];

#[derive(Debug, Deserialize)]
struct Write {
    location: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
    #[serde(default)]
    sku: Option<Sku>,
    #[serde(default)]
    properties: Properties,
}

#[derive(Debug, Deserialize)]
struct Sku {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    #[serde(default)]
    disable_local_auth: bool,
}

impl Provider for BusNamespace {
    const VERSIONS: Versions = Versions::Since("2017-04-01");

    fn answer(
        cloud: &Cloud,
        request: &ArmRequest,
        target: &Target,
        rest: &[&str],
    ) -> Result<ArmResponse, ArmError> {
        match (&request.method, rest) {
            (&Method::PUT, []) => put(cloud, request, target),
            (&Method::GET, []) => get(cloud, target),
            (&Method::DELETE, []) => Ok(delete(cloud, target)),
            _ => refused(request, rest),
        }
    }
}

/// `PUT`. Our guess: it is there at once. In Azure it takes a minute or so, as a long operation.
fn put(cloud: &Cloud, request: &ArmRequest, target: &Target) -> Result<ArmResponse, ArmError> {
    let Write { location, tags, sku, properties } = request.json()?;
    let location = regions::check(location.as_deref(), BusNamespace::TYPE)?;
    let tier = tier(sku)?;
    check_name(&target.name)?;
    let now = cloud.clock.now();
    cloud.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        let key = arm_id::key(&target.id);
        let existing = state.arm.bus_namespaces.get(&key);
        if let Some(existing) = existing {
            regions::check_unmoved(&existing.location, &location, &target.name, &target.group)?;
        }
        let namespace = BusNamespace {
            id: target.id.clone(),
            name: target.name.clone(),
            location,
            tags,
            tier,
            disable_local_auth: properties.disable_local_auth,
            created_at: existing.map_or(now, |existing| existing.created_at),
            updated_at: now,
        };
        let status = if existing.is_some() { StatusCode::OK } else { StatusCode::CREATED };
        let reply = ArmResponse::new(status, BusNamespace::shown(&namespace, state));
        state.arm.bus_namespaces.insert(key, namespace);
        Ok(reply)
    })
}

fn get(cloud: &Cloud, target: &Target) -> Result<ArmResponse, ArmError> {
    cloud.read(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        let namespace = BusNamespace::find(&state.arm, &target.id);
        namespace
            .map(|namespace| ArmResponse::ok(BusNamespace::shown(namespace, state)))
            .ok_or_else(|| ArmError::resource_not_found(BusNamespace::TYPE, &target.name, &target.group))
    })
}

/// `DELETE`: 200, or 204 when there is none.
fn delete(cloud: &Cloud, target: &Target) -> ArmResponse {
    let now = cloud.clock.now();
    cloud.change(|state| {
        if BusNamespace::find(&state.arm, &target.id).is_none() {
            return ArmResponse::empty(StatusCode::NO_CONTENT);
        }
        BusNamespace::remove(state, &arm_id::key(&target.id), now);
        ArmResponse::empty(StatusCode::OK)
    })
}

/// Standard unless the request says otherwise. Our guess: the code and the words of the refusal.
fn tier(sku: Option<Sku>) -> Result<String, ArmError> {
    let Some(Sku { name }) = sku else { return Ok("Standard".to_owned()) };
    let known = TIERS.iter().find(|tier| **tier == name);
    known.map(|tier| (*tier).to_owned()).ok_or_else(|| {
        ArmError::bad_request("BadRequest", format!("The sku '{name}' is not one of {}.", TIERS.join(", ")))
    })
}

/// 6 to 50 letters, digits and hyphens, a letter first and no hyphen last. Our guess: the code and the words.
fn check_name(name: &str) -> Result<(), ArmError> {
    let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic());
    if plain && begins && !name.ends_with('-') && (6..=50).contains(&name.len()) {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "BadRequest",
        format!(
            "The namespace name '{name}' is invalid: 6 to 50 letters, digits and hyphens are allowed, beginning with a \
             letter and not ending with a hyphen."
        ),
    ))
}
