//! A role that somebody defined, besides the built-in ones.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::names::arm_id;
use crate::roles::RoleDefinition;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CustomRole {
    pub(crate) definition: RoleDefinition,
    /// Whose directory it is in: no two roles of one directory have the same name.
    pub(crate) tenant: Uuid,
    /// Where it can be assigned, and from where it is seen.
    pub(crate) assignable_scopes: Vec<String>,
    pub(crate) written_by: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created_on: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) updated_on: OffsetDateTime,
}

impl CustomRole {
    /// Whether it can be assigned at this scope.
    pub(crate) fn covers(&self, scope: &str) -> bool {
        self.assignable_scopes.iter().any(|assignable| arm_id::covers(assignable, scope))
    }

    /// Whether it is seen in a list of this scope, which may lie above or below those it can be assigned at.
    pub(crate) fn is_seen_from(&self, scope: &str) -> bool {
        self.covers(scope)
            || self.assignable_scopes.iter().any(|assignable| arm_id::covers(scope, assignable))
    }
}
