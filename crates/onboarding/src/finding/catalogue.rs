//! Every finding, with who must act on it and what shows that it is resolved.

use azure_ids::{ArmId, KeyUrl, ObjectId, Region, TenantId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Owner, Policy, SetUpFault};
use crate::OnboardingId;

macro_rules! findings {
    ($($(#[$doc:meta])* $code:ident $({ $($(#[$field_doc:meta])* $field:ident : $type:ty),+ $(,)? })? => $owner:ident, $resolved:ident;)+) => {
        /// What was found, with what was seen.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Finding { $($(#[$doc])* $code $({ $($(#[$field_doc])* $field: $type),+ })?),+ }

        /// The name of a finding. The names are part of the API: pages, logs and alerts show them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Code { $($(#[$doc])* $code),+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// Who must act on it.
            #[must_use]
            pub fn owner(self) -> Owner {
                match self { $(Self::$code => Owner::$owner),+ }
            }

            /// What shows that it is resolved.
            pub(crate) fn resolved_by(self) -> ResolvedBy {
                match self { $(Self::$code => ResolvedBy::$resolved),+ }
            }
        }

        impl Finding {
            /// Its name.
            #[must_use]
            pub fn code(&self) -> Code {
                match self { $(Self::$code $({ $($field: _),+ })? => Code::$code),+ }
            }
        }
    };
}

/// What shows that a finding is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResolvedBy {
    /// A token in the bound tenant.
    Token,
    /// A probe that finds nothing wrong with the key.
    WorkingKey,
    /// The step that found it, when it gets on.
    Step,
}

findings! {
    /// The application has no service principal in the customer's tenant.
    ConsentMissing {
        /// The customer's tenant.
        tenant: TenantId,
    } => Customer, Token;
    /// The service principal is there and disabled.
    ApplicationDisabled {
        /// The number of Entra's error (AADSTS).
        error: u32,
    } => Customer, Token;
    /// A policy of the customer's tenant does not let the application in.
    PolicyBlocks {
        /// Which policy.
        policy: Policy,
        /// The number of Entra's error (AADSTS).
        error: u32,
    } => Customer, Token;
    /// No key was submitted yet.
    KeyNotShared {
        /// Whom to grant access.
        service_principal: ObjectId,
        /// Where the vault must be.
        region: Region,
    } => Customer, WorkingKey;
    /// No vault answers under that name.
    VaultNotFound {
        /// The vault's host name.
        vault: String,
    } => Customer, WorkingKey;
    /// What answers under that name did not respond like a key vault.
    NotAVault {
        /// The vault's host name.
        vault: String,
        /// What was wrong with the response.
        fault: String,
    } => Customer, WorkingKey;
    /// The vault belongs to another tenant than the one that this onboarding is bound to.
    WrongTenant {
        /// The vault's host name.
        vault: String,
        /// The vault's tenant.
        found: TenantId,
        /// The bound tenant.
        expected: TenantId,
    } => Customer, WorkingKey;
    /// The vault is in another region than the disks.
    WrongRegion {
        /// The vault's region.
        vault: Region,
        /// The disks' region.
        disks: Region,
    } => Customer, WorkingKey;
    /// The vault has no such key.
    KeyNotFound {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The key is deleted and can be recovered.
    KeyDeleted {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The service principal lacks the role on the key.
    GrantMissing {
        /// The service principal, once it is known.
        service_principal: Option<ObjectId>,
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The vault of a key that had worked did not answer.
    VaultUnreachable {
        /// The vault's host name.
        vault: String,
        /// What happened instead of an answer.
        error: String,
    } => Azure, WorkingKey;
    /// The vault uses access policies, and none names the service principal.
    AccessPolicyMissing {
        /// The service principal, once it is known.
        service_principal: Option<ObjectId>,
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The vault's firewall does not allow the vendor's address.
    Firewall {
        /// The key.
        key: KeyUrl,
        /// The address that the vault saw.
        client_address: Option<String>,
    } => Customer, WorkingKey;
    /// The vault can only be reached through private endpoints.
    PrivateOnly {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The vault refuses for a reason that we do not know.
    VaultRefuses {
        /// The vault's code.
        error: String,
    } => Customer, WorkingKey;
    /// The key is disabled.
    KeyDisabled {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The key has expired, or expires within a day.
    KeyExpired {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The key is not valid yet.
    KeyNotYetValid {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The key is not an RSA key.
    KeyType {
        /// The key.
        key: KeyUrl,
        /// The type that it has.
        found: String,
    } => Customer, WorkingKey;
    /// The key is RSA, but not of 2048, 3072 or 4096 bits.
    KeySize {
        /// The key.
        key: KeyUrl,
        /// The size that it has, when the vault says it.
        bits: Option<u32>,
    } => Customer, WorkingKey;
    /// The key does not allow both wrapping and unwrapping.
    KeyOperations {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The key cannot wrap with RSA-OAEP-256.
    KeyAlgorithm {
        /// The key.
        key: KeyUrl,
        /// The vault's code.
        error: String,
    } => Customer, WorkingKey;
    /// What was unwrapped is not what had been wrapped.
    WrapMismatch => Customer, WorkingKey;
    /// Another onboarding holds the key.
    KeyClaimed => Customer, WorkingKey;
    /// The key does not have the tag that shows whose it is.
    OwnershipNotProven {
        /// The key.
        key: KeyUrl,
        /// How many other tags the version has, which setting tags would replace.
        other_tags: u32,
    } => Customer, WorkingKey;
    /// The key can be purged for good; a warning only.
    NoPurgeProtection {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// A managed HSM key, which is not supported yet.
    ManagedHsm => Customer, WorkingKey;
    /// The customer's vault refused Azure's disk service.
    SetRefused {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The newest version of the key in use does not serve for disks, which still use an older one.
    NewVersionUnusable {
        /// The newest version.
        key: Box<KeyUrl>,
        /// What is wrong with it: the name of a finding.
        fault: String,
        /// The version that the disks use.
        in_use: Box<KeyUrl>,
        /// Azure's code, when Azure tried it and follows no new versions any more.
        error: Option<String>,
    } => Customer, Step;
    /// A version that the disks still need while a rotation is under way does not work.
    OldVersionDisabled {
        /// That version.
        key: KeyUrl,
    } => Customer, Step;
    /// The key that was replaced does not work any more, and Azure still needs it for some disks.
    FormerKeyNeeded {
        /// The version of it that Azure names.
        key: Box<KeyUrl>,
        /// What is wrong with it: the name of a finding.
        fault: String,
    } => Customer, Step;
    /// The customer's vault refused Azure's disk service the key that was to replace the one in use.
    ReplacementRefused {
        /// The key that was to replace it.
        key: KeyUrl,
        /// Azure's code.
        error: String,
    } => Customer, Step;
    /// The disk encryption set was not changed to the other key, for a reason that is not the customer's key.
    ReplacementFailed {
        /// The set.
        set: ArmId,
        /// Azure's code, or what stands against it.
        error: String,
    } => Vendor, Step;
    /// The key in use expires soon; a warning only.
    KeyExpires {
        /// The version in use.
        key: KeyUrl,
        /// When.
        at: OffsetDateTime,
    } => Customer, Step;
    /// Azure follows no new versions of the key any more, although the newest one serves.
    KeyRotationFailed {
        /// The set.
        set: ArmId,
        /// The newest version.
        key: Box<KeyUrl>,
        /// Azure's code.
        error: String,
    } => Vendor, Step;
    /// Azure has not taken over a new version of the key in the documented time.
    KeyRotationLate {
        /// The set.
        set: ArmId,
        /// The newest version.
        key: Box<KeyUrl>,
    } => Vendor, Step;
    /// The disk encryption set is not any more as Latchkey made it.
    SetChanged {
        /// The set.
        set: ArmId,
        /// What differs.
        what: String,
    } => Vendor, Step;
    /// The disk encryption set was deleted before the subscription was activated.
    SetDeleted {
        /// The set.
        set: ArmId,
    } => Vendor, WorkingKey;
    /// No disk is tagged for this purchase.
    NoDisks {
        /// The customer's tenant.
        tenant: TenantId,
        /// The marketplace's subscription, which is the tag's value.
        subscription: Option<Uuid>,
    } => Vendor, Step;
    /// The disk is in another region than its disk encryption set.
    DiskInOtherRegion {
        /// The disk.
        disk: ArmId,
        /// Where it is.
        region: Region,
        /// Where the set is.
        set: Region,
    } => Vendor, Step;
    /// The disk is or was encrypted with Azure Disk Encryption, inside its machine.
    DiskEncryptedInGuest {
        /// The disk.
        disk: ArmId,
    } => Vendor, Step;
    /// The disk has incremental snapshots, which keep it under the key that it has.
    DiskHasIncrementalSnapshots {
        /// The disk.
        disk: ArmId,
        /// How many.
        snapshots: u32,
    } => Vendor, Step;
    /// Disks of this type cannot be encrypted with a key of another tenant in this region.
    DiskTypeUnsupported {
        /// The disk.
        disk: ArmId,
        /// Its type.
        what: String,
        /// Where it is.
        region: Region,
    } => Vendor, Step;
    /// Azure refused to encrypt the disk, and will refuse it again.
    DiskRefused {
        /// The disk.
        disk: ArmId,
        /// Azure's code.
        error: String,
    } => Vendor, Step;
    /// The disk is attached to a running machine.
    DiskAttached {
        /// The disk.
        disk: ArmId,
        /// Azure's code, when it was Azure that refused.
        error: Option<String>,
    } => Vendor, Step;
    /// The disk is already encrypted under another disk encryption set.
    DiskUnderOtherSet {
        /// The disk.
        disk: ArmId,
    } => Vendor, Step;
    /// A disk encryption set of that name exists and is not ours.
    SetNotOurs {
        /// The set.
        set: ArmId,
    } => Vendor, Step;
    /// Azure takes no more disk encryption sets in this region.
    SetQuota {
        /// The region.
        region: Region,
        /// How many there are in the resource group.
        sets: u32,
        /// Azure's code, when it was Azure that refused.
        error: Option<String>,
    } => Vendor, WorkingKey;
    /// Azure did not create the disk encryption set, for a reason that is not the customer's key.
    ProvisioningFailed {
        /// The set.
        set: ArmId,
        /// Azure's code.
        error: String,
    } => Vendor, WorkingKey;
    /// Azure accepted the encryption of a disk and did not complete it.
    DiskEncryptionFailed {
        /// The disk.
        disk: ArmId,
    } => Vendor, Step;
    /// A machine was not stopped, because it has disks of another customer too.
    MachineShared {
        /// The machine.
        machine: ArmId,
        /// The disk that is not this customer's.
        disk: ArmId,
    } => Vendor, Step;
    /// A machine was not stopped.
    MachineNotStopped {
        /// The machine.
        machine: ArmId,
        /// Azure's code.
        error: String,
    } => Vendor, Step;
    /// A machine that the ladder had stopped was not started again.
    MachineNotStarted {
        /// The machine.
        machine: ArmId,
        /// Azure's code.
        error: String,
    } => Vendor, Step;
    /// The hold of an onboarding that leaves is over, and nobody approved what is to be undone.
    LeavingNotApproved => Vendor, Step;
    /// Another onboarding uses the key: nothing is undone that it depends on.
    KeyHeldElsewhere {
        /// The key.
        key: KeyUrl,
        /// The other onboarding.
        onboarding: OnboardingId,
    } => Vendor, Step;
    /// The disk did not go back to a platform-managed key.
    DiskNotReturned {
        /// The disk.
        disk: ArmId,
        /// Azure's code; none for a disk that is attached to a running machine.
        error: Option<String>,
    } => Vendor, Step;
    /// Something that Latchkey does not change still uses the disk encryption set.
    SetInUse {
        /// The first of what uses it.
        by: ArmId,
        /// What that is.
        kind: String,
        /// How many others use it.
        others: u32,
    } => Vendor, Step;
    /// Azure did not remove the disk encryption set.
    SetNotRemoved {
        /// The set.
        set: ArmId,
        /// Azure's code.
        error: String,
    } => Vendor, Step;
    /// The customer has left, and the application still has access to the key.
    AccessRemains {
        /// Whose access it is.
        service_principal: Option<ObjectId>,
        /// The key.
        key: KeyUrl,
    } => Customer, Step;
    /// Nothing has happened for a long time, although it was restarted.
    StandsStill {
        /// The function whose step is to take it on.
        function: String,
    } => Vendor, Step;
    /// A step was refused for good and lies among the dead letters.
    StepRefused {
        /// The function.
        function: String,
        /// Why: the dead letter's reason.
        reason: String,
    } => Vendor, Step;
    /// The vendor's own set-up (application, federated credential, identity, roles) is not right.
    VendorSetup {
        /// What is wrong.
        fault: SetUpFault,
        /// The number of Entra's error (AADSTS), when it was Entra that refused.
        error: Option<u32>,
        /// The customer's tenant.
        tenant: TenantId,
    } => Vendor, Token;
}
