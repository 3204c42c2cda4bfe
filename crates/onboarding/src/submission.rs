//! The keys that a customer submitted, in their order: what was submitted last counts.
//!
//! Messages come in any order, and one that is tried again for an hour may come last. So each submission has a number,
//! `submissions/{onboarding}/{number}.json`, and its message carries it.

use std::sync::Arc;

use azure_ids::KeyUrl;
use futures::TryStreamExt as _;
use object_store::{ObjectStore, path::Path};

use crate::{OnboardingId, expiring::remove, numbered};

/// The submissions of all onboardings, in the same store as the journal.
#[derive(Debug, Clone)]
pub struct Submissions {
    store: Arc<dyn ObjectStore>,
}

/// A key that is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submission {
    /// Its number; the first is 1.
    pub number: u64,
    /// Whether the same key was the last one that was submitted before.
    pub is_repeated: bool,
}

impl Submissions {
    /// Submissions kept in this store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Numbers a key that is submitted now. The same key again, with no other in between, is the same submission.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn submit(
        &self,
        onboarding: OnboardingId,
        key: &KeyUrl,
    ) -> Result<Submission, object_store::Error> {
        let text = key.to_string();
        loop {
            let newest = numbered::newest(&self.store, &folder_of(onboarding)).await?;
            let number = match newest {
                Some((number, submitted)) if submitted == text.as_bytes() => {
                    return Ok(Submission { number, is_repeated: true });
                }
                Some((number, _)) => number + 1,
                None => 1,
            };
            let bytes = text.clone().into_bytes();
            if numbered::write(&self.store, &folder_of(onboarding), number, bytes).await? {
                numbered::remove_overtaken(&self.store, &folder_of(onboarding)).await?;
                return Ok(Submission { number, is_repeated: false });
            }
        }
    }

    /// Forgets the keys that were submitted for an onboarding that has ended: it takes none any more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget(&self, onboarding: OnboardingId) -> Result<(), object_store::Error> {
        let listed: Vec<_> = self.store.list(Some(&folder_of(onboarding))).try_collect().await?;
        for object in listed {
            remove(&self.store, &object.location).await?;
        }
        Ok(())
    }

    /// The key that was submitted last, with its number.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn last(&self, onboarding: OnboardingId) -> Result<Option<(u64, KeyUrl)>, object_store::Error> {
        let newest = numbered::newest(&self.store, &folder_of(onboarding)).await?;
        // Only keys are written there.
        Ok(newest.and_then(|(number, text)| Some((number, String::from_utf8(text).ok()?.parse().ok()?))))
    }
}

fn folder_of(onboarding: OnboardingId) -> Path {
    Path::from(format!("submissions/{onboarding}"))
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;
    use crate::test_support::{key, opened};

    #[tokio::test]
    async fn submissions_are_numbered_and_the_last_one_is_known() {
        let submissions = Submissions::new(Arc::new(InMemory::new()));
        let id = opened().onboarding.id();
        for (name, number, is_repeated) in
            [("wrong", 1, false), ("wrong", 1, true), ("right", 2, false), ("wrong", 3, false)]
        {
            let submitted = submissions.submit(id, &key(name)).await.unwrap();
            assert_eq!(submitted, Submission { number, is_repeated }, "{name}");
        }
        assert_eq!(submissions.last(id).await.unwrap(), Some((3, key("wrong"))));
    }
}
