//! Finding a set.

use crate::arm::error::ArmError;
use crate::arm::request::Target;
use crate::names::arm_id;
use crate::resources::Resource as _;
use crate::state::arm::ArmState;
use crate::state::resources::disk_encryption_set::DiskEncryptionSet;

pub(super) fn find_mut<'a>(
    arm: &'a mut ArmState,
    target: &Target,
) -> Result<&'a mut DiskEncryptionSet, ArmError> {
    arm.disk_encryption_sets.get_mut(&arm_id::key(&target.id)).ok_or_else(|| not_found(target))
}

pub(super) fn not_found(target: &Target) -> ArmError {
    ArmError::resource_not_found(DiskEncryptionSet::TYPE, &target.name, &target.group)
}
