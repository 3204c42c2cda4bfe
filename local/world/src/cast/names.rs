//! What the cast calls things, and the versions and roles it speaks of.
//!
//! Role ids: Microsoft Learn, "Azure built-in roles". API versions: those that `az` sends, or close to them.

use uuid::{Uuid, uuid};

/// The vendor's group: identity, disk encryption sets and disks.
pub(super) const RESOURCE_GROUP: &str = "rg-latchkey";

pub(super) const RESOURCE_GROUPS_API: &str = "2024-11-01";
pub(super) const IDENTITIES_API: &str = "2023-01-31";
pub(super) const VAULTS_API: &str = "2023-07-01";
pub(super) const ROLE_ASSIGNMENTS_API: &str = "2022-04-01";
pub(super) const MACHINES_API: &str = "2024-07-01";
pub(super) const DISKS_API: &str = "2025-01-02";
pub(super) const DISK_ENCRYPTION_SETS_API: &str = "2025-01-02";
pub(super) const MARKETPLACE_API: &str = "2018-08-31";

/// May make disk encryption sets and change disks in the vendor's resource group.
pub(super) const CONTRIBUTOR: Uuid = uuid!("b24988ac-6180-42a0-ab88-20f7382dd24c");
/// May put the identity on a disk encryption set.
pub(super) const MANAGED_IDENTITY_OPERATOR: Uuid = uuid!("f1a07417-d97a-45cb-824c-7a7467783830");
/// May read a key, wrap and unwrap with it, and nothing else.
pub(super) const KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER: Uuid =
    uuid!("e147488a-f6f5-4113-8e2d-b22465e65bf6");

/// May read a key, sign with it, and more.
pub(super) const KEY_VAULT_CRYPTO_USER: Uuid = uuid!("12338af0-0e69-4776-bea7-57ae8d297424");

/// Microsoft Graph, and its delegated permission `User.Read`: an application that asks for nothing cannot be consented.
pub(super) const GRAPH_RESOURCE: Uuid = uuid!("00000003-0000-0000-c000-000000000000");
pub(super) const GRAPH_USER_READ: Uuid = uuid!("e1fe6dd8-ba31-4d61-89e7-88639da4683d");
/// The marketplace's fulfilment API, as a resource that tokens are asked for.
pub(super) const MARKETPLACE_SCOPE: &str = "20e940b3-4c77-4b0b-9a53-9e16a1b010a7/.default";

/// What a managed identity's token must be for, to be exchanged for one of the application's.
pub(super) const IDENTITY_EXCHANGE: &str = "api://AzureADTokenExchange";

/// A name for a role assignment that comes out the same for the same scope, principal and role: repeating the set-up
/// then repeats the request instead of adding to it.
pub(super) fn role_assignment_name(scope: &str, principal: Uuid, role: Uuid) -> Uuid {
    let text = format!("{}|{principal}|{role}", scope.to_ascii_lowercase());
    Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_role_assignment_always_has_the_same_name() {
        let (principal, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let name = role_assignment_name("/subscriptions/S", principal, CONTRIBUTOR);
        assert_eq!(name, role_assignment_name("/SUBSCRIPTIONS/s", principal, CONTRIBUTOR));
        assert_ne!(name, role_assignment_name("/subscriptions/S", other, CONTRIBUTOR));
        assert_ne!(name, role_assignment_name("/subscriptions/S", principal, MANAGED_IDENTITY_OPERATOR));
    }
}
