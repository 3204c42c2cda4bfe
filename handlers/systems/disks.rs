//! Whose a managed disk is, and whether it is there: the vendor says whose with a tag.

use azure_clients::{ArmError, ArmRefusal, compute::Disk};
use azure_ids::TenantId;

/// The tag by which the vendor says whose disk it is.
const TENANT_TAG: &str = "latchkey-tenant";

/// Whether the vendor says that this disk is that customer's.
pub(crate) fn is_tagged_for(disk: &Disk, tenant: TenantId) -> bool {
    disk.tags.get(TENANT_TAG).is_some_and(|value| value.eq_ignore_ascii_case(&tenant.to_string()))
}

/// Whether the vendor says that this disk is another customer's.
pub(crate) fn is_tagged_for_another(disk: &Disk, tenant: TenantId) -> bool {
    disk.tags.contains_key(TENANT_TAG) && !is_tagged_for(disk, tenant)
}

/// Whether ARM knows the subscription, and in it no such disk. A subscription that it does not know is the vendor's
/// set-up, and says nothing about the disk.
pub(crate) fn is_gone(error: &ArmError) -> bool {
    matches!(error, ArmError::Refused(ArmRefusal::NotFound { code }) if code != "SubscriptionNotFound")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_disk_that_is_not_there_is_gone() {
        let not_found = |code: &str| ArmError::Refused(ArmRefusal::NotFound { code: code.to_owned() });
        assert!(is_gone(&not_found("ResourceNotFound")) && is_gone(&not_found("ResourceGroupNotFound")));
        assert!(!is_gone(&not_found("SubscriptionNotFound")), "the vendor's set-up, not the disk");
        let forbidden =
            ArmRefusal::Forbidden { code: "AuthorizationFailed".to_owned(), message: String::new() };
        assert!(!is_gone(&ArmError::Refused(forbidden)));
    }
}
