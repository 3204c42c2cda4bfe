//! The roles of a managed HSM, which are its own: Resource Manager's say nothing about its keys.
//!
//! Roles, their ids and their actions (`data/managed_hsm_roles.json`): recorded in Azure CLI's tests of managed HSMs. Routes and shapes: Azure Key Vault REST
//! API, `RoleAssignments` and `RoleDefinitions`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

/// Who may give roles; whoever makes the HSM names its first ones.
pub(crate) const ADMINISTRATOR: Uuid = uuid!("a290e904-7015-4bba-90c8-60543313cdb4");

/// A role of an HSM. Its actions are written without `Microsoft.KeyVault/managedHsm/`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocalRole {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) actions: Vec<String>,
}

/// Our guess: who may write keys may rotate them too; the recording is older than rotation.
static ROLES: LazyLock<Vec<LocalRole>> = LazyLock::new(|| {
    serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/managed_hsm_roles.json")))
        .expect("the roles are compiled in, and the tests of this module read them")
});

/// Who holds which role, and where: `/`, `/keys` or `/keys/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LocalAssignment {
    pub(crate) name: Uuid,
    pub(crate) scope: String,
    pub(crate) role: Uuid,
    pub(crate) principal: Uuid,
}

impl LocalRole {
    fn allows(&self, action: &str) -> bool {
        self.actions.iter().any(|held| held.eq_ignore_ascii_case(action))
    }

    fn shown(&self) -> Value {
        let actions: Vec<String> =
            self.actions.iter().map(|action| format!("Microsoft.KeyVault/managedHsm/{action}")).collect();
        json!({
            "id": definition_id(self.id),
            "name": self.id,
            "type": "Microsoft.Authorization/roleDefinitions",
            "properties": {
                "roleName": self.name,
                "description": "",
                "type": "AKVBuiltInRole",
                "assignableScopes": ["/"],
                "permissions": [{ "actions": [], "notActions": [], "dataActions": actions, "notDataActions": [] }],
            },
        })
    }
}

impl LocalAssignment {
    pub(crate) fn new(scope: &str, role: Uuid, principal: Uuid) -> Self {
        Self { name: Uuid::new_v4(), scope: scope.to_owned(), role, principal }
    }

    pub(crate) fn shown(&self) -> Value {
        let at = self.scope.trim_end_matches('/');
        json!({
            "id": format!("{at}/providers/Microsoft.Authorization/roleAssignments/{}", self.name),
            "name": self.name,
            "type": "Microsoft.Authorization/roleAssignments",
            "properties": {
                "scope": self.scope,
                "roleDefinitionId": definition_id(self.role),
                "principalId": self.principal,
            },
        })
    }

    fn covers(&self, scope: &str) -> bool {
        let (own, asked) =
            (self.scope.trim_end_matches('/').to_ascii_lowercase(), scope.to_ascii_lowercase());
        asked.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Whether one of the assignments lets the principal do that, there.
pub(crate) fn allowed(held: &[LocalAssignment], principal: Uuid, action: &str, scope: &str) -> bool {
    let roles = held.iter().filter(|held| held.principal == principal && held.covers(scope));
    roles.filter_map(|held| role(held.role)).any(|role| role.allows(action))
}

/// Every role, as the service lists them.
pub(crate) fn definitions() -> Vec<Value> {
    ROLES.iter().map(LocalRole::shown).collect()
}

/// The role that this names, by its id or by the last part of a longer one.
pub(crate) fn role_named(definition: &str) -> Option<Uuid> {
    let id = Uuid::parse_str(definition.rsplit('/').next()?).ok()?;
    role(id).map(|role| role.id)
}

fn role(id: Uuid) -> Option<&'static LocalRole> {
    ROLES.iter().find(|role| role.id == id)
}

fn definition_id(role: Uuid) -> String {
    format!("Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/{role}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_role_counts_at_its_scope_and_below_and_for_its_actions_alone() {
        let somebody = Uuid::from_u128(1);
        let encryption = role_named("33413926-3206-4cdd-b39a-83574fe37a17").unwrap();
        let wrap = "keys/wrap/action";
        let table = [
            ("/", wrap, "/keys/k", true),
            ("/keys", wrap, "/keys/k", true),
            ("/keys/k", wrap, "/keys/K", true),
            ("/keys/k", wrap, "/keys/k2", false),
            ("/keys/k", wrap, "/keys", false),
            ("/", "keys/create", "/keys/k", false),
            ("/", "roleAssignments/write/action", "/", false),
        ];
        for (scope, action, asked, expected) in table {
            let held = [LocalAssignment::new(scope, encryption, somebody)];
            assert_eq!(allowed(&held, somebody, action, asked), expected, "{scope} {action} {asked}");
            assert!(!allowed(&held, Uuid::from_u128(2), action, asked), "somebody else");
        }
        let administrator = [LocalAssignment::new("/", ADMINISTRATOR, somebody)];
        for action in ROLES.iter().flat_map(|role| &role.actions) {
            assert!(allowed(&administrator, somebody, action, "/keys/k"), "{action}");
        }
        assert_eq!(role_named("Microsoft.KeyVault/providers/x/roleDefinitions/nothing"), None);
    }
}
