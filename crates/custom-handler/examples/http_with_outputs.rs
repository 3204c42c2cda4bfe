//! An HTTP function that also puts a message on a queue: the host then does not forward the request, but sends it inside
//! an invocation.
//!
//! Needs `order/function.json`:
//!
//! ```json
//! { "bindings": [
//!     { "type": "httpTrigger", "direction": "in", "name": "request", "methods": ["post"] },
//!     { "type": "http", "direction": "out", "name": "res" },
//!     { "type": "serviceBus", "direction": "out", "name": "orders", "queueName": "orders",
//!       "connection": "ServiceBus" } ] }
//! ```

use axum::http::StatusCode;
use custom_handler::{Functions, HttpRequest, HttpResponse, Outputs, ServeError};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Order {
    id: u32,
    pieces: u32,
}

async fn order(request: HttpRequest, _state: ()) -> Result<(HttpResponse, Outputs), serde_json::Error> {
    match request.json::<Order>() {
        Ok(order) => {
            let outputs = Outputs::new().json_message("orders", &order)?;
            Ok((HttpResponse::new(StatusCode::ACCEPTED).json(&order)?, outputs))
        }
        Err(problem) => Ok(HttpResponse::new(StatusCode::BAD_REQUEST).text(problem).into()),
    }
}

#[tokio::main]
async fn main() -> Result<(), ServeError> {
    Functions::new(()).http_invoked("order", order).serve().await
}
