//! The built-in roles that this sandbox knows, and what each of them allows.
//!
//! Ids, names and actions: Microsoft Learn, "Azure built-in roles". Conditions on roles are not simulated, so a
//! role that exists only with a condition is left out rather than made wider than it is.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

/// A built-in role. Actions may hold `*`, which stands for any text, slashes included.
#[derive(Debug)]
pub(crate) struct RoleDefinition {
    pub(crate) id: Uuid,
    pub(crate) name: &'static str,
    description: &'static str,
    actions: &'static [&'static str],
    not_actions: &'static [&'static str],
    data_actions: &'static [&'static str],
}

/// What somebody wants to do: on the control plane, or with what a resource holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action<'a> {
    Control(&'a str),
    Data(&'a str),
}

pub(crate) const OWNER: Uuid = uuid!("8e3af657-a8ff-443c-a75c-2fe8c4bcb635");
pub(crate) const KEY_VAULT_ADMINISTRATOR: Uuid = uuid!("00482a5a-887f-4fb3-b363-3b7fe8e74483");

const KEY_VAULT_MANAGEMENT_READ: &[&str] = &[
    "Microsoft.Authorization/*/read",
    "Microsoft.Insights/alertRules/*",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Support/*",
    "Microsoft.KeyVault/checkNameAvailability/read",
    "Microsoft.KeyVault/deletedVaults/read",
    "Microsoft.KeyVault/locations/*/read",
    "Microsoft.KeyVault/vaults/*/read",
    "Microsoft.KeyVault/operations/read",
];

/// Every role there is.
pub(crate) static BUILT_IN: &[RoleDefinition] = &[
    RoleDefinition {
        id: OWNER,
        name: "Owner",
        description: "Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
        actions: &["*"],
        not_actions: &[],
        data_actions: &[],
    },
    RoleDefinition {
        id: uuid!("b24988ac-6180-42a0-ab88-20f7382dd24c"),
        name: "Contributor",
        description: "Grants full access to manage all resources, but does not allow you to assign roles in Azure RBAC.",
        actions: &["*"],
        not_actions: &[
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
        ],
        data_actions: &[],
    },
    RoleDefinition {
        id: uuid!("acdd72a7-3385-48ef-bd42-f606fba81ae7"),
        name: "Reader",
        description: "View all resources, but does not allow you to make any changes.",
        actions: &["*/read"],
        not_actions: &[],
        data_actions: &[],
    },
    RoleDefinition {
        id: uuid!("18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"),
        name: "User Access Administrator",
        description: "Lets you manage user access to Azure resources.",
        actions: &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
        not_actions: &[],
        data_actions: &[],
    },
    RoleDefinition {
        id: uuid!("f58310d9-a9f6-439a-9e8d-f62e7b41a168"),
        name: "Role Based Access Control Administrator",
        description: "Manage access to Azure resources by assigning roles using Azure RBAC.",
        actions: &[
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
            "Microsoft.Support/*",
        ],
        not_actions: &[],
        data_actions: &[],
    },
    RoleDefinition {
        id: uuid!("f1a07417-d97a-45cb-824c-7a7467783830"),
        name: "Managed Identity Operator",
        description: "Read and Assign User Assigned Identity",
        actions: &[
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Support/*",
        ],
        not_actions: &[],
        data_actions: &[],
    },
    RoleDefinition {
        id: uuid!("e40ec5ca-96e0-45a2-b4ff-59039f2c2b59"),
        name: "Managed Identity Contributor",
        description: "Create, Read, Update, and Delete User Assigned Identity",
        actions: &[
            "Microsoft.ManagedIdentity/userAssignedIdentities/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/write",
            "Microsoft.ManagedIdentity/userAssignedIdentities/delete",
            "Microsoft.Authorization/*/read",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        ],
        not_actions: &[],
        data_actions: &[],
    },
    RoleDefinition {
        id: uuid!("136d308c-0937-4a49-9bd7-edfb42adbffc"),
        name: "Disk Encryption Set Operator for Managed Disks",
        description: "Provides permissions to read, write or delete disk encryption sets which are used for encrypting \
                      managed disks with customer managed keys",
        actions: &[
            "Microsoft.Compute/diskEncryptionSets/read",
            "Microsoft.Compute/diskEncryptionSets/write",
            "Microsoft.Compute/diskEncryptionSets/delete",
            "Microsoft.Authorization/*/read",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        ],
        not_actions: &[],
        data_actions: &[],
    },
    RoleDefinition {
        id: uuid!("9980e02c-c2be-4d73-94e8-173b1dc7cf3c"),
        name: "Virtual Machine Contributor",
        description: "Lets you manage virtual machines, but not access to them.",
        actions: &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Compute/disks/write",
            "Microsoft.Compute/disks/read",
            "Microsoft.Compute/disks/delete",
            "Microsoft.Compute/virtualMachines/*",
            "Microsoft.Compute/locations/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        ],
        not_actions: &[],
        data_actions: &[],
    },
    RoleDefinition {
        id: uuid!("f25e0fa2-a7c8-4377-a976-54943a77a395"),
        name: "Key Vault Contributor",
        description: "Lets you manage key vaults, but not access to them.",
        actions: &[
            "Microsoft.Authorization/*/read",
            "Microsoft.KeyVault/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        ],
        not_actions: &[
            "Microsoft.KeyVault/locations/deletedVaults/purge/action",
            "Microsoft.KeyVault/hsmPools/*",
        ],
        data_actions: &[],
    },
    RoleDefinition {
        id: KEY_VAULT_ADMINISTRATOR,
        name: "Key Vault Administrator",
        description: "Perform all data plane operations on a key vault and all objects in it, including certificates, \
                      keys, and secrets.",
        actions: KEY_VAULT_MANAGEMENT_READ,
        not_actions: &[],
        data_actions: &["Microsoft.KeyVault/vaults/*"],
    },
    RoleDefinition {
        id: uuid!("14b46e9e-c2b7-41b4-b07b-48a6ebf60603"),
        name: "Key Vault Crypto Officer",
        description: "Perform any action on the keys of a key vault, except manage permissions.",
        actions: KEY_VAULT_MANAGEMENT_READ,
        not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/keys/*",
            "Microsoft.KeyVault/vaults/keyrotationpolicies/*",
        ],
    },
    RoleDefinition {
        id: uuid!("12338af0-0e69-4776-bea7-57ae8d297424"),
        name: "Key Vault Crypto User",
        description: "Perform cryptographic operations using keys.",
        actions: &[],
        not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/keys/read",
            "Microsoft.KeyVault/vaults/keys/update/action",
            "Microsoft.KeyVault/vaults/keys/backup/action",
            "Microsoft.KeyVault/vaults/keys/encrypt/action",
            "Microsoft.KeyVault/vaults/keys/decrypt/action",
            "Microsoft.KeyVault/vaults/keys/wrap/action",
            "Microsoft.KeyVault/vaults/keys/unwrap/action",
            "Microsoft.KeyVault/vaults/keys/sign/action",
            "Microsoft.KeyVault/vaults/keys/verify/action",
        ],
    },
    RoleDefinition {
        id: uuid!("e147488a-f6f5-4113-8e2d-b22465e65bf6"),
        name: "Key Vault Crypto Service Encryption User",
        description: "Read metadata of keys and perform wrap/unwrap operations.",
        actions: &[
            "Microsoft.EventGrid/eventSubscriptions/write",
            "Microsoft.EventGrid/eventSubscriptions/read",
            "Microsoft.EventGrid/eventSubscriptions/delete",
        ],
        not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/keys/read",
            "Microsoft.KeyVault/vaults/keys/wrap/action",
            "Microsoft.KeyVault/vaults/keys/unwrap/action",
        ],
    },
    RoleDefinition {
        id: uuid!("21090545-7ca7-4776-b22c-e363652d74d2"),
        name: "Key Vault Reader",
        description: "Read metadata of key vaults and its certificates, keys, and secrets.",
        actions: KEY_VAULT_MANAGEMENT_READ,
        not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/*/read",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ],
    },
];

/// The role with that id.
pub(crate) fn by_id(id: Uuid) -> Option<&'static RoleDefinition> {
    BUILT_IN.iter().find(|role| role.id == id)
}

impl RoleDefinition {
    /// Whether the role allows the action, everything it excludes taken into account.
    pub(crate) fn allows(&self, action: Action<'_>) -> bool {
        match action {
            Action::Control(action) => {
                any_matches(self.actions, action) && !any_matches(self.not_actions, action)
            }
            Action::Data(action) => any_matches(self.data_actions, action),
        }
    }

    /// The role as ARM shows it to somebody looking from `subscription`.
    pub(crate) fn shown_in(&self, subscription: &str) -> Value {
        json!({
            "id": format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{}", self.id),
            "name": self.id,
            "type": "Microsoft.Authorization/roleDefinitions",
            "properties": {
                "roleName": self.name,
                "type": "BuiltInRole",
                "description": self.description,
                "assignableScopes": ["/"],
                "permissions": [{
                    "actions": self.actions,
                    "notActions": self.not_actions,
                    "dataActions": self.data_actions,
                    "notDataActions": [],
                }],
            },
        })
    }
}

fn any_matches(patterns: &[&str], action: &str) -> bool {
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
