//! When an onboarding that waits is looked at again.
//!
//! A marker an onboarding and check, `due/{time}/{onboarding}/{entry}`, or `…/rung` for the grace ladder: the sweep lists one folder whose names sort by
//! time, instead of reading every onboarding. A marker is only a reminder: the entry's number makes a check void that
//! was due for an older state, so a marker too many does no harm.

use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use time::OffsetDateTime;

use crate::{
    Onboarding, OnboardingId,
    blocker::Blocker,
    expiring::{name_of, remove},
};

/// The name of a reminder of the grace ladder.
const RUNG: &str = "rung";

/// The reminders of all onboardings, in the same store as the journal.
#[derive(Debug, Clone)]
pub struct DueChecks {
    store: Arc<dyn ObjectStore>,
}

/// One reminder whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueCheck {
    /// The onboarding to look at.
    pub onboarding: OnboardingId,
    /// The journal entry that had set the check; none for a reminder of the grace ladder, which asks the journal what
    /// is due.
    pub entry: Option<u64>,
    path: Path,
}

impl DueChecks {
    /// Reminders kept in this store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store }
    }

    /// Sets the reminders that this entry, and those after it, ask for. Setting one again is the same reminder.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set(&self, onboarding: &Onboarding, entry: u64) -> Result<(), object_store::Error> {
        for (_, blocker) in onboarding.blockers().iter().filter(|(_, blocker)| blocker.entry >= entry) {
            self.set_for(onboarding.id(), blocker).await?;
        }
        Ok(())
    }

    /// Sets a reminder of the grace ladder. Setting it again for the same time is the same reminder.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_rung(
        &self,
        onboarding: OnboardingId,
        at: OffsetDateTime,
    ) -> Result<(), object_store::Error> {
        self.store.put(&path_of(at, onboarding, None), PutPayload::new()).await?;
        Ok(())
    }

    /// Sets again the reminders of checks that were due before this time and that nobody made: they were lost.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn set_lost(
        &self,
        onboarding: &Onboarding,
        before: OffsetDateTime,
    ) -> Result<(), object_store::Error> {
        for (_, blocker) in onboarding.blockers().iter() {
            if blocker.next_check.is_some_and(|next_check| next_check < before) {
                self.set_for(onboarding.id(), blocker).await?;
            }
        }
        Ok(())
    }

    async fn set_for(&self, onboarding: OnboardingId, blocker: &Blocker) -> Result<(), object_store::Error> {
        let Some(next_check) = blocker.next_check else { return Ok(()) };
        self.store.put(&path_of(next_check, onboarding, Some(blocker.entry)), PutPayload::new()).await?;
        Ok(())
    }

    /// The reminders whose time has come, the oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn due_at(&self, now: OffsetDateTime) -> Result<Vec<DueCheck>, object_store::Error> {
        let listed: Vec<_> = self.store.list(Some(&Path::from("due"))).try_collect().await?;
        let until = name_of(now);
        let mut due: Vec<DueCheck> =
            listed.into_iter().filter_map(|object| parse(object.location, &until)).collect();
        due.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(due)
    }

    /// Reminds again at this time, because what becomes of the check that was sent is not known yet.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn put_off(&self, check: &DueCheck, until: OffsetDateTime) -> Result<(), object_store::Error> {
        let path = path_of(until, check.onboarding, check.entry);
        self.store.put(&path, PutPayload::new()).await?;
        if path == check.path { Ok(()) } else { self.clear(check).await }
    }

    /// Takes a reminder away, once its onboarding waits for this check no more. Taking it away again is success.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn clear(&self, check: &DueCheck) -> Result<(), object_store::Error> {
        remove(&self.store, &check.path).await
    }
}

fn path_of(at: OffsetDateTime, onboarding: OnboardingId, entry: Option<u64>) -> Path {
    let what = entry.map_or_else(|| RUNG.to_owned(), |entry| entry.to_string());
    Path::from(format!("due/{}/{onboarding}/{what}", name_of(at)))
}

fn parse(path: Path, until: &str) -> Option<DueCheck> {
    let parts: Vec<String> = path.parts().map(|part| part.as_ref().to_owned()).collect();
    let [_, time, onboarding, entry] = parts.as_slice() else { return None };
    let is_due = time.as_str() <= until;
    is_due.then_some(())?;
    let entry = if entry == RUNG { None } else { Some(entry.parse().ok()?) };
    Some(DueCheck { onboarding: onboarding.parse().ok()?, entry, path })
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use time::Duration;

    use super::*;
    use crate::{
        Subject,
        finding::Finding,
        test_support::{cause, disk, opened},
    };

    #[tokio::test]
    async fn a_reminder_comes_when_its_time_has_come_and_not_before() {
        let due = DueChecks::new(Arc::new(InMemory::new()));
        let onboarding = opened().onboarding().clone();
        due.set(&onboarding, 1).await.unwrap();
        due.set(&onboarding, 1).await.unwrap();
        let at = cause("").now + Duration::seconds(60);
        assert_eq!(due.due_at(at - Duration::seconds(1)).await.unwrap(), []);
        let found = due.due_at(at).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].onboarding, found[0].entry), (onboarding.id(), Some(1)));
        due.clear(&found[0]).await.unwrap();
        due.clear(&found[0]).await.unwrap();
        assert_eq!(due.due_at(at).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_reminder_of_the_ladder_names_no_entry() {
        let due = DueChecks::new(Arc::new(InMemory::new()));
        let (onboarding, at) = (opened().onboarding().id(), cause("").now);
        due.set_rung(onboarding, at).await.unwrap();
        due.set_rung(onboarding, at).await.unwrap();
        let found = due.due_at(at).await.unwrap();
        assert_eq!(found.iter().map(|due| due.entry).collect::<Vec<_>>(), [None]);
        due.put_off(&found[0], at + Duration::HOUR).await.unwrap();
        assert_eq!(due.due_at(at).await.unwrap(), []);
        assert_eq!(due.due_at(at + Duration::HOUR).await.unwrap()[0].entry, None);
    }

    /// Each blocker has its own check; those of one entry and one moment share the reminder.
    #[tokio::test]
    async fn every_blocker_has_its_reminder_and_one_without_a_check_has_none() {
        let due = DueChecks::new(Arc::new(InMemory::new()));
        let at = cause("").now;
        let next_check = |hours: i64| Some(at + Duration::hours(hours));
        let mut onboarding = opened().onboarding().clone();
        for (disk_name, entry, next_check) in
            [("d1", 4, next_check(1)), ("d2", 5, next_check(2)), ("d3", 5, next_check(2)), ("d4", 6, None)]
        {
            let disk = disk(disk_name);
            let finding = Finding::DiskAttached { disk: disk.clone(), error: None };
            let blocker = Blocker { finding, since: at, checks: 0, entry, next_check };
            onboarding.blockers.set(Subject::Disk { disk }, blocker);
        }
        due.set(&onboarding, 4).await.unwrap();
        let found = due.due_at(at + Duration::days(1)).await.unwrap();
        assert_eq!(
            found.iter().map(|due| due.entry).collect::<Vec<_>>(),
            [Some(4), Some(5)],
            "the oldest first"
        );
        let later = DueChecks::new(Arc::new(InMemory::new()));
        later.set(&onboarding, 5).await.unwrap();
        assert_eq!(later.due_at(at + Duration::days(1)).await.unwrap().len(), 1, "older entries have theirs");
    }
}
