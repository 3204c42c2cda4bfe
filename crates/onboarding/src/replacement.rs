//! The change of the disk encryption set from the key in use to another key of the customer's.
//!
//! It is asked for by a person, and from then on Azure may have been asked: the candidate key is not let go before it is
//! known that the set does not use it. Once the set uses it, the rest is a rotation whose older version is another key.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A change that was asked for and has not ended. The key is the candidate key, which is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// Who asked for it.
    pub by: Asker,
    /// When.
    pub asked_at: OffsetDateTime,
    /// How far it is.
    pub progress: Progress,
}

/// How far a change is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Azure is to be asked, or was asked without an answer that we know of.
    Wanted,
    /// Azure accepted it.
    Accepted {
        /// The operation to follow, verbatim; absent when Azure answered at once.
        operation: Option<String>,
    },
}

/// Who asks for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asker {
    /// The customer, on the onboarding's page.
    Customer,
    /// The vendor's operator.
    Operator,
}

/// Why the key in use cannot be replaced by this one now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
pub enum NoReplacement {
    /// The subscription is over.
    Ended,
    /// There is nothing to be replaced yet.
    NotActive,
    /// The set uses this key.
    InUse,
    /// Another change is under way.
    UnderWay,
    /// The change before is not over.
    FormerNeeded,
    /// A revocation is rehearsed.
    Drill,
}

impl NoReplacement {
    /// One sentence for whoever asked.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "The subscription has ended.",
            Self::NotActive => "The key can be replaced once the onboarding is active.",
            Self::InUse => "The disks use this key already.",
            Self::UnderWay => "The key is being replaced at present.",
            Self::FormerNeeded => {
                "Some disks may still need the key that was replaced before. Wait until the page says that they do not."
            }
            Self::Drill => "A drill is under way on this onboarding.",
        }
    }
}

impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Customer => "customer",
            Self::Operator => "operator",
        })
    }
}
