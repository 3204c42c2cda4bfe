//! A function for the messages of a Service Bus queue.
//!
//! Needs `order_placed/function.json`:
//!
//! ```json
//! { "bindings": [ { "type": "serviceBusTrigger", "direction": "in", "name": "message",
//!     "queueName": "orders", "connection": "ServiceBus", "dataType": "binary" } ] }
//! ```
//!
//! Without a Functions host: `FUNCTIONS_CUSTOMHANDLER_PORT=8080 cargo run --example queue`, then send what the host
//! would send (the body is base64, because of `"dataType": "binary"`):
//!
//! ```sh
//! curl -i http://127.0.0.1:8080/order_placed -H 'X-Azure-Functions-InvocationId: 1' \
//!   -d "{\"Data\":{\"message\":\"$(printf '{"order":7,"pieces":2}' | base64)\"},\"Metadata\":{\"DeliveryCount\":\"1\"}}"
//! ```

use custom_handler::{Functions, Message, Outcome, ServeError};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct OrderPlaced {
    order: u64,
    pieces: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("the warehouse does not answer")]
struct WarehouseClosed;

#[derive(Clone)]
struct Warehouse {
    open: bool,
}

/// May run again with the same message at any time: whatever it does has to bear that.
async fn order_placed(
    message: Message<OrderPlaced>,
    warehouse: Warehouse,
) -> Result<Outcome, WarehouseClosed> {
    let OrderPlaced { order, pieces } = message.body;
    if pieces == 0 {
        // Trying again would not help.
        let description = format!("order {order} has no pieces");
        return Ok(Outcome::Refuse { reason: "EmptyOrder".to_owned(), description });
    }
    if !warehouse.open {
        // The message returns to the queue.
        return Err(WarehouseClosed);
    }
    tracing::info!(order, pieces, delivery = message.metadata.delivery_count, "packed");
    Ok(Outcome::Complete)
}

#[tokio::main]
async fn main() -> Result<(), ServeError> {
    Functions::new(Warehouse { open: true }).queue("order_placed", order_placed).serve().await
}
