//! Objects that are of use until a time, which their names begin with: whoever sweeps takes those away that are past it,
//! and reads none of them.

use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path};
use time::{Duration, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// The most that one sweep takes away from one folder. What is left is taken away by the next.
pub const REMOVED_AT_A_TIME: usize = 1_000;

/// How much longer they stay: the clock of whoever sweeps may be ahead.
const CLOCK_SKEW: Duration = Duration::HOUR;

/// One folder of such objects. They are empty: that one is there is all that it says.
#[derive(Debug, Clone)]
pub struct Expiring {
    store: Arc<dyn ObjectStore>,
    folder: &'static str,
}

/// One that is past its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Its name.
    pub name: String,
    path: Path,
}

impl Expiring {
    /// The objects in this folder of the store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, folder: &'static str) -> Self {
        Self { store, folder }
    }

    /// Makes one; `false` when it is there already.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn create(&self, until: OffsetDateTime, name: &str) -> Result<bool, object_store::Error> {
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&self.path_of(until, name), PutPayload::new(), create).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether it is there.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn contains(&self, until: OffsetDateTime, name: &str) -> Result<bool, object_store::Error> {
        match self.store.head(&self.path_of(until, name)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How many there are below this name.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn count(&self, until: OffsetDateTime, below: &str) -> Result<usize, object_store::Error> {
        let listed: Vec<_> = self.store.list(Some(&self.path_of(until, below))).try_collect().await?;
        Ok(listed.len())
    }

    /// Those that are past their time, [`REMOVED_AT_A_TIME`] at the most.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn past(&self, now: OffsetDateTime) -> Result<Vec<Past>, object_store::Error> {
        let until = name_of(now);
        let mut listed = self.store.list(Some(&Path::from(self.folder)));
        let mut past = vec![];
        while past.len() < REMOVED_AT_A_TIME
            && let Some(object) = listed.try_next().await?
        {
            let parts: Vec<String> = object.location.parts().map(|part| part.as_ref().to_owned()).collect();
            if let [_, time, name @ ..] = parts.as_slice()
                && *time < until
            {
                past.push(Past { name: name.join("/"), path: object.location });
            }
        }
        Ok(past)
    }

    /// Takes one away. Taking it away again is success.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remove(&self, past: &Past) -> Result<(), object_store::Error> {
        remove(&self.store, &past.path).await
    }

    /// Takes away those that are past their time, [`REMOVED_AT_A_TIME`] at the most; answers how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remove_past(&self, now: OffsetDateTime) -> Result<usize, object_store::Error> {
        let past = self.past(now - CLOCK_SKEW).await?;
        for one in &past {
            self.remove(one).await?;
        }
        Ok(past.len())
    }

    fn path_of(&self, until: OffsetDateTime, name: &str) -> Path {
        Path::from(format!("{}/{}/{name}", self.folder, name_of(until)))
    }
}

/// Takes an object away. Taking it away again is success.
pub(crate) async fn remove(store: &Arc<dyn ObjectStore>, path: &Path) -> Result<(), object_store::Error> {
    match store.delete(path).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// RFC 3339 in whole seconds, with the colons that some file systems refuse taken out; its order is the order of time.
pub(crate) fn name_of(time: OffsetDateTime) -> String {
    let whole = time.to_offset(UtcOffset::UTC).replace_nanosecond(0).unwrap_or(time);
    whole.format(&Rfc3339).unwrap_or_default().replace(':', "")
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-02-01 12:00 UTC);

    #[tokio::test]
    async fn one_is_made_once_and_counted_below_its_name() {
        let expiring = Expiring::new(Arc::new(InMemory::new()), "tickets");
        assert!(!expiring.contains(NOW, "a/1").await.unwrap());
        assert!(expiring.create(NOW, "a/1").await.unwrap());
        assert!(!expiring.create(NOW, "a/1").await.unwrap());
        assert!(expiring.contains(NOW, "a/1").await.unwrap());
        expiring.create(NOW, "a/2").await.unwrap();
        expiring.create(NOW, "b/1").await.unwrap();
        assert_eq!(expiring.count(NOW, "a").await.unwrap(), 2);
        assert_eq!(expiring.count(NOW + Duration::SECOND, "a").await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_is_past_its_time_is_taken_away_some_at_a_time_and_nothing_else() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let expiring = Expiring::new(store.clone(), "tickets");
        for n in 0..=REMOVED_AT_A_TIME {
            expiring.create(NOW, &n.to_string()).await.unwrap();
        }
        let later = NOW + Duration::MINUTE;
        expiring.create(later, "later").await.unwrap();
        Expiring::new(store, "others").create(NOW, "other").await.unwrap();
        let just_past = NOW + CLOCK_SKEW + Duration::SECOND;
        assert_eq!(expiring.remove_past(NOW + CLOCK_SKEW).await.unwrap(), 0, "a clock may be ahead");
        assert_eq!(expiring.remove_past(just_past).await.unwrap(), REMOVED_AT_A_TIME);
        assert_eq!(expiring.remove_past(just_past).await.unwrap(), 1);
        assert_eq!(expiring.remove_past(just_past).await.unwrap(), 0);
        assert!(expiring.contains(later, "later").await.unwrap());
    }
}
