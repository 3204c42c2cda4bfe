//! The stages of the ladder.

use serde::{Deserialize, Serialize};

/// One stage of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// The vendor's own systems have to stop the service for this customer; no disk is encrypted for it any more.
    Suspend,
    /// The running machines that use this customer's disks are deallocated.
    Deallocate,
    /// The onboarding leaves: after a hold and an approval, everything that uses the key is undone.
    Offboard,
}

impl Rung {
    /// Every rung, in the order in which they are taken.
    pub const ALL: [Self; 3] = [Self::Suspend, Self::Deallocate, Self::Offboard];

    /// The name as it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Deallocate => "deallocate",
            Self::Offboard => "offboard",
        }
    }
}
