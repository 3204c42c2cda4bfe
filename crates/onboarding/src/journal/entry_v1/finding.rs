//! How findings are stored: a code and what was seen.

use azure_ids::{ArmId, KeyUrl, ObjectId, Region, TenantId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::mirror::mirror;
use crate::{
    OnboardingId,
    finding::{Finding, Policy, SetUpFault},
    preflight::UnfitDisk,
};

mirror! {
    #[serde(rename_all = "kebab-case")]
    PolicyV1 <=> Policy { ConditionalAccess, InboundAccess, AdministratorConsent, RiskyApplication, ServiceUnknown }
}

mirror! {
    #[serde(rename_all = "kebab-case")]
    SetUpFaultV1 <=> SetUpFault { CredentialMismatch, IdentityMissing, ApplicationMisconfigured, OutboundAccess }
}

mirror! {
    #[serde(tag = "code", content = "args", rename_all = "kebab-case", rename_all_fields = "camelCase")]
    FindingV1 <=> Finding {
        ConsentMissing { tenant: TenantId },
        ApplicationDisabled { error: u32 },
        PolicyBlocks { policy: PolicyV1, error: u32 },
        KeyNotShared { service_principal: ObjectId, region: Region },
        VaultNotFound { vault: String },
        NotAVault { vault: String, fault: String },
        WrongTenant { vault: String, found: TenantId, expected: TenantId },
        WrongRegion { vault: Region, disks: Region },
        KeyNotFound { key: KeyUrl },
        KeyDeleted { key: KeyUrl },
        GrantMissing { service_principal: Option<ObjectId>, key: KeyUrl },
        AccessPolicyMissing { service_principal: Option<ObjectId>, key: KeyUrl },
        VaultUnreachable { vault: String, error: String },
        Firewall { key: KeyUrl, client_address: Option<String> },
        PrivateOnly { key: KeyUrl },
        VaultRefuses { error: String },
        KeyDisabled { key: KeyUrl },
        KeyExpired { key: KeyUrl },
        KeyNotYetValid { key: KeyUrl },
        KeyType { key: KeyUrl, found: String },
        KeySize { key: KeyUrl, bits: Option<u32> },
        KeyOperations { key: KeyUrl },
        KeyAlgorithm { key: KeyUrl, error: String },
        WrapMismatch,
        KeyClaimed,
        OwnershipNotProven { key: KeyUrl, other_tags: u32 },
        NoPurgeProtection { key: KeyUrl },
        ManagedHsm,
        SetRefused { key: KeyUrl },
        NewVersionUnusable { key: Box<KeyUrl>, fault: String, in_use: Box<KeyUrl>, error: Option<String> },
        OldVersionDisabled { key: KeyUrl },
        KeyExpires {
            key: KeyUrl,
            #[serde(with = "time::serde::rfc3339")]
            at: OffsetDateTime,
        },
        FormerKeyNeeded { key: Box<KeyUrl>, fault: String },
        ReplacementRefused { key: KeyUrl, error: String },
        ReplacementFailed { set: ArmId, error: String },
        KeyRotationFailed { set: ArmId, key: Box<KeyUrl>, error: String },
        KeyRotationLate { set: ArmId, key: Box<KeyUrl> },
        SetChanged { set: ArmId, what: String },
        SetDeleted { set: ArmId },
        NoDisks {
            tenant: TenantId,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            subscription: Option<Uuid>,
        },
        DiskInOtherRegion { disk: ArmId, region: Region, set: Region },
        DiskEncryptedInGuest { disk: ArmId },
        DiskHasIncrementalSnapshots { disk: ArmId, snapshots: u32 },
        DiskTypeUnsupported { disk: ArmId, what: String, region: Region },
        DiskRefused { disk: ArmId, error: String },
        DiskAttached { disk: ArmId, error: Option<String> },
        DiskUnderOtherSet { disk: ArmId },
        SetNotOurs { set: ArmId },
        SetQuota { region: Region, sets: u32, error: Option<String> },
        ProvisioningFailed { set: ArmId, error: String },
        DiskEncryptionFailed { disk: ArmId },
        MachineShared { machine: ArmId, disk: ArmId },
        MachineNotStopped { machine: ArmId, error: String },
        MachineNotStarted { machine: ArmId, error: String },
        LeavingNotApproved,
        KeyHeldElsewhere { key: KeyUrl, onboarding: OnboardingId },
        DiskNotReturned { disk: ArmId, error: Option<String> },
        SetInUse { by: ArmId, kind: String, others: u32 },
        SetNotRemoved { set: ArmId, error: String },
        AccessRemains { service_principal: Option<ObjectId>, key: KeyUrl },
        StandsStill { function: String },
        StepRefused { function: String, reason: String },
        VendorSetup { fault: SetUpFaultV1, error: Option<u32>, tenant: TenantId },
    }
}

/// A disk that cannot be encrypted with the set, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UnfitDiskV1 {
    disk: ArmId,
    finding: FindingV1,
}

impl From<UnfitDisk> for UnfitDiskV1 {
    fn from(UnfitDisk { disk, finding }: UnfitDisk) -> Self {
        Self { disk, finding: finding.into() }
    }
}

impl UnfitDiskV1 {
    /// What was found of it.
    pub(crate) fn finding(&self) -> &FindingV1 {
        &self.finding
    }
}
