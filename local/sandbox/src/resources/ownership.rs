//! Who owns the subscriptions that a sandbox or its control API makes.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::names::arm_id;
use crate::roles;
use crate::state::arm::ArmState;
use crate::state::directory::Tenant;
use crate::state::resources::role_assignment::RoleAssignment;

impl ArmState {
    /// Called once, when a new state is seeded: each tenant's administrator owns its subscription, as a program and as
    /// a person. The program may also use the keys of every vault in it, since Owner alone says nothing about what
    /// vaults hold; the person has to give themselves that role.
    pub(crate) fn seeded(tenants: &[&Tenant]) -> Self {
        let mut state = Self::default();
        for tenant in tenants {
            let (program, person) = (tenant.administrator_principal, tenant.administrator_user);
            for (principal, kind, role) in [
                (program, "ServicePrincipal", roles::OWNER),
                (program, "ServicePrincipal", roles::KEY_VAULT_ADMINISTRATOR),
                (person, "User", roles::OWNER),
            ] {
                let assignment = RoleAssignment::seeded(tenant, (principal, kind), role);
                state.role_assignments.insert(arm_id::key(&assignment.id), assignment);
            }
        }
        state
    }

    /// Makes a tenant's administrators, the application and the person, owners of one of its subscriptions, as
    /// [`seeded`](Self::seeded) does.
    pub(crate) fn own(&mut self, tenant: &Tenant, subscription: Uuid, now: OffsetDateTime) {
        let principals =
            [(tenant.administrator_principal, "ServicePrincipal"), (tenant.administrator_user, "User")];
        for role in [roles::OWNER, roles::KEY_VAULT_ADMINISTRATOR] {
            for (principal, kind) in principals {
                let scope = format!("/subscriptions/{subscription}");
                self.grant(RoleAssignment::granted(scope, role, principal, kind, now));
            }
        }
    }

    /// Adds a role assignment.
    pub(crate) fn grant(&mut self, assignment: RoleAssignment) {
        self.role_assignments.insert(arm_id::key(&assignment.id), assignment);
    }
}
