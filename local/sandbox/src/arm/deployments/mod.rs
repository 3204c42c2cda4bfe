//! Microsoft.Resources: deployments of templates into a resource group.
//!
//! Every resource of a template is written through the same handlers as a client's own PUT, as the caller of the
//! deployment, once everything that it depends on is there. Microsoft Learn, "Deploy resources with ARM templates"; Azure
//! REST API, `Deployments`.

mod calls;
mod jsonc;
mod plan;
mod run;
mod show;
mod template;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::state::State;
use crate::tokens::Caller;
use crate::world::World;

use super::error::ArmError;
use super::request::{ArmRequest, Reply};
use super::resource::Target;
use super::{dispatch, path};

use plan::{Step, StepState};
use template::{Surroundings, Template};

pub(super) const TYPE: &str = "Microsoft.Resources/deployments";

/// One deployment, running or ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deployment {
    id: String,
    name: String,
    subscription: String,
    group: String,
    tags: Option<super::body::Tags>,
    /// As whom everything is written.
    caller: Caller,
    template: Template,
    parameters: Map<String, Value>,
    steps: Vec<Step>,
    outputs: Value,
    correlation: Uuid,
    /// The part of the address of its state that names this run of it.
    run: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    began: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    ended: Option<OffsetDateTime>,
    /// Why it failed, as its callers see it.
    error: Option<Value>,
}

impl Deployment {
    fn state(&self) -> &'static str {
        match (self.ended, &self.error) {
            (None, _) => "Running",
            (Some(_), None) => "Succeeded",
            (Some(_), Some(_)) => "Failed",
        }
    }
}

/// Everything under `.../providers/Microsoft.Resources/deployments/{name}`. `rest` is what follows, in lower case.
pub(super) fn answer(
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
        id: path::resource_id(subscription, group, TYPE, name),
    };
    let allowed = |verb: &str| dispatch::authorize(world, request, &format!("{TYPE}/{verb}"), &target.id);
    match (&request.method, rest) {
        (&Method::PUT, []) => {
            allowed("write")?;
            calls::put(world, request, &target)
        }
        (&Method::POST, ["validate"]) => {
            allowed("validate/action")?;
            calls::validate(world, request, &target)
        }
        (&Method::GET | &Method::HEAD, []) => {
            allowed("read")?;
            calls::get(world, request, &target)
        }
        (&Method::DELETE, []) => {
            allowed("delete")?;
            calls::delete(world, request, &target)
        }
        (&Method::GET, ["operationstatuses", run]) => {
            allowed("operationstatuses/read")?;
            calls::status(world, &target, run)
        }
        (&Method::GET, ["operations"]) => {
            allowed("operations/read")?;
            calls::operations(world, &target, None)
        }
        (&Method::GET, ["operations", operation]) => {
            allowed("operations/read")?;
            calls::operations(world, &target, Some(operation))
        }
        (_, []) => Err(ArmError::method_not_allowed(&request.method)),
        _ => Err(ArmError::no_such_route(&request.id())),
    }
}

/// `GET` all of a group.
pub(super) fn list(world: &World, scope: &str) -> Reply {
    world.read(|state| {
        let deployments = state.arm.deployments.values();
        let inside = deployments.filter(|deployment| path::covers(scope, &deployment.id));
        Reply::list(inside.map(show::deployment).collect())
    })
}

/// What the functions see that tell where a deployment happens.
fn surroundings(state: &State, target: &Target, tenant: Uuid) -> Result<Surroundings, ArmError> {
    let group = state.arm.group(&target.subscription, &target.group)?;
    let names =
        state.directory.tenants.get(&tenant).into_iter().flat_map(crate::directory::Tenant::subscriptions);
    let name = names.into_iter().find(|(id, _)| id.to_string().eq_ignore_ascii_case(&target.subscription));
    let subscription = json!({
        "id": format!("/subscriptions/{}", target.subscription),
        "subscriptionId": target.subscription,
        "tenantId": tenant,
        "displayName": name.map(|(_, name)| name),
    });
    Ok(Surroundings {
        resource_group: super::resource_groups::shown(group),
        subscription,
        tenant: json!({ "tenantId": tenant }),
        deployment: json!({ "name": target.name, "properties": { "mode": "Incremental" } }),
    })
}
