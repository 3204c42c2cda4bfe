//! Why a run ended early.

use service_bus::ServiceBusError;

use crate::{archive::ArchiveError, run_log::RunLogError};

/// Why a run ended early. What was done is in its log; it can go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What the plan saw is not what is there. Nothing was changed.
    #[error(
        "the plan is stale: of its {planned} messages, {gone} are gone and {changed} have changed; make a new plan{}",
        if *.changed == 0 { ", or continue with the others by --accept-gone" } else { "" }
    )]
    Stale {
        /// How many messages the plan has.
        planned: usize,
        /// How many are not there any more.
        gone: usize,
        /// Under how many numbers lies something else.
        changed: usize,
    },
    /// Somebody else holds letters for longer than a lock can last.
    #[error(
        "{left} messages of {entity} stay locked: another program is receiving its dead letters; stop it and run this again"
    )]
    HeldBySomebody {
        /// How many.
        left: usize,
        /// Whose dead letters.
        entity: String,
    },
    /// Service Bus.
    #[error(transparent)]
    ServiceBus(ServiceBusError),
    /// The log.
    #[error(transparent)]
    Log(#[from] RunLogError),
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl From<ServiceBusError> for RunError {
    fn from(error: ServiceBusError) -> Self {
        Self::ServiceBus(error)
    }
}
