//! What the cast calls things, and the versions and roles it speaks of.
//!
//! Role ids: Microsoft Learn, "Azure built-in roles". API versions: those that `az` sends, or close to them.

use uuid::{Uuid, uuid};

/// The vendor's group: identity, disk encryption sets and disks.
pub(super) const RESOURCE_GROUP: &str = "rg-latchkey";

pub(super) const RESOURCE_GROUPS_API: &str = "2024-11-01";
pub(super) const VAULTS_API: &str = "2023-07-01";
pub(super) const ROLE_ASSIGNMENTS_API: &str = "2022-04-01";
pub(super) const SERVICE_BUS_API: &str = "2024-01-01";
pub(super) const MACHINES_API: &str = "2024-07-01";
pub(super) const DISKS_API: &str = "2025-01-02";
pub(super) const DISK_ENCRYPTION_SETS_API: &str = "2025-01-02";
pub(super) const MARKETPLACE_API: &str = "2018-08-31";

/// May read a key, wrap and unwrap with it, and nothing else.
pub(super) const KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER: Uuid =
    uuid!("e147488a-f6f5-4113-8e2d-b22465e65bf6");

/// May read a key, sign with it, and more.
pub(super) const KEY_VAULT_CRYPTO_USER: Uuid = uuid!("12338af0-0e69-4776-bea7-57ae8d297424");

/// May receive from a queue, and look at it.
pub(super) const SERVICE_BUS_DATA_RECEIVER: Uuid = uuid!("4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0");

/// May send to a queue or a topic.
pub(super) const SERVICE_BUS_DATA_SENDER: Uuid = uuid!("69a216fc-b8fb-44d8-bc22-1f3c2cd27a39");

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
        let name = role_assignment_name("/subscriptions/S", principal, KEY_VAULT_CRYPTO_USER);
        assert_eq!(name, role_assignment_name("/SUBSCRIPTIONS/s", principal, KEY_VAULT_CRYPTO_USER));
        assert_ne!(name, role_assignment_name("/subscriptions/S", other, KEY_VAULT_CRYPTO_USER));
        assert_ne!(
            name,
            role_assignment_name("/subscriptions/S", principal, KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER)
        );
    }
}
