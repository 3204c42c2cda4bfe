//! Carries out a plan, from wherever an earlier attempt at it has come to.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use service_bus::{Entity, ServiceBusClient, ServiceBusError};
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    archive::{Archive, ArchiveError},
    browse::digests,
    carry::{Action, Carrier},
    letter::LetterId,
    outcome::Outcomes,
    plan::{Plan, Planned},
    post::Post,
    report::{Fate, Report},
    run_log::{Progress, Record, Replayed, RunLog, RunLogError},
    sweep::{Sweep, is_open},
};

/// How often a run that may have to stop looks for messages that died again.
const WATCH: Duration = Duration::from_secs(1);

/// While one group of letters is being sent another is completed, and two are waiting for the disk.
const GROUPS: usize = 4;

/// Timers are good to some milliseconds.
const TIMER: Duration = Duration::from_millis(20);

/// What is done with the letters of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Send them, then remove them.
    Replay,
    /// Put them into this file, then remove them.
    Discard {
        /// The file; appended to.
        archive: PathBuf,
    },
}

impl What {
    /// The word for the log and the audit.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Discard { .. } => "discard",
        }
    }
}

/// How a plan is carried out.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Messages a second, at most.
    pub rate: Option<f64>,
    /// Messages under way at a time. With one, they go out in the order in which they lie.
    pub concurrency: usize,
    /// This many go first, and the others only when none of them died again.
    pub canary: Option<usize>,
    /// The run ends when more than this part of what was sent died again.
    pub stop_on_failure: Option<f64>,
    /// How long to look for outcomes. Zero: not at all.
    pub outcome_wait: Duration,
    /// How long to wait for letters that somebody else has locked. Service Bus knows no lock of more than five
    /// minutes that nobody renews.
    pub lock_patience: Duration,
    /// Go on when some of the letters are gone already, instead of calling the plan stale.
    pub accept_gone: bool,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            rate: None,
            concurrency: 256,
            canary: None,
            stop_on_failure: None,
            outcome_wait: Duration::from_secs(30),
            lock_patience: Duration::from_secs(330),
            accept_gone: false,
        }
    }
}

/// What happens, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// One more message is done with.
    Handled,
    /// Some letters are locked by somebody else, an earlier run for instance.
    WaitsForLocks {
        /// How many are still to be taken.
        left: usize,
    },
    /// The outcomes of so many are known.
    Outcomes {
        /// How many.
        known: usize,
        /// Of how many.
        of: usize,
    },
}

/// Why a run ended early. What was done is in its log; it can go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What the plan saw is not what is there. Nothing was changed.
    #[error(
        "the plan is stale: of its {planned} messages {gone} are gone and {changed} are others now; make a new plan{}",
        if *.changed == 0 { ", or go on with what is left by --accept-gone" } else { "" }
    )]
    Stale {
        /// How many messages the plan has.
        planned: usize,
        /// How many are not there any more.
        gone: usize,
        /// Under how many numbers lies something else.
        changed: usize,
    },
    /// Somebody else holds letters for longer than a lock can last.
    #[error(
        "{left} messages of {entity} stay locked: another program is receiving its dead letters; stop it and run this again"
    )]
    HeldBySomebody {
        /// How many.
        left: usize,
        /// Whose dead letters.
        entity: String,
    },
    /// Service Bus.
    #[error(transparent)]
    ServiceBus(ServiceBusError),
    /// The log.
    #[error(transparent)]
    Log(#[from] RunLogError),
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// The pace of a run.
#[derive(Debug)]
pub(crate) struct Pace {
    pub(crate) next: Instant,
    interval: Duration,
    pub(crate) concurrency: usize,
    pub(crate) lock_patience: Duration,
}

impl Pace {
    fn of(options: &RunOptions) -> Self {
        let interval = options
            .rate
            .filter(|rate| *rate > 0.0)
            .map_or(Duration::ZERO, |rate| Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX));
        let (concurrency, lock_patience) = (options.concurrency.max(1), options.lock_patience);
        Self { next: Instant::now(), interval, concurrency, lock_patience }
    }

    /// How many letters are carried out together: several groups are under way at a time.
    pub(crate) fn group(&self) -> usize {
        (self.concurrency / GROUPS).max(1)
    }

    /// One more message goes. Time that was not used is not made up for, but for the little by which timers are late.
    pub(crate) fn count_one(&mut self) {
        let now = Instant::now();
        self.next = self.next.max(now.checked_sub(TIMER).unwrap_or(now)) + self.interval;
    }
}

/// A plan that is being carried out.
pub struct Run<'a> {
    client: &'a ServiceBusClient,
    plan: &'a Plan,
    what: &'a What,
    options: &'a RunOptions,
    stop: CancellationToken,
    told: &'a (dyn Fn(Told) + Sync),
    /// Letters that are to be left alone, and why.
    skips: BTreeMap<LetterId, String>,
    handled: AtomicUsize,
}

impl<'a> Run<'a> {
    /// A run of `plan`; cancelling `stop` ends it in order: what is under way is finished, the rest given back.
    pub fn new(
        client: &'a ServiceBusClient,
        plan: &'a Plan,
        what: &'a What,
        options: &'a RunOptions,
        stop: CancellationToken,
        told: &'a (dyn Fn(Told) + Sync),
    ) -> Self {
        Self { client, plan, what, options, stop, told, skips: BTreeMap::new(), handled: AtomicUsize::new(0) }
    }

    /// Leaves these alone, for these reasons.
    #[must_use]
    pub fn skipping(mut self, skips: BTreeMap<LetterId, String>) -> Self {
        self.skips = skips;
        self
    }

    /// The name of the run: the beginning of its plan's hash.
    pub fn name(&self) -> &str {
        self.plan.hash().get(..12).unwrap_or(self.plan.hash())
    }

    /// Checks the plan against what is there. Changes nothing.
    ///
    /// # Errors
    /// [`RunError::Stale`].
    pub async fn check(&self, replayed: &Replayed) -> Result<(), RunError> {
        if replayed.resumed {
            // What is missing now may be this run's own doing; each message is checked as it comes.
            return Ok(());
        }
        let (mut gone, mut changed) = (0, 0);
        for (entity, messages) in self.by_entity() {
            let sequences: Vec<i64> = messages.iter().map(|planned| planned.id.sequence).collect();
            let there = digests(self.client, &Entity::from(entity), &sequences).await?;
            for planned in messages {
                match there.get(&planned.id.sequence) {
                    None => gone += 1,
                    Some(digest) if *digest != planned.digest => changed += 1,
                    Some(_) => {}
                }
            }
        }
        if changed > 0 || (gone > 0 && !self.options.accept_gone) {
            return Err(RunError::Stale { planned: self.plan.messages.len(), gone, changed });
        }
        Ok(())
    }

    /// Carries out what is left of the plan, and accounts for all of it.
    ///
    /// # Errors
    /// See [`RunError`].
    pub async fn carry_out(
        &self,
        log: &RunLog,
        replayed: Replayed,
        now: OffsetDateTime,
    ) -> Result<Report, RunError> {
        let mut progress = replayed.progress;
        if !replayed.finished {
            let (plan, action) = (self.plan.hash().to_owned(), self.what.as_str().to_owned());
            log.write(&Record::Started { plan, action, at: now }).await?;
            self.skip_what_is_not_ready(log, &mut progress).await?;
            let archive = self.archive()?;
            match self.canary(log, archive.as_ref(), &mut progress).await? {
                None => self.take(log, archive.as_ref(), &self.plan.messages, &mut progress).await?,
                Some(why) => self.skip_the_rest(log, &mut progress, &why).await?,
            }
        }
        let is_open = |planned: &Planned| is_open(progress.get(&planned.id).unwrap_or(&Progress::Untouched));
        let finished = !self.plan.messages.iter().any(is_open);
        if finished && !replayed.finished {
            log.write(&Record::Finished { at: now }).await?;
        }
        let outcomes = self.outcomes(&progress).await?;
        Ok(self.report(&progress, &outcomes, log.doubtful(), finished))
    }

    /// What is discarded goes here.
    fn archive(&self) -> Result<Option<Mutex<Archive>>, RunError> {
        match self.what {
            What::Replay => Ok(None),
            What::Discard { archive } => {
                Ok(Some(Mutex::new(Archive::open(archive).map_err(ArchiveError::Io)?)))
            }
        }
    }

    async fn skip_what_is_not_ready(
        &self,
        log: &RunLog,
        progress: &mut BTreeMap<LetterId, Progress>,
    ) -> Result<(), RunError> {
        for (id, why) in &self.skips {
            // What was begun is ended: its replay may be on its way.
            if progress.get(id).is_none_or(|progress| *progress == Progress::Untouched) {
                log.write(&Record::Skipped { id: id.clone(), why: why.clone() }).await?;
                progress.insert(id.clone(), Progress::Skipped(why.clone()));
                self.tell(Told::Handled);
            }
        }
        Ok(())
    }

    async fn skip_the_rest(
        &self,
        log: &RunLog,
        progress: &mut BTreeMap<LetterId, Progress>,
        why: &str,
    ) -> Result<(), RunError> {
        let untouched = |planned: &&Planned| {
            progress.get(&planned.id).is_none_or(|progress| *progress == Progress::Untouched)
        };
        let rest: Vec<&Planned> = self.plan.messages.iter().filter(untouched).collect();
        let skipped = |planned: &&Planned| Record::Skipped { id: planned.id.clone(), why: why.to_owned() };
        log.write_all(rest.iter().map(skipped)).await?;
        for planned in rest {
            progress.insert(planned.id.clone(), Progress::Skipped(why.to_owned()));
        }
        Ok(())
    }

    /// Lets the first few go, and waits for what becomes of them. Answers why the others are to stay.
    async fn canary(
        &self,
        log: &RunLog,
        archive: Option<&Mutex<Archive>>,
        progress: &mut BTreeMap<LetterId, Progress>,
    ) -> Result<Option<String>, RunError> {
        let Some(count) = self.options.canary.filter(|count| *count > 0) else { return Ok(None) };
        let skipped = |planned: &&Planned| matches!(progress.get(&planned.id), Some(Progress::Skipped(_)));
        let first: Vec<Planned> =
            self.plan.messages.iter().filter(|planned| !skipped(planned)).take(count).cloned().collect();
        self.take(log, archive, &first, progress).await?;
        if self.stop.is_cancelled() {
            return Ok(None);
        }
        let sent: Vec<&Planned> =
            first.iter().filter(|planned| progress.get(&planned.id) == Some(&Progress::Completed)).collect();
        let fates = self.look_at(&sent).await?;
        let dead = fates.values().filter(|fate| matches!(fate, Fate::DeadAgain { .. })).count();
        let succeeded = fates.values().filter(|fate| **fate == Fate::Succeeded).count();
        Ok(match (dead, sent.len() - dead - succeeded) {
            (0, 0) => None,
            (0, unknown) => {
                Some(format!("the outcome of {unknown} of the first {count} was not known in time"))
            }
            (dead, _) => Some(format!("{dead} of the first {count} died again")),
        })
    }

    /// Takes these letters, as far as nothing was done with them.
    async fn take(
        &self,
        log: &RunLog,
        archive: Option<&Mutex<Archive>>,
        messages: &[Planned],
        progress: &mut BTreeMap<LetterId, Progress>,
    ) -> Result<(), RunError> {
        let mut pace = Pace::of(self.options);
        let told = |what| self.tell(what);
        for (entity, messages) in grouped(messages) {
            let of = |planned: &Planned| progress.get(&planned.id).cloned().unwrap_or_default();
            let wanted: BTreeMap<i64, (&Planned, Progress)> = messages
                .into_iter()
                .map(|planned| (planned.id.sequence, (planned, of(planned))))
                .filter(|(_, (_, progress))| is_open(progress))
                .collect();
            if wanted.is_empty() || self.stop.is_cancelled() {
                continue;
            }
            let action = match archive {
                None => Action::Replay(Post::new(self.client.sender(self.plan.target_of(entity)), log)),
                Some(archive) => Action::Discard(archive),
            };
            let entity = Entity::from(entity);
            let dead = self.client.receiver(entity.dead_letter());
            let carrier = Carrier { run: self.name(), action, log, dead };
            let stop = self.stop.child_token();
            let sweep = Sweep {
                client: self.client,
                entity,
                carrier: &carrier,
                pace: &mut pace,
                stop: &stop,
                told: &told,
                wanted,
            };
            let taken = self.watched(sweep, &stop).await?;
            progress.extend(taken.into_values().map(|(planned, progress)| (planned.id.clone(), progress)));
            if stop.is_cancelled() && !self.stop.is_cancelled() {
                return self.skip_the_rest(log, progress, "too many of those before it died again").await;
            }
        }
        Ok(())
    }

    /// Runs a sweep, and stops it when too much of what was sent died again.
    async fn watched<'s>(
        &self,
        sweep: Sweep<'s>,
        stop: &CancellationToken,
    ) -> Result<BTreeMap<i64, (&'s Planned, Progress)>, RunError> {
        let Some(most) = self.options.stop_on_failure else { return Box::pin(sweep.run()).await };
        let wanted: Vec<&Planned> = sweep.wanted.values().map(|(planned, _)| *planned).collect();
        let mut running = Box::pin(sweep.run());
        let outcomes = Outcomes::new(self.client, self.plan, self.name());
        loop {
            tokio::select! {
                taken = &mut running => return taken,
                () = tokio::time::sleep(WATCH), if !stop.is_cancelled() => {}
            }
            let died = tokio::select! {
                taken = &mut running => return taken,
                died = outcomes.count_died_again(&wanted) => died?,
            };
            let sent = self.handled.load(Ordering::Relaxed).max(1);
            #[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
            if died as f64 / sent as f64 > most {
                stop.cancel();
            }
        }
    }

    fn tell(&self, what: Told) {
        if what == Told::Handled {
            self.handled.fetch_add(1, Ordering::Relaxed);
        }
        (self.told)(what);
    }

    async fn look_at(&self, sent: &[&Planned]) -> Result<BTreeMap<LetterId, Fate>, RunError> {
        let told = |known| (self.told)(Told::Outcomes { known, of: sent.len() });
        let outcomes = Outcomes::new(self.client, self.plan, self.name());
        Ok(outcomes.wait_for(sent, self.options.outcome_wait, &self.stop, told).await?)
    }

    async fn outcomes(
        &self,
        progress: &BTreeMap<LetterId, Progress>,
    ) -> Result<BTreeMap<LetterId, Fate>, RunError> {
        if *self.what != What::Replay || self.options.outcome_wait.is_zero() || self.stop.is_cancelled() {
            return Ok(BTreeMap::new());
        }
        let completed = |planned: &&Planned| progress.get(&planned.id) == Some(&Progress::Completed);
        let sent: Vec<&Planned> = self.plan.messages.iter().filter(completed).collect();
        if sent.is_empty() { Ok(BTreeMap::new()) } else { self.look_at(&sent).await }
    }

    fn report(
        &self,
        progress: &BTreeMap<LetterId, Progress>,
        outcomes: &BTreeMap<LetterId, Fate>,
        doubtful: Vec<LetterId>,
        finished: bool,
    ) -> Report {
        let fate = |id: &LetterId| match progress.get(id) {
            None | Some(Progress::Untouched) => Fate::Left,
            Some(Progress::InDoubt) => Fate::InDoubt,
            Some(Progress::Sent) => Fate::SentOnly,
            Some(Progress::Skipped(why)) => Fate::Skipped { why: why.clone() },
            Some(Progress::Gone) => Fate::Gone,
            Some(Progress::Completed) if *self.what != What::Replay => Fate::Discarded,
            Some(Progress::Completed) => outcomes.get(id).cloned().unwrap_or(Fate::Replayed),
        };
        let messages =
            self.plan.messages.iter().map(|planned| (planned.id.clone(), fate(&planned.id))).collect();
        Report::new(self.name(), self.plan.hash(), messages, doubtful, finished)
    }

    fn by_entity(&self) -> BTreeMap<&str, Vec<&Planned>> {
        grouped(&self.plan.messages)
    }
}

fn grouped(messages: &[Planned]) -> BTreeMap<&str, Vec<&Planned>> {
    let mut grouped: BTreeMap<&str, Vec<&Planned>> = BTreeMap::new();
    for planned in messages {
        grouped.entry(planned.id.entity.as_str()).or_default().push(planned);
    }
    grouped
}
