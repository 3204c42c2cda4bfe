//! Carries out a plan, from wherever an earlier attempt at it has come to.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use service_bus::{Entity, ServiceBusClient};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::{
    archive::{Archive, ArchiveError},
    browse::digests,
    carry::{Carrier, Destination},
    letter::LetterId,
    letter_sender::LetterSender,
    outcome::Outcomes,
    pace::Pace,
    plan::{Plan, Planned},
    report::{Outcome, Report},
    run_error::RunError,
    run_log::{Progress, Record, Replayed, RunLog},
    run_options::{Action, RunEvent, RunOptions},
    sweep::{Sweep, is_open},
};

/// How often a run that may have to stop looks for messages that died again.
const WATCH: Duration = Duration::from_secs(1);

/// A plan that is being carried out.
pub struct Run<'a> {
    client: &'a ServiceBusClient,
    plan: &'a Plan,
    action: &'a Action,
    options: &'a RunOptions,
    stop: CancellationToken,
    on_event: &'a (dyn Fn(RunEvent) + Sync),
    /// Letters that are to be left alone, and why.
    skips: BTreeMap<LetterId, String>,
    handled: AtomicUsize,
}

impl<'a> Run<'a> {
    /// A run of `plan`; cancelling `stop` ends it in order: what is under way is finished, the rest given back.
    pub fn new(
        client: &'a ServiceBusClient,
        plan: &'a Plan,
        action: &'a Action,
        options: &'a RunOptions,
        stop: CancellationToken,
        on_event: &'a (dyn Fn(RunEvent) + Sync),
    ) -> Self {
        Self {
            client,
            plan,
            action,
            options,
            stop,
            on_event,
            skips: BTreeMap::new(),
            handled: AtomicUsize::new(0),
        }
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
            let (plan, action) = (self.plan.hash().to_owned(), self.action.as_str().to_owned());
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
        match self.action {
            Action::Replay => Ok(None),
            Action::Discard { archive } => {
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
                self.tell(RunEvent::Handled);
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
        let seen = self.look_at(&sent).await?;
        let dead = seen.values().filter(|outcome| matches!(outcome, Outcome::DeadAgain { .. })).count();
        let succeeded = seen.values().filter(|outcome| **outcome == Outcome::Succeeded).count();
        Ok(match (dead, sent.len() - dead - succeeded) {
            (0, 0) => None,
            (0, unknown) => {
                Some(format!("the outcome of {unknown} of the first {count} was not known in time"))
            }
            (dead, _) => Some(format!("{dead} of the first {count} were dead-lettered again")),
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
        let mut pace = Pace::new(self.options);
        let on_event = |event| self.tell(event);
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
            let destination = match archive {
                None => Destination::Entity(LetterSender::new(
                    self.client.sender(self.plan.target_of(entity)),
                    log,
                )),
                Some(archive) => Destination::Archive(archive),
            };
            let entity = Entity::from(entity);
            let dead = self.client.receiver(entity.dead_letter());
            let carrier = Carrier { run: self.name(), destination, log, dead };
            let stop = self.stop.child_token();
            let sweep = Sweep {
                client: self.client,
                entity,
                carrier: &carrier,
                pace: &mut pace,
                stop: &stop,
                on_event: &on_event,
                wanted,
            };
            let taken = self.watched(sweep, &stop).await?;
            progress.extend(taken.into_values().map(|(planned, progress)| (planned.id.clone(), progress)));
            if stop.is_cancelled() && !self.stop.is_cancelled() {
                return self
                    .skip_the_rest(
                        log,
                        progress,
                        "too many of the messages before it were dead-lettered again",
                    )
                    .await;
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

    fn tell(&self, event: RunEvent) {
        if event == RunEvent::Handled {
            self.handled.fetch_add(1, Ordering::Relaxed);
        }
        (self.on_event)(event);
    }

    async fn look_at(&self, sent: &[&Planned]) -> Result<BTreeMap<LetterId, Outcome>, RunError> {
        let on_known = |known| (self.on_event)(RunEvent::Outcomes { known, of: sent.len() });
        let outcomes = Outcomes::new(self.client, self.plan, self.name());
        Ok(outcomes.wait_for(sent, self.options.outcome_wait, &self.stop, on_known).await?)
    }

    async fn outcomes(
        &self,
        progress: &BTreeMap<LetterId, Progress>,
    ) -> Result<BTreeMap<LetterId, Outcome>, RunError> {
        if *self.action != Action::Replay || self.options.outcome_wait.is_zero() || self.stop.is_cancelled() {
            return Ok(BTreeMap::new());
        }
        let completed = |planned: &&Planned| progress.get(&planned.id) == Some(&Progress::Completed);
        let sent: Vec<&Planned> = self.plan.messages.iter().filter(completed).collect();
        if sent.is_empty() { Ok(BTreeMap::new()) } else { self.look_at(&sent).await }
    }

    fn report(
        &self,
        progress: &BTreeMap<LetterId, Progress>,
        outcomes: &BTreeMap<LetterId, Outcome>,
        doubtful: Vec<LetterId>,
        finished: bool,
    ) -> Report {
        let outcome = |id: &LetterId| match progress.get(id) {
            None | Some(Progress::Untouched) => Outcome::Left,
            Some(Progress::InDoubt) => Outcome::InDoubt,
            Some(Progress::Sent) => Outcome::SentOnly,
            Some(Progress::Skipped(why)) => Outcome::Skipped { why: why.clone() },
            Some(Progress::Gone) => Outcome::Gone,
            Some(Progress::Completed) if *self.action != Action::Replay => Outcome::Discarded,
            Some(Progress::Completed) => outcomes.get(id).cloned().unwrap_or(Outcome::Replayed),
        };
        let messages =
            self.plan.messages.iter().map(|planned| (planned.id.clone(), outcome(&planned.id))).collect();
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
