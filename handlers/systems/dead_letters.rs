//! The dead letters of the app's own queues: which of them an outage caused, and sending those again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use dead_letters::{Few, Letter, LetterId, REPLAY_COUNT, browse, send_few};
use onboarding::{
    OnboardingId, Reason,
    event::KINDS,
    outage::{LETTERS_AT_A_TIME, Place, Replay},
};
use service_bus::{Entity, ServiceBusError, Value};

use crate::{App, metrics};

/// The property in which what is sent again names the recovery that it is sent again for, as `onboarding/entry`.
pub(crate) const REPLAY_RECOVERY: &str = "x-replay-recovery";

/// Dead letters that one run looks at.
const MOST_LOOKED_AT: usize = 2_000;

/// What died so often does not die of outages.
const MOST_REPLAYS: i64 = 5;

/// The outage of one onboarding whose letters are meant.
pub(crate) struct Outage<'a> {
    pub(crate) onboarding: OnboardingId,
    pub(crate) replay: &'a Replay,
}

/// What became of the chosen letters: sent again, gone, left.
type Became = (Vec<String>, Vec<String>, Vec<String>);

impl Outage<'_> {
    /// Whether it caused this letter: its own onboarding's, with a reason that outages have, sent while it lasted.
    fn caused(&self, app: &App, letter: &Letter) -> bool {
        let subject = letter.event.as_ref().and_then(|event| event.subject.as_deref());
        let is_own = subject.and_then(|subject| subject.parse().ok()) == Some(self.onboarding);
        let enqueued = letter.message.enqueued_time;
        let replays = letter.message.application_properties.get(REPLAY_COUNT).and_then(Value::as_i64);
        is_own
            && letter.reason().parse::<Reason>().is_ok_and(Reason::is_of_outage)
            && enqueued.is_some_and(|at| self.replay.is_of_outage(at, unnoticed(app)))
            && replays.unwrap_or_default() < MOST_REPLAYS
    }
}

/// What is out is noticed by a look, and counts after a second one.
fn unnoticed(app: &App) -> Duration {
    app.settings.watch + app.settings.first_check
}

/// The next letters that this outage caused, from where the last look ended; and where to look for others.
pub(crate) async fn look(
    app: &App,
    outage: &Outage<'_>,
) -> Result<(Vec<String>, Option<Place>), ServiceBusError> {
    app.sent.forget(outage.onboarding);
    let Some(place) = &outage.replay.next else { return Ok((vec![], None)) };
    let queues: Vec<&str> = KINDS.iter().map(|(_, queue)| *queue).collect();
    let begins_at = queues.iter().position(|queue| *queue == place.queue).unwrap_or_default();
    let (mut chosen, mut looked_at) = (vec![], 0);
    for (number, queue) in queues.iter().enumerate().skip(begins_at) {
        let mut from = if number == begins_at { place.from } else { 0 };
        let mut has_room = true;
        browse(app.bus.client(), &Entity::queue(*queue), from, |letter| {
            has_room = chosen.len() < LETTERS_AT_A_TIME && looked_at < MOST_LOOKED_AT;
            if has_room {
                looked_at += 1;
                from = letter.id.sequence.saturating_add(1);
                if outage.caused(app, &letter) {
                    chosen.push(letter.id.to_string());
                }
            }
            has_room
        })
        .await?;
        if !has_room {
            return Ok((chosen, Some(Place { queue: (*queue).to_owned(), from })));
        }
    }
    Ok((chosen, None))
}

/// Sends the chosen letters again. Each is looked at once more: the journal names it, and only a letter of this outage
/// is sent. What is sent belongs to the trace of the recovery, and is linked to the one in which it died.
pub(crate) async fn send_again(
    app: &App,
    outage: &Outage<'_>,
    trace: Option<&str>,
) -> Result<Became, ServiceBusError> {
    let mut wanted: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for letter in outage.replay.letters.iter().filter_map(|name| name.parse::<LetterId>().ok()) {
        wanted.entry(letter.entity).or_default().insert(letter.sequence);
    }
    let recovery = format!("{}/{}", outage.onboarding, outage.replay.recovery);
    let (mut gone, mut left) = (vec![], vec![]);
    let run = format!("recovery {recovery}");
    for (queue, wanted) in wanted {
        let entity = Entity::queue(queue.as_str());
        let became = send_few(
            app.bus.client(),
            &entity,
            &wanted,
            &run,
            |letter| outage.caused(app, letter),
            |message| {
                let properties = &mut message.application_properties;
                properties.insert(REPLAY_RECOVERY.to_owned(), recovery.as_str().into());
                if let Some(trace) = trace {
                    properties.insert("traceparent".to_owned(), trace.into());
                    properties.insert("Diagnostic-Id".to_owned(), trace.into());
                }
            },
        );
        let Few { sent, gone: not_there, left: still_there } = Box::pin(became).await?;
        let named = |numbers: BTreeSet<i64>| {
            let queue = queue.clone();
            numbers.into_iter().map(move |number| format!("{queue}/{number}"))
        };
        app.sent.add(outage.onboarding, outage.replay.entry, named(sent).collect());
        gone.extend(named(not_there));
        left.extend(named(still_there));
    }
    let sent = app.sent.add(outage.onboarding, outage.replay.entry, BTreeSet::new());
    gone.retain(|letter| !sent.contains(letter));
    let replayed: Vec<String> = sent.into_iter().collect();
    metrics::replayed(replayed.len(), gone.len(), left.len());
    tracing::info!(%recovery, ?replayed, ?gone, ?left, "dead letters of an outage were sent again");
    Ok((replayed, gone, left))
}
