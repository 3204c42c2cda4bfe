//! The history of an onboarding for an evidence pack: checked like [`Journal::verify`] does, and told without what gives
//! access to anything or names a person.

use azure_ids::KeyUrl;
use serde_json::Value;
use time::OffsetDateTime;

use super::{
    Checked, Journal, JournalError,
    anchor::{AnchorError, Anchors},
    entry_v1::Chapter,
    public,
    verify::{ToldAnchor, Verified},
};
use crate::{Onboarding, OnboardingId, Stage, finding::KeyIs};

/// One entry as it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldEntry {
    /// When the step decided.
    pub at: OffsetDateTime,
    /// The function that ran.
    pub function: String,
    /// What it is about.
    pub chapter: Chapter,
    /// What it learnt, in a sentence or two.
    pub says: String,
    /// What it learnt, as it is stored, without what gives access to anything or names a person.
    pub fact: Value,
    /// Where the onboarding stood from then on.
    pub stage: Stage,
    /// The key that worked from then on, as far as was known.
    pub working_key: Option<KeyUrl>,
    /// Whether it is a probe that found that the key works.
    pub proves_key: bool,
    /// SHA-256 of the entry's bytes, in hexadecimal.
    pub hash: String,
}

/// The whole history of one onboarding, found in order.
#[derive(Debug, Clone)]
pub struct History {
    /// Every entry, the oldest first.
    pub entries: Vec<ToldEntry>,
    /// What is so after the last of them.
    pub present: Onboarding,
    /// The anchors that name it, the oldest first.
    pub anchors: Vec<ToldAnchor>,
}

impl Journal {
    /// The history of an onboarding, checked entry by entry and against every anchor; `None` when nobody opened it.
    ///
    /// # Errors
    /// As [`Journal::verify`].
    pub async fn told(
        &self,
        anchors: &Anchors,
        onboarding: OnboardingId,
    ) -> Result<Option<History>, AnchorError> {
        let Verified { entries, anchors, .. } = self.verified(anchors, onboarding, told).await?;
        let Some(number) = u64::try_from(entries.len()).ok().filter(|number| *number > 0) else {
            return Ok(None);
        };
        // An entry that is there does not change any more.
        let (last, _) = self.read(onboarding, number).await?;
        let entries = entries.into_iter().map(|(_, entry)| entry).collect();
        Ok(Some(History { entries, present: last.state.into(), anchors }))
    }
}

fn told(entry: Checked) -> Result<ToldEntry, JournalError> {
    let Checked { entry, hash, .. } = entry;
    let (says, chapter, proves_key) = (entry.fact.says(), entry.fact.chapter(), entry.fact.proves_key());
    let fact = serde_json::to_value(&entry.fact).expect("facts hold only maps with string keys");
    let onboarding: Onboarding = entry.state.into();
    // What is over is not looked at any more.
    let works = onboarding.key_is() == KeyIs::NotMeant && onboarding.stage() != Stage::Ended;
    Ok(ToldEntry {
        at: entry.at,
        function: entry.function,
        chapter,
        says: public::sentence(&says).unwrap_or_else(|| public::NOT_SHOWN.to_owned()),
        fact: public::fact(fact),
        stage: onboarding.stage(),
        working_key: onboarding.key().filter(|_| works).map(|proof| proof.version.clone()),
        proves_key,
        hash,
    })
}
