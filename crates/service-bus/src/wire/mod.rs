//! Between this crate's types and AMQP's.

mod conditions;
mod decode;
mod encode;
mod nesting;
mod transfer;
mod value;

pub(crate) use conditions::{
    from_attach_receiver, from_attach_sender, from_begin, from_definition, from_open, from_receive,
    from_send, from_status,
};
pub(crate) use decode::{
    decode, decode_received, lock_token_from_delivery_tag, read_encoded, read_what_is_sound,
};
pub(crate) use encode::{Encoded, batch_envelope, encode, encoded_message};
pub(crate) use nesting::{Nesting, sound_length};
pub(crate) use transfer::Transfer;
pub(crate) use value::{from_amqp, instant_from_ticks, instant_from_timestamp};

/// The AMQP library's own value type.
pub(crate) type AmqpValue = serde_amqp::Value;
/// A message whose body can be of any kind.
pub(crate) type AnyMessage =
    fe2o3_amqp_types::messaging::Message<fe2o3_amqp_types::messaging::Body<AmqpValue>>;

/// Names of message annotations (Microsoft Learn, "AMQP 1.0 in Azure Service Bus and Event Hubs protocol guide").
mod annotation {
    pub(super) const SEQUENCE_NUMBER: &str = "x-opt-sequence-number";
    pub(super) const ENQUEUE_SEQUENCE_NUMBER: &str = "x-opt-enqueue-sequence-number";
    pub(super) const ENQUEUED_TIME: &str = "x-opt-enqueued-time";
    pub(super) const LOCKED_UNTIL: &str = "x-opt-locked-until";
    pub(super) const SCHEDULED_ENQUEUE_TIME: &str = "x-opt-scheduled-enqueue-time";
    pub(super) const PARTITION_KEY: &str = "x-opt-partition-key";
    pub(super) const MESSAGE_STATE: &str = "x-opt-message-state";
    pub(super) const DEAD_LETTER_SOURCE: &str = "x-opt-deadletter-source";
}
