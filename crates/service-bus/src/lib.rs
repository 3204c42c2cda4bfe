//! A client for Azure Service Bus over AMQP 1.0: send, schedule, receive, settle, browse.
//!
//! Names follow Microsoft's SDKs. Underneath is `fe2o3-amqp`; this crate adds what Service Bus adds to AMQP, and the
//! care that a program needs if it must neither hang nor lose a message.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use service_bus::{Entity, Message, ServiceBusClient};
//!
//! # async fn example(connection_string: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let client = ServiceBusClient::from_connection_string(connection_string)?;
//!
//! let sender = client.sender("orders");
//! sender.send(Message::new(r#"{"order":7}"#).with_message_id("order-7")).await?;
//!
//! let receiver = client.receiver("orders");
//! for message in receiver.receive(10, Duration::from_secs(30)).await? {
//!     match std::str::from_utf8(&message.body) {
//!         Ok(order) => {
//!             println!("{order}, delivery {}", message.delivery_count);
//!             receiver.complete(message.lock_token).await?;
//!         }
//!         Err(error) => {
//!             receiver.dead_letter(message.lock_token, "NotText", &error.to_string()).await?;
//!         }
//!     }
//! }
//!
//! let refused = client.receiver(Entity::queue("orders").dead_letter());
//! for message in refused.peek(0, 100).await? {
//!     println!("{:?}: {:?}", message.message_id, message.dead_letter_reason);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Connecting
//!
//! [`ServiceBusClient::from_connection_string`] takes the portal's and the emulator's connection strings: with
//! `UseDevelopmentEmulator=true` plain TCP on port 5672 or the one named, otherwise TLS on port 5671.
//! [`ServiceBusClient::new`] takes a namespace and any `azure_core` credential, and asks it for
//! `https://servicebus.azure.net/.default`. Tokens are renewed after four fifths of their life.
//!
//! One connection serves a client with all its clones, senders and receivers. It is opened by the first operation.
//!
//! # Time limits, and what happens when an operation fails
//!
//! Every operation has a time limit, and every attempt within it ([`ClientOptions`]). After an attempt without a
//! response, or one whose link or connection ended, nobody knows whether it took effect: the connection is closed and
//! opened again, and the operation is tried again, a limited number of times. A message keeps its id through all attempts, so an
//! entity with duplicate detection drops the copies; without it, delivery is at least once. What the service refuses
//! is not tried again.
//!
//! [`ServiceBusError`] has a variant for each case that a caller may want to distinguish.
//!
//! # Receiving
//!
//! Always in peek-lock mode: a message that is not settled comes back when its lock ends. Messages are settled by
//! lock token through the entity's management node, which reports a lost lock, and works from any client. See
//! [`ServiceBusReceiver::receive`] for how credit is kept in bounds.
//!
//! # Many at a time
//!
//! [`ServiceBusSender::send_each`] keeps many sends under way on one link, [`ServiceBusSender::send_batch`] packs
//! messages into few transfers ([`ServiceBusSender::pack`] shows which go together), and
//! [`ServiceBusReceiver::complete_all`] and [`ServiceBusReceiver::renew_locks`] settle and renew many in one request. [`ServiceBusReceiver::walk`] takes a few messages out of many, and releases the
//! others as they were.
//!
//! # Sessions
//!
//! [`ServiceBusClient::accept_session`] locks a session, named or the next, and receives from it.
//!
//! # Not supported
//!
//! Deferral, transactions, receive-and-delete, rules of subscriptions, AMQP over WebSockets.

mod authentication;
mod batch;
mod body_section;
mod client;
mod clock;
mod connection_string;
mod connector;
mod entity;
mod error;
mod fetch;
#[doc(hidden)]
pub mod fuzzing;
mod link;
mod management;
mod message;
mod options;
mod received;
mod receiver;
mod sender;
mod session;
mod value;
mod walk;
mod wire;

pub use batch::MessageBatch;
pub use body_section::BodySection;
pub use client::ServiceBusClient;
pub use clock::{Clock, SystemClock};
pub use connection_string::{ConnectionString, ConnectionStringError};
pub use entity::Entity;
pub use error::ServiceBusError;
pub use message::Message;
pub use options::ClientOptions;
pub use received::{DEAD_LETTER_ERROR_DESCRIPTION, DEAD_LETTER_REASON, MessageState, ReceivedMessage};
pub use receiver::ServiceBusReceiver;
pub use sender::ServiceBusSender;
pub use session::SessionReceiver;
pub use value::{DecimalBytes, Descriptor, Value};
pub use walk::Walk;
