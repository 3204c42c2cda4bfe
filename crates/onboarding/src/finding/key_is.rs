//! What a finding says of a key that had worked.

use serde::{Deserialize, Serialize};

use super::Code;

/// What a finding says of a key that had worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyIs {
    /// The customer's side took it away: the key, the grant, the consent, or a policy.
    Revoked,
    /// It could not be looked at: the network, the vault's firewall, Azure, or the vendor's own set-up.
    Unreachable,
    /// Nothing.
    NotMeant,
}

impl Code {
    /// What it says of a key that had worked.
    #[must_use]
    pub fn key_is(self) -> KeyIs {
        match self {
            Self::ConsentMissing
            | Self::ApplicationDisabled
            | Self::PolicyBlocks
            | Self::WrongTenant
            | Self::KeyNotFound
            | Self::KeyDeleted
            | Self::GrantMissing
            | Self::AccessPolicyMissing
            | Self::KeyDisabled
            | Self::KeyExpired
            | Self::KeyNotYetValid
            | Self::KeyType
            | Self::KeySize
            | Self::KeyOperations
            | Self::KeyAlgorithm => KeyIs::Revoked,
            Self::VaultNotFound
            | Self::NotAVault
            | Self::WrongRegion
            | Self::VaultUnreachable
            | Self::Firewall
            | Self::PrivateOnly
            | Self::VaultRefuses
            | Self::WrapMismatch
            | Self::VendorSetup => KeyIs::Unreachable,
            Self::KeyNotShared
            | Self::KeyClaimed
            | Self::OwnershipNotProven
            | Self::NoPurgeProtection
            | Self::ManagedHsm
            | Self::SetRefused
            | Self::NewVersionUnusable
            | Self::OldVersionDisabled
            | Self::FormerKeyNeeded
            | Self::ReplacementRefused
            | Self::ReplacementFailed
            | Self::KeyExpires
            | Self::KeyRotationFailed
            | Self::KeyRotationLate
            | Self::SetChanged
            | Self::SetDeleted
            | Self::NoDisks
            | Self::DiskInOtherRegion
            | Self::DiskEncryptedInGuest
            | Self::DiskHasIncrementalSnapshots
            | Self::DiskTypeUnsupported
            | Self::DiskRefused
            | Self::DiskAttached
            | Self::DiskUnderOtherSet
            | Self::SetNotOurs
            | Self::SetQuota
            | Self::ProvisioningFailed
            | Self::DiskEncryptionFailed
            | Self::MachineShared
            | Self::MachineNotStopped
            | Self::MachineNotStarted
            | Self::LeavingNotApproved
            | Self::KeyHeldElsewhere
            | Self::DiskNotReturned
            | Self::SetInUse
            | Self::SetNotRemoved
            | Self::AccessRemains
            | Self::StandsStill
            | Self::StepRefused => KeyIs::NotMeant,
        }
    }
}
