//! Walks over every onboarding, some at a time, whatever its state: what nobody would come back to is found so.
//!
//! The place that the walk has reached is one object, `sweep/walked-to`. Without it, or when it cannot be read, the walk
//! begins again; two walks at a time look twice, which does no harm.

use std::sync::Arc;

use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path};

use crate::{OnboardingId, expiring::remove};

/// How many onboardings a walk looks at before it rests.
pub const AT_A_TIME: usize = 200;

/// The walk over all onboardings, in the same store as the journal.
#[derive(Debug, Clone)]
pub struct Walk {
    store: Arc<dyn ObjectStore>,
}

/// The next part of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The onboardings to look at.
    pub onboardings: Vec<OnboardingId>,
    /// Whether the walk begins with it.
    pub is_first: bool,
    /// Whether the walk ends with it.
    pub is_last: bool,
}

impl Walk {
    /// A walk whose place is kept in this store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// The next part of the walk over these, [`AT_A_TIME`] at the most.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn next(&self, mut all: Vec<OnboardingId>) -> Result<Stretch, object_store::Error> {
        all.sort_unstable();
        let reached = self.reached().await?;
        let ahead = all.into_iter().skip_while(|one| reached.is_some_and(|reached| *one <= reached));
        let mut onboardings: Vec<OnboardingId> = ahead.take(AT_A_TIME + 1).collect();
        let is_last = onboardings.len() <= AT_A_TIME;
        onboardings.truncate(AT_A_TIME);
        Ok(Stretch { onboardings, is_first: reached.is_none(), is_last })
    }

    /// This part was looked at: the next begins behind it, after the last at the beginning.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn done(&self, stretch: &Stretch) -> Result<(), object_store::Error> {
        match stretch.onboardings.last().filter(|_| !stretch.is_last) {
            Some(reached) => {
                self.store.put(&place(), PutPayload::from(reached.to_string())).await?;
                Ok(())
            }
            None => remove(&self.store, &place()).await,
        }
    }

    async fn reached(&self) -> Result<Option<OnboardingId>, object_store::Error> {
        let bytes = match self.store.get(&place()).await {
            Ok(found) => found.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok()))
    }
}

fn place() -> Path {
    Path::from("sweep/walked-to")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use object_store::memory::InMemory;
    use uuid::Uuid;

    use super::*;

    fn onboardings(count: u128) -> Vec<OnboardingId> {
        (0..count).map(|n| OnboardingId::of_subscription(Uuid::from_u128(n))).collect()
    }

    #[tokio::test]
    async fn every_onboarding_is_reached_in_parts_of_a_bounded_size_again_and_again() {
        for count in [0, 1, 199, 200, 201, 450] {
            let walk = Walk::new(Arc::new(InMemory::new()));
            let all = onboardings(count);
            for _ in 0..2 {
                let mut seen = BTreeSet::new();
                for _ in 0..all.len().div_ceil(AT_A_TIME) {
                    let stretch = walk.next(all.clone()).await.unwrap();
                    assert!(stretch.onboardings.len() <= AT_A_TIME);
                    seen.extend(stretch.onboardings.iter().copied());
                    walk.done(&stretch).await.unwrap();
                }
                assert_eq!(seen.len(), all.len());
            }
        }
    }

    #[tokio::test]
    async fn a_part_that_was_not_done_comes_again_and_a_damaged_place_begins_again() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let walk = Walk::new(store.clone());
        let all = onboardings(300);
        let first = walk.next(all.clone()).await.unwrap();
        assert_eq!(walk.next(all.clone()).await.unwrap(), first);
        walk.done(&first).await.unwrap();
        assert_eq!(walk.next(all.clone()).await.unwrap().onboardings.len(), 100);
        store.put(&place(), "nobody".into()).await.unwrap();
        assert_eq!(walk.next(all).await.unwrap(), first);
    }
}
