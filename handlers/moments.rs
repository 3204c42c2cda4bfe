//! The moments of a step between which the process may be killed.
//!
//! The host stops a handler with SIGKILL, at any time. What must hold then is tested by killing the process at each
//! of these moments; in production nobody listens.

/// A moment within a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// After acting outside, before the journal.
    Acted,
    /// After the journal, before publishing.
    Journaled,
    /// After publishing, before answering the host.
    Published,
}

/// Hears of every moment of every step.
pub trait Moments: Send + Sync {
    /// The step of this function has reached this moment.
    fn reached(&self, function: &str, moment: Moment);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Moments for Unobserved {
    fn reached(&self, _function: &str, _moment: Moment) {}
}
