//! One AMQP connection and the links on it.
//!
//! Every link has a session of its own: a session that ends with an error takes its links with it, and a receiving
//! link that is not read holds up its whole session.

mod authorization;
mod connection;
mod ending;
mod guard;
mod guarded;
mod receive;
mod request;
mod send;
mod severable;
mod transport;

pub(crate) use connection::Connection;
pub(crate) use guard::Guard;
pub(crate) use receive::{Fetched, ReceiveLink};
pub(crate) use request::{RequestLink, Response};
pub(crate) use transport::{Endpoint, Tls};

use tokio::task::JoinHandle;

/// A task that ends with whoever owns it.
pub(crate) struct OwnedTask(JoinHandle<()>);

impl OwnedTask {
    pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }
}

impl Drop for OwnedTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
