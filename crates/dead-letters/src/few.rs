//! Sends a few dead letters again, for a program that has nowhere to keep a log: a letter is sent under the id that a
//! [`Run`](crate::Run) would give it, and then completed.
//!
//! Whoever does this writes down before which letters they are. Killed in between, it is done again: the second copy has
//! the id of the first, and a letter that is not there any more is told apart from one that is.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use service_bus::{Entity, Message, ServiceBusClient, ServiceBusError, Walk};

use crate::{browse::digests, letter::Letter, plan::Planned, resend::resend};

/// How long the next letter may take before what did not come is called missing: long, because a link has to be attached
/// first, and because it costs something only when a letter is gone.
const QUIET: Duration = Duration::from_secs(10);
/// Letters that are held at most on the way to the last wanted one.
const MOST_HELD: usize = 5_000;
/// The longest time on the way.
const LONGEST: Duration = Duration::from_secs(60);

/// What became of the wanted letters of one entity, each by its sequence number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Few {
    /// Sent again and completed.
    pub sent: BTreeSet<i64>,
    /// Not there any more.
    pub gone: BTreeSet<i64>,
    /// Still there: held by somebody else, too far behind, or not meant.
    pub left: BTreeSet<i64>,
}

/// Sends the letters with these numbers again to the entity that they died in, as far as they are meant; all others stay
/// as they were. `run` names the occasion; `adjust` may change what is sent, but not its id.
///
/// # Errors
/// See [`ServiceBusError`]. What was sent and not completed then is a dead letter still.
pub async fn send_few(
    client: &ServiceBusClient,
    entity: &Entity,
    wanted: &BTreeSet<i64>,
    run: &str,
    is_meant: impl Fn(&Letter) -> bool,
    adjust: impl Fn(&mut Message),
) -> Result<Few, ServiceBusError> {
    let mut walk = client.receiver(entity.dead_letter()).walk();
    let mut few = Few::default();
    let walked = Box::pin(take(client, entity, wanted, run, &is_meant, &adjust, &mut walk, &mut few)).await;
    if let Err(error) = walk.finish().await {
        // Their locks end by themselves, and uncounted.
        tracing::warn!(%entity, %error, "messages could not be released; they stay locked until their locks expire");
    }
    walked?;
    let missing: Vec<i64> = wanted.difference(&few.sent).copied().collect();
    let there = digests(client, entity, &missing).await?;
    let (left, gone): (BTreeSet<i64>, BTreeSet<i64>) =
        missing.into_iter().partition(|sequence| there.contains_key(sequence));
    Ok(Few { gone, left, ..few })
}

#[expect(
    clippy::too_many_arguments,
    reason = "one loop of one function, apart so that its walk is always ended"
)]
async fn take(
    client: &ServiceBusClient,
    entity: &Entity,
    wanted: &BTreeSet<i64>,
    run: &str,
    is_meant: &impl Fn(&Letter) -> bool,
    adjust: &impl Fn(&mut Message),
    walk: &mut Walk,
    few: &mut Few,
) -> Result<(), ServiceBusError> {
    let Some(last) = wanted.last() else { return Ok(()) };
    let (dead, sender, started) =
        (client.receiver(entity.dead_letter()), client.sender(entity.path()), Instant::now());
    while walk.held() < MOST_HELD && started.elapsed() < LONGEST {
        walk.renew_due().await?;
        let Some(message) = walk.next(QUIET).await? else { return Ok(()) };
        let (sequence, lock_token) = (message.sequence_number, message.lock_token);
        if wanted.contains(&sequence) {
            let letter = Letter::new(entity, message);
            if is_meant(&letter) {
                let planned = Planned::of(client.fully_qualified_namespace(), &letter);
                let mut again = resend(&letter, &planned, run);
                adjust(&mut again);
                again.message_id = Some(planned.replay_as);
                sender.send(again).await?;
                dead.complete(lock_token).await?;
                walk.settled(lock_token);
                few.sent.insert(sequence);
            }
        }
        if sequence >= *last {
            return Ok(());
        }
    }
    Ok(())
}
