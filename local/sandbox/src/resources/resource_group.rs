//! Resource groups, and what goes with them.

use time::OffsetDateTime;

use crate::names::arm_id;
use crate::state::State;

use super::registry::{RESOURCE_TYPES, remove_all};

/// The end of a group's deletion: everything in it is deleted. A vault can still be recovered, as after a deletion of its
/// own.
pub(crate) fn removed(state: &mut State, key: &str, now: OffsetDateTime) {
    remove_all(state, key, now);
    state.arm.role_assignments.retain(|_, assignment| !arm_id::covers(key, &assignment.scope));
    state.arm.resource_groups.remove(key);
}

/// The id of a resource outside the group that needs something inside.
pub(crate) fn user_outside(state: &State, group: &str) -> Option<String> {
    RESOURCE_TYPES.iter().find_map(|resource_type| resource_type.user_outside(&state.arm, group))
}
