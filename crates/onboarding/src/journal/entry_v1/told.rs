//! What a stored fact says in an evidence pack: what it is about, and a sentence for somebody who does not know Latchkey.
//!
//! A new fact does not compile until it has both. The sentences are made from what is stored, so that a better one reaches
//! old entries too.

use time::format_description::well_known::Rfc3339;

use super::{
    fact::{AboutV1, FactV1},
    state::DropReasonV1,
    told_finding::{found, preflight},
    told_leaving,
};
use crate::{
    ProvenKey, SubscriptionStatus,
    grace::{Drill, MachineStep, Rung},
    replacement::Asker,
    window::Window,
};

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chapter {
    /// The purchase, and what became of the subscription.
    Purchase,
    /// The consent of the customer's tenant.
    Consent,
    /// Whether the key works.
    Key,
    /// The disk encryption set.
    Set,
    /// The disks.
    Disks,
    /// New versions of the key.
    Rotation,
    /// Another key in the place of the one in use.
    Replacement,
    /// What was done because the key was revoked.
    GraceLadder,
    /// How it left, and what proves that.
    Leaving,
    /// What kept the onboarding going.
    Upkeep,
}

impl Chapter {
    /// The name as it stands in a pack.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::Consent => "consent",
            Self::Key => "key",
            Self::Set => "disk-encryption-set",
            Self::Disks => "disks",
            Self::Rotation => "rotation",
            Self::Replacement => "replacement",
            Self::GraceLadder => "grace-ladder",
            Self::Leaving => "leaving",
            Self::Upkeep => "upkeep",
        }
    }
}

impl FactV1 {
    /// What it is about.
    pub(crate) fn chapter(&self) -> Chapter {
        match self {
            Self::Opened { .. }
            | Self::Activated
            | Self::Subscription { .. }
            | Self::SubscriptionChanged { .. } => Chapter::Purchase,
            Self::ConsentProven { .. } => Chapter::Consent,
            Self::KeyProven { .. } => Chapter::Key,
            Self::Found { about, .. } => about.chapter(),
            Self::Preflight { .. } => Chapter::Disks,
            Self::SetRequested { .. }
            | Self::SetReady { .. }
            | Self::SetFailed { .. }
            | Self::SetGone { .. } => Chapter::Set,
            Self::ReplacementAsked { .. }
            | Self::ReplacementAccepted { .. }
            | Self::KeyReplaced { .. }
            | Self::ReplacementFailed { .. }
            | Self::CandidateWithdrawn { .. } => Chapter::Replacement,
            Self::LeavingAsked { .. }
            | Self::Stays
            | Self::LeavingApproved { .. }
            | Self::LeavingSwept { .. }
            | Self::DiskReturn { .. }
            | Self::SetRemoval { .. }
            | Self::AccessChecked { .. } => Chapter::Leaving,
            Self::KeyLooked { .. } => Chapter::Rotation,
            Self::DiskRequested { .. }
            | Self::DiskEncrypted { .. }
            | Self::DiskDropped { .. }
            | Self::WindowPlanned { .. }
            | Self::WindowDue => Chapter::Disks,
            Self::RungAnnounced { .. }
            | Self::RungWithdrawn { .. }
            | Self::RungTaken { .. }
            | Self::MachinesDue
            | Self::Machine { .. }
            | Self::Frozen { .. }
            | Self::Unfrozen
            | Self::MarkedAsTest
            | Self::DrillStarted { .. } => Chapter::GraceLadder,
            Self::StepRefused { .. }
            | Self::StepDone { .. }
            | Self::CheckDue { .. }
            | Self::OperatorAsked
            | Self::StandsStill { .. }
            | Self::LettersChosen { .. }
            | Self::LettersReplayed { .. }
            | Self::OldEvent => Chapter::Upkeep,
        }
    }

    /// The same in a sentence or two.
    pub(crate) fn says(&self) -> String {
        match self {
            Self::Opened { tenant } => {
                format!(
                    "The purchase was read from the marketplace. The onboarding is bound to tenant {tenant}."
                )
            }
            Self::ConsentProven { service_principal } => format!(
                "The application obtained a token in the customer's tenant, as service principal {service_principal}: \
                 the consent is proven."
            ),
            Self::KeyProven { proof } => key_proven(&proof.clone().into()),
            Self::Found { about, finding, .. } => {
                format!("Found about {}: {}", about.words(), found(finding.clone()))
            }
            Self::StepRefused { function, reason, about } => {
                format!("A message to {function} about {} was refused for good ({reason}).", about.words())
            }
            Self::StepDone { function, about } => {
                format!("A message to {function} about {}, once refused, was carried out.", about.words())
            }
            Self::CheckDue { entry: Some(_) } => "A check was due.".to_owned(),
            Self::CheckDue { entry: None } => "Somebody asked for a check.".to_owned(),
            Self::OperatorAsked => "The vendor's operator had everything looked at again.".to_owned(),
            Self::StandsStill { entry } => {
                format!("Nothing had happened since entry {entry}, and it was nobody's turn: started again.")
            }
            Self::OldEvent => "A message from long ago came again: what was next was sent again.".to_owned(),
            Self::Preflight { unfit } => preflight(unfit),
            Self::SetRequested { set, .. } => {
                format!("Azure accepted the creation of the disk encryption set {}.", set.name())
            }
            Self::SetReady { set, disks } => format!(
                "The disk encryption set {} was read back as it was asked for. Disks of this customer: {}.",
                set.name(),
                names(disks)
            ),
            Self::SetFailed { finding } => {
                format!("The disk encryption set was not created: {}", found(finding.clone()))
            }
            Self::SetGone { set, in_use: true } => format!(
                "The disk encryption set {} was not found, although Azure says that disks use it.",
                set.name()
            ),
            Self::SetGone { set, in_use: false } => {
                format!("The disk encryption set {} was not found, and no disk uses it.", set.name())
            }
            Self::ReplacementAsked { proof, by } => format!(
                "{} asked for another key in the place of the one in use. {}",
                match by.clone().into() {
                    Asker::Customer => "The customer",
                    Asker::Operator => "The vendor's operator",
                },
                key_proven(&proof.clone().into())
            ),
            Self::ReplacementAccepted { .. } => {
                "Azure accepted the change of the disk encryption set to the other key.".to_owned()
            }
            Self::KeyReplaced { set } => {
                format!("The disk encryption set was read back with the other key: it uses {}.", set.active)
            }
            Self::ReplacementFailed { finding } => {
                format!(
                    "The key was not replaced, and the one before stays in use: {}",
                    found(finding.clone())
                )
            }
            Self::CandidateWithdrawn { key } => format!("The customer took the key {key} back."),
            Self::KeyLooked { newest, set } => {
                let mut says = format!("The newest version of the key is {}.", newest.version);
                if let Some(fault) = &newest.fault {
                    says += &format!(" It does not serve for disks ({fault}).");
                }
                if let Some(set) = set {
                    says += &format!(" The disk encryption set uses {}.", set.active);
                    if !set.previous.is_empty() {
                        let older: Vec<String> = set.previous.iter().map(ToString::to_string).collect();
                        says += &format!(" Disks still use {}.", older.join(", "));
                    }
                }
                says
            }
            Self::DiskRequested { disk, .. } => {
                format!("Azure accepted the encryption of disk {} with the customer's key.", disk.name())
            }
            Self::DiskEncrypted { disk, set } => format!(
                "Disk {} was read back as encrypted under the disk encryption set {}.",
                disk.name(),
                set.name()
            ),
            Self::DiskDropped { disk, why } => {
                format!("Disk {} does not belong to this customer any more: {}.", disk.name(), dropped(why))
            }
            Self::Activated => "The marketplace subscription was activated.".to_owned(),
            Self::Subscription { status } | Self::SubscriptionChanged { status, .. } => {
                format!(
                    "The marketplace says that the subscription is {}.",
                    subscription(status.clone().into())
                )
            }
            Self::RungAnnounced { rung, due } => format!(
                "The key is revoked. The step \"{}\" was announced, for {} at the earliest.",
                Rung::from(rung.clone()).as_str(),
                due.format(&Rfc3339).unwrap_or_default()
            ),
            Self::RungWithdrawn { rung } => format!(
                "The step \"{}\" was withdrawn: the vendor's policy does not include it.",
                Rung::from(rung.clone()).as_str()
            ),
            Self::RungTaken { rung, machines } => format!(
                "The key was looked at once more and was still revoked: the step \"{}\" was taken. Virtual machines with \
                 disks of this customer: {}.",
                Rung::from(rung.clone()).as_str(),
                names(machines)
            ),
            Self::MachinesDue => {
                "Nothing was heard of virtual machines for long: looked at again.".to_owned()
            }
            Self::Machine { machine, step } => {
                format!("Virtual machine {}: {}", machine.name(), machine_step(step.clone().into()))
            }
            Self::WindowPlanned { window } => {
                let window: Window = window.clone().into();
                format!(
                    "The vendor's operator set a window from {} to {} for the disks of virtual machines that run: {}.",
                    window.opens.format(&Rfc3339).unwrap_or_default(),
                    window.closes.format(&Rfc3339).unwrap_or_default(),
                    names(&window.machines.iter().map(|planned| planned.machine.clone()).collect::<Vec<_>>())
                )
            }
            Self::WindowDue => "A window opened or closed, or its machines were looked at.".to_owned(),
            Self::LeavingAsked { .. } => "The vendor's operator had this onboarding leave.".to_owned(),
            Self::Stays => "The leaving was withdrawn: everything stays as it is.".to_owned(),
            Self::LeavingApproved { plan, .. } => {
                format!("The vendor's operator approved the plan of entry {plan}.")
            }
            Self::LeavingSwept { sweep, by_policy } => told_leaving::swept(&sweep.clone().into(), *by_policy),
            Self::DiskReturn { disk, step } => {
                format!("Disk {}: {}", disk.name(), told_leaving::disk_return(step.clone().into()))
            }
            Self::SetRemoval { step } => told_leaving::set_removal(step.clone().into()),
            Self::AccessChecked { seen, .. } => told_leaving::access(seen.clone().into()),
            Self::LettersChosen { letters, .. } => format!(
                "What an outage had stopped answers again. Messages that were refused because of it: {}.",
                letters.len()
            ),
            Self::LettersReplayed { replayed, gone, left } => format!(
                "Of them {} were sent again, {} were gone, and {} were left to the vendor.",
                replayed.len(),
                gone.len(),
                left.len()
            ),
            Self::Frozen { .. } => "The vendor's operator froze the grace ladder.".to_owned(),
            Self::Unfrozen => "The vendor's operator lifted the freeze.".to_owned(),
            Self::MarkedAsTest => "The vendor's operator marked this onboarding as a test.".to_owned(),
            Self::DrillStarted { drill } => {
                let Drill { since, until, .. } = drill.clone().into();
                format!(
                    "The vendor's operator began to rehearse a revocation. What checks of the key found from {} to {} was \
                     part of the rehearsal.",
                    since.format(&Rfc3339).unwrap_or_default(),
                    until.format(&Rfc3339).unwrap_or_default()
                )
            }
        }
    }

    /// Whether a probe found that the key works.
    pub(crate) fn proves_key(&self) -> bool {
        matches!(self, Self::KeyProven { .. })
    }
}

impl AboutV1 {
    fn chapter(&self) -> Chapter {
        match self {
            Self::Consent => Chapter::Consent,
            Self::Key { .. } => Chapter::Key,
            Self::Set => Chapter::Set,
            Self::Rotation => Chapter::Rotation,
            Self::Disk { .. } => Chapter::Disks,
            Self::Machine { .. } => Chapter::GraceLadder,
            Self::Billing => Chapter::Purchase,
            Self::Leaving => Chapter::Leaving,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Consent => "the consent".to_owned(),
            Self::Key { key } => format!("the key {key}"),
            Self::Set => "the disk encryption set".to_owned(),
            Self::Rotation => "the rotation of the key".to_owned(),
            Self::Disk { disk } => format!("disk {}", disk.name()),
            Self::Machine { machine } => format!("virtual machine {}", machine.name()),
            Self::Billing => "the marketplace subscription".to_owned(),
            Self::Leaving => "leaving".to_owned(),
        }
    }
}

fn key_proven(proof: &ProvenKey) -> String {
    let ProvenKey { version, tenant, region, service_principal, warnings, .. } = proof;
    let mut says = format!(
        "The key {version} was read, 32 random bytes were wrapped with it and unwrapped again: it works. Its vault named \
         tenant {tenant} and region {region}, and let in service principal {service_principal}."
    );
    for warning in warnings {
        says += &format!(" Recommended: {}", warning.summary());
    }
    says
}

fn names(of: &[azure_ids::ArmId]) -> String {
    match of {
        [] => "none".to_owned(),
        some => some.iter().map(azure_ids::ArmId::name).collect::<Vec<_>>().join(", "),
    }
}

fn dropped(why: &DropReasonV1) -> &'static str {
    match why {
        DropReasonV1::Retagged => "it lost the customer's tag before anything was done to it",
        DropReasonV1::RetaggedLate => {
            "it lost the customer's tag after its encryption with the customer's key had been asked for"
        }
        DropReasonV1::Deleted => "it was deleted",
    }
}

fn subscription(status: SubscriptionStatus) -> &'static str {
    match status {
        SubscriptionStatus::PendingFulfillmentStart => "not activated yet",
        SubscriptionStatus::Subscribed => "active",
        SubscriptionStatus::Suspended => "suspended",
        SubscriptionStatus::Unsubscribed => "ended",
    }
}

fn machine_step(step: MachineStep) -> String {
    match step {
        MachineStep::Stopping => "it runs, and is about to be deallocated.".to_owned(),
        MachineStep::Accepted { .. } => "Azure accepted the call.".to_owned(),
        MachineStep::Stopped => "it was read back as deallocated.".to_owned(),
        MachineStep::Starting => "it is about to be started again.".to_owned(),
        MachineStep::Started => "it was read back as running.".to_owned(),
        MachineStep::LeftAlone => "it is somebody else's to stop or to start, and was left alone.".to_owned(),
        MachineStep::Failed { finding } => found(finding),
    }
}
