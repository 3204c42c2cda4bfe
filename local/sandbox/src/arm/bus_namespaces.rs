//! Microsoft.ServiceBus: namespaces, as far as roles are assigned at them and at the queues below.
//!
//! The queues themselves are the broker's: as a key of a vault, a queue is a scope of roles without being looked for.

use http::{Method, StatusCode};
use serde::Deserialize;
use uuid::Uuid;

use crate::arm::api_version::Versions;
use crate::arm::provider::{self, Provider, refused};
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
            (&Method::GET, []) => provider::get::<Self>(cloud, target),
            (&Method::DELETE, []) => Ok(provider::delete::<Self>(cloud, target)),
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

/// Standard unless the request says otherwise. Our guess: the code and the words of the refusal.
fn tier(sku: Option<Sku>) -> Result<String, ArmError> {
    let Some(Sku { name }) = sku else { return Ok("Standard".to_owned()) };
    let known = TIERS.iter().find(|tier| **tier == name);
    known.map(|tier| (*tier).to_owned()).ok_or_else(|| {
        ArmError::bad_request("BadRequest", format!("The sku '{name}' is not one of {}.", TIERS.join(", ")))
    })
}

/// 6 to 50 letters, digits and hyphens, a letter first, and no hyphen, `-sb` or `-mgmt` last.
fn check_name(name: &str) -> Result<(), ArmError> {
    let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let lower = name.to_ascii_lowercase();
    let ends = !["-", "-sb", "-mgmt"].iter().any(|end| lower.ends_with(end));
    if plain && begins && ends && (6..=50).contains(&name.len()) {
        return Ok(());
    }
    let id = Uuid::new_v4();
    Err(ArmError::bad_request(
        "BadRequest",
        format!("The specified service namespace is invalid. CorrelationId: {id}"),
    ))
}
