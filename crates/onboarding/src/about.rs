//! What a fact or a blocker is about.

use azure_ids::{ArmId, KeyUrl};
use serde::{Deserialize, Serialize};

/// What a step looked at when it learnt something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// The customer's consent, or the onboarding as a whole.
    Consent,
    /// A key that was submitted, or that is in use.
    Key(KeyUrl),
    /// The disk encryption set.
    Set,
    /// New versions of the key in use, and whether the set takes them over.
    Rotation,
    /// One managed disk.
    Disk(ArmId),
    /// One virtual machine.
    Machine(ArmId),
    /// The marketplace subscription.
    Billing,
    /// That the onboarding leaves.
    Leaving,
}

/// What a blocker is about: an onboarding has at most one blocker for each subject.
///
/// The order is the order of importance: the customer's page names the first and lists the others. A refused step comes
/// first, because its message lies among the dead letters and nothing else moves that part of the chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Subject {
    /// A step that was refused for good.
    Step {
        /// The function that refused it.
        function: String,
        /// The disk that it was about, for a function that works on disks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        disk: Option<ArmId>,
        /// The machine that it was about, for a function that works on machines.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        machine: Option<ArmId>,
    },
    /// The vendor's own application, federated credential, identity or roles.
    SetUp,
    /// The customer's consent.
    Consent,
    /// The key in use.
    Key,
    /// The key that the one in use replaced, and that disks still need.
    FormerKey,
    /// A key that was submitted and is not in use, or that is still to be submitted.
    CandidateKey,
    /// The change of the set to the candidate key.
    Replacement,
    /// The disk encryption set.
    Set,
    /// New versions of the key in use, and whether the set takes them over.
    Rotation,
    /// The marketplace subscription.
    Billing,
    /// That the onboarding leaves.
    Leaving,
    /// One managed disk.
    Disk {
        /// Its ARM id.
        disk: ArmId,
    },
    /// One virtual machine.
    Machine {
        /// Its ARM id.
        machine: ArmId,
    },
}

impl Subject {
    /// The step of a function, and what it was about.
    #[must_use]
    pub fn step(function: &str, about: &About) -> Self {
        let (disk, machine) = match about {
            About::Disk(disk) => (Some(disk.clone()), None),
            About::Machine(machine) => (None, Some(machine.clone())),
            About::Consent
            | About::Key(_)
            | About::Set
            | About::Rotation
            | About::Billing
            | About::Leaving => (None, None),
        };
        Self::Step { function: function.to_owned(), disk, machine }
    }
}
