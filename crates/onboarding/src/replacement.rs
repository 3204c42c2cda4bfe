//! The change of the disk encryption set from the key in use to another key of the customer's.
//!
//! It is asked for by a person, and from then on Azure may have been asked: the candidate key is not let go before it is
//! known that the set does not use it. Once the set uses it, the rest is a rotation whose older version is another key.

use std::fmt;

use azure_ids::KeyUrl;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{Onboarding, Set, Stage};

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

impl Onboarding {
    /// The change of the key that was asked for and has not ended.
    #[must_use]
    pub fn replacement(&self) -> Option<&Replacement> {
        self.replacement.as_ref().filter(|_| self.leaving.is_none())
    }

    /// The key that is to take the place of the one in use: the set has the one or the other.
    #[must_use]
    pub fn replaced_by(&self) -> Option<&KeyUrl> {
        self.replacement.as_ref()?;
        self.candidate.as_ref().map(|candidate| &candidate.key)
    }

    /// The key that the one in use replaced, for as long as disks may need it.
    #[must_use]
    pub fn former_key(&self) -> Option<&KeyUrl> {
        self.former_keys().next()
    }

    /// Every version of it that disks may need.
    pub(crate) fn former_keys(&self) -> impl Iterator<Item = &KeyUrl> {
        let followed = self.rotation.as_ref().filter(|rotation| rotation.over_at.is_none());
        followed.into_iter().flat_map(|rotation| rotation.other_keys())
    }

    /// Whether another key can be submitted to replace the one in use.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn may_have_candidate(&self) -> Result<(), NoReplacement> {
        if self.stage() == Stage::Ended {
            Err(NoReplacement::Ended)
        } else if self.activated_at.is_none() || !matches!(self.set, Set::Ready { .. }) || self.key.is_none()
        {
            Err(NoReplacement::NotActive)
        } else if self.replacement.is_some() {
            Err(NoReplacement::UnderWay)
        } else {
            Ok(())
        }
    }

    /// Whether the key in use can be replaced by this one now.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn may_replace(&self, key: &KeyUrl) -> Result<(), NoReplacement> {
        if self.key.as_ref().is_some_and(|used| used.version.is_same_key(key)) {
            return Err(NoReplacement::InUse);
        }
        self.may_have_candidate()?;
        if self.former_key().is_some() {
            return Err(NoReplacement::FormerNeeded);
        }
        if self.grace.drill.is_some() {
            return Err(NoReplacement::Drill);
        }
        Ok(())
    }
}
