//! Microsoft.Resources: deployments of templates into a resource group or a subscription.
//!
//! Every resource of a template is written through the same handlers as a client's own PUT, as the caller of the
//! deployment, once everything that it depends on is there. Microsoft Learn, "Deploy resources with ARM templates"; Azure
//! REST API, `Deployments`.

mod calls;
mod jsonc;
mod place;
mod plan;
mod run;
mod surroundings;
mod template;

use http::Method;

use crate::arm::api_version::Versions;
use crate::arm::error::ArmError;
use crate::arm::provider::{Provider, refused, usual_action};
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::cloud::Cloud;
use crate::state::resources::deployment::Deployment;

impl Provider for Deployment {
    const VERSIONS: Versions = Versions::Since("2015-01-01");

    fn answer(
        cloud: &Cloud,
        request: &ArmRequest,
        target: &Target,
        rest: &[&str],
    ) -> Result<ArmResponse, ArmError> {
        match (&request.method, rest) {
            (&Method::PUT, []) => calls::put(cloud, request, target),
            (&Method::POST, ["validate"]) => calls::validate(cloud, request, target),
            (&Method::GET | &Method::HEAD, []) => calls::get(cloud, request, target),
            (&Method::DELETE, []) => calls::delete(cloud, request, target),
            (&Method::GET, ["operationstatuses", run]) => calls::status(cloud, request, target, run),
            (&Method::GET, ["operations"]) => calls::operations(cloud, request, target, None),
            (&Method::GET, ["operations", one]) => calls::operations(cloud, request, target, Some(one)),
            _ => refused(request, rest),
        }
    }

    fn action(method: &Method, rest: &[&str]) -> Option<String> {
        match (method, rest) {
            (&Method::HEAD, []) => Some("read".into()),
            (&Method::GET, [part @ ("operations" | "operationstatuses"), ..]) => Some(format!("{part}/read")),
            _ => usual_action(method, rest),
        }
    }
}
