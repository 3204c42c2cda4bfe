//! What was found, in a sentence.

use super::{
    disks, leaving, ownership,
    policies::{blocked_by, numbered, set_up_fault},
    version,
};
use crate::finding::Finding;

impl Finding {
    /// One sentence for the person who must act.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::ConsentMissing { tenant } => {
                format!("An administrator of tenant {tenant} must approve the application.")
            }
            Self::ApplicationDisabled { error } => {
                format!("The application is disabled in your tenant (AADSTS{error}).")
            }
            Self::PolicyBlocks { policy, error } => format!("{} (AADSTS{error}).", blocked_by(*policy)),
            Self::KeyNotShared { .. } => {
                "Create a key in a key vault, grant the application access to the key, then submit the key URL."
                    .to_owned()
            }
            Self::VaultNotFound { vault } => format!("There is no key vault {vault}."),
            Self::NotAVault { vault, fault } => {
                format!("The server {vault} did not respond like a key vault: {fault}.")
            }
            Self::WrongTenant { vault, found, expected } => {
                format!("The key vault {vault} belongs to tenant {found}. This onboarding is for tenant {expected}.")
            }
            Self::WrongRegion { vault, disks } => format!(
                "The key vault is in {vault} and the disks are in {disks}. Azure requires both in the same region."
            ),
            Self::KeyNotFound { key } => {
                format!("The key vault {} has no key {}.", key.host().vault_name(), key.name())
            }
            Self::KeyDeleted { key } => format!(
                "The key {} in key vault {} is deleted. It can be recovered.",
                key.name(),
                key.host().vault_name()
            ),
            Self::GrantMissing { .. } => "The application does not have access to the key yet.".to_owned(),
            Self::AccessPolicyMissing { .. } => {
                "The key vault uses access policies, and none of them gives the application access to keys.".to_owned()
            }
            Self::VaultUnreachable { vault, error } => format!("Latchkey cannot check the key in the key vault {vault} at present: {error}."),
            Self::Firewall { .. } => {
                "The firewall of the key vault does not allow the address that Latchkey calls from.".to_owned()
            }
            Self::PrivateOnly { .. } => "The key vault can only be reached through private endpoints.".to_owned(),
            Self::VaultRefuses { error } => format!("The key vault refuses the request ({error})."),
            Self::KeyDisabled { key } => match key.version() {
                Some(version) => {
                    format!("Version {version} of the key is disabled, and the disks use that version.")
                }
                None => "The key is disabled.".to_owned(),
            },
            Self::KeyExpired { .. } => "The key has expired, or expires within a day.".to_owned(),
            Self::KeyNotYetValid { .. } => "The key is not valid yet.".to_owned(),
            Self::KeyType { found, .. } => {
                format!("Managed disks need an RSA key. This key is of type {found}.")
            }
            Self::KeySize { bits, .. } => format!(
                "Managed disks need an RSA key of 2048, 3072 or 4096 bits. This key has {}.",
                bits.map_or_else(|| "an unknown size".to_owned(), |bits| format!("{bits} bits"))
            ),
            Self::KeyOperations { .. } => {
                "The key does not allow both operations that managed disks need: wrap key and unwrap key.".to_owned()
            }
            Self::KeyAlgorithm { error, .. } => format!("The key cannot wrap with RSA-OAEP-256 ({error})."),
            Self::WrapMismatch => "The key did not unwrap what it had wrapped.".to_owned(),
            Self::KeyClaimed => "This key is in use by another onboarding.".to_owned(),
            Self::OwnershipNotProven { key, .. } => ownership::not_proven(key),
            Self::NoPurgeProtection { .. } => {
                "The key vault has no purge protection. Whoever can purge the key can make the disks unreadable for \
                 good."
                    .to_owned()
            }
            Self::ManagedHsm => "Keys in a managed HSM are not supported yet.".to_owned(),
            Self::SetRefused { .. } => {
                "Your key vault refused Azure's disk service, although the key worked when Latchkey checked it."
                    .to_owned()
            }
            Self::NewVersionUnusable { key, fault, in_use, error } => format!(
                "The newest version of the key, {}, cannot be used for the disks ({fault}). The disks still use version \
                 {}.{}",
                version(key),
                version(in_use),
                match error {
                    Some(error) => format!(" Azure has stopped looking for new versions ({error})."),
                    None => String::new(),
                }
            ),
            Self::OldVersionDisabled { key } => format!(
                "Version {} of the key does not work any more, and Azure may still need it for some of the disks.",
                version(key)
            ),
            Self::FormerKeyNeeded { key, fault } => format!(
                "The key {} was replaced and does not work any more ({fault}), and Azure may still need it for some of \
                 the disks.",
                key.without_version()
            ),
            Self::ReplacementRefused { key, error } => format!(
                "The key was not replaced: Azure's disk service cannot use the key {} ({error}). The disks still use the \
                 key that they used before.",
                key.without_version()
            ),
            Self::ReplacementFailed { set, error } => format!(
                "The key was not replaced, and the disk encryption set {} was not changed ({error}). The disks still use \
                 the key that they used before.",
                set.name()
            ),
            Self::KeyExpires { key, at } => format!(
                "Version {} of the key expires on {}. Create a new version before that. Azure starts to use it without \
                 further action.",
                version(key),
                at.date()
            ),
            Self::KeyRotationFailed { set, error, .. } => format!(
                "Azure has stopped looking for new versions of the key ({error}). It starts again when the vendor updates \
                 the disk encryption set {}.",
                set.name()
            ),
            Self::KeyRotationLate { set, key } => format!(
                "Azure should have changed the disk encryption set {} to version {} of the key within an hour, and has \
                 not.",
                set.name(),
                version(key)
            ),
            Self::SetChanged { set, what } => format!(
                "The disk encryption set {} is no longer as Latchkey created it: {what}.",
                set.name()
            ),
            Self::SetDeleted { set } => format!("The disk encryption set {} was deleted.", set.name()),
            Self::NoDisks { .. } => {
                "The disk encryption set is ready, but no disk is tagged for this purchase.".to_owned()
            }
            Self::DiskInOtherRegion { disk, region, set } => disks::in_other_region(disk, region, set),
            Self::DiskEncryptedInGuest { disk } => disks::encrypted_in_guest(disk),
            Self::DiskHasIncrementalSnapshots { disk, snapshots } => disks::has_snapshots(disk, *snapshots),
            Self::DiskTypeUnsupported { disk, what, region } => disks::type_unsupported(disk, what, region),
            Self::DiskRefused { disk, error } => disks::refused(disk, error),
            Self::DiskAttached { disk, error: None } => {
                format!("Disk {} is attached to a running virtual machine.", disk.name())
            }
            Self::DiskAttached { disk, error: Some(error) } => {
                format!("Azure does not change disk {} at present ({error}).", disk.name())
            }
            Self::DiskUnderOtherSet { disk } => {
                format!("Disk {} is already encrypted with another disk encryption set.", disk.name())
            }
            Self::SetNotOurs { set } => format!(
                "A disk encryption set named {} exists that Latchkey did not create for this onboarding.",
                set.name()
            ),
            Self::SetQuota { region, sets, error } => disks::quota(region, *sets, error.as_deref()),
            Self::ProvisioningFailed { set, error } => {
                format!("Azure did not create the disk encryption set {} ({error}).", set.name())
            }
            Self::DiskEncryptionFailed { disk } => {
                format!("Azure accepted the encryption of disk {} but did not complete it.", disk.name())
            }
            Self::MachineShared { machine, disk } => format!(
                "The virtual machine {} is left alone, because its disk {} does not belong to this onboarding.",
                machine.name(),
                disk.name()
            ),
            Self::MachineNotStopped { machine, error } => {
                format!("The virtual machine {} was not stopped ({error}).", machine.name())
            }
            Self::MachineNotStarted { machine, error } => {
                format!("The virtual machine {} was stopped and did not start again ({error}).", machine.name())
            }
            Self::LeavingNotApproved => leaving::NOT_APPROVED.to_owned(),
            Self::KeyHeldElsewhere { key, .. } => leaving::held_elsewhere(key),
            Self::DiskNotReturned { disk, error } => leaving::not_returned(disk, error.as_deref()),
            Self::SetInUse { by, kind, others } => leaving::in_use(by, kind, *others),
            Self::SetNotRemoved { set, error } => {
                format!("Azure did not delete the disk encryption set {} ({error}).", set.name())
            }
            Self::AccessRemains { .. } => leaving::REMAINS.to_owned(),
            Self::StandsStill { function } => format!(
                "The step {function} has not got on for a long time, although it was started again. The vendor has to \
                 look at it."
            ),
            Self::StepRefused { function, reason } => format!(
                "The step {function} failed and is not tried again by itself ({reason}). The vendor has to look at it."
            ),
            Self::VendorSetup { fault, error, .. } => {
                format!("{}{}.", set_up_fault(*fault), numbered(*error))
            }
        }
    }
}
