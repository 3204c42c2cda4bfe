//! Write Azure Functions custom handlers in Rust: plain async functions from a typed event to an outcome.
//!
//! Azure Functions runs any executable that serves HTTP on a port it is given: a *custom handler*. The contract
//! between the Functions host and the handler is small and full of traps: text that arrives as JSON in a string, a
//! message body whose properties overwrite the broker's metadata, an answer without a body that hangs the function
//! until its time-out. This crate keeps the contract, so that all that is left to write is the function:
//!
//! ```no_run
//! use custom_handler::{Functions, Message, Outcome, Timer};
//!
//! #[derive(serde::Deserialize)]
//! struct OrderPlaced { order: u64 }
//!
//! #[derive(Clone)]
//! struct App; // clients, settings: whatever the functions share. Cloning should be cheap.
//!
//! async fn order_placed(message: Message<OrderPlaced>, _app: App) -> Result<Outcome, std::io::Error> {
//!     println!("order {}, delivery {:?}", message.body.order, message.metadata.delivery_count);
//!     Ok(Outcome::Complete)
//! }
//!
//! async fn nightly(_timer: Timer, _app: App) -> Result<(), std::io::Error> {
//!     Ok(())
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), custom_handler::ServeError> {
//!     let orders = axum::Router::new().route("/api/orders", axum::routing::get(async || "no orders yet"));
//!     Functions::new(App)
//!         .http("orders", orders)
//!         .queue("order_placed", order_placed)
//!         .timer("nightly", nightly)
//!         .serve()
//!         .await
//! }
//! ```
//!
//! # What the Functions host needs beside the executable
//!
//! A `host.json` that names the executable and forwards HTTP requests as they are:
//!
//! ```json
//! {
//!   "version": "2.0",
//!   "extensionBundle": { "id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)" },
//!   "customHandler": {
//!     "enableForwardingHttpRequest": true,
//!     "description": { "defaultExecutablePath": "my-function-app" }
//!   }
//! }
//! ```
//!
//! and one folder a function, of the function's name, with a `function.json`. For a queue:
//!
//! ```json
//! { "bindings": [ { "type": "serviceBusTrigger", "direction": "in", "name": "message",
//!     "queueName": "orders", "connection": "ServiceBus", "dataType": "binary" } ] }
//! ```
//!
//! `"dataType": "binary"` is worth its line: the body then arrives byte for byte. Without it the host reads the body
//! as text, and copies the properties of a JSON body over the message's metadata. This crate reads both, and leaves
//! out metadata that the body may have overwritten (see [`MessageMetadata`]).
//!
//! # What becomes of a message
//!
//! | the handler | the invocation | the message |
//! |---|---|---|
//! | returns [`Outcome::Complete`] | succeeds | is completed by the host |
//! | returns [`Outcome::Refuse`] | succeeds once [`DeadLetter`] has moved the message, fails otherwise | is in the dead-letter queue, with the reason |
//! | returns an error, panics, or passes the [deadline](Settings::deadline) | fails, with one line on stdout | returns to the queue at once, its delivery count up by one |
//! | cannot run, because the body is not what it takes | as the app decides ([`Functions::undecodable_with`]); unless it says, as [`Outcome::Refuse`] with the reason `Undecodable` and the path of the bad field | |
//!
//! The host kills a handler with SIGKILL, without notice: write functions that can run again.
//!
//! # Security
//!
//! The process listens on 127.0.0.1 only. A caller from outside reaches it through the Functions host alone, and only
//! on the routes that an HTTP function's `function.json` declares; keys (`authLevel`) are checked by the host before
//! it forwards. Every other function is `POST /{name}`, and takes only what the host itself sends: exactly one
//! `X-Azure-Functions-InvocationId` header, this process's own address as `Host`, and a JSON object with `Data`.
//! Forwarded paths begin with the host's route prefix (`/api` unless `host.json` says otherwise), so they cannot meet
//! a function's name. An app that sets the prefix to `""` should not declare a catch-all route beside queue
//! functions: the `Host` header is then all that tells an outside caller's `POST /{name}` from the host's own, and a
//! caller who can choose that header freely (no front end before the host) can imitate an invocation.
//!
//! # Settings and logging
//!
//! [`Settings`] come from the environment; see there. [`logging::init`] writes lines on stdout, where the host wants
//! them, as text or, with `LOG_FORMAT=json`, as JSON. Each invocation is one `tracing` span with the names of
//! OpenTelemetry's semantic conventions ([`semconv`]), and leaves by OTLP when the environment names a collector
//! ([`telemetry`]).
//!
//! # Testing
//!
//! With the feature `testing`, `custom_handler::testing` builds invocations as the host sends them and runs them through
//! the real router. Nothing of it belongs into what is deployed.
//!
//! # What it leaves out
//!
//! Output bindings (a function sends with a client of its own, which also sets message ids and properties), several
//! messages a run (`"cardinality": "many"`), and HTTP requests that the host does not forward.

mod answer;
mod dead_letter;
mod decode;
mod dispatch;
mod envelope;
mod exports;
mod failure;
mod functions;
mod http_function;
mod invocation;
mod lines;
pub mod logging;
mod message;
mod metadata;
#[cfg_attr(not(feature = "otlp"), path = "without_otlp.rs")]
mod otlp;
#[cfg_attr(not(feature = "otlp"), path = "without_otlp_metrics.rs")]
mod otlp_metrics;
mod panics;
mod queue;
pub mod semconv;
mod serve;
mod settings;
mod span;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod timer;
mod timestamp;
mod trace_context;
mod wire;

pub use dead_letter::DeadLetter;
pub use failure::BoxError;
pub use functions::{Functions, Registered};
pub use message::{Message, Outcome, Undecodable};
pub use metadata::MessageMetadata;
pub use serve::ServeError;
pub use settings::{Settings, SettingsError};
pub use timer::{ScheduleStatus, Timer};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
