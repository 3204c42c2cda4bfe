//! The end of a host, in the right order: no new work, then time for what is under way, then SIGKILL.
//!
//! Measured on the real host: a call that succeeds meanwhile is logged as a success, and its message is abandoned all
//! the same; the message of a call that takes longer is left to its lock.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::event::{HostEvent, Observer};
use crate::handler::Orders;
use crate::service_bus::sdk::Connections;

/// How long a stopping host waits for invocations under way before it kills the handler.
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// How long each of the things may take that end after that.
const SETTLING_TIME: Duration = Duration::from_secs(5);

/// Waits for the end, and brings it about in order.
pub(super) struct Conductor {
    pub(super) stop: CancellationToken,
    pub(super) fatal_reasons: mpsc::UnboundedReceiver<String>,
    pub(super) intake: CancellationToken,
    pub(super) over: CancellationToken,
    pub(super) in_flight: TaskTracker,
    pub(super) tasks: JoinSet<()>,
    pub(super) orders: Orders,
    pub(super) supervisor: JoinHandle<()>,
    pub(super) connections: Connections,
    pub(super) observer: Observer,
    pub(super) stopped: watch::Sender<Option<String>>,
}

impl Conductor {
    pub(super) async fn run(mut self) {
        let reason = tokio::select! {
            () = self.stop.cancelled() => "the host was stopped".to_owned(),
            Some(reason) = self.fatal_reasons.recv() => reason,
        };
        self.orders.restart_no_more.cancel();
        self.intake.cancel();
        self.in_flight.close();
        let _ = timeout(DRAIN_TIME, self.in_flight.wait()).await;
        // Before the handler goes: its end must not look like a failure of what it was doing.
        self.over.cancel();
        self.orders.kill.cancel();
        let _ = self.supervisor.await;
        let _ = timeout(SETTLING_TIME, self.in_flight.wait()).await;
        let _ = timeout(SETTLING_TIME, async { while self.tasks.join_next().await.is_some() {} }).await;
        self.tasks.shutdown().await;
        let _ = timeout(SETTLING_TIME, self.connections.close()).await;
        self.observer.tell(HostEvent::Stopped { reason: reason.clone() });
        self.stopped.send_replace(Some(reason));
    }
}
