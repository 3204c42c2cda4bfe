//! How facts are stored. They are evidence: they are shown, and never decided on again.

use azure_ids::{ArmId, KeyUrl, ObjectId, TenantId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    finding::{FindingV1, UnfitDiskV1},
    grace::{DrillV1, MachineStepV1, RungV1},
    leaving::{AccessSeenV1, RemovalStepV1, ReturnStepV1, SweepV1},
    outage::PlaceV1,
    replacement::AskerV1,
    rotation::{NewestVersionV1, SetLookV1},
    state::{DropReasonV1, ProvenKeyV1, SubscriptionStatusV1},
    window::WindowV1,
};
use crate::{About, Fact};

/// What a step learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum FactV1 {
    Opened {
        tenant: TenantId,
    },
    ConsentProven {
        service_principal: ObjectId,
    },
    KeyProven {
        proof: ProvenKeyV1,
    },
    Found {
        about: AboutV1,
        finding: FindingV1,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_of: Option<ObjectId>,
    },
    StepRefused {
        function: String,
        reason: String,
        about: AboutV1,
    },
    StepDone {
        function: String,
        about: AboutV1,
    },
    CheckDue {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entry: Option<u64>,
    },
    OperatorAsked,
    StandsStill {
        entry: u64,
    },
    OldEvent,
    Preflight {
        unfit: Vec<UnfitDiskV1>,
    },
    SetRequested {
        set: ArmId,
        operation: Option<String>,
        look_after_ms: u64,
    },
    SetReady {
        set: ArmId,
        disks: Vec<ArmId>,
    },
    SetFailed {
        finding: FindingV1,
    },
    SetGone {
        set: ArmId,
        in_use: bool,
    },
    KeyLooked {
        newest: NewestVersionV1,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        set: Option<SetLookV1>,
    },
    ReplacementAsked {
        proof: ProvenKeyV1,
        by: AskerV1,
    },
    ReplacementAccepted {
        operation: Option<String>,
        look_after_ms: u64,
    },
    KeyReplaced {
        set: SetLookV1,
    },
    ReplacementFailed {
        finding: FindingV1,
    },
    CandidateWithdrawn {
        key: KeyUrl,
    },
    DiskRequested {
        disk: ArmId,
        look_after_ms: u64,
    },
    DiskEncrypted {
        disk: ArmId,
        set: ArmId,
    },
    DiskDropped {
        disk: ArmId,
        why: DropReasonV1,
    },
    Activated,
    Subscription {
        status: SubscriptionStatusV1,
    },
    SubscriptionChanged {
        status: SubscriptionStatusV1,
        #[serde(with = "time::serde::rfc3339")]
        at: OffsetDateTime,
    },
    RungAnnounced {
        rung: RungV1,
        #[serde(with = "time::serde::rfc3339")]
        due: OffsetDateTime,
    },
    RungWithdrawn {
        rung: RungV1,
    },
    RungTaken {
        rung: RungV1,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        machines: Vec<ArmId>,
    },
    MachinesDue,
    Machine {
        machine: ArmId,
        #[serde(flatten)]
        step: MachineStepV1,
    },
    WindowPlanned {
        window: WindowV1,
    },
    WindowDue,
    Frozen {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Unfrozen,
    MarkedAsTest,
    DrillStarted {
        drill: DrillV1,
    },
    LeavingAsked {
        reason: String,
    },
    Stays,
    LeavingApproved {
        who: String,
        plan: u64,
    },
    LeavingSwept {
        sweep: SweepV1,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_policy: bool,
    },
    DiskReturn {
        disk: ArmId,
        #[serde(flatten)]
        step: ReturnStepV1,
    },
    SetRemoval {
        #[serde(flatten)]
        step: RemovalStepV1,
    },
    AccessChecked {
        #[serde(flatten)]
        seen: AccessSeenV1,
        #[serde(with = "time::serde::rfc3339")]
        give_up_at: OffsetDateTime,
    },
    LettersChosen {
        letters: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<PlaceV1>,
    },
    LettersReplayed {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        replayed: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        gone: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<String>,
    },
}

/// What a step looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum AboutV1 {
    Consent,
    Key { key: KeyUrl },
    Set,
    Rotation,
    Disk { disk: ArmId },
    Machine { machine: ArmId },
    Billing,
    Leaving,
}

impl From<About> for AboutV1 {
    fn from(about: About) -> Self {
        match about {
            About::Consent => Self::Consent,
            About::Key(key) => Self::Key { key },
            About::Set => Self::Set,
            About::Rotation => Self::Rotation,
            About::Disk(disk) => Self::Disk { disk },
            About::Machine(machine) => Self::Machine { machine },
            About::Billing => Self::Billing,
            About::Leaving => Self::Leaving,
        }
    }
}

impl From<Fact> for FactV1 {
    fn from(fact: Fact) -> Self {
        match fact {
            Fact::Opened { tenant } => Self::Opened { tenant },
            Fact::ConsentProven { service_principal } => Self::ConsentProven { service_principal },
            Fact::KeyProven { proof } => Self::KeyProven { proof: proof.into() },
            Fact::Found { about, finding, token_of } => {
                Self::Found { about: about.into(), finding: finding.into(), token_of }
            }
            Fact::StepRefused { function, reason, about } => {
                Self::StepRefused { function, reason: reason.as_str().to_owned(), about: about.into() }
            }
            Fact::StepDone { function, about } => Self::StepDone { function, about: about.into() },
            Fact::CheckDue { entry } => Self::CheckDue { entry },
            Fact::OperatorAsked => Self::OperatorAsked,
            Fact::StandsStill { entry } => Self::StandsStill { entry },
            Fact::OldEvent => Self::OldEvent,
            Fact::Preflight { unfit } => {
                Self::Preflight { unfit: unfit.into_iter().map(Into::into).collect() }
            }
            Fact::SetRequested { set, operation, look_after_ms } => {
                Self::SetRequested { set, operation, look_after_ms }
            }
            Fact::SetReady { set, disks } => Self::SetReady { set, disks },
            Fact::SetFailed { finding } => Self::SetFailed { finding: finding.into() },
            Fact::SetGone { set, in_use } => Self::SetGone { set, in_use },
            Fact::KeyLooked { newest, set } => {
                Self::KeyLooked { newest: (*newest).into(), set: set.map(|set| (*set).into()) }
            }
            Fact::ReplacementAsked { proof, by } => {
                Self::ReplacementAsked { proof: (*proof).into(), by: by.into() }
            }
            Fact::ReplacementAccepted { operation, look_after_ms } => {
                Self::ReplacementAccepted { operation, look_after_ms }
            }
            Fact::KeyReplaced { set } => Self::KeyReplaced { set: (*set).into() },
            Fact::ReplacementFailed { finding } => Self::ReplacementFailed { finding: finding.into() },
            Fact::CandidateWithdrawn { key } => Self::CandidateWithdrawn { key },
            Fact::DiskRequested { disk, look_after_ms } => Self::DiskRequested { disk, look_after_ms },
            Fact::DiskEncrypted { disk, set } => Self::DiskEncrypted { disk, set },
            Fact::DiskDropped { disk, why } => Self::DiskDropped { disk, why: why.into() },
            Fact::Activated => Self::Activated,
            Fact::Subscription { status } => Self::Subscription { status: status.into() },
            Fact::SubscriptionChanged { status, at } => {
                Self::SubscriptionChanged { status: status.into(), at }
            }
            Fact::RungAnnounced { rung, due } => Self::RungAnnounced { rung: rung.into(), due },
            Fact::RungWithdrawn { rung } => Self::RungWithdrawn { rung: rung.into() },
            Fact::RungTaken { rung, machines } => Self::RungTaken { rung: rung.into(), machines },
            Fact::MachinesDue => Self::MachinesDue,
            Fact::Machine { machine, step } => Self::Machine { machine, step: step.into() },
            Fact::WindowPlanned { window } => Self::WindowPlanned { window: window.into() },
            Fact::WindowDue => Self::WindowDue,
            Fact::Frozen { reason } => Self::Frozen { reason },
            Fact::Unfrozen => Self::Unfrozen,
            Fact::MarkedAsTest => Self::MarkedAsTest,
            Fact::DrillStarted { drill } => Self::DrillStarted { drill: drill.into() },
            Fact::LeavingAsked { reason } => Self::LeavingAsked { reason },
            Fact::Stays => Self::Stays,
            Fact::LeavingApproved { who, plan } => Self::LeavingApproved { who, plan },
            Fact::LeavingSwept { sweep, by_policy } => Self::LeavingSwept { sweep: sweep.into(), by_policy },
            Fact::DiskReturn { disk, step } => Self::DiskReturn { disk, step: step.into() },
            Fact::SetRemoval { step } => Self::SetRemoval { step: step.into() },
            Fact::AccessChecked { seen, give_up_at } => Self::AccessChecked { seen: seen.into(), give_up_at },
            Fact::LettersChosen { letters, next } => {
                Self::LettersChosen { letters, next: next.map(Into::into) }
            }
            Fact::LettersReplayed { replayed, gone, left } => Self::LettersReplayed { replayed, gone, left },
        }
    }
}
