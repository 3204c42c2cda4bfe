//! A key that was proven to work, as a type: only it can lead to a disk encryption set.

use azure_ids::{KeyUrl, ObjectId, Region, TenantId};
use time::OffsetDateTime;

use crate::finding::Finding;

/// What a probe of the customer's key proved. Only a probe in which nothing was found wrong makes one; when Azure's disk
/// service takes over another version, it has proved that one, and the version follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenKey {
    /// The key with the version that was wrapped and unwrapped with.
    pub version: KeyUrl,
    /// When that version was made.
    pub created: Option<OffsetDateTime>,
    /// When that version expires.
    pub expires: Option<OffsetDateTime>,
    /// The tenant that the vault's own challenge named.
    pub tenant: TenantId,
    /// The region that the vault named.
    pub region: Region,
    /// The service principal that was allowed in, from the token's `oid`.
    pub service_principal: ObjectId,
    /// What is not wrong but unwise, such as a vault without purge protection.
    pub warnings: Vec<Finding>,
}
