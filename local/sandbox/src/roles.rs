//! The built-in roles that this sandbox knows (`data/built_in_roles.json`), and what each of them allows.
//!
//! Ids, names and actions: Microsoft Learn, "Azure built-in roles". Conditions on roles are not simulated, so a
//! role that exists only with a condition is left out rather than made wider than it is.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

/// What a role is called and what it allows. Actions may hold `*`, which stands for any text, slashes included.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RoleDefinition {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) actions: Vec<String>,
    pub(crate) not_actions: Vec<String>,
    pub(crate) data_actions: Vec<String>,
    #[serde(default)]
    pub(crate) not_data_actions: Vec<String>,
}

/// What somebody wants to do: on the control plane, or with what a resource holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action<'a> {
    Control(&'a str),
    Data(&'a str),
}

pub(crate) const OWNER: Uuid = uuid!("8e3af657-a8ff-443c-a75c-2fe8c4bcb635");
pub(crate) const KEY_VAULT_ADMINISTRATOR: Uuid = uuid!("00482a5a-887f-4fb3-b363-3b7fe8e74483");

/// Every role there is.
pub(crate) static BUILT_IN: LazyLock<Vec<RoleDefinition>> = LazyLock::new(|| {
    serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/built_in_roles.json")))
        .expect("the roles are compiled in, and the tests of this module read them")
});

/// The role with that id.
pub(crate) fn by_id(id: Uuid) -> Option<&'static RoleDefinition> {
    BUILT_IN.iter().find(|role| role.id == id)
}

impl RoleDefinition {
    /// Whether the role allows the action, everything it excludes taken into account.
    pub(crate) fn allows(&self, action: Action<'_>) -> bool {
        match action {
            Action::Control(action) => {
                any_matches(&self.actions, action) && !any_matches(&self.not_actions, action)
            }
            Action::Data(action) => {
                any_matches(&self.data_actions, action) && !any_matches(&self.not_data_actions, action)
            }
        }
    }

    /// The built-in role as ARM shows it to somebody looking from `subscription`.
    pub(crate) fn shown_in(&self, subscription: &str) -> Value {
        self.shown(subscription, "BuiltInRole", &["/".to_owned()])
    }

    /// The role as ARM shows it.
    pub(crate) fn shown(&self, subscription: &str, kind: &str, assignable_scopes: &[String]) -> Value {
        json!({
            "id": format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{}", self.id),
            "name": self.id,
            "type": "Microsoft.Authorization/roleDefinitions",
            "properties": {
                "roleName": self.name,
                "type": kind,
                "description": self.description,
                "assignableScopes": assignable_scopes,
                "permissions": [{
                    "actions": self.actions,
                    "notActions": self.not_actions,
                    "dataActions": self.data_actions,
                    "notDataActions": self.not_data_actions,
                }],
            },
        })
    }
}

fn any_matches(patterns: &[String], action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    patterns.iter().any(|pattern| matches_wildcards(&pattern.to_ascii_lowercase(), &action))
}

/// Whether `text` fits `pattern`, in which each `*` stands for any text.
///
/// `a/*/read` also covers `a/read`: that is how the service lets "Managed Identity Operator" read the identities
/// themselves although its actions are written with a wildcard in the middle.
fn matches_wildcards(pattern: &str, text: &str) -> bool {
    fits(pattern, text) || (pattern.contains("/*/") && fits(&pattern.replace("/*/", "/"), text))
}

fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(tail) = text.strip_prefix(start) else {
        return false;
    };
    (0..=tail.len()).filter(|at| tail.is_char_boundary(*at)).any(|at| fits(rest, &tail[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str) -> &'static RoleDefinition {
        BUILT_IN.iter().find(|role| role.name == name).unwrap()
    }

    #[test]
    fn each_role_allows_what_it_should_and_no_more() {
        use Action::{Control, Data};
        let wrap = Data("Microsoft.KeyVault/vaults/keys/wrap/action");
        let assign = Control("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action");
        let grant = Control("Microsoft.Authorization/roleAssignments/write");
        let set = Control("Microsoft.Compute/diskEncryptionSets/write");
        let table = [
            ("Owner", set, true),
            ("Owner", grant, true),
            ("Owner", wrap, false),
            ("Contributor", set, true),
            ("Contributor", assign, true),
            ("Contributor", grant, false),
            ("Reader", Control("Microsoft.Compute/disks/read"), true),
            ("Reader", set, false),
            ("Managed Identity Operator", assign, true),
            (
                "Managed Identity Operator",
                Control("Microsoft.ManagedIdentity/userAssignedIdentities/read"),
                true,
            ),
            (
                "Managed Identity Operator",
                Control("Microsoft.ManagedIdentity/userAssignedIdentities/write"),
                false,
            ),
            ("Disk Encryption Set Operator for Managed Disks", set, true),
            (
                "Disk Encryption Set Operator for Managed Disks",
                Control("Microsoft.Compute/disks/write"),
                false,
            ),
            ("Key Vault Crypto Service Encryption User", wrap, true),
            (
                "Key Vault Crypto Service Encryption User",
                Data("Microsoft.KeyVault/vaults/keys/create/action"),
                false,
            ),
            ("Key Vault Crypto Officer", Data("Microsoft.KeyVault/vaults/keys/create/action"), true),
            ("Key Vault Crypto Officer", grant, false),
            ("Key Vault Administrator", wrap, true),
            ("Key Vault Contributor", wrap, false),
            ("Key Vault Contributor", Control("Microsoft.KeyVault/vaults/write"), true),
        ];
        for (name, action, expected) in table {
            assert_eq!(role(name).allows(action), expected, "{name}: {action:?}");
        }
    }

    #[test]
    fn actions_are_compared_without_case() {
        assert!(role("Contributor").allows(Action::Control("MICROSOFT.COMPUTE/DISKS/WRITE")));
        assert!(
            !role("Contributor").allows(Action::Control("microsoft.authorization/roleassignments/WRITE"))
        );
    }

    #[test]
    fn no_two_roles_share_an_id_or_a_name() {
        for (index, role) in BUILT_IN.iter().enumerate() {
            assert!(BUILT_IN[index + 1..].iter().all(|other| other.id != role.id && other.name != role.name));
        }
    }
}
