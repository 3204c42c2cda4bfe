//! How the calls on a type of resource are answered.

use http::{Method, StatusCode};

use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::Resource;

use super::api_version::Versions;
use super::error::ArmError;
use super::request::{ArmRequest, ArmResponse, Target};

/// The calls on one type of resource.
pub(super) trait Provider: Resource {
    /// Which versions of its API there are.
    const VERSIONS: Versions;

    /// Answers a call on one resource. `rest` is what follows its name in the path, in lower case.
    fn answer(
        cloud: &Cloud,
        request: &ArmRequest,
        target: &Target,
        rest: &[&str],
    ) -> Result<ArmResponse, ArmError>;

    /// Lets time do its work before all of the type are looked at.
    fn catch_up(_: &Cloud) {}

    /// The group of Compute's limits that a call counts in; none where it is not known, or not Compute's.
    fn counted_as(_: &Method, _rest: &[&str]) -> Option<&'static str> {
        None
    }

    /// What a caller must be allowed to do, after the type; none where there is no such call.
    fn action(method: &Method, rest: &[&str]) -> Option<String> {
        usual_action(method, rest)
    }
}

/// The action of most calls.
pub(super) fn usual_action(method: &Method, rest: &[&str]) -> Option<String> {
    match (method, rest) {
        (&Method::GET, _) => Some("read".into()),
        (&Method::PUT | &Method::PATCH, _) => Some("write".into()),
        (&Method::DELETE, _) => Some("delete".into()),
        (&Method::POST, [operation]) => Some(format!("{operation}/action")),
        _ => None,
    }
}

/// `GET` one, of a type of which nothing has to be brought up to date.
pub(super) fn get<R: Resource>(cloud: &Cloud, target: &Target) -> Result<ArmResponse, ArmError> {
    cloud.read(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        R::find(&state.arm, &target.id)
            .map(|held| ArmResponse::ok(R::shown(held, state)))
            .ok_or_else(|| ArmError::resource_not_found(R::TYPE, &target.name, &target.group))
    })
}

/// `DELETE` of what is gone at once: 200, or 204 when there is none.
pub(super) fn delete<R: Resource>(cloud: &Cloud, target: &Target) -> ArmResponse {
    let now = cloud.clock.now();
    cloud.change(|state| {
        if R::find(&state.arm, &target.id).is_none() {
            return ArmResponse::empty(StatusCode::NO_CONTENT);
        }
        let key = arm_id::key(&target.id);
        state.arm.remove_below(&key);
        R::remove(state, &key, now);
        ArmResponse::empty(StatusCode::OK)
    })
}

/// The refusal of a call that the type does not have.
pub(super) fn refused(request: &ArmRequest, rest: &[&str]) -> Result<ArmResponse, ArmError> {
    if rest.is_empty() {
        return Err(ArmError::method_not_allowed(&request.method));
    }
    Err(ArmError::no_such_route(&request.id()))
}
