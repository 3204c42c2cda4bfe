//! Resources inside groups: the table of who answers for each type, and what all calls on them have in common.

use http::Method;
use serde_json::Value;

use crate::cloud::Cloud;
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

use super::access::authorize_request;
use super::api_version::Versions;
use super::enumeration;
use super::error::ArmError;
use super::limits;
use super::linked_access;
use super::operations;
use super::provider::Provider;
use super::request::{ArmRequest, ArmResponse, Target};

macro_rules! table {
    ($($resource:ty),+) => { &[$(RegisteredProvider::by::<$resource>()),+] };
}

/// Every type of resource, with who answers for it.
pub(super) static PROVIDERS: &[RegisteredProvider] = resource_types!(table);

/// A [`Provider`] as a value.
pub(super) struct RegisteredProvider {
    pub(super) resource_type: ResourceType,
    pub(super) versions: Versions,
    answer: fn(&Cloud, &ArmRequest, &Target, &[&str]) -> Result<ArmResponse, ArmError>,
    catch_up: fn(&Cloud),
    counted_as: fn(&Method, &[&str]) -> Option<&'static str>,
    action: fn(&Method, &[&str]) -> Option<String>,
}

impl RegisteredProvider {
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
        PROVIDERS.iter().find(|registered| registered.resource_type.name.eq_ignore_ascii_case(&name))
    }

    /// Every resource of the type within a scope, as it is now.
    pub(super) fn list(&self, cloud: &Cloud, scope: &str) -> Vec<Value> {
        (self.catch_up)(cloud);
        cloud.read(|state| self.resource_type.list(state, scope))
    }

    /// Everything under `.../{name}` in a group, where `rest` is what follows the name, in lower case.
    pub(super) fn answer(
        &self,
        cloud: &Cloud,
        request: &ArmRequest,
        name: &str,
        rest: &[&str],
    ) -> Result<ArmResponse, ArmError> {
        let (subscription, group) = (&request.segments[1], &request.segments[3]);
        let target = Target {
            subscription: subscription.clone(),
            group: group.clone(),
            name: name.to_owned(),
            id: arm_id::resource_id(subscription, group, self.resource_type.name, name),
        };
        self.answer_at(cloud, request, &target, rest)
    }

    /// The same of a resource that is in no group.
    pub(super) fn answer_in_a_subscription(
        &self,
        cloud: &Cloud,
        request: &ArmRequest,
        name: &str,
        rest: &[&str],
    ) -> Result<ArmResponse, ArmError> {
        let subscription = &request.segments[1];
        let target = Target {
            subscription: subscription.clone(),
            group: String::new(),
            name: name.to_owned(),
            id: format!("/subscriptions/{subscription}/providers/{}/{name}", self.resource_type.name),
        };
        self.answer_at(cloud, request, &target, rest)
    }

    fn answer_at(
        &self,
        cloud: &Cloud,
        request: &ArmRequest,
        target: &Target,
        rest: &[&str],
    ) -> Result<ArmResponse, ArmError> {
        let action = (self.action)(&request.method, rest)
            .ok_or_else(|| ArmError::method_not_allowed(&request.method))?;
        let action = format!("{}/{action}", self.resource_type.name);
        authorize_request(cloud, request, &action, &target.id)?;
        let writes = rest.is_empty() && [Method::PUT, Method::PATCH].contains(&request.method);
        if writes {
            linked_access::authorize(cloud, request, self.resource_type.name, (&action, &target.id))?;
        }
        let spelled = writes.then(|| enumeration::spelled(request, self.resource_type.name)).flatten();
        let request = spelled.as_ref().unwrap_or(request);
        if rest.is_empty() && request.method != Method::GET {
            // Before anything is planned: what the first write made is there for the second.
            cloud.change(|state| operations::finish_all(state, &target.id, cloud.clock.now()));
        }
        let Some(counted) = (self.counted_as)(&request.method, rest) else {
            return (self.answer)(cloud, request, target, rest);
        };
        let region = self.region(cloud, request, target);
        let left = limits::spend(cloud, (&target.subscription, &region), counted)?;
        let mut reply = (self.answer)(cloud, request, target, rest)?;
        reply.headers.push(left);
        Ok(reply)
    }

    /// Where the resource is, or is to be.
    fn region(&self, cloud: &Cloud, request: &ArmRequest, target: &Target) -> String {
        let held = cloud.read(|state| self.resource_type.location(&state.arm, &target.id));
        let given = || {
            let body: Value = serde_json::from_slice(&request.body).ok()?;
            body["location"].as_str().map(str::to_owned)
        };
        regions::normalised(&held.or_else(given).unwrap_or_default())
    }
}

/// `GET` all of a type within a scope.
pub(super) fn list(
    cloud: &Cloud,
    request: &ArmRequest,
    (provider, kind): (&str, &str),
    scope: &str,
) -> Result<ArmResponse, ArmError> {
    let registered = RegisteredProvider::of(provider, kind);
    let registered = registered.ok_or_else(|| ArmError::no_such_route(&request.id()))?;
    authorize_request(cloud, request, &format!("{}/read", registered.resource_type.name), scope)?;
    let mut listed = registered.list(cloud, scope);
    if !registered.resource_type.is_listed {
        // What is no resource of its own, such as a deployment, is looked for where it was made.
        let own = format!("{scope}/providers");
        listed.retain(|one| one["id"].as_str().is_some_and(|id| arm_id::covers(&own, id)));
    }
    limits::page(cloud, request, ArmResponse::list(listed))
}
