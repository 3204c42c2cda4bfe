//! What a step learnt from the outside world, and why a fact cannot be.

use azure_ids::{ArmId, KeyUrl, ObjectId, TenantId};
use serde::Serialize;

use crate::{ProvenKey, SubscriptionStatus, finding::Finding};

/// What a step learnt from the outside world.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "fact", rename_all = "kebab-case", rename_all_fields = "camelCase")]
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
    Waiting {
        /// What was found.
        finding: Finding,
        /// The key that it is about, when it is about a key that was handed in.
        key: Option<KeyUrl>,
        /// The disk that it is about, when it is about one.
        disk: Option<ArmId>,
        /// The application's service principal, when this look got a token in the bound tenant.
        #[serde(skip_serializing_if = "Option::is_none")]
        service_principal: Option<ObjectId>,
    },
    /// A check is due, or somebody pressed "check again".
    CheckDue {
        /// The journal entry that had set the check.
        entry: u64,
    },
    /// ARM took on the making of the disk encryption set.
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
    /// ARM refused to make the set, or failed at it.
    SetFailed {
        /// What was found.
        finding: Finding,
    },
    /// ARM took on the encryption of a disk.
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
    /// The marketplace subscription was activated.
    Activated,
    /// The marketplace subscription was read from the marketplace.
    Subscription {
        /// Its state there.
        status: SubscriptionStatus,
    },
}

/// Why a fact cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// It speaks of another tenant than the bound one.
    #[error("the key is in another tenant than the one that this onboarding is bound to")]
    WrongTenant,
    /// It speaks of another region.
    #[error("the key is in another region than this onboarding's disks")]
    WrongRegion,
    /// A disk encryption set exists already for another key.
    #[error("this onboarding already uses another key; replacing it is a step of its own")]
    AnotherKeyInUse,
    /// No key was proven.
    #[error("no key has been proven for this onboarding")]
    NoProvenKey,
    /// It speaks of another disk encryption set.
    #[error("this is not the disk encryption set of this onboarding")]
    AnotherSet,
    /// The disk is not one of this onboarding's.
    #[error("this disk does not belong to this onboarding")]
    UnknownDisk,
    /// Not every disk has been read back as encrypted.
    #[error("not every disk is encrypted yet")]
    NotEncrypted,
    /// The subscription is suspended.
    #[error("the subscription is suspended")]
    Suspended,
    /// The subscription is over.
    #[error("the subscription has ended")]
    Ended,
}
