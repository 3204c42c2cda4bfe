//! Looks at dead letters without touching them.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use service_bus::{Entity, ReceivedMessage, ServiceBusClient, ServiceBusError, ServiceBusReceiver};

use crate::{
    digest::digest,
    letter::{Letter, LetterId},
};

/// Messages that one request asks for; the service answers with what fits into one message.
const PAGE: usize = 500;
/// Single looks under way at a time.
const LOOKS: usize = 64;
/// A look at each letter is cheaper than reading everything between them when they lie this far apart.
const SPARSE: i64 = 20;

/// Reads the dead letters of an entity in order, from a sequence number on, and hands them to `each` until that
/// answers false. Locks nothing.
///
/// # Errors
/// See [`ServiceBusError`].
pub async fn browse(
    client: &ServiceBusClient,
    entity: &Entity,
    from: i64,
    mut each: impl FnMut(Letter) -> bool,
) -> Result<(), ServiceBusError> {
    let receiver = client.receiver(entity.dead_letter());
    pages(&receiver, from, |message| each(Letter::new(entity, message))).await
}

/// Reads the messages of a queue or sub-queue in order, whatever their state.
pub(crate) async fn pages(
    receiver: &ServiceBusReceiver,
    mut from: i64,
    mut each: impl FnMut(ReceivedMessage) -> bool,
) -> Result<(), ServiceBusError> {
    loop {
        let page = receiver.peek(from, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        from = last.sequence_number.saturating_add(1);
        for message in page {
            if !each(message) {
                return Ok(());
            }
        }
    }
}

/// One dead letter.
///
/// # Errors
/// See [`ServiceBusError`].
pub async fn find(client: &ServiceBusClient, id: &LetterId) -> Result<Option<Letter>, ServiceBusError> {
    let entity = Entity::from(id.entity.as_str());
    let receiver = client.receiver(entity.dead_letter());
    Ok(look(&receiver, &entity, id.sequence).await?.1)
}

async fn look(
    receiver: &ServiceBusReceiver,
    entity: &Entity,
    sequence: i64,
) -> Result<(i64, Option<Letter>), ServiceBusError> {
    let found = receiver.peek(sequence, 1).await?.into_iter().next();
    let letter = found.filter(|message| message.sequence_number == sequence);
    Ok((sequence, letter.map(|message| Letter::new(entity, message))))
}

/// Which of these letters are there, and their digests. Locked ones are there too.
///
/// # Errors
/// See [`ServiceBusError`].
pub async fn digests(
    client: &ServiceBusClient,
    entity: &Entity,
    sequences: &[i64],
) -> Result<BTreeMap<i64, String>, ServiceBusError> {
    let (Some(first), Some(last)) = (sequences.iter().min().copied(), sequences.iter().max().copied()) else {
        return Ok(BTreeMap::new());
    };
    let receiver = client.receiver(entity.dead_letter());
    if (last - first) / SPARSE < i64::try_from(sequences.len()).unwrap_or(i64::MAX) {
        let wanted: std::collections::BTreeSet<i64> = sequences.iter().copied().collect();
        let mut there = BTreeMap::new();
        pages(&receiver, first, |message| {
            let sequence = message.sequence_number;
            if wanted.contains(&sequence) {
                there.insert(sequence, digest(&message));
            }
            sequence < last
        })
        .await?;
        return Ok(there);
    }
    stream::iter(sequences.iter().copied())
        .map(|sequence| look(&receiver, entity, sequence))
        .buffer_unordered(LOOKS)
        .try_filter_map(
            |(sequence, letter)| async move { Ok(letter.map(|letter| (sequence, letter.digest()))) },
        )
        .try_collect()
        .await
}
