//! Whose a managed disk is: the vendor says so with a tag.

use azure_clients::compute::Disk;
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
