//! Checks the history of an onboarding: that its entries fit each other, and that they are the ones that were anchored.

use time::OffsetDateTime;

use super::{
    Journal, JournalError,
    anchor::{AnchorError, Anchors},
};
use crate::OnboardingId;

/// What was checked of one onboarding's history, and found in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// How many entries there are: each holds the hash of the one before.
    pub entries: u64,
    /// How many anchors there are: each holds the hash of the one before.
    pub anchors: u64,
    /// The newest anchor that names this onboarding.
    pub anchored: Option<Anchored>,
}

/// The newest anchor that names an onboarding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchored {
    /// Up to this entry nothing was changed or removed since the anchor was written.
    pub entry: u64,
    /// When the anchor was written.
    pub at: OffsetDateTime,
}

impl Journal {
    /// Checks the whole history of an onboarding, entry by entry and against every anchor; `None` when nobody opened it.
    ///
    /// # Errors
    /// [`JournalError::Tampered`] at the first entry that was changed or removed; [`AnchorError::Tampered`] when the
    /// anchors themselves were.
    pub async fn verify(
        &self,
        anchors: &Anchors,
        onboarding: OnboardingId,
    ) -> Result<Option<Verification>, AnchorError> {
        let chain = self.chain(onboarding).await?;
        let anchors = anchors.all().await?;
        let mut anchored = None;
        for anchor in &anchors {
            let Some(head) = anchor.heads.get(&onboarding) else { continue };
            let place = usize::try_from(head.number.saturating_sub(1)).unwrap_or(usize::MAX);
            if chain.get(place).is_none_or(|(_, hash)| *hash != head.hash) {
                let number = head.number.min(chain.len() as u64 + 1);
                return Err(JournalError::Tampered { onboarding, number }.into());
            }
            anchored = Some(Anchored { entry: head.number, at: anchor.at });
        }
        // The pointer is written after its entry: it must not name one that is gone.
        let known = self.heads.known(onboarding).await?;
        if let Some(known) = known
            && known.number > chain.len() as u64
        {
            return Err(JournalError::Tampered { onboarding, number: chain.len() as u64 + 1 }.into());
        }
        Ok((!chain.is_empty()).then_some(Verification {
            entries: chain.len() as u64,
            anchors: anchors.len() as u64,
            anchored,
        }))
    }
}
