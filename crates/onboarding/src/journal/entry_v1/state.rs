//! How the state after an entry is stored.

use std::collections::BTreeMap;

use azure_ids::{ArmId, KeyUrl, ObjectId, Region, TenantId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    finding::FindingV1,
    grace::GraceV1,
    leaving::LeavingV1,
    mirror::mirror,
    outage::OutageV1,
    replacement::ReplacementV1,
    rotation::{ReminderV1, RotationV1},
    window::WindowV1,
};
use crate::{
    CandidateKey, Consent, DiskState, DropReason, Onboarding, OnboardingId, ProvenKey, Purchase, Set,
    Subject, SubscriptionStatus,
    blocker::{Blocker, Blockers},
    event::EventId,
    taken::{Taken, TakenEvent},
};

/// Everything that is so after an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateV1 {
    id: OnboardingId,
    number: u64,
    tenant: TenantId,
    region: Region,
    purchase: PurchaseV1,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    changed_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    opened_at: OffsetDateTime,
    consent: ConsentV1,
    key: Option<ProvenKeyV1>,
    candidate: Option<CandidateKeyV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replacement: Option<ReplacementV1>,
    set: SetV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<RotationV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reminder: Option<ReminderV1>,
    disks: BTreeMap<ArmId, DiskStateV1>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    dropped: BTreeMap<ArmId, DropReasonV1>,
    #[serde(with = "time::serde::rfc3339::option")]
    activated_at: Option<OffsetDateTime>,
    blockers: Vec<BlockerV1>,
    set_failures: u32,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    stood_since: Option<OffsetDateTime>,
    #[serde(default, skip_serializing_if = "is_zero")]
    restarts: u32,
    #[serde(default, skip_serializing_if = "GraceV1::is_empty")]
    grace: GraceV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leaving: Option<LeavingV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<WindowV1>,
    #[serde(default, skip_serializing_if = "OutageV1::is_empty")]
    outage: OutageV1,
    taken: TakenV1,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PurchaseV1 {
    subscription: Uuid,
    plan: String,
    quantity: Option<u32>,
    status: SubscriptionStatusV1,
}

mirror! {
    #[serde(rename_all = "kebab-case")]
    SubscriptionStatusV1 <=> SubscriptionStatus { PendingFulfillmentStart, Subscribed, Suspended, Unsubscribed }
}

mirror! {
    #[serde(tag = "status", rename_all = "kebab-case", rename_all_fields = "camelCase")]
    ConsentV1 <=> Consent { Pending, Proven { service_principal: ObjectId } }
}

mirror! {
    #[serde(tag = "status", rename_all = "kebab-case")]
    SetV1 <=> Set { None, Requested { set: ArmId, operation: Option<String> }, Ready { set: ArmId } }
}

mirror! {
    #[serde(rename_all = "kebab-case")]
    DiskStateV1 <=> DiskState { Found, Requested, Encrypted }
}

mirror! {
    #[serde(rename_all = "kebab-case")]
    DropReasonV1 <=> DropReason { Retagged, RetaggedLate, Deleted }
}

mirror! {
    #[serde(tag = "kind", rename_all = "kebab-case")]
    SubjectV1 <=> Subject {
        Step {
            function: String,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            disk: Option<ArmId>,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            machine: Option<ArmId>,
        },
        SetUp,
        Consent,
        Key,
        FormerKey,
        CandidateKey,
        Replacement,
        Set,
        Rotation,
        Billing,
        Leaving,
        Disk { disk: ArmId },
        Machine { machine: ArmId },
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProvenKeyV1 {
    version: KeyUrl,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    created: Option<OffsetDateTime>,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    expires: Option<OffsetDateTime>,
    tenant: TenantId,
    region: Region,
    service_principal: ObjectId,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<FindingV1>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct CandidateKeyV1 {
    key: KeyUrl,
    proof: Option<ProvenKeyV1>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockerV1 {
    subject: SubjectV1,
    #[serde(flatten)]
    finding: FindingV1,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    checks: u32,
    entry: u64,
    #[serde(with = "time::serde::rfc3339::option")]
    next_check: Option<OffsetDateTime>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TakenV1 {
    events: BTreeMap<EventId, TakenEventV1>,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    forgotten_until: Option<OffsetDateTime>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TakenEventV1 {
    entry: u64,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
}

impl From<Onboarding> for StateV1 {
    fn from(onboarding: Onboarding) -> Self {
        let Onboarding {
            id,
            number,
            tenant,
            region,
            purchase,
            changed_at,
            opened_at,
            consent,
            key,
            candidate,
            replacement,
            set,
            rotation,
            reminder,
            disks,
            dropped,
            activated_at,
            blockers,
            set_failures,
            stood_since,
            restarts,
            grace,
            leaving,
            window,
            outage,
            taken,
        } = onboarding;
        let Purchase { subscription, plan, quantity, status } = purchase;
        Self {
            id,
            number,
            tenant,
            region,
            purchase: PurchaseV1 { subscription, plan, quantity, status: status.into() },
            changed_at,
            opened_at,
            consent: consent.into(),
            key: key.map(Into::into),
            candidate: candidate
                .map(|CandidateKey { key, proof }| CandidateKeyV1 { key, proof: proof.map(Into::into) }),
            replacement: replacement.map(Into::into),
            set: set.into(),
            rotation: rotation.map(Into::into),
            reminder: reminder.map(Into::into),
            disks: disks.into_iter().map(|(disk, state)| (disk, state.into())).collect(),
            dropped: dropped.into_iter().map(|(disk, why)| (disk, why.into())).collect(),
            activated_at,
            blockers: blockers.iter().map(|(subject, blocker)| BlockerV1::of(subject, blocker)).collect(),
            set_failures,
            stood_since,
            restarts,
            grace: grace.into(),
            leaving: leaving.map(Into::into),
            window: window.map(Into::into),
            outage: outage.into(),
            taken: taken.into(),
        }
    }
}

impl From<StateV1> for Onboarding {
    fn from(stored: StateV1) -> Self {
        let PurchaseV1 { subscription, plan, quantity, status } = stored.purchase;
        Self {
            id: stored.id,
            number: stored.number,
            tenant: stored.tenant,
            region: stored.region,
            purchase: Purchase { subscription, plan, quantity, status: status.into() },
            changed_at: stored.changed_at,
            opened_at: stored.opened_at,
            consent: stored.consent.into(),
            key: stored.key.map(Into::into),
            candidate: stored
                .candidate
                .map(|CandidateKeyV1 { key, proof }| CandidateKey { key, proof: proof.map(Into::into) }),
            replacement: stored.replacement.map(Into::into),
            set: stored.set.into(),
            rotation: stored.rotation.map(Into::into),
            reminder: stored.reminder.map(Into::into),
            disks: stored.disks.into_iter().map(|(disk, state)| (disk, state.into())).collect(),
            dropped: stored.dropped.into_iter().map(|(disk, why)| (disk, why.into())).collect(),
            activated_at: stored.activated_at,
            blockers: stored.blockers.into_iter().map(BlockerV1::into_domain).collect::<Blockers>(),
            set_failures: stored.set_failures,
            stood_since: stored.stood_since,
            restarts: stored.restarts,
            grace: stored.grace.into(),
            leaving: stored.leaving.map(Into::into),
            window: stored.window.map(Into::into),
            outage: stored.outage.into(),
            taken: stored.taken.into(),
        }
    }
}

impl From<ProvenKey> for ProvenKeyV1 {
    fn from(proof: ProvenKey) -> Self {
        let ProvenKey { version, created, expires, tenant, region, service_principal, warnings } = proof;
        let warnings = warnings.into_iter().map(Into::into).collect();
        Self { version, created, expires, tenant, region, service_principal, warnings }
    }
}

impl From<ProvenKeyV1> for ProvenKey {
    fn from(stored: ProvenKeyV1) -> Self {
        let ProvenKeyV1 { version, created, expires, tenant, region, service_principal, warnings } = stored;
        let warnings = warnings.into_iter().map(Into::into).collect();
        Self { version, created, expires, tenant, region, service_principal, warnings }
    }
}

impl BlockerV1 {
    fn of(subject: &Subject, blocker: &Blocker) -> Self {
        let Blocker { finding, since, checks, entry, next_check } = blocker.clone();
        Self { subject: subject.clone().into(), finding: finding.into(), since, checks, entry, next_check }
    }

    fn into_domain(self) -> (Subject, Blocker) {
        let Self { subject, finding, since, checks, entry, next_check } = self;
        (subject.into(), Blocker { finding: finding.into(), since, checks, entry, next_check })
    }
}

impl From<Taken> for TakenV1 {
    fn from(taken: Taken) -> Self {
        let stored = |TakenEvent { entry, at }| TakenEventV1 { entry, at };
        Self {
            events: taken.events.into_iter().map(|(event, taken)| (event, stored(taken))).collect(),
            forgotten_until: taken.forgotten_until,
        }
    }
}

impl From<TakenV1> for Taken {
    fn from(stored: TakenV1) -> Self {
        let taken = |TakenEventV1 { entry, at }| TakenEvent { entry, at };
        Self {
            events: stored.events.into_iter().map(|(event, stored)| (event, taken(stored))).collect(),
            forgotten_until: stored.forgotten_until,
        }
    }
}
