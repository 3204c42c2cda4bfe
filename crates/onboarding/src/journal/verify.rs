//! Checks the history of an onboarding: that its entries fit each other, and that they are the ones that were anchored.

use time::OffsetDateTime;

use super::{
    Checked, Journal, JournalError,
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

/// An anchor that names the onboarding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldAnchor {
    /// Its number.
    pub number: u64,
    /// When it was written.
    pub at: OffsetDateTime,
    /// SHA-256 of its bytes, in hexadecimal.
    pub hash: String,
    /// The entry that was the newest then.
    pub entry: u64,
    /// SHA-256 of that entry, in hexadecimal.
    pub entry_hash: String,
}

/// What was checked, with what was kept of each entry.
pub(super) struct Verified<T> {
    /// The hash of each entry, and what was kept of it.
    pub(super) entries: Vec<(String, T)>,
    /// How many anchors there are.
    pub(super) all_anchors: u64,
    /// The anchors that name this onboarding, the oldest first.
    pub(super) anchors: Vec<ToldAnchor>,
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
        let Verified { entries, all_anchors, anchors } =
            self.verified(anchors, onboarding, |_| Ok(())).await?;
        let anchored = anchors.last().map(|anchor| Anchored { entry: anchor.entry, at: anchor.at });
        Ok((!entries.is_empty()).then_some(Verification {
            entries: entries.len() as u64,
            anchors: all_anchors,
            anchored,
        }))
    }

    /// The same, and keeps something of each entry.
    pub(super) async fn verified<T>(
        &self,
        anchors: &Anchors,
        onboarding: OnboardingId,
        keep: impl Fn(Checked) -> Result<T, JournalError>,
    ) -> Result<Verified<T>, AnchorError> {
        // The oldest knowledge first: what a step appends meanwhile is then among the entries, and not missed there.
        let known = self.heads.known(onboarding).await?;
        let anchors = anchors.chain().await?;
        let keep = |_: &_, entry: Checked| Ok((entry.hash.clone(), keep(entry)?));
        let entries = self.check_all(onboarding, keep).await?;
        let fits = |number: u64, hash: &str| {
            let place = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
            entries.get(place).is_some_and(|(found, _)| found == hash)
        };
        let tampered_at = |number: u64| {
            let number = number.min(entries.len() as u64 + 1);
            AnchorError::from(JournalError::Tampered { onboarding, number })
        };
        let mut naming = vec![];
        for (anchor, hash) in &anchors {
            let Some(head) = anchor.heads.get(&onboarding) else { continue };
            if !fits(head.number, &head.hash) {
                return Err(tampered_at(head.number));
            }
            naming.push(ToldAnchor {
                number: anchor.number,
                at: anchor.at,
                hash: hash.clone(),
                entry: head.number,
                entry_hash: head.hash.clone(),
            });
        }
        // The pointer is written after its entry: it must not name one that is gone, or another one.
        if let Some(known) = known
            && !fits(known.number, &known.hash)
        {
            return Err(tampered_at(known.number));
        }
        Ok(Verified { entries, all_anchors: anchors.len() as u64, anchors: naming })
    }
}
