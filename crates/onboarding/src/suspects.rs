//! Onboardings whose keys were found wrong lately, so that what happens to many at once is told from what one customer
//! did.
//!
//! One object for each onboarding and window of time, `suspects/{window}/{tenant}/{onboarding}`, written only when a look
//! finds something new. Names say everything. `alarms/{window}` is created only if absent, so that one alarm is raised
//! however many instances see the same.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use azure_ids::TenantId;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path};
use time::OffsetDateTime;

use crate::OnboardingId;

/// That many tenants at once are no coincidence.
pub const MANY_TENANTS: usize = 3;

/// And so is one of so many of the onboardings that are watched.
pub const ONE_OF: usize = 5;

/// An alarm that was raised is not raised again for so long.
const ALARM_LASTS: Duration = Duration::from_secs(3600);

/// The suspects, in the same store as the journal.
#[derive(Debug, Clone)]
pub struct Suspects {
    store: Arc<dyn ObjectStore>,
}

/// Who was found wrong within the last two windows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lately {
    /// The tenants.
    pub tenants: BTreeSet<TenantId>,
    /// The onboardings.
    pub onboardings: BTreeSet<OnboardingId>,
}

impl Lately {
    /// Whether that is too many, of so many that are watched, for each to be its customer's doing.
    #[must_use]
    pub fn is_many_of(&self, watched: usize) -> bool {
        self.tenants.len() >= MANY_TENANTS && self.onboardings.len() * ONE_OF >= watched
    }
}

impl Suspects {
    /// Kept in this store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Something was found wrong here. Again is the same.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn note(
        &self,
        (tenant, onboarding): (TenantId, OnboardingId),
        now: OffsetDateTime,
        window: Duration,
    ) -> Result<(), object_store::Error> {
        let path = Path::from(format!("suspects/{:010}/{tenant}/{onboarding}", number_of(now, window)));
        self.store.put(&path, PutPayload::new()).await.map(drop)
    }

    /// Who was found wrong in this window and the one before. What is older is removed.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn lately(&self, now: OffsetDateTime, window: Duration) -> Result<Lately, object_store::Error> {
        let (mut lately, mut old) = (Lately::default(), vec![]);
        let mut listed = self.store.list(Some(&Path::from("suspects")));
        while let Some(object) = listed.try_next().await? {
            let path = object.location;
            let parts: Vec<_> = path.parts().map(|part| part.as_ref().to_owned()).collect();
            let [_, number, tenant, onboarding] = parts.as_slice() else { continue };
            let is_recent = number.parse::<i64>().is_ok_and(|number| number >= number_of(now, window) - 1);
            if is_recent {
                lately.tenants.extend(tenant.parse::<TenantId>());
                lately.onboardings.extend(onboarding.parse::<OnboardingId>());
            } else {
                old.push(Ok(path));
            }
        }
        drop(listed);
        let mut removed = self.store.delete_stream(futures::stream::iter(old).boxed());
        while let Some(gone) = removed.next().await {
            match gone {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(lately)
    }

    /// The number of the alarm that is to be raised now; `None` when one was raised a short while ago.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn alarm_due(&self, now: OffsetDateTime) -> Result<Option<i64>, object_store::Error> {
        let number = number_of(now, ALARM_LASTS);
        for known in [number, number - 1] {
            match self.store.head(&alarm(known)).await {
                Ok(_) => return Ok(None),
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(number))
    }

    /// The alarm of this number was raised. Whether it is the first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn raised(&self, number: i64) -> Result<bool, object_store::Error> {
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&alarm(number), PutPayload::new(), create).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn alarm(number: i64) -> Path {
    Path::from(format!("alarms/{number:010}"))
}

fn number_of(now: OffsetDateTime, window: Duration) -> i64 {
    now.unix_timestamp() / i64::try_from(window.as_secs()).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-02-01 12:00 UTC);
    const WINDOW: Duration = Duration::from_secs(900);

    fn customer(number: u128) -> (TenantId, OnboardingId) {
        let tenant = format!("0a1b2c3d-1111-2222-3333-{number:012}").parse().unwrap();
        (tenant, OnboardingId::of_subscription(Uuid::from_u128(number)))
    }

    #[tokio::test]
    async fn who_was_found_wrong_counts_for_two_windows_and_is_forgotten_then() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let suspects = Suspects::new(store.clone());
        for number in 1..=3 {
            for _ in 0..2 {
                suspects.note(customer(number), NOW, WINDOW).await.unwrap();
            }
        }
        for later in [Duration::ZERO, WINDOW] {
            let lately = suspects.lately(NOW + later, WINDOW).await.unwrap();
            assert_eq!((lately.tenants.len(), lately.onboardings.len()), (3, 3));
        }
        assert_eq!(suspects.lately(NOW + 2 * WINDOW, WINDOW).await.unwrap(), Lately::default());
        let left: Vec<_> = store.list(None).try_collect().await.unwrap();
        assert_eq!(left, [], "nothing piles up");
    }

    #[test]
    fn many_are_three_tenants_and_a_fifth_of_all() {
        let lately = |tenants: u128, onboardings: u128| Lately {
            tenants: (0..tenants).map(|number| customer(number).0).collect(),
            onboardings: (0..onboardings).map(|number| customer(number).1).collect(),
        };
        assert!(lately(3, 6).is_many_of(30) && lately(3, 3).is_many_of(3));
        assert!(!lately(2, 6).is_many_of(30), "two customers may have agreed");
        assert!(!lately(3, 5).is_many_of(30), "a few of many");
    }

    #[tokio::test]
    async fn one_alarm_is_raised_whoever_sees_it_and_another_after_an_hour_or_two() {
        let suspects = Suspects::new(Arc::new(InMemory::new()));
        let number = suspects.alarm_due(NOW).await.unwrap().unwrap();
        assert_eq!(suspects.alarm_due(NOW).await.unwrap(), Some(number), "it was not raised yet");
        assert!(suspects.raised(number).await.unwrap());
        assert!(!suspects.raised(number).await.unwrap(), "another instance was first");
        let due = async |hours| suspects.alarm_due(NOW + time::Duration::hours(hours)).await.unwrap();
        assert_eq!((due(0).await, due(1).await), (None, None));
        assert!(due(2).await.is_some());
    }
}
