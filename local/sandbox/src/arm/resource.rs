//! Resources inside groups: which types there are, and who answers for each.

use http::Method;
use serde_json::Value;

use crate::world::World;

use super::api_version::Versions;
use super::dispatch::authorize;
use super::error::ArmError;
use super::request::{ArmRequest, Reply};
use super::stores::{self, Store, disk::Disk, snapshot::Snapshot};
use super::virtual_machines::{self, Power};
use super::{disk_encryption_sets, identities, limits, path, regions, vaults};

/// One resource that a path names, or would name once it exists.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) subscription: String,
    pub(super) group: String,
    pub(super) name: String,
    /// The id in the usual spelling of its fixed parts, and the client's spelling of the names.
    pub(super) id: String,
}

/// A resource type that can live in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Identity,
    Vault,
    ManagedHsm,
    DiskEncryptionSet,
    Disk,
    Snapshot,
    VirtualMachine,
}

impl Kind {
    /// The type that provider and kind name, both in lower case.
    pub(super) fn of(provider: &str, kind: &str) -> Option<Self> {
        match (provider, kind) {
            ("microsoft.managedidentity", "userassignedidentities") => Some(Self::Identity),
            ("microsoft.keyvault", "vaults") => Some(Self::Vault),
            ("microsoft.keyvault", "managedhsms") => Some(Self::ManagedHsm),
            ("microsoft.compute", "diskencryptionsets") => Some(Self::DiskEncryptionSet),
            ("microsoft.compute", "disks") => Some(Self::Disk),
            ("microsoft.compute", "snapshots") => Some(Self::Snapshot),
            ("microsoft.compute", "virtualmachines") => Some(Self::VirtualMachine),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Identity => identities::TYPE,
            Self::Vault => vaults::TYPE,
            Self::ManagedHsm => vaults::hsm::TYPE,
            Self::DiskEncryptionSet => disk_encryption_sets::TYPE,
            Self::Disk => Disk::TYPE,
            Self::Snapshot => Snapshot::TYPE,
            Self::VirtualMachine => virtual_machines::TYPE,
        }
    }

    pub(super) fn versions(self) -> Versions {
        match self {
            Self::Identity => Versions::Since("2018-11-30"),
            Self::Vault | Self::ManagedHsm => Versions::Since("2019-09-01"),
            Self::DiskEncryptionSet | Self::Disk | Self::Snapshot => Versions::Disks,
            // Machines have versions of their own, unlike their disks.
            Self::VirtualMachine => Versions::Since("2016-03-30"),
        }
    }
}

/// `GET` all of a type within a scope.
pub(super) fn list(
    world: &World,
    request: &ArmRequest,
    (provider, kind): (&str, &str),
    scope: &str,
) -> Result<Reply, ArmError> {
    let kind = Kind::of(provider, kind).ok_or_else(|| ArmError::no_such_route(&request.id()))?;
    authorize(world, request, &format!("{}/read", kind.name()), scope)?;
    let list = match kind {
        Kind::Identity => identities::list(world, scope),
        Kind::Vault => vaults::list(world, scope),
        Kind::ManagedHsm => vaults::hsm::list(world, scope),
        Kind::DiskEncryptionSet => disk_encryption_sets::list(world, scope),
        Kind::Disk => stores::list::<Disk>(world, scope),
        Kind::Snapshot => stores::list::<Snapshot>(world, scope),
        Kind::VirtualMachine => virtual_machines::list(world, scope),
    };
    limits::page(world, request, list)
}

/// Everything under `/subscriptions/{s}/resourceGroups/{g}/providers/{p}/{t}/{name}`. `rest` is what follows, in lower case.
pub(super) fn answer(
    world: &World,
    request: &ArmRequest,
    kind: Kind,
    rest: &[&str],
) -> Result<Reply, ArmError> {
    let (subscription, group, name) = (&request.segments[1], &request.segments[3], &request.segments[7]);
    let target = Target {
        subscription: subscription.clone(),
        group: group.clone(),
        name: name.clone(),
        id: path::resource_id(subscription, group, kind.name(), name),
    };
    authorize(world, request, &action(request, kind, rest)?, &target.id)?;
    let Some(counted) = limits::group_of(kind, &request.method, rest) else {
        return handle(world, request, kind, &target, rest);
    };
    let region = region(world, request, kind, &target);
    let left = limits::spend(world, (&target.subscription, &region), counted)?;
    let mut reply = handle(world, request, kind, &target, rest)?;
    reply.headers.push(left);
    Ok(reply)
}

/// Where the resource is, or is to be.
fn region(world: &World, request: &ArmRequest, kind: Kind, target: &Target) -> String {
    let key = path::key(&target.id);
    let held = world.read(|state| {
        let arm = &state.arm;
        match kind {
            Kind::DiskEncryptionSet => arm.disk_encryption_sets.get(&key).map(|set| set.location.clone()),
            Kind::Disk => arm.disks.get(&key).map(|disk| disk.common.location.clone()),
            Kind::Snapshot => arm.snapshots.get(&key).map(|snapshot| snapshot.common().location.clone()),
            Kind::VirtualMachine => arm.virtual_machines.get(&key).map(|machine| machine.location.clone()),
            Kind::Identity | Kind::Vault | Kind::ManagedHsm => None,
        }
    });
    let given = || {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        body["location"].as_str().map(str::to_owned)
    };
    regions::normalised(&held.or_else(given).unwrap_or_default())
}

fn handle(
    world: &World,
    request: &ArmRequest,
    kind: Kind,
    target: &Target,
    rest: &[&str],
) -> Result<Reply, ArmError> {
    match kind {
        Kind::Identity => identity(world, request, target, rest),
        Kind::Vault => vault(world, request, target, rest),
        Kind::ManagedHsm => hsm(world, request, target, rest),
        Kind::DiskEncryptionSet => set(world, request, target, rest),
        Kind::Disk => store::<Disk>(world, request, target, rest),
        Kind::Snapshot => store::<Snapshot>(world, request, target, rest),
        Kind::VirtualMachine => machine(world, request, target, rest),
    }
}

/// What the caller must be allowed to do.
fn action(request: &ArmRequest, kind: Kind, rest: &[&str]) -> Result<String, ArmError> {
    let name = kind.name();
    let verb = match (&request.method, rest) {
        (&Method::GET, _) => "read",
        (&Method::PUT | &Method::PATCH, ["accesspolicies", ..]) => "accessPolicies/write",
        (&Method::PUT | &Method::PATCH, _) => "write",
        (&Method::DELETE, _) => "delete",
        (&Method::POST, [operation]) => return Ok(format!("{name}/{operation}/action")),
        _ => return Err(ArmError::method_not_allowed(&request.method)),
    };
    Ok(format!("{name}/{verb}"))
}

fn identity(world: &World, request: &ArmRequest, target: &Target, rest: &[&str]) -> Result<Reply, ArmError> {
    match (&request.method, rest) {
        (&Method::PUT, []) => identities::put(world, request, target),
        (&Method::GET, []) => identities::get(world, target),
        (&Method::DELETE, []) => Ok(identities::delete(world, target)),
        _ => refused(request, rest),
    }
}

fn vault(world: &World, request: &ArmRequest, target: &Target, rest: &[&str]) -> Result<Reply, ArmError> {
    match (&request.method, rest) {
        (&Method::PUT, []) => vaults::put(world, request, target),
        (&Method::PATCH, []) => vaults::patch(world, request, target),
        (&Method::GET, []) => vaults::get(world, target),
        (&Method::DELETE, []) => Ok(vaults::deleted::delete(world, target)),
        (&Method::PUT, ["accesspolicies", operation]) => {
            vaults::put_access_policies(world, request, target, operation)
        }
        _ => refused(request, rest),
    }
}

fn hsm(world: &World, request: &ArmRequest, target: &Target, rest: &[&str]) -> Result<Reply, ArmError> {
    match (&request.method, rest) {
        (&Method::PUT, []) => vaults::hsm::put(world, request, target),
        (&Method::GET, []) => vaults::hsm::get(world, target),
        (&Method::DELETE, []) => Ok(vaults::deleted::delete(world, target)),
        _ => refused(request, rest),
    }
}

fn set(world: &World, request: &ArmRequest, target: &Target, rest: &[&str]) -> Result<Reply, ArmError> {
    match (&request.method, rest) {
        (&Method::PUT, []) => disk_encryption_sets::put(world, request, target),
        (&Method::PATCH, []) => disk_encryption_sets::patch(world, request, target),
        (&Method::GET, []) => disk_encryption_sets::get(world, target),
        (&Method::DELETE, []) => disk_encryption_sets::delete(world, request, target),
        (&Method::GET, ["associatedresources"]) => disk_encryption_sets::associated_resources(world, target),
        _ => refused(request, rest),
    }
}

fn store<S: Store>(
    world: &World,
    request: &ArmRequest,
    target: &Target,
    rest: &[&str],
) -> Result<Reply, ArmError> {
    match (&request.method, rest) {
        (&Method::PUT, []) => stores::put::<S>(world, request, target),
        (&Method::PATCH, []) => stores::patch::<S>(world, request, target),
        (&Method::GET, []) => stores::get::<S>(world, target),
        (&Method::DELETE, []) => stores::delete::<S>(world, request, target),
        _ => refused(request, rest),
    }
}

fn machine(world: &World, request: &ArmRequest, target: &Target, rest: &[&str]) -> Result<Reply, ArmError> {
    match (&request.method, rest) {
        (&Method::PUT, []) => virtual_machines::put(world, request, target),
        (&Method::GET, []) => virtual_machines::get(world, request, target),
        (&Method::GET, ["instanceview"]) => virtual_machines::instance_view(world, target),
        (&Method::DELETE, []) => Ok(virtual_machines::delete(world, request, target)),
        (&Method::POST, ["start"]) => virtual_machines::switch(world, request, target, Power::Running),
        (&Method::POST, ["poweroff"]) => virtual_machines::switch(world, request, target, Power::Stopped),
        (&Method::POST, ["deallocate"]) => {
            virtual_machines::switch(world, request, target, Power::Deallocated)
        }
        _ => refused(request, rest),
    }
}

fn refused(request: &ArmRequest, rest: &[&str]) -> Result<Reply, ArmError> {
    if rest.is_empty() {
        return Err(ArmError::method_not_allowed(&request.method));
    }
    Err(ArmError::no_such_route(&request.id()))
}
