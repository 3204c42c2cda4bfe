//! A function for a timer.
//!
//! Needs `tidy_up/function.json` (six fields: seconds first):
//!
//! ```json
//! { "bindings": [ { "type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "0 0 3 * * *" } ] }
//! ```
//!
//! Without a Functions host: `FUNCTIONS_CUSTOMHANDLER_PORT=8080 cargo run --example timer`, then
//!
//! ```sh
//! curl -i http://127.0.0.1:8080/tidy_up -H 'X-Azure-Functions-InvocationId: 1' \
//!   -d '{"Data":{"timer":{"IsPastDue":true}},"Metadata":{}}'
//! ```

use std::convert::Infallible;

use custom_handler::{Functions, ServeError, Timer};

async fn tidy_up(timer: Timer, _state: ()) -> Result<(), Infallible> {
    let last = timer.schedule_status.and_then(|status| status.last);
    tracing::info!(late = timer.is_past_due, ?last, "tidying up");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), ServeError> {
    Functions::new(()).timer("tidy_up", tidy_up).serve().await
}
