//! The end of a connection, as those who wait on it learn of it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::ServiceBusError;

/// How long after the end of the connection the AMQP library may take to say so.
const HEARSAY: Duration = Duration::from_millis(100);

/// Returns when the connection has ended and whoever waits on it has had the time to hear of it in the proper way.
pub(super) async fn has_ended(ended: &CancellationToken) -> ServiceBusError {
    ended.cancelled().await;
    tokio::time::sleep(HEARSAY).await;
    ServiceBusError::ConnectionLost { description: "the connection ended".to_owned() }
}
