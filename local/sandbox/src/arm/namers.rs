//! Microsoft.Compute: images and scale sets, as far as they name disk encryption sets and what they were made from. Whoever
//! wants to delete a set has to look into them.
//!
//! Our guess: what is written is there at once. In Azure both are long operations.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::arm::api_version::Versions;
use crate::arm::provider::{self, Provider, refused};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::Resource;
use crate::resources::namer::{Image, ScaleSet};
use crate::state::resources::namer::Namer;
use crate::state::tags::Tags;

use super::error::ArmError;
use super::regions;
use super::request::{ArmRequest, ArmResponse, Target};

#[derive(Debug, Deserialize)]
struct Write {
    location: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
    #[serde(default)]
    properties: Map<String, Value>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Provider for Image {
    const VERSIONS: Versions = Versions::Since("2016-04-30");

    fn answer(
        cloud: &Cloud,
        request: &ArmRequest,
        target: &Target,
        rest: &[&str],
    ) -> Result<ArmResponse, ArmError> {
        answer::<Self>(cloud, request, target, rest)
    }
}

impl Provider for ScaleSet {
    const VERSIONS: Versions = Versions::Since("2016-03-30");

    fn answer(
        cloud: &Cloud,
        request: &ArmRequest,
        target: &Target,
        rest: &[&str],
    ) -> Result<ArmResponse, ArmError> {
        answer::<Self>(cloud, request, target, rest)
    }
}

fn answer<R: Resource<Held = Namer>>(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
    rest: &[&str],
) -> Result<ArmResponse, ArmError> {
    match (&request.method, rest) {
        (&Method::PUT, []) => put::<R>(cloud, request, target),
        (&Method::GET, []) => provider::get::<R>(cloud, target),
        (&Method::DELETE, []) => Ok(provider::delete::<R>(cloud, target)),
        _ => refused(request, rest),
    }
}

/// `PUT`: 201 when new, 200 otherwise.
fn put<R: Resource<Held = Namer>>(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
) -> Result<ArmResponse, ArmError> {
    let Write { location, tags, properties, other } = request.json()?;
    let location = regions::check(location.as_deref(), R::TYPE)?;
    cloud.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        let key = arm_id::key(&target.id);
        let existing = R::all(&state.arm).get(&key);
        if let Some(existing) = existing {
            regions::check_unmoved(&existing.location, &location, &target.name, &target.group)?;
        }
        let status = if existing.is_some() { StatusCode::OK } else { StatusCode::CREATED };
        let namer = Namer {
            id: target.id.clone(),
            name: target.name.clone(),
            location,
            tags,
            written: other,
            properties,
        };
        let reply = ArmResponse::new(status, R::shown(&namer, state));
        R::all_mut(&mut state.arm).insert(key, namer);
        Ok(reply)
    })
}
