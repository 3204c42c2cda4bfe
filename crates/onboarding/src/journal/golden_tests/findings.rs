//! Every finding, with every policy and every fault of the set-up.

use serde_json::json;
use time::macros::datetime;
use uuid::Uuid;

use super::{Sample, assert_complete, assert_golden, sample, variants_of};
use crate::{
    finding::{Code, Finding, Policy, SetUpFault},
    journal::entry_v1::{FindingV1, PolicyV1, SetUpFaultV1},
    test_support::{OTHER_TENANT, disk, key, machine, service_principal, set, tenant},
};

/// The samples of a finding; without a wildcard, so that a new one does not compile until it has one.
fn samples_of(code: Code) -> Vec<Finding> {
    let key = key("k");
    let (vault, error) = ("contoso.vault.azure.net".to_owned(), "ErrorCode".to_owned());
    let tenant = tenant();
    vec![match code {
        Code::ConsentMissing => Finding::ConsentMissing { tenant },
        Code::ApplicationDisabled => Finding::ApplicationDisabled { error: 7000112 },
        Code::PolicyBlocks => {
            let policies = [
                (Policy::ConditionalAccess, 53003),
                (Policy::InboundAccess, 500213),
                (Policy::AdministratorConsent, 90094),
                (Policy::RiskyApplication, 65001),
                (Policy::ServiceUnknown, 650052),
            ];
            return policies.map(|(policy, error)| Finding::PolicyBlocks { policy, error }).into();
        }
        Code::KeyNotShared => Finding::KeyNotShared {
            service_principal: service_principal(),
            region: "westeurope".parse().unwrap(),
        },
        Code::VaultNotFound => Finding::VaultNotFound { vault },
        Code::NotAVault => Finding::NotAVault { vault, fault: "it has no challenge".to_owned() },
        Code::WrongTenant => {
            Finding::WrongTenant { vault, found: OTHER_TENANT.parse().unwrap(), expected: tenant }
        }
        Code::WrongRegion => {
            Finding::WrongRegion { vault: "eastus".parse().unwrap(), disks: "westeurope".parse().unwrap() }
        }
        Code::KeyNotFound => Finding::KeyNotFound { key },
        Code::KeyDeleted => Finding::KeyDeleted { key },
        Code::GrantMissing => {
            let known = Some(service_principal());
            return [known, None].map(|known| missing(known, key.clone())).into();
        }
        Code::AccessPolicyMissing => {
            Finding::AccessPolicyMissing { service_principal: Some(service_principal()), key }
        }
        Code::VaultUnreachable => Finding::VaultUnreachable { vault, error: "status 503".to_owned() },
        Code::Firewall => Finding::Firewall { key, client_address: Some("203.0.113.7".to_owned()) },
        Code::PrivateOnly => Finding::PrivateOnly { key },
        Code::VaultRefuses => Finding::VaultRefuses { error },
        Code::KeyDisabled => Finding::KeyDisabled { key },
        Code::KeyExpired => Finding::KeyExpired { key },
        Code::KeyNotYetValid => Finding::KeyNotYetValid { key },
        Code::KeyType => Finding::KeyType { key, found: "EC".to_owned() },
        Code::KeySize => {
            return [Some(1024), None].map(|bits| Finding::KeySize { key: key.clone(), bits }).into();
        }
        Code::KeyOperations => Finding::KeyOperations { key },
        Code::KeyAlgorithm => Finding::KeyAlgorithm { key, error },
        Code::WrapMismatch => Finding::WrapMismatch,
        Code::KeyClaimed => Finding::KeyClaimed,
        Code::OwnershipNotProven => Finding::OwnershipNotProven { key, other_tags: 2 },
        Code::NoPurgeProtection => Finding::NoPurgeProtection { key },
        Code::ManagedHsm => Finding::ManagedHsm,
        Code::SetRefused => Finding::SetRefused { key },
        Code::NewVersionUnusable => {
            let unusable = |error| Finding::NewVersionUnusable {
                key: key.clone().into(),
                fault: "key-disabled".to_owned(),
                in_use: crate::test_support::key("k").into(),
                error,
            };
            return vec![unusable(None), unusable(Some(error))];
        }
        Code::OldVersionDisabled => Finding::OldVersionDisabled { key },
        Code::FormerKeyNeeded => {
            Finding::FormerKeyNeeded { key: key.into(), fault: "key-disabled".to_owned() }
        }
        Code::ReplacementRefused => Finding::ReplacementRefused { key, error },
        Code::ReplacementFailed => Finding::ReplacementFailed { set: set("latchkey-s"), error },
        Code::KeyExpires => Finding::KeyExpires { key, at: datetime!(2026-03-01 12:00 UTC) },
        Code::KeyRotationFailed => {
            Finding::KeyRotationFailed { set: set("latchkey-s"), key: key.into(), error }
        }
        Code::KeyRotationLate => Finding::KeyRotationLate { set: set("latchkey-s"), key: key.into() },
        Code::SetDeleted => Finding::SetDeleted { set: set("latchkey-s") },
        Code::SetChanged => {
            Finding::SetChanged { set: set("latchkey-s"), what: "it uses another key".to_owned() }
        }
        Code::NoDisks => {
            let subscription = Some(Uuid::from_u128(7));
            return vec![
                Finding::NoDisks { tenant, subscription: None },
                Finding::NoDisks { tenant, subscription },
            ];
        }
        Code::DiskAttached => {
            let attached = |error| Finding::DiskAttached { disk: disk("d1"), error };
            return vec![attached(None), attached(Some(error))];
        }
        Code::DiskInOtherRegion => Finding::DiskInOtherRegion {
            disk: disk("d1"),
            region: "eastus".parse().unwrap(),
            set: "westeurope".parse().unwrap(),
        },
        Code::DiskEncryptedInGuest => Finding::DiskEncryptedInGuest { disk: disk("d1") },
        Code::DiskHasIncrementalSnapshots => {
            Finding::DiskHasIncrementalSnapshots { disk: disk("d1"), snapshots: 2 }
        }
        Code::DiskTypeUnsupported => Finding::DiskTypeUnsupported {
            disk: disk("d1"),
            what: "PremiumV2_LRS".to_owned(),
            region: "usgovtexas".parse().unwrap(),
        },
        Code::DiskRefused => Finding::DiskRefused { disk: disk("d1"), error },
        Code::DiskUnderOtherSet => Finding::DiskUnderOtherSet { disk: disk("d1") },
        Code::SetNotOurs => Finding::SetNotOurs { set: set("latchkey-s") },
        Code::SetQuota => {
            let quota =
                |error| Finding::SetQuota { region: "westeurope".parse().unwrap(), sets: 5000, error };
            return vec![quota(None), quota(Some(error))];
        }
        Code::ProvisioningFailed => Finding::ProvisioningFailed { set: set("latchkey-s"), error },
        Code::MachineShared => Finding::MachineShared { machine: machine("m1"), disk: disk("d9") },
        Code::MachineNotStopped => Finding::MachineNotStopped { machine: machine("m1"), error },
        Code::MachineNotStarted => Finding::MachineNotStarted { machine: machine("m1"), error },
        Code::LeavingNotApproved => Finding::LeavingNotApproved,
        Code::KeyHeldElsewhere => Finding::KeyHeldElsewhere {
            key,
            onboarding: crate::OnboardingId::of_subscription(Uuid::from_u128(9)),
        },
        Code::DiskNotReturned => {
            let disk = disk("d1");
            return vec![
                Finding::DiskNotReturned { disk: disk.clone(), error: None },
                Finding::DiskNotReturned { disk, error: Some(error) },
            ];
        }
        Code::SetInUse => Finding::SetInUse { by: disk("d9"), kind: "disk".to_owned(), others: 2 },
        Code::SetNotRemoved => Finding::SetNotRemoved { set: set("latchkey-s"), error },
        Code::AccessRemains => {
            return vec![
                Finding::AccessRemains { service_principal: None, key: key.clone() },
                Finding::AccessRemains { service_principal: Some(service_principal()), key },
            ];
        }
        Code::StandsStill => Finding::StandsStill { function: "provision_requested".to_owned() },
        Code::DiskEncryptionFailed => Finding::DiskEncryptionFailed { disk: disk("d1") },
        Code::StepRefused => {
            Finding::StepRefused { function: "key_shared".to_owned(), reason: "DeadlineExceeded".to_owned() }
        }
        Code::VendorSetup => {
            let faults = [
                (SetUpFault::CredentialMismatch, Some(700213)),
                (SetUpFault::IdentityMissing, None),
                (SetUpFault::ApplicationMisconfigured, Some(700016)),
                (SetUpFault::OutboundAccess, Some(500212)),
            ];
            return faults.map(|(fault, error)| Finding::VendorSetup { fault, error, tenant }).into();
        }
    }]
}

fn missing(service_principal: Option<azure_ids::ObjectId>, key: azure_ids::KeyUrl) -> Finding {
    Finding::GrantMissing { service_principal, key }
}

fn every_finding() -> Vec<Sample> {
    let named = |code: Code| {
        let samples = samples_of(code);
        assert!(samples.iter().all(|finding| finding.code() == code));
        let name =
            move |place| if place == 0 { code.name() } else { format!("{}.{}", code.name(), place + 1) };
        samples
            .into_iter()
            .enumerate()
            .map(move |(place, finding)| sample(name(place), &FindingV1::from(finding)))
    };
    Code::ALL.iter().copied().flat_map(named).collect()
}

#[test]
fn every_finding_is_written_as_format_1_and_read_back() {
    let samples = every_finding();
    assert_complete(&variants_of::<FindingV1>(json!({ "code": "?" })), &samples);
    let all: String = samples.iter().map(|(_, text)| text.as_str()).collect();
    let policies = variants_of::<PolicyV1>(json!("?"));
    for argument in policies.iter().chain(&variants_of::<SetUpFaultV1>(json!("?"))) {
        assert!(all.contains(&format!("\"{argument}\"")), "no sample has {argument}");
    }
    assert_golden("findings", &samples, |text| {
        let finding: Finding = serde_json::from_str::<FindingV1>(text).unwrap().into();
        serde_json::to_string_pretty(&FindingV1::from(finding)).unwrap()
    });
}
