//! Takes the wanted letters of one entity out of its dead letters, and leaves the others exactly as they were.
//!
//! Service Bus cannot hand out one dead letter by its number. The sweep walks from the head with a lock on everything,
//! carries out what is to be done with a wanted letter as it comes, holds the others, and gives them back, uncounted,
//! once it is past the last wanted one. Locks that grow old meanwhile are renewed.
//!
//! A wanted letter that does not come is either gone or locked by somebody else: by a run that was killed a moment
//! ago, for instance, whose locks still have some time to go. The former is told; for the latter the sweep waits.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use service_bus::{Entity, ReceivedMessage, ServiceBusClient, Walk};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    browse::digests,
    carry::{Carrier, LockedLetter},
    letter::Letter,
    pace::Pace,
    plan::Planned,
    run_error::RunError,
    run_log::Progress,
    run_options::RunEvent,
};

/// How long the next message may take before the sweep asks what is left.
const QUIET: Duration = Duration::from_secs(1);
/// How long to wait before walking again when what is left is locked by somebody else.
const PAUSE: Duration = Duration::from_secs(2);
/// How often locks are looked at.
const RENEWAL: Duration = Duration::from_secs(2);
/// Walks in a row that may fail without any progress.
const MOST_FAILURES: u32 = 8;

/// A sweep over one entity.
pub(crate) struct Sweep<'a> {
    pub(crate) client: &'a ServiceBusClient,
    pub(crate) entity: Entity,
    pub(crate) carrier: &'a Carrier<'a>,
    pub(crate) pace: &'a mut Pace,
    pub(crate) stop: &'a CancellationToken,
    pub(crate) on_event: &'a dyn Fn(RunEvent),
    /// What is wanted and not done, with how far each has come.
    pub(crate) wanted: BTreeMap<i64, (&'a Planned, Progress)>,
}

/// How one walk ended.
enum Ended {
    /// Everything was taken, or it was stopped.
    Done,
    /// Past the last wanted one, or nothing comes any more; some are missing.
    Missing,
}

impl<'a> Sweep<'a> {
    /// Takes every wanted letter, or finds out that it is gone. Answers how far each has come.
    pub(crate) async fn run(mut self) -> Result<BTreeMap<i64, (&'a Planned, Progress)>, RunError> {
        let mut waited_since = None;
        let mut failures = 0;
        while self.is_left() && !self.stop.is_cancelled() {
            let before = self.left().count();
            let mut walk = self.client.receiver(self.entity.dead_letter()).walk();
            let walked = self.walk(&mut walk).await;
            let made_progress = self.left().count() < before;
            match walked {
                Ok(ended) => {
                    failures = 0;
                    let given_back = walk.finish().await;
                    if let Err(error) = given_back {
                        // Their locks end by themselves, and uncounted.
                        tracing::warn!(entity = %self.entity, %error, "messages could not be released; they stay locked until their locks expire");
                    }
                    if matches!(ended, Ended::Missing) {
                        self.find_the_gone().await?;
                    }
                }
                Err(RunError::ServiceBus(error)) if error.is_transient() => {
                    drop(walk);
                    failures = if made_progress { 0 } else { failures + 1 };
                    if failures >= MOST_FAILURES {
                        return Err(error.into());
                    }
                    tracing::warn!(entity = %self.entity, %error, failures, "reading the dead letters was interrupted; starting again");
                }
                Err(error) => {
                    // Give back what can be given back: the run is over, its locks need not be.
                    let _ = walk.finish().await;
                    return Err(error);
                }
            }
            if made_progress {
                waited_since = None;
            }
            if self.is_left() && !self.stop.is_cancelled() {
                let since = *waited_since.get_or_insert_with(Instant::now);
                if since.elapsed() > self.pace.lock_patience {
                    return Err(RunError::HeldBySomebody {
                        left: self.left().count(),
                        entity: self.entity.to_string(),
                    });
                }
                (self.on_event)(RunEvent::WaitsForLocks { left: self.left().count() });
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    () = self.stop.cancelled() => {}
                }
            }
        }
        Ok(self.wanted)
    }

    /// What is still to be taken.
    fn left(&self) -> impl Iterator<Item = i64> {
        self.wanted.iter().filter(|(_, (_, progress))| is_open(progress)).map(|(sequence, _)| *sequence)
    }

    fn is_left(&self) -> bool {
        self.left().next().is_some()
    }

    /// One walk from the head. What comes gathers while the group before it is under way, so that a slow service is
    /// asked less often and for more at a time.
    async fn walk(&mut self, walk: &mut Walk) -> Result<Ended, RunError> {
        let last = self.left().last().unwrap_or_default();
        let mut unseen: std::collections::BTreeSet<i64> = self.left().collect();
        let carrier = self.carrier;
        let (mut under_way, mut letters_under_way) = (FuturesUnordered::new(), 0);
        let mut gathered: Vec<LockedLetter<'a>> = Vec::new();
        let mut at_hand: Option<ReceivedMessage> = None;
        let mut renewal = tokio::time::interval(RENEWAL);
        let mut broke: Option<RunError> = None;
        let mut ended = Ended::Done;
        let mut is_past = false;
        loop {
            let is_ending = broke.is_some() || self.stop.is_cancelled();
            if is_ending {
                at_hand = None;
                gathered.clear();
            }
            let has_room = letters_under_way + gathered.len() < self.pace.concurrency;
            let reads = !is_ending && !is_past && at_hand.is_none() && !unseen.is_empty();
            let is_last = !reads && at_hand.is_none();
            if is_last || under_way.is_empty() || gathered.len() >= self.pace.group() {
                let group = std::mem::take(&mut gathered);
                if !group.is_empty() {
                    letters_under_way += group.len();
                    under_way.push(carrier.carry_out(group));
                }
            }
            if is_last && under_way.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                Some((group, error)) = under_way.next(), if !under_way.is_empty() => {
                    letters_under_way -= group.len();
                    group.into_iter().for_each(|taken| self.note(walk, taken));
                    broke = broke.or(error);
                }
                () = self.stop.cancelled(), if !is_ending => {}
                _ = renewal.tick() => match walk.renew_due().await {
                    Ok(_) => {}
                    Err(error) => broke = broke.or(Some(error.into())),
                },
                () = sleep_until(self.pace.next), if at_hand.is_some() && has_room => {
                    if let Some(message) = at_hand.take() {
                        self.pace.count_one();
                        gathered.extend(self.taken(message));
                    }
                }
                next = walk.next(QUIET), if reads => match next {
                    Ok(Some(message)) => {
                        let sequence = message.sequence_number;
                        is_past = sequence > last;
                        if unseen.remove(&sequence) {
                            at_hand = Some(message);
                        } else if is_past {
                            ended = Ended::Missing;
                        }
                    }
                    Ok(None) => {
                        is_past = true;
                        ended = Ended::Missing;
                    }
                    Err(error) => broke = Some(error.into()),
                },
            }
        }
        match broke {
            Some(error) => Err(error),
            None => Ok(ended),
        }
    }

    fn taken(&self, message: ReceivedMessage) -> Option<LockedLetter<'a>> {
        let (planned, progress) = self.wanted.get(&message.sequence_number)?;
        let (progress, lock_token) = (progress.clone(), message.lock_token);
        let letter = Letter::new(&self.entity, message);
        Some(LockedLetter { planned, letter, lock_token, progress, lock_lost: false })
    }

    /// Takes note of how far a letter has come.
    fn note(&mut self, walk: &mut Walk, taken: LockedLetter<'_>) {
        if taken.progress == Progress::Completed || taken.lock_lost {
            walk.settled(taken.lock_token);
        }
        if !is_open(&taken.progress) {
            (self.on_event)(RunEvent::Handled);
        }
        if let Some((_, progress)) = self.wanted.get_mut(&taken.planned.id.sequence) {
            *progress = taken.progress;
        }
    }

    /// Of those that did not come: which are gone? What this run has sent is then completed, too: by a request whose
    /// answer was lost, or by whoever else removed it.
    async fn find_the_gone(&mut self) -> Result<(), RunError> {
        let left: Vec<i64> = self.left().collect();
        if left.is_empty() {
            return Ok(());
        }
        let there = digests(self.client, &self.entity, &left).await?;
        for sequence in left.into_iter().filter(|sequence| !there.contains_key(sequence)) {
            let Some((planned, progress)) = self.wanted.get_mut(&sequence) else { continue };
            *progress = self.carrier.note_gone(&planned.id, progress).await?;
            (self.on_event)(RunEvent::Handled);
        }
        Ok(())
    }
}

/// Whether something is still to be done.
pub(crate) fn is_open(progress: &Progress) -> bool {
    matches!(progress, Progress::Untouched | Progress::InDoubt | Progress::Sent)
}
