//! Completes messages, many in one request: whatever came together while the last request was under way.

use service_bus::{ServiceBusError, ServiceBusReceiver};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// The most lock tokens of one request.
const MOST: usize = 200;

/// Cloning is cheap. The task behind it ends with the last clone.
#[derive(Debug, Clone)]
pub(crate) struct Completer {
    orders: mpsc::Sender<Order>,
}

type Answer = oneshot::Sender<Result<(), ServiceBusError>>;

#[derive(Debug)]
struct Order {
    lock_token: Uuid,
    answer: Answer,
}

impl Completer {
    pub(crate) fn start(receiver: ServiceBusReceiver) -> Self {
        let (orders, mut incoming) = mpsc::channel(MOST * 4);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(MOST);
            while incoming.recv_many(&mut batch, MOST).await > 0 {
                complete(&receiver, std::mem::take(&mut batch)).await;
            }
        });
        Self { orders }
    }

    /// Completes one message.
    pub(crate) async fn complete(&self, lock_token: Uuid) -> Result<(), ServiceBusError> {
        let (answer, answered) = oneshot::channel();
        let ended =
            || ServiceBusError::ConnectionLost { description: "the completing task ended".to_owned() };
        self.orders.send(Order { lock_token, answer }).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

async fn complete(receiver: &ServiceBusReceiver, batch: Vec<Order>) {
    let tokens: Vec<Uuid> = batch.iter().map(|order| order.lock_token).collect();
    if tokens.len() > 1 && receiver.complete_all(&tokens).await.is_ok() {
        for order in batch {
            // Whoever waited may have been interrupted.
            let _ = order.answer.send(Ok(()));
        }
        return;
    }
    // One of them is not as it should be; alone, each gets its own answer. What the request did complete answers "lost
    // lock" now, and turns out to be gone.
    for order in batch {
        let _ = order.answer.send(receiver.complete(order.lock_token).await);
    }
}
