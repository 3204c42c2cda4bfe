//! Leaving: how what a customer's key was used for is undone, step by step, until we can no longer use the key.
//!
//! It begins with the end of the subscription, the vendor's request, or the last rung of the grace ladder. Then nothing is
//! undone for a hold. What still uses the disk encryption set is the plan; a person approves it, or the vendor's policy
//! does. Only then the disks go back to platform-managed keys, the set is deleted, the claim of the key is released, and it
//! is proven that our access is gone. Nothing that holds data is deleted.
//!
//! Inside the hold it can be withdrawn, and everything is as before.

mod acts;
mod farewell;
mod sweep;
mod undo;

use time::OffsetDateTime;

pub use acts::{DiskReturn, SetRemoval};
pub use farewell::{Removal, what_to_remove};
pub use sweep::{SetIs, Sweep, User, UserKind};
pub use undo::{Access, AccessSeen, GivenBack, RemovalStep, Removed, ReturnStep, Undo};

/// What is so of an onboarding that leaves or has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// Why.
    pub why: Why,
    /// Since when.
    pub since: OffsetDateTime,
    /// Nothing is undone before.
    pub hold_until: OffsetDateTime,
    /// What is to be undone, once it was looked at.
    pub plan: Option<Plan>,
    /// Who approved the plan, and when. Void when the plan grows.
    pub approval: Option<Approval>,
    /// What was undone, once that has begun: from then on there is no way back.
    pub undo: Option<Undo>,
}

/// Why an onboarding leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The subscription is over.
    Unsubscribed,
    /// The vendor's operator asked for it.
    VendorAsks {
        /// Why, in the operator's words.
        reason: String,
    },
    /// The key stayed revoked: the last rung of the grace ladder.
    KeyRevoked,
}

impl Why {
    /// The name as it stands in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unsubscribed => "unsubscribed",
            Self::VendorAsks { .. } => "vendor-asks",
            Self::KeyRevoked => "key-revoked",
        }
    }
}

/// What is to be undone: what a sweep found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The journal entry that has it: who approves, approves this one.
    pub entry: u64,
    /// What was found.
    pub sweep: Sweep,
}

/// The plan was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The person; the vendor's policy, when it is nobody.
    pub who: Option<String>,
    /// When.
    pub at: OffsetDateTime,
}

impl Leaving {
    /// Whether nothing was undone yet, so that it can be withdrawn.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.undo.is_none()
    }

    /// Whether the set is gone, and the key with it is used no more.
    #[must_use]
    pub fn has_given_up_key(&self) -> bool {
        self.undo.as_ref().is_some_and(|undo| matches!(undo.set, Removed::Gone { .. }))
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.undo.as_ref().is_some_and(|undo| undo.access.is_some())
    }

    /// Whether what this sweep found was approved: there may be less to undo than was planned, and never more.
    #[must_use]
    pub fn is_approved_for(&self, sweep: &Sweep) -> bool {
        let planned = |user: &User| {
            self.plan.as_ref().is_some_and(|plan| plan.sweep.given_back().any(|one| one.id == user.id))
        };
        self.approval.is_some() && sweep.given_back().all(planned)
    }
}
