//! Microsoft.ManagedIdentity: user-assigned identities.
//!
//! An identity has three names that are easily mistaken for one another: the principal id is the subject of its
//! tokens, the client id chooses it at the managed identity endpoint, and the ARM id goes into other resources.

use http::{Method, StatusCode};

use crate::arm::api_version::Versions;
use crate::arm::provider::{self, Provider, refused};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::Resource;
use crate::state::resources::identity::Identity;

use super::body::Tracked;
use super::error::ArmError;
use super::regions;
use super::request::{ArmRequest, ArmResponse, Target};

impl Provider for Identity {
    const VERSIONS: Versions = Versions::Since("2018-11-30");

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

/// `PUT`: 201 when new, 200 otherwise. A new identity gets a service principal in its tenant's directory.
fn put(cloud: &Cloud, request: &ArmRequest, target: &Target) -> Result<ArmResponse, ArmError> {
    let Tracked { location, tags } = request.json()?;
    let location = regions::check(location.as_deref(), Identity::TYPE)?;
    check_name(&target.name)?;
    let now = cloud.clock.now();
    cloud.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        if let Some(existing) = state.arm.identities.get_mut(&arm_id::key(&target.id)) {
            regions::check_unmoved(&existing.location, &location, &target.name, &target.group)?;
            existing.tags = tags;
            let existing = existing.clone();
            return Ok(ArmResponse::ok(Identity::shown(&existing, state)));
        }
        // The service answers with `resourcegroups` in lower case, whatever it was sent (recorded).
        let id = format!(
            "/subscriptions/{}/resourcegroups/{}/providers/{}/{}",
            target.subscription,
            target.group,
            Identity::TYPE,
            target.name
        );
        let principal = state.directory.add_managed_identity(request.caller.tenant, &target.name, &id, now);
        let identity = Identity {
            id,
            name: target.name.clone(),
            location,
            tags,
            tenant_id: request.caller.tenant,
            principal_id: principal.object_id,
            client_id: principal.app_id,
        };
        let reply = ArmResponse::new(StatusCode::CREATED, Identity::shown(&identity, state));
        state.arm.identities.insert(arm_id::key(&identity.id), identity);
        Ok(reply)
    })
}

fn check_name(name: &str) -> Result<(), ArmError> {
    let letters = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    if letters
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && (3..=128).contains(&name.len())
    {
        return Ok(());
    }
    // Our guess: code and words. The rule is documented; Azure CLI and the API description leave it to the service.
    Err(ArmError::bad_request(
        "InvalidResourceName",
        format!(
            "The resource name '{name}' is invalid: 3 to 128 letters, digits, hyphens and underscores are allowed, \
             beginning with a letter or a digit."
        ),
    ))
}
