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
        // The oldest knowledge first: what a step appends meanwhile is then among the entries, and not missed there.
        let known = self.heads.known(onboarding).await?;
        let anchors = anchors.all().await?;
        let hashes = self.check_all(onboarding, |_, entry| Ok(entry.hash)).await?;
        let fits = |number: u64, hash: &str| {
            let place = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
            hashes.get(place).is_some_and(|found| found == hash)
        };
        let tampered_at = |number: u64| {
            let number = number.min(hashes.len() as u64 + 1);
            AnchorError::from(JournalError::Tampered { onboarding, number })
        };
        let mut anchored = None;
        for anchor in &anchors {
            let Some(head) = anchor.heads.get(&onboarding) else { continue };
            if !fits(head.number, &head.hash) {
                return Err(tampered_at(head.number));
            }
            anchored = Some(Anchored { entry: head.number, at: anchor.at });
        }
        // The pointer is written after its entry: it must not name one that is gone, or another one.
        if let Some(known) = known
            && !fits(known.number, &known.hash)
        {
            return Err(tampered_at(known.number));
        }
        Ok((!hashes.is_empty()).then_some(Verification {
            entries: hashes.len() as u64,
            anchors: anchors.len() as u64,
            anchored,
        }))
    }
}
