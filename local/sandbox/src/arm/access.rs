//! Refuses callers whose roles do not allow what they ask for.

use time::OffsetDateTime;

use crate::arm::request::ArmRequest;
use crate::authorization::allowed;
use crate::cloud::Cloud;
use crate::roles::Action;
use crate::state::arm::ArmState;
use crate::tokens::Caller;

use super::error::ArmError;

/// Refuses a caller whose roles do not allow the action, in the words of the gateway.
pub(super) fn authorize(
    arm: &ArmState,
    caller: &Caller,
    action: &str,
    id: &str,
    now: OffsetDateTime,
) -> Result<(), ArmError> {
    if allowed(arm, caller.object_id, Action::Control(action), id, now) {
        return Ok(());
    }
    Err(ArmError::new(
        http::StatusCode::FORBIDDEN,
        "AuthorizationFailed",
        format!(
            "The client '{}' with object id '{}' does not have authorization to perform action '{action}' over scope \
             '{id}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
            caller.application_id, caller.object_id
        ),
    ))
}

/// As [`authorize`], for who makes this request, now.
pub(super) fn authorize_request(
    cloud: &Cloud,
    request: &ArmRequest,
    action: &str,
    id: &str,
) -> Result<(), ArmError> {
    let now = cloud.clock.now();
    cloud.read(|state| authorize(&state.arm, &request.caller, action, id, now))
}
