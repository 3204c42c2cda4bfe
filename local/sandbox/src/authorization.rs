//! Who may do what: role assignments at a scope, with the time a change takes to spread.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::names::arm_id;
use crate::roles::Action;
use crate::state::arm::ArmState;

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
        .filter(|assignment| arm_id::covers(&assignment.scope, id))
        .filter_map(|assignment| arm.role(assignment.role))
        .any(|role| role.allows(action))
}
