//! A client for Azure Service Bus over AMQP 1.0: send, schedule, receive, settle, browse.

mod authentication;
mod client;
mod clock;
mod connection_string;
mod entity;
mod error;
mod fetch;
mod link;
mod management;
mod message;
mod options;
mod received;
mod receiver;
mod sender;
mod value;
mod wire;

pub use client::ServiceBusClient;
pub use clock::{Clock, SystemClock};
pub use connection_string::{ConnectionString, ConnectionStringError};
pub use entity::Entity;
pub use error::ServiceBusError;
pub use message::Message;
pub use options::ClientOptions;
pub use received::{
    BodySection, DEAD_LETTER_ERROR_DESCRIPTION, DEAD_LETTER_REASON, MessageState, ReceivedMessage,
};
pub use receiver::ServiceBusReceiver;
pub use sender::ServiceBusSender;
pub use value::{DecimalBytes, Descriptor, Value};
