//! A function for events of Event Grid: here, of keys that were renewed in a key vault.
//!
//! Needs `key_renewed/function.json`:
//!
//! ```json
//! { "bindings": [ { "type": "eventGridTrigger", "direction": "in", "name": "event" } ] }
//! ```
//!
//! and a subscription of Event Grid whose endpoint is that function. Without a Functions host:
//! `FUNCTIONS_CUSTOMHANDLER_PORT=8080 cargo run --example event_grid`, then send what the host would send:
//!
//! ```sh
//! curl -i http://127.0.0.1:8080/key_renewed -H 'X-Azure-Functions-InvocationId: 1' -d '{"Data":{"event":{"id":"1",
//!   "source":"vault","type":"Microsoft.KeyVault.KeyNewVersionCreated","data":{"ObjectName":"key"}}},"Metadata":{}}'
//! ```

use custom_handler::{EventGridEvent, Functions, ServeError};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyRenewed {
    object_name: String,
}

/// The same event may come more than once, and an error makes it come again.
async fn key_renewed(event: EventGridEvent<KeyRenewed>, _state: ()) -> Result<(), std::convert::Infallible> {
    let EventGridEvent { event_type, data: KeyRenewed { object_name }, .. } = event;
    tracing::info!(object_name, event_type, "renewed");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), ServeError> {
    Functions::new(()).event_grid("key_renewed", key_renewed).serve().await
}
