//! Resources inside groups: the table of who answers for each type, and what all calls on them have in common.

use http::Method;
use serde_json::Value;

use crate::names::{arm_id, regions};
use crate::resources::ResourceType;
use crate::resources::registry::resource_types;
use crate::resources::vault::ManagedHsm;
use crate::state::resources::deployment::Deployment;
use crate::state::resources::disk::Disk;
use crate::state::resources::disk_encryption_set::DiskEncryptionSet;
use crate::state::resources::identity::Identity;
use crate::state::resources::snapshot::Snapshot;
use crate::state::resources::vault::Vault;
use crate::state::resources::virtual_machine::VirtualMachine;
use crate::world::World;

use super::access::authorize_request;
use super::api_version::Versions;
use super::error::ArmError;
use super::limits;
use super::provider::Provider;
use super::request::{ArmRequest, Reply, Target};

macro_rules! table {
    ($($resource:ty),+) => { &[$(Answered::by::<$resource>()),+] };
}

/// Every type of resource, with who answers for it.
pub(super) static ANSWERED: &[Answered] = resource_types!(table);

/// A [`Provider`] as a value.
pub(super) struct Answered {
    pub(super) resource_type: ResourceType,
    pub(super) versions: Versions,
    answer: fn(&World, &ArmRequest, &Target, &[&str]) -> Result<Reply, ArmError>,
    catch_up: fn(&World),
    counted_as: fn(&Method, &[&str]) -> Option<&'static str>,
    action: fn(&Method, &[&str]) -> Option<String>,
}

impl Answered {
    const fn by<P: Provider>() -> Self {
        Self {
            resource_type: ResourceType::of::<P>(),
            versions: P::VERSIONS,
            answer: P::answer,
            catch_up: P::catch_up,
            counted_as: P::counted_as,
            action: P::action,
        }
    }

    /// The type that provider and kind name, in whatever case.
    pub(super) fn of(provider: &str, kind: &str) -> Option<&'static Self> {
        let name = format!("{provider}/{kind}");
        ANSWERED.iter().find(|answered| answered.resource_type.name.eq_ignore_ascii_case(&name))
    }

    /// Every resource of the type within a scope, as it is now.
    pub(super) fn list(&self, world: &World, scope: &str) -> Vec<Value> {
        (self.catch_up)(world);
        world.read(|state| self.resource_type.list(state, scope))
    }

    /// Everything under `.../{name}`, where `rest` is what follows the name, in lower case.
    pub(super) fn answer(
        &self,
        world: &World,
        request: &ArmRequest,
        name: &str,
        rest: &[&str],
    ) -> Result<Reply, ArmError> {
        let (subscription, group) = (&request.segments[1], &request.segments[3]);
        let target = Target {
            subscription: subscription.clone(),
            group: group.clone(),
            name: name.to_owned(),
            id: arm_id::resource_id(subscription, group, self.resource_type.name, name),
        };
        let action = (self.action)(&request.method, rest)
            .ok_or_else(|| ArmError::method_not_allowed(&request.method))?;
        let action = format!("{}/{action}", self.resource_type.name);
        authorize_request(world, request, &action, &target.id)?;
        let Some(counted) = (self.counted_as)(&request.method, rest) else {
            return (self.answer)(world, request, &target, rest);
        };
        let region = self.region(world, request, &target);
        let left = limits::spend(world, (&target.subscription, &region), counted)?;
        let mut reply = (self.answer)(world, request, &target, rest)?;
        reply.headers.push(left);
        Ok(reply)
    }

    /// Where the resource is, or is to be.
    fn region(&self, world: &World, request: &ArmRequest, target: &Target) -> String {
        let held = world.read(|state| self.resource_type.location(&state.arm, &target.id));
        let given = || {
            let body: Value = serde_json::from_slice(&request.body).ok()?;
            body["location"].as_str().map(str::to_owned)
        };
        regions::normalised(&held.or_else(given).unwrap_or_default())
    }
}

/// `GET` all of a type within a scope.
pub(super) fn list(
    world: &World,
    request: &ArmRequest,
    (provider, kind): (&str, &str),
    scope: &str,
) -> Result<Reply, ArmError> {
    let answered = Answered::of(provider, kind);
    // What is no resource of its own, such as a deployment, is looked for in a group.
    let answered =
        answered.filter(|answered| answered.resource_type.is_listed || scope.split('/').count() > 3);
    let answered = answered.ok_or_else(|| ArmError::no_such_route(&request.id()))?;
    authorize_request(world, request, &format!("{}/read", answered.resource_type.name), scope)?;
    limits::page(world, request, Reply::list(answered.list(world, scope)))
}
