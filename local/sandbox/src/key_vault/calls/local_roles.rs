//! Role assignments of a managed HSM, which are made at the HSM itself.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::names::arm_id;
use crate::state::State;
use crate::state::key_vault::error::VaultError;
use crate::state::key_vault::local_roles::{self, LocalAssignment};

use super::Call;

#[derive(Debug, Deserialize)]
pub(in crate::key_vault) struct AssignmentBody {
    properties: AssignmentProperties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssignmentProperties {
    role_definition_id: String,
    principal_id: Uuid,
}

impl Call<'_> {
    /// `GET {scope}/providers/Microsoft.Authorization/roleDefinitions`.
    pub(in crate::key_vault) fn role_definitions(&self, scope: &str) -> Result<Value, VaultError> {
        self.cloud.read(|state| self.may_locally(state, "roleDefinitions/read/action", scope))?;
        Ok(json!({ "value": local_roles::definitions() }))
    }

    /// `GET {scope}/providers/Microsoft.Authorization/roleAssignments`: all of the HSM.
    pub(in crate::key_vault) fn role_assignments(&self, scope: &str) -> Result<Value, VaultError> {
        self.cloud.read(|state| {
            self.may_locally(state, "roleAssignments/read/action", scope)?;
            let held: Vec<Value> = self.held_locally(state).iter().map(LocalAssignment::shown).collect();
            Ok(json!({ "value": held }))
        })
    }

    /// `GET {scope}/providers/Microsoft.Authorization/roleAssignments/{name}`.
    pub(in crate::key_vault) fn role_assignment(&self, scope: &str, name: &str) -> Result<Value, VaultError> {
        self.cloud.read(|state| {
            self.may_locally(state, "roleAssignments/read/action", scope)?;
            let held = self.held_locally(state).iter().find(|held| is_called(held, name));
            held.map(LocalAssignment::shown).ok_or_else(|| no_such_assignment(name))
        })
    }

    /// `PUT {scope}/providers/Microsoft.Authorization/roleAssignments/{name}`.
    pub(in crate::key_vault) fn assign_role(
        &self,
        scope: &str,
        name: &str,
        body: &AssignmentBody,
    ) -> Result<Value, VaultError> {
        // Our guess: the words of every refusal here.
        let name = Uuid::parse_str(name)
            .map_err(|_| VaultError::bad_parameter("The name of a role assignment must be a GUID."))?;
        let definition = &body.properties.role_definition_id;
        let role = local_roles::role_named(definition).ok_or_else(|| {
            VaultError::bad_parameter(format!("The role definition '{definition}' does not exist."))
        })?;
        let fresh =
            LocalAssignment { name, ..LocalAssignment::new(scope, role, body.properties.principal_id) };
        self.cloud.change(|state| {
            self.may_locally(state, "roleAssignments/write/action", scope)?;
            let known = self.world_knows(state, fresh.principal);
            let held = self.local_assignments(state);
            let taken = held.iter().any(|other| {
                other.name == fresh.name || LocalAssignment { name: fresh.name, ..other.clone() } == fresh
            });
            if taken {
                return Err(VaultError::new(
                    StatusCode::CONFLICT,
                    "RoleAssignmentExists",
                    "The role assignment already exists.",
                ));
            }
            if !known {
                let text = format!("The principal '{}' does not exist in the directory.", fresh.principal);
                return Err(VaultError::bad_parameter(text));
            }
            let shown = fresh.shown();
            held.push(fresh);
            Ok(shown)
        })
    }

    /// `DELETE {scope}/providers/Microsoft.Authorization/roleAssignments/{name}`.
    pub(in crate::key_vault) fn remove_role(&self, scope: &str, name: &str) -> Result<Value, VaultError> {
        self.cloud.change(|state| {
            self.may_locally(state, "roleAssignments/delete/action", scope)?;
            let held = self.local_assignments(state);
            let at = held.iter().position(|held| is_called(held, name));
            at.map(|at| held.remove(at).shown()).ok_or_else(|| no_such_assignment(name))
        })
    }

    fn may_locally(&self, state: &State, action: &str, scope: &str) -> Result<(), VaultError> {
        crate::key_vault::access::check_local(self.held_locally(state), self.caller, action, scope)
    }

    /// What is held now: the vault that the call came with is older than the call.
    fn held_locally<'s>(&self, state: &'s State) -> &'s [LocalAssignment] {
        let held =
            state.arm.vaults.get(&arm_id::key(&self.vault.id)).and_then(|held| held.local_roles.as_deref());
        held.unwrap_or_default()
    }

    fn local_assignments<'s>(&self, state: &'s mut State) -> &'s mut Vec<LocalAssignment> {
        let held = state.arm.vaults.get_mut(&arm_id::key(&self.vault.id));
        held.map(|held| held.local_roles.get_or_insert_default())
            .expect("the HSM answered to its name a moment ago")
    }

    fn world_knows(&self, state: &State, principal: Uuid) -> bool {
        let of_tenant = |tenant: &crate::state::directory::Tenant| tenant.users.contains_key(&principal);
        state.directory.service_principals.contains_key(&principal)
            || state.directory.tenants.get(&self.vault.tenant_id).is_some_and(of_tenant)
    }
}

fn is_called(held: &LocalAssignment, name: &str) -> bool {
    Uuid::parse_str(name).is_ok_and(|name| name == held.name)
}

fn no_such_assignment(name: &str) -> VaultError {
    VaultError::new(
        StatusCode::NOT_FOUND,
        "RoleAssignmentNotFound",
        format!("The role assignment '{name}' was not found."),
    )
}
