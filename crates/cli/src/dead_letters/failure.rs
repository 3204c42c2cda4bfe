//! Which exit code an error ends with.

use dead_letters::{PlanError, RunError, RunLogError, archive::ArchiveError};
use service_bus::{ConnectionStringError, ServiceBusError};

use crate::change::{NOT_CONFIRMED, NotConfirmed};

/// The command line is wrong.
pub(super) const USAGE: u8 = 2;
/// Not everything went well.
pub(super) const NOT_ALL: u8 = 3;
/// What was asked for does not fit what is there; nothing was changed.
pub(super) const REFUSED: u8 = 4;
/// Service Bus refuses; nothing was changed.
pub(super) const SERVICE_REFUSED: u8 = 5;

/// A request that does not fit what is there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(pub(super) String);

/// A command line that clap cannot know to be wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct WrongUsage(pub(super) String);

/// The exit code, by the first error in the chain that has one; 1 otherwise.
pub(super) fn code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(code_of).unwrap_or(1)
}

fn code_of(error: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if error.is::<WrongUsage>() || error.is::<ConnectionStringError>() {
        return Some(USAGE);
    }
    if error.is::<NotConfirmed>() {
        return Some(NOT_CONFIRMED);
    }
    if error.is::<Refused>() || error.is::<PlanError>() {
        return Some(REFUSED);
    }
    match error.downcast_ref::<ArchiveError>() {
        Some(ArchiveError::Unreadable { .. } | ArchiveError::Unsupported { .. }) => return Some(REFUSED),
        Some(ArchiveError::Io(_)) | None => {}
    }
    match error.downcast_ref::<RunLogError>() {
        Some(RunLogError::Foreign { .. } | RunLogError::Damaged { .. } | RunLogError::InUse { .. }) => {
            return Some(REFUSED);
        }
        Some(RunLogError::Io { .. } | RunLogError::Closed) | None => {}
    }
    match error.downcast_ref::<RunError>() {
        Some(RunError::Stale { .. }) => return Some(REFUSED),
        // Shown as its source is, so its source is not in the chain.
        Some(RunError::ServiceBus(error)) => return service_bus_code(error),
        Some(RunError::Log(error)) => return code_of(error),
        Some(RunError::Archive(error)) => return code_of(error),
        Some(RunError::HeldBySomebody { .. }) | None => {}
    }
    service_bus_code(error.downcast_ref::<ServiceBusError>()?)
}

fn service_bus_code(error: &ServiceBusError) -> Option<u8> {
    match error {
        ServiceBusError::EntityNotFound { .. }
        | ServiceBusError::EntityDisabled { .. }
        | ServiceBusError::Unauthorized { .. }
        | ServiceBusError::Credential(_) => Some(SERVICE_REFUSED),
        _ => None,
    }
}
