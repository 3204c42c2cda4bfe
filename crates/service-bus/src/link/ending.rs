//! Waiting for the end of a connection.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::ServiceBusError;

/// How long after the end of the connection the AMQP library may take to say so.
const HEARSAY: Duration = Duration::from_millis(100);

/// Returns when the connection has ended and the operations on it have had time to fail with an error of their own.
pub(super) async fn has_ended(ended: &CancellationToken) -> ServiceBusError {
    ended.cancelled().await;
    tokio::time::sleep(HEARSAY).await;
    ServiceBusError::ConnectionLost { description: "the connection ended".to_owned() }
}
