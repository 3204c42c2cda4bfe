//! The links to an onboarding's page that its operator withdrew: all that were issued until then.
//!
//! Links are not stored; each names how often links had been withdrawn when it was issued. So withdrawing needs no list,
//! works at once, and depends on nobody's clock. A record for each time, `links-withdrawn/{onboarding}/{number}.json`, says
//! when. It is no news for the journal: nothing that the onboarding waits for depends on it.

use std::sync::Arc;

use object_store::{ObjectStore, path::Path};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{OnboardingId, numbered};

/// How often the links of each onboarding were withdrawn, in the same store as the journal.
#[derive(Debug, Clone)]
pub struct Withdrawals {
    store: Arc<dyn ObjectStore>,
}

impl Withdrawals {
    /// Withdrawals kept in this store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// How often the links of this onboarding were withdrawn.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn count(&self, onboarding: OnboardingId) -> Result<u64, object_store::Error> {
        let newest = numbered::newest(&self.store, &folder_of(onboarding)).await?;
        Ok(newest.map_or(0, |(number, _)| number))
    }

    /// Withdraws every link that was issued for this onboarding.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn withdraw(
        &self,
        onboarding: OnboardingId,
        now: OffsetDateTime,
    ) -> Result<(), object_store::Error> {
        let number = self.count(onboarding).await? + 1;
        let at = now.format(&Rfc3339).unwrap_or_default();
        // That somebody else wrote it withdraws the same links.
        let record = json!({ "withdrawnAt": at }).to_string().into_bytes();
        numbered::write(&self.store, &folder_of(onboarding), number, record).await.map(drop)
    }
}

fn folder_of(onboarding: OnboardingId) -> Path {
    Path::from(format!("links-withdrawn/{onboarding}"))
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;
    use crate::test_support::{cause, opened};

    #[tokio::test]
    async fn links_are_withdrawn_again_and_again_and_only_of_one_onboarding() {
        let withdrawals = Withdrawals::new(Arc::new(InMemory::new()));
        let (id, other) = (opened().onboarding.id(), OnboardingId::of_subscription(uuid::Uuid::from_u128(8)));
        assert_eq!(withdrawals.count(id).await.unwrap(), 0);
        for count in 1..=3 {
            withdrawals.withdraw(id, cause("").now).await.unwrap();
            assert_eq!(withdrawals.count(id).await.unwrap(), count);
        }
        assert_eq!(withdrawals.count(other).await.unwrap(), 0);
    }
}
