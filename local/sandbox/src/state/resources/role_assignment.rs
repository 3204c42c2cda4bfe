//! Who holds which role, and where.
//!
//! An assignment, and its removal, takes a while to spread (Microsoft Learn, "Troubleshoot Azure RBAC": up to ten
//! minutes): it is there to be read at once, and counts from [`Lags::role_assignment`](crate::Lags) later.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::state::directory::Tenant;

pub(crate) const TYPE: &str = "Microsoft.Authorization/roleAssignments";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RoleAssignment {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) scope: String,
    pub(crate) role: Uuid,
    pub(crate) principal_id: Uuid,
    pub(crate) principal_type: String,
    pub(crate) description: Option<String>,
    pub(crate) created_by: Option<Uuid>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created_on: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) in_force_from: OffsetDateTime,
    /// Set when the assignment was removed; until then it still counts.
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) in_force_until: Option<OffsetDateTime>,
}

impl RoleAssignment {
    /// One that is there from the beginning.
    pub(crate) fn seeded(tenant: &Tenant, (principal, kind): (Uuid, &str), role: Uuid) -> Self {
        let scope = format!("/subscriptions/{}", tenant.subscription_id);
        let name = Uuid::new_v4().to_string();
        Self {
            id: format!("{scope}/providers/{TYPE}/{name}"),
            name,
            scope,
            role,
            principal_id: principal,
            principal_type: kind.into(),
            description: None,
            created_by: None,
            created_on: OffsetDateTime::UNIX_EPOCH,
            in_force_from: OffsetDateTime::UNIX_EPOCH,
            in_force_until: None,
        }
    }

    /// One that the control API makes: it counts at once.
    pub(crate) fn granted(
        scope: String,
        role: Uuid,
        principal: Uuid,
        principal_type: &str,
        now: OffsetDateTime,
    ) -> Self {
        let name = Uuid::new_v4().to_string();
        Self {
            id: format!("{}/providers/{TYPE}/{name}", scope.trim_end_matches('/')),
            name,
            scope,
            role,
            principal_id: principal,
            principal_type: principal_type.into(),
            description: None,
            created_by: None,
            created_on: now,
            in_force_from: now,
            in_force_until: None,
        }
    }

    /// Removes it: it stops to count at this moment. False when it had been removed before.
    pub(crate) fn remove(&mut self, until: OffsetDateTime) -> bool {
        let first = !self.removed();
        if first {
            self.in_force_until = Some(until);
        }
        first
    }

    /// Whether it counts at this moment.
    pub(crate) fn in_force(&self, now: OffsetDateTime) -> bool {
        self.in_force_from <= now && self.in_force_until.is_none_or(|end| now < end)
    }

    pub(crate) fn removed(&self) -> bool {
        self.in_force_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles;

    #[test]
    fn an_assignment_counts_between_its_two_moments() {
        let at = |seconds| OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds);
        let assignment = RoleAssignment {
            id: "i".into(),
            name: "n".into(),
            scope: "/subscriptions/s".into(),
            role: roles::OWNER,
            principal_id: Uuid::nil(),
            principal_type: "User".into(),
            description: None,
            created_by: None,
            created_on: at(0),
            in_force_from: at(10),
            in_force_until: Some(at(20)),
        };
        let counts: Vec<i64> =
            [9, 10, 19, 20].into_iter().filter(|second| assignment.in_force(at(*second))).collect();
        assert_eq!(counts, [10, 19]);
    }
}
