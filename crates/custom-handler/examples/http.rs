//! An HTTP function: plain axum routes, which the Functions host forwards requests to.
//!
//! Needs `"enableForwardingHttpRequest": true` in `host.json`, and `hello/function.json`:
//!
//! ```json
//! { "bindings": [
//!     { "type": "httpTrigger", "direction": "in", "name": "request", "authLevel": "anonymous",
//!       "methods": ["get"], "route": "hello/{name}" },
//!     { "type": "http", "direction": "out", "name": "res" } ] }
//! ```
//!
//! Without a Functions host: `FUNCTIONS_CUSTOMHANDLER_PORT=8080 cargo run --example http`, then
//! `curl http://127.0.0.1:8080/api/hello/Ada`.

use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use custom_handler::{Functions, ServeError};

#[derive(Clone)]
struct App {
    greeting: &'static str,
}

async fn hello(State(app): State<App>, Path(name): Path<String>) -> String {
    format!("{} {name}\n", app.greeting)
}

#[tokio::main]
async fn main() -> Result<(), ServeError> {
    // Routes carry the whole path, the host's route prefix included.
    let routes = Router::new().route("/api/hello/{name}", get(hello));
    Functions::new(App { greeting: "Hello" }).http("hello", routes).serve().await
}
