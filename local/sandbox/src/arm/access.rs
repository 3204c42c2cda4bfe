//! Who may do what: role assignments at a scope, with the time a change takes to spread.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::tokens::Caller;

use super::ArmState;
use super::error::ArmError;
use super::path;
use super::roles::{self, Action};

/// Whether any assignment in force lets this principal do this to the resource with this id.
pub(crate) fn allowed(
    arm: &ArmState,
    principal: Uuid,
    action: Action<'_>,
    id: &str,
    now: OffsetDateTime,
) -> bool {
    arm.role_assignments
        .values()
        .filter(|assignment| assignment.principal_id == principal && assignment.in_force(now))
        .filter(|assignment| path::covers(&assignment.scope, id))
        .filter_map(|assignment| roles::by_id(assignment.role))
        .any(|role| role.allows(action))
}

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

/// Refuses a caller who may write a resource but not use another one that it links to.
pub(super) fn authorize_linked(
    arm: &ArmState,
    caller: &Caller,
    (action, id): (&str, &str),
    (linked_action, linked_id): (&str, &str),
    now: OffsetDateTime,
) -> Result<(), ArmError> {
    if allowed(arm, caller.object_id, Action::Control(linked_action), linked_id, now) {
        return Ok(());
    }
    Err(ArmError::new(
        http::StatusCode::FORBIDDEN,
        "LinkedAuthorizationFailed",
        format!(
            "The client '{}' with object id '{}' has permission to perform action '{action}' on scope '{id}'; however, \
             it does not have permission to perform action(s) '{linked_action}' on the linked scope(s) '{linked_id}' \
             (respectively) or the linked scope(s) are invalid.",
            caller.application_id, caller.object_id
        ),
    ))
}
