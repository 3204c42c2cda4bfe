//! How the calls on a type of resource are answered.

use http::Method;

use crate::cloud::Cloud;
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

/// The refusal of a call that the type does not have.
pub(super) fn refused(request: &ArmRequest, rest: &[&str]) -> Result<ArmResponse, ArmError> {
    if rest.is_empty() {
        return Err(ArmError::method_not_allowed(&request.method));
    }
    Err(ArmError::no_such_route(&request.id()))
}
