//! What disks and snapshots differ in.

use crate::arm::error::ArmError;
use crate::arm::request::Target;
use crate::cloud::Cloud;
use crate::resources::store::Stored;
use crate::state::State;
use crate::state::operation::Outcome;
use crate::state::resources::store::Encryption;

use super::body::PropertiesBody;

/// A type of resource that stores data.
pub(in crate::arm) trait Store: Stored {
    /// How messages call it.
    const WORD: &'static str;

    /// A new one, before what the body says of size and encryption is applied.
    fn new(
        cloud: &Cloud,
        target: &Target,
        location: String,
        properties: &PropertiesBody,
    ) -> Result<Self, ArmError>;

    /// Takes over what this type alone lets a client write.
    fn apply(&mut self, _properties: &PropertiesBody) {}

    /// Refuses another key where this one cannot have it now.
    fn check_change(&self, state: &State, planned: &Encryption) -> Result<(), ArmError>;

    /// Refuses to be deleted.
    fn check_unused(&self) -> Result<(), ArmError> {
        Ok(())
    }

    fn written(self) -> Outcome;
}
