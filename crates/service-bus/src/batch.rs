//! Several messages in one transfer, which the service stores as a whole or not at all.

use fe2o3_amqp_types::messaging::{Batch, Data, Message as AmqpMessage};

use crate::{
    error::ServiceBusError,
    message::Message,
    wire::{self, Encoded},
};

/// The message format of a transfer that holds several messages (azure-sdk-for-net, AmqpConstants.cs).
pub(crate) const BATCH_FORMAT: u32 = 0x8001_3700;
/// What a section of a batch costs beyond its message, generously.
const SECTION_OVERHEAD: u64 = 16;
/// What the envelope of a batch may cost.
const ENVELOPE_OVERHEAD: u64 = 512;
/// What a batch may weigh in every tier (Microsoft Learn, "Service Bus quotas": Standard). An entity that takes large
/// messages does not take large batches.
const LARGEST: u64 = 262_144;

/// Messages that go out together, made by [`ServiceBusSender::pack`](crate::ServiceBusSender::pack).
#[derive(Debug, Clone)]
pub struct MessageBatch {
    count: usize,
    pub(crate) content: Content,
}

/// What a transfer holds. A message that goes alone goes as itself: some entities take no batches.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    One(Encoded),
    Several(AmqpMessage<Batch<Data>>),
}

impl MessageBatch {
    /// How many messages it holds: never none.
    #[expect(clippy::len_without_is_empty, reason = "there is no empty one")]
    pub fn len(&self) -> usize {
        self.count
    }

    fn close(open: Open) -> Self {
        let count = open.sections.len();
        let content = if count == 1 {
            Content::One(open.first_encoded)
        } else {
            Content::Several(wire::batch_envelope(&open.first, open.sections))
        };
        Self { count, content }
    }
}

/// A batch that may still grow.
struct Open {
    first: Message,
    first_encoded: Encoded,
    sections: Vec<Vec<u8>>,
    size: u64,
}

/// Packs messages, in order, into as few transfers as they fit into. `largest` is what the entity says that it takes.
pub(crate) fn pack(
    messages: Vec<(Message, Encoded)>,
    largest: Option<u64>,
) -> Result<Vec<MessageBatch>, ServiceBusError> {
    let takes = largest.unwrap_or(LARGEST);
    let room = takes.min(LARGEST).saturating_sub(ENVELOPE_OVERHEAD);
    let mut batches = Vec::new();
    let mut open: Option<Open> = None;
    for (message, encoded) in messages {
        let section = wire::encoded_message(&encoded)?;
        let size = section.len() as u64 + SECTION_OVERHEAD;
        if section.len() as u64 > takes {
            let description = format!("{} bytes, the entity takes {takes}", section.len());
            return Err(ServiceBusError::TooLarge { description });
        }
        match &mut open {
            Some(open) if open.size + size <= room && belong_together(&open.first, &message) => {
                open.sections.push(section);
                open.size += size;
            }
            _ => {
                let next = Open { first: message, first_encoded: encoded, sections: vec![section], size };
                batches.extend(open.replace(next).map(MessageBatch::close));
            }
        }
    }
    batches.extend(open.map(MessageBatch::close));
    Ok(batches)
}

/// The messages of one transfer go to one partition.
fn belong_together(first: &Message, other: &Message) -> bool {
    (&first.session_id, &first.partition_key) == (&other.session_id, &other.partition_key)
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    fn packed(messages: Vec<Message>, largest: Option<u64>) -> Result<Vec<usize>, ServiceBusError> {
        let encode = |message: Message| {
            let encoded = wire::encode(&message, OffsetDateTime::UNIX_EPOCH).unwrap();
            (message, encoded)
        };
        let batches = pack(messages.into_iter().map(encode).collect(), largest)?;
        Ok(batches.iter().map(MessageBatch::len).collect())
    }

    fn of_size(size: usize) -> Message {
        Message::new(vec![0; size])
    }

    #[test]
    fn messages_are_packed_in_order_up_to_the_limit() {
        let messages = vec![of_size(600), of_size(600), of_size(600), of_size(100)];
        assert_eq!(packed(messages, Some(2_000)).unwrap(), [2, 2]);
    }

    #[test]
    fn no_batch_is_larger_than_every_tier_takes() {
        let messages = vec![of_size(200_000), of_size(50_000), of_size(50_000), of_size(500_000)];
        for largest in [Some(100_000_000), Some(1_048_576)] {
            assert_eq!(packed(messages.clone(), largest).unwrap(), [2, 1, 1], "{largest:?}");
        }
    }

    #[test]
    fn messages_of_different_sessions_or_partitions_do_not_share_a_transfer() {
        let in_session = |session: &str| of_size(10).with_session_id(session);
        assert_eq!(packed(vec![in_session("a"), in_session("a"), in_session("b")], None).unwrap(), [2, 1]);
        let keyed = |key: &str| of_size(10).with_partition_key(key);
        assert_eq!(packed(vec![keyed("a"), keyed("b"), keyed("b")], None).unwrap(), [1, 2]);
    }

    #[test]
    fn a_message_that_fits_no_transfer_is_an_error() {
        let error = packed(vec![of_size(10), of_size(3_000)], Some(2_000)).unwrap_err();
        assert!(matches!(error, ServiceBusError::TooLarge { .. }), "{error}");
    }

    #[test]
    fn what_goes_alone_is_no_batch() {
        let encoded = wire::encode(&of_size(1), OffsetDateTime::UNIX_EPOCH).unwrap();
        let alone = pack(vec![(of_size(1), encoded)], None).unwrap().remove(0);
        assert!(matches!(alone.content, Content::One(_)));
    }
}
