//! The store, its log and the clock behind one lock, as all connections share them.
//!
//! Everything is done in the same order: bring the store up to now, act, write what changed to the log, and only then
//! let anyone see the outcome. A connection's answers are written to its socket after that.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::cbs::Authority;
use crate::clock::{Clock, Timestamp};
use crate::context::{Context, Limits};
use crate::faults::Faults;
use crate::journal::{Journal, StateError};
use crate::options::Options;
use crate::store::{EntityName, Store, Unclaimed, read_records};

#[derive(Debug)]
pub(crate) struct Core {
    inner: Mutex<Inner>,
    pub(crate) clock: Clock,
    pub(crate) authority: Authority,
    limits: Limits,
    /// Goes up when receivers should look again.
    news: watch::Sender<u64>,
    /// Becomes true when the log cannot be written.
    failed: watch::Sender<bool>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    journal: Option<Journal>,
    faults: Faults,
    /// The log could not be written. What is in memory is ahead of it, so nothing is done any more.
    broken: bool,
}

/// The log cannot be written: nothing may be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the broker's state cannot be written")]
pub(crate) struct Broken;

impl Core {
    pub(crate) fn new(options: &Options, authority: Authority) -> Result<Self, StateError> {
        let mut store = Store::new(options, options.state.is_some());
        let journal = match &options.state {
            Some(folder) => {
                let (journal, entries) = Journal::open(folder)?;
                replay(&mut store, folder, &entries)?;
                Some(journal)
            }
            None => None,
        };
        let limits = Limits {
            max_message_size: options.max_message_size,
            idle_time_out_milliseconds: u32::try_from(options.idle_time_out.as_millis()).unwrap_or(u32::MAX),
        };
        let inner = Mutex::new(Inner { store, journal, faults: Faults::default(), broken: false });
        let core = Self {
            inner,
            clock: Clock::ahead(options.ahead_milliseconds.clone()),
            authority,
            limits,
            news: watch::Sender::new(0),
            failed: watch::Sender::new(false),
        };
        let passed_on = core.act(|context| context.store.pass_on_what_lies(context.now));
        if !matches!(passed_on, Ok(Ok(()))) {
            tracing::error!(?passed_on, "messages in entities that forward could not be forwarded");
        }
        Ok(core)
    }

    /// Acts upon the store. What was done is on record when this returns.
    pub(crate) fn act<T>(&self, action: impl FnOnce(&mut Context<'_>) -> T) -> Result<T, Broken> {
        let mut inner = self.lock();
        if inner.broken {
            return Err(Broken);
        }
        let Inner { store, faults, .. } = &mut *inner;
        let mut context = Context {
            now: self.clock.now(),
            on_the_wire: self.clock.on_the_wire(),
            store,
            authority: &self.authority,
            faults,
            limits: self.limits,
        };
        context.store.advance(context.now);
        let outcome = action(&mut context);
        let committed = inner.commit();
        let news = inner.store.take_news();
        drop(inner);
        if news {
            self.news.send_modify(|count| *count = count.wrapping_add(1));
        }
        if let Err(error) = committed {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the log cannot be written: from now on nothing is acknowledged"
            );
            self.failed.send_replace(true);
            return Err(Broken);
        }
        Ok(outcome)
    }

    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Returns when the log could not be written: nothing is done any more.
    pub(crate) async fn failed(&self) {
        let mut failed = self.failed.subscribe();
        if failed.wait_for(|failed| *failed).await.is_err() {
            tracing::debug!("the broker is gone");
        }
    }

    /// Wakes everyone who waits for a time or for a message, to look again.
    pub(crate) fn nudge(&self) {
        self.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// When something happens next by itself.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.lock().store.next_deadline()
    }

    pub(crate) fn counts(&self, queue: &EntityName) -> Option<crate::Counts> {
        match self.act(|context| context.store.counts(queue)) {
            Ok(counts) => counts,
            Err(Broken) => self.lock().store.counts(queue),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn commit(&mut self) -> Result<(), StateError> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let records = self.store.take_records();
        if records.is_empty() {
            return Ok(());
        }
        let mut written = journal.append(&records);
        if written.is_ok() && journal.wants_compaction() {
            written = journal.compact(&self.store.snapshot());
        }
        self.broken = written.is_err();
        written
    }
}

fn replay(store: &mut Store, folder: &std::path::Path, entries: &[Vec<u8>]) -> Result<(), StateError> {
    let mut unclaimed = Unclaimed::default();
    for (index, entry) in entries.iter().enumerate() {
        let records = read_records(entry).map_err(|malformed| StateError::Damaged {
            path: folder.to_owned(),
            offset: index,
            reason: malformed.to_string(),
        })?;
        for record in records {
            store.repeat(record, &mut unclaimed);
        }
    }
    match unclaimed.holding().next() {
        Some((entity, messages, sessions)) => Err(StateError::Undeclared {
            path: folder.to_owned(),
            entity: entity.to_string(),
            messages,
            sessions,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::message::tests::a_message;
    use crate::options::{EntraTokens, QueueOptions, SubscriptionOptions, TopicOptions};
    use crate::store::Settlement;

    fn core(folder: &Path) -> Core {
        let queues = vec![QueueOptions::new("orders")];
        let options = Options { queues, state: Some(folder.to_owned()), ..Options::default() };
        Core::new(&options, Authority::generate(EntraTokens::Refuse).unwrap()).unwrap()
    }

    fn orders() -> EntityName {
        EntityName::new("orders")
    }

    fn send(core: &Core, id: &str, body: &str) -> Result<(), Broken> {
        core.act(|context| {
            context.store.send(&orders(), a_message(id, body), context.now).map(|_| ()).unwrap()
        })
    }

    #[test]
    fn a_log_that_was_written_anew_holds_what_it_held_before() {
        let folder = tempfile::tempdir().unwrap();
        let body = "x".repeat(900_000);
        let before = core(folder.path());
        send(&before, "kept", "small").unwrap();
        for number in 0..20 {
            send(&before, &number.to_string(), &body).unwrap();
        }
        before.act(|context| context.store.lock_next(&orders(), None, context.now).unwrap()).unwrap();
        for _ in 0..20 {
            let delivery = before
                .act(|context| context.store.lock_next(&orders(), None, context.now).unwrap())
                .unwrap()
                .unwrap();
            let complete = |context: &mut Context<'_>| {
                context.store.settle(&orders(), delivery.token, Settlement::Complete, context.now)
            };
            before.act(complete).unwrap().unwrap();
        }
        let size = || std::fs::metadata(folder.path().join("messages.log")).unwrap().len();
        for _ in 0..40 {
            if size() < 1_000_000 {
                break;
            }
            send(&before, "another", &body).unwrap();
            before.act(|context| context.store.take_next(&orders(), None, context.now).unwrap()).unwrap();
        }
        drop(before);
        let after = core(folder.path());
        assert_eq!(after.counts(&orders()), Some(crate::Counts { active: 1, ..Default::default() }));
        assert!(size() < 1_000_000, "it was written anew");
    }

    #[test]
    fn wherever_the_log_ends_every_subscription_has_the_same_copies() {
        let folder = tempfile::tempdir().unwrap();
        let subscriptions = ["one", "two"].map(SubscriptionOptions::new).to_vec();
        let topics = vec![TopicOptions { subscriptions, ..TopicOptions::new("events") }];
        let options = Options { topics, state: Some(folder.path().to_owned()), ..Options::default() };
        let start = || Core::new(&options, Authority::generate(EntraTokens::Refuse).unwrap()).unwrap();
        let core = start();
        for number in 0..3 {
            let message = a_message(&number.to_string(), "copied");
            core.act(|context| context.store.send(&EntityName::new("events"), message, context.now).unwrap())
                .unwrap();
        }
        drop(core);
        let log = folder.path().join("messages.log");
        let whole = std::fs::read(&log).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for cut in 0..=whole.len() {
            std::fs::write(&log, &whole[..cut]).unwrap();
            let core = start();
            let copies = ["one", "two"]
                .map(|name| core.counts(&EntityName::new(&format!("events/Subscriptions/{name}"))).unwrap());
            assert_eq!(copies[0], copies[1], "cut at {cut} of {}", whole.len());
            seen.insert(copies[0].active);
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn what_cannot_be_written_down_is_not_acknowledged_and_nothing_is_done_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let broken = core(folder.path());
        send(&broken, "written", "a").unwrap();
        broken.lock().journal.as_mut().unwrap().break_writing();
        assert!(!*broken.failed.borrow());
        assert_eq!(send(&broken, "lost", "b"), Err(Broken));
        assert!(*broken.failed.borrow(), "whoever runs the broker hears of it");
        assert_eq!(send(&broken, "lost too", "c"), Err(Broken));
        drop(broken);
        assert_eq!(core(folder.path()).counts(&orders()).unwrap().active, 1);
    }
}
