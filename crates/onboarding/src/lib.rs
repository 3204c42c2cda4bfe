//! One customer's arrangement for one region, from sign-up to its end: its events, its states, its decisions and its
//! journal.
//!
//! - [`event`]: what travels on the queues, CloudEvents 1.0 with ids that a second run chooses again;
//! - [`Onboarding`] and [`Fact`]: the state, and the pure decision over it ([`Onboarding::decide`]);
//! - [`finding`]: what was found wrong, whose turn it is, how to mend it;
//! - [`journal`]: the append-only, hash-chained history in an object store;
//! - [`due`]: when an onboarding that waits is looked at again;
//! - [`claim`]: one key belongs to one customer.
//!
//! No network but the object store, no clock: the time is always an argument.

pub mod claim;
mod decide;
mod decision;
pub mod due;
pub mod event;
mod fact;
pub mod finding;
pub mod journal;
mod key;
mod provisioning;
pub mod retry;
mod state;
#[cfg(test)]
mod test_support;

pub use decision::{Cause, Decision, LONGEST_CHECK, ProvisionPlan};
pub use fact::{Fact, Illegal};
pub use key::{KeyClaimed, ProvenKey};
pub use state::{
    Consent, DiskState, Key, Onboarding, OnboardingId, Purchase, Set, State, SubscriptionStatus,
};
