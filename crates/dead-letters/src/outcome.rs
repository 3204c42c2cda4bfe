//! Finds the outcomes of replayed messages, by looking into the queue and its dead letters.
//!
//! The queue is read before its dead letters, and each from its head: a message moves from the former to the latter in
//! one step, and a step that puts a message off sends the later one, with a higher number, before it completes the
//! earlier. So what is found in neither has been received and completed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use service_bus::{Entity, ServiceBusClient, ServiceBusError};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    browse::pages,
    letter::{Letter, LetterId},
    plan::{Plan, Planned},
    report::Outcome,
};

/// The first pause between two looks; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Looks for the outcomes of one run.
pub(crate) struct Outcomes<'a> {
    client: &'a ServiceBusClient,
    plan: &'a Plan,
    run: &'a str,
}

/// Where the replays of some letters were seen.
#[derive(Debug, Default)]
struct Sighting {
    in_queue: HashSet<LetterId>,
    dead: HashMap<LetterId, (LetterId, String)>,
}

impl<'a> Outcomes<'a> {
    pub(crate) fn new(client: &'a ServiceBusClient, plan: &'a Plan, run: &'a str) -> Self {
        Self { client, plan, run }
    }

    /// Looks until each of these is known to have succeeded or died again, or the time is over, or it is stopped.
    pub(crate) async fn wait_for(
        &self,
        sent: &[&Planned],
        wait: Duration,
        stop: &CancellationToken,
        mut on_known: impl FnMut(usize),
    ) -> Result<BTreeMap<LetterId, Outcome>, ServiceBusError> {
        let deadline = Instant::now() + wait;
        let mut pause = FIRST_PAUSE;
        loop {
            let outcomes = self.look(sent).await?;
            let waiting = outcomes.values().filter(|outcome| **outcome == Outcome::Waiting).count();
            on_known(outcomes.len() - waiting);
            if waiting == 0 || stop.is_cancelled() || Instant::now() + pause >= deadline {
                return Ok(outcomes);
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.cancelled() => return Ok(outcomes),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn look(&self, sent: &[&Planned]) -> Result<BTreeMap<LetterId, Outcome>, ServiceBusError> {
        let mut outcomes = BTreeMap::new();
        for (entity, of_entity) in by_entity(sent) {
            let Some(sighting) = self.known(&entity, self.sight(&entity, &of_entity).await)? else {
                continue;
            };
            for planned in of_entity {
                let outcome = match sighting.dead.get(&planned.id) {
                    _ if sighting.in_queue.contains(&planned.id) => Outcome::Waiting,
                    Some((again, reason)) => {
                        Outcome::DeadAgain { again: again.clone(), reason: reason.clone() }
                    }
                    None => Outcome::Succeeded,
                };
                outcomes.insert(planned.id.clone(), outcome);
            }
        }
        Ok(outcomes)
    }

    /// What is sent to another topic is in whatever subscriptions that has: nobody can look there.
    fn known<T>(&self, entity: &str, seen: Result<T, ServiceBusError>) -> Result<Option<T>, ServiceBusError> {
        match seen {
            Err(error) if !error.is_transient() && self.plan.lookout(entity) != entity => {
                tracing::debug!(entity, %error, "the outcomes cannot be looked for");
                Ok(None)
            }
            seen => seen.map(Some),
        }
    }

    async fn sight(&self, entity: &str, sent: &[&Planned]) -> Result<Sighting, ServiceBusError> {
        let (lookout, traces) = (Entity::from(self.plan.lookout(entity)), Traces::of(sent, self.run));
        let mut sighting = Sighting::default();
        pages(&self.client.receiver(&lookout), 0, |message| {
            sighting.in_queue.extend(traces.origin_of(&Letter::new(&lookout, message)));
            true
        })
        .await?;
        sighting.dead = self.died_again(entity, &traces).await?;
        Ok(sighting)
    }

    /// Which of these died again so far. Cheap: only what came after the plan was made is read.
    pub(crate) async fn count_died_again(&self, sent: &[&Planned]) -> Result<usize, ServiceBusError> {
        let mut count = 0;
        for (entity, of_entity) in by_entity(sent) {
            let died = self.died_again(&entity, &Traces::of(&of_entity, self.run)).await;
            count += self.known(&entity, died)?.map_or(0, |died| died.len());
        }
        Ok(count)
    }

    async fn died_again(
        &self,
        entity: &str,
        traces: &Traces<'_>,
    ) -> Result<HashMap<LetterId, (LetterId, String)>, ServiceBusError> {
        let lookout = Entity::from(self.plan.lookout(entity));
        let from = self.plan.targets.get(entity).map_or(0, |target| target.dead_letters_up_to + 1);
        let mut dead = HashMap::new();
        pages(&self.client.receiver(lookout.dead_letter()), from, |message| {
            let letter = Letter::new(&lookout, message);
            if let Some(origin) = traces.origin_of(&letter) {
                dead.insert(origin, (letter.id.clone(), letter.reason().to_owned()));
            }
            true
        })
        .await?;
        Ok(dead)
    }
}

/// By what a message is known as the replay of a letter: it says so; or it carries the same event under another
/// message id, which is how a step puts itself off.
struct Traces<'a> {
    run: &'a str,
    ids: HashSet<&'a LetterId>,
    events: HashMap<&'a str, &'a LetterId>,
}

impl<'a> Traces<'a> {
    fn of(sent: &[&'a Planned], run: &'a str) -> Self {
        let events = sent.iter().filter_map(|planned| Some((planned.event.as_deref()?, &planned.id)));
        Self { run, ids: sent.iter().map(|planned| &planned.id).collect(), events: events.collect() }
    }

    fn origin_of(&self, letter: &Letter) -> Option<LetterId> {
        if let (Some(run), Some(of)) = (letter.replay_run(), letter.replay_of()) {
            return (run == self.run && self.ids.contains(&of)).then_some(of);
        }
        let event = letter.event.as_ref()?.id.as_str();
        self.events.get(event).map(|id| (*id).clone())
    }
}

fn by_entity<'a>(sent: &[&'a Planned]) -> BTreeMap<String, Vec<&'a Planned>> {
    let mut grouped: BTreeMap<String, Vec<&Planned>> = BTreeMap::new();
    for planned in sent {
        grouped.entry(planned.id.entity.clone()).or_default().push(planned);
    }
    grouped
}
