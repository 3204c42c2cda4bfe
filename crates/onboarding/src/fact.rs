//! What a step learnt from the outside world.

use azure_ids::{ArmId, KeyUrl, ObjectId, TenantId};
use time::OffsetDateTime;

use crate::{
    About, DropReason, ProvenKey, Reason, SubscriptionStatus,
    finding::Finding,
    grace::{Drill, MachineStep, Rung},
    leaving::{AccessSeen, RemovalStep, ReturnStep, Sweep},
    outage::Place,
    preflight::UnfitDisk,
    replacement::Asker,
    rotation::{NewestVersion, SetLook},
    window::Window,
};

/// What a step learnt from the outside world.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A purchase was read from the marketplace.
    Opened {
        /// The tenant of the purchase's beneficiary.
        tenant: TenantId,
    },
    /// A token was obtained in the bound tenant.
    ConsentProven {
        /// Whose token it is.
        service_principal: ObjectId,
    },
    /// The key was probed and works.
    KeyProven {
        /// What the probe proved.
        proof: ProvenKey,
    },
    /// Somebody must act before this can go on.
    Found {
        /// What was looked at.
        about: About,
        /// What was found.
        finding: Finding,
        /// The application's service principal, when this look got a token in the bound tenant.
        token_of: Option<ObjectId>,
    },
    /// A step refused its message for good.
    StepRefused {
        /// The function.
        function: String,
        /// Why.
        reason: Reason,
        /// What the message was about.
        about: About,
    },
    /// A step that had been refused was carried out, and learnt nothing new.
    StepDone {
        /// The function.
        function: String,
        /// What the message was about.
        about: About,
    },
    /// A check is due, or somebody asks for one.
    CheckDue {
        /// The journal entry that had set the check; `None` when a person asks.
        entry: Option<u64>,
    },
    /// The vendor's operator asks to look again at everything, also at what was refused.
    OperatorAsked,
    /// Nothing has happened for a long time, and it is nobody's turn.
    StandsStill {
        /// The journal entry that was the newest then.
        entry: u64,
    },
    /// An event that is too old to be remembered came again: what the chain waits for is sent again.
    OldEvent,
    /// Before the disk encryption set is asked for, the disks were looked at.
    Preflight {
        /// Those that cannot be encrypted with it.
        unfit: Vec<UnfitDisk>,
    },
    /// ARM accepted the creation of the disk encryption set.
    SetRequested {
        /// The set.
        set: ArmId,
        /// The operation to follow.
        operation: Option<String>,
        /// How soon to look, in milliseconds.
        look_after_ms: u64,
    },
    /// The set was read back as asked for.
    SetReady {
        /// The set.
        set: ArmId,
        /// The disks that are tagged as this customer's.
        disks: Vec<ArmId>,
    },
    /// ARM refused to create the set, or failed at it.
    SetFailed {
        /// What was found.
        finding: Finding,
    },
    /// The set is not there any more.
    SetGone {
        /// The set.
        set: ArmId,
        /// Whether Azure still shows a disk under it.
        in_use: bool,
    },
    /// The newest version of the key in use was looked at.
    KeyLooked {
        /// What it is like.
        newest: Box<NewestVersion>,
        /// What the disk encryption set makes of it, when that was looked at too.
        set: Option<Box<SetLook>>,
    },
    /// Somebody asks for the key in use to be replaced, and the other key was just probed and works.
    ReplacementAsked {
        /// What the probe proved.
        proof: Box<ProvenKey>,
        /// Who asks.
        by: Asker,
    },
    /// ARM accepted the change of the disk encryption set to the other key.
    ReplacementAccepted {
        /// The operation to follow.
        operation: Option<String>,
        /// How soon to look, in milliseconds.
        look_after_ms: u64,
    },
    /// The set was read back with the other key.
    KeyReplaced {
        /// What the look showed.
        set: Box<SetLook>,
    },
    /// The set does not use the other key, and will not.
    ReplacementFailed {
        /// What was found.
        finding: Finding,
    },
    /// The customer took back a key that was to replace the one in use.
    CandidateWithdrawn {
        /// The key.
        key: KeyUrl,
    },
    /// ARM accepted the encryption of a disk.
    DiskRequested {
        /// The disk.
        disk: ArmId,
        /// How soon to look, in milliseconds.
        look_after_ms: u64,
    },
    /// The disk was read back as encrypted.
    DiskEncrypted {
        /// The disk.
        disk: ArmId,
        /// The set that ARM says it is encrypted under.
        set: ArmId,
    },
    /// The disk is not this customer's any more, or is not there any more.
    DiskDropped {
        /// The disk.
        disk: ArmId,
        /// Why.
        why: DropReason,
    },
    /// The marketplace subscription was activated.
    Activated,
    /// The marketplace subscription was read from the marketplace.
    Subscription {
        /// Its state there.
        status: SubscriptionStatus,
    },
    /// An operation on the subscription is concluded, and the subscription agrees with it.
    SubscriptionChanged {
        /// The subscription's state.
        status: SubscriptionStatus,
        /// When the operation began, by the marketplace's clock.
        at: OffsetDateTime,
    },
    /// A rung is next, and its time comes.
    RungAnnounced {
        /// Which.
        rung: Rung,
        /// When it is taken, not earlier.
        due: OffsetDateTime,
    },
    /// The settings do not include the rung that was announced.
    RungWithdrawn {
        /// Which.
        rung: Rung,
    },
    /// The key was looked at once more, and is still revoked: the rung is taken.
    RungTaken {
        /// Which.
        rung: Rung,
        /// The machines that have disks of this customer, for the rung that stops them.
        machines: Vec<ArmId>,
    },
    /// Nothing was heard of machines for long.
    MachinesDue,
    /// A machine was read, or Azure answered a call about it.
    Machine {
        /// The machine.
        machine: ArmId,
        /// What was learnt, or is about to be done.
        step: MachineStep,
    },
    /// The vendor's operator sets a window.
    WindowPlanned {
        /// The window, with the machines of the plan that the operator saw.
        window: Window,
    },
    /// The window opens or closes, or nothing was heard of one of its machines for long.
    WindowDue,
    /// The vendor's operator froze the onboarding.
    Frozen {
        /// Why, in the operator's words.
        reason: Option<String>,
    },
    /// The vendor's operator lifted the freeze.
    Unfrozen,
    /// The vendor's operator marked the onboarding as a test.
    MarkedAsTest,
    /// The vendor's operator began a rehearsal.
    DrillStarted {
        /// How long, and at which pace.
        drill: Drill,
    },
    /// The vendor's operator asked that it leaves.
    LeavingAsked {
        /// Why, in the operator's words.
        reason: String,
    },
    /// The vendor's operator asked that it stays after all.
    Stays,
    /// The vendor's operator approved what is to be undone.
    LeavingApproved {
        /// Who.
        who: String,
        /// The journal entry whose plan it is.
        plan: u64,
    },
    /// What uses the disk encryption set of an onboarding that leaves was looked at.
    LeavingSwept {
        /// What was found.
        sweep: Sweep,
        /// Whether the vendor's policy approves it, whatever it is.
        by_policy: bool,
    },
    /// A disk was read, or Azure answered a call that gives it back to a platform-managed key.
    DiskReturn {
        /// The disk.
        disk: ArmId,
        /// What was learnt.
        step: ReturnStep,
    },
    /// The disk encryption set was read, or Azure answered a call that removes it.
    SetRemoval {
        /// What was learnt.
        step: RemovalStep,
    },
    /// The set is gone, and our access to the key was looked at.
    AccessChecked {
        /// What was found.
        seen: AccessSeen,
        /// When the customer is not waited for any more.
        give_up_at: OffsetDateTime,
    },
    /// Dead letters of an outage were looked for: these are sent again next.
    LettersChosen {
        /// Each as `queue/number`.
        letters: Vec<String>,
        /// Where to look for others.
        next: Option<Place>,
    },
    /// The chosen dead letters were sent again.
    LettersReplayed {
        /// Sent again and taken out of the dead letters.
        replayed: Vec<String>,
        /// Not there any more: a run before this one, or somebody, had taken them.
        gone: Vec<String>,
        /// Still there: somebody else holds them, or too many lie before them.
        left: Vec<String>,
    },
}

impl Fact {
    /// Whether Azure accepted a call that would be the same, whatever else is recorded before it. Not those that write a
    /// key into the set: another key may have been proven meanwhile.
    #[must_use]
    pub fn is_an_accepted_call(&self) -> bool {
        matches!(
            self,
            Self::DiskRequested { .. }
                | Self::Machine { step: MachineStep::Accepted { .. }, .. }
                | Self::DiskReturn { step: ReturnStep::Requested { .. }, .. }
                | Self::SetRemoval { step: RemovalStep::Requested { .. }, .. }
        )
    }
}

/// Why nothing can be planned now. It is no fault: the chain is taken up again from here when that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// No key is proven.
    #[error("no key is proven for this onboarding")]
    NoProvenKey,
    /// The subscription is suspended.
    #[error("the subscription is suspended")]
    Suspended,
    /// The grace ladder suspended the service.
    #[error("the service is suspended, because the key is revoked")]
    ServiceSuspended,
    /// It leaves.
    #[error("the onboarding leaves")]
    Leaving,
    /// The subscription is over.
    #[error("the subscription has ended")]
    Ended,
}
