//! One customer's arrangement for one region, from sign-up to its end: its events, its states, its decisions and its
//! journal.
//!
//! - [`event`]: what travels on the queues, CloudEvents 1.0 with ids that a second run chooses again;
//! - [`Onboarding`] and [`Fact`]: what is so, and the pure decision over it ([`Onboarding::decide`]);
//! - [`finding`] and [`blocker`]: what was found wrong, whose turn it is, how to mend it;
//! - [`Reason`]: why a message is refused for good, and what that means;
//! - [`journal`]: the append-only, hash-chained history in an object store, in formats of its own;
//! - [`grace`]: what is done, step by step, while a key is revoked;
//! - [`leaving`]: how everything is undone for whom it ends;
//! - [`window`]: when machines may be stopped so that their disks can be encrypted;
//! - [`preflight`]: what is looked at before the first change, and Azure's limits for disks, with their sources;
//! - [`outage`]: what is sent again when something answers again;
//! - [`due`]: when an onboarding that waits is looked at again;
//! - [`watched`]: which active onboardings are looked at, when, and when their keys last worked;
//! - [`suspects`]: what happens to many onboardings at once;
//! - [`claim`]: one key belongs to one customer;
//! - [`submission`]: of the keys that were submitted the last one counts;
//! - [`withdrawal`]: which links to an onboarding's page count no more;
//! - [`budget`]: how often whoever holds a link may set something off.
//!
//! No network but the object store, no clock: the time is always an argument.

mod about;
pub mod blocker;
pub mod budget;
pub mod claim;
mod decide;
mod decision;
pub mod due;
pub mod event;
pub mod expiring;
mod fact;
pub mod finding;
pub mod grace;
mod hash;
mod id;
pub mod journal;
mod key;
pub mod leaving;
mod next_move;
mod numbered;
mod onboarding;
pub mod outage;
mod plan;
pub mod preflight;
mod reason;
mod replaceable;
pub mod replacement;
pub mod retry;
mod role;
pub mod rotation;
pub mod submission;
pub mod suspects;
pub mod taken;
#[cfg(test)]
mod test_support;
pub mod walk;
pub mod watched;
pub mod window;
pub mod withdrawal;

pub use about::{About, Subject};
pub use decide::{Asked, RESTARTS, Sight};
pub use decision::{Cause, Decision, LONGEST_CHECK};
pub use fact::{Fact, NotNow};
pub use id::OnboardingId;
pub use key::ProvenKey;
pub use next_move::{Move, What};
pub use onboarding::{
    CandidateKey, Consent, DiskState, DropReason, Onboarding, Purchase, Set, Stage, SubscriptionStatus,
};
pub use plan::{NoPlan, ProvisionPlan};
pub use reason::{Contradiction, Reason, Replay, Stops, UnknownReason};
