//! Whether the key in use can be replaced, and by which key it is being replaced.

use azure_ids::KeyUrl;

use crate::{
    Onboarding, Set, Stage,
    replacement::{NoReplacement, Replacement},
};

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
