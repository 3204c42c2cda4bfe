//! Write Azure Functions custom handlers in Rust: plain async functions from a typed event to an outcome.
//!
//! Azure Functions runs any executable that serves HTTP on a port it is given: a *custom handler*. The contract
//! between the Functions host and the handler is small and full of traps: text that arrives as JSON in a string, a
//! message body whose properties overwrite the broker's metadata, an answer without a body that hangs the function
//! until its time-out. This crate keeps the contract, so that what is left to write is the function:
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
//!     println!("order {} for the {:?}. time", message.body.order, message.metadata.delivery_count);
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
//! | returns [`Outcome::Complete`], or [`Outputs`] | succeeds | is completed by the host, which sends the outputs |
//! | returns [`Outcome::Refuse`] | succeeds once [`DeadLetter`] has moved the message, fails otherwise | is kept as a dead letter with the reason |
//! | returns an error, panics, or passes the [deadline](Settings::deadline) | fails, with one line on stdout | returns to the queue at once, its delivery count up by one |
//! | cannot decode the body | as [`Outcome::Refuse`], the description naming the bad field | |
//!
//! The host kills a handler with SIGKILL, without notice: write functions that can run again.
//!
//! # More than that
//!
//! - [`Functions::http_invoked`]: HTTP functions with further outputs, which the host does not forward.
//! - [`Functions::queue_batch`], [`Functions::queue_each`]: several messages a run, each with an outcome of its own.
//! - [`Functions::event_grid`]: events of Event Grid.
//! - [`Outputs`]: messages through output bindings, in the one form that the host sends unchanged.
//! - [`serve_after`]: answers the host while clients are still connecting.
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
//! [`testing`] builds invocations as the host sends them and runs them through the real router.

mod answer;
mod batch;
mod batch_wire;
mod decode;
mod dispatch;
mod envelope;
mod event_grid;
mod failure;
mod functions;
mod http_function;
mod http_invocation;
mod lines;
pub mod logging;
mod message;
mod metadata;
mod moment;
#[cfg_attr(not(feature = "otlp"), path = "without_otlp.rs")]
mod otlp;
mod outputs;
mod panics;
pub mod semconv;
mod serve;
mod settings;
mod span;
pub mod telemetry;
pub mod testing;
mod timer;
mod wire;

pub use batch::Settlement;
pub use batch_wire::DataType;
pub use event_grid::GridEvent;
pub use functions::{Functions, Kind, Registered};
pub use http_invocation::{HttpRequest, HttpResponse};
pub use message::{BoxError, Completion, DeadLetter, Message, Outcome};
pub use metadata::{MessageMetadata, RetryContext};
pub use outputs::Outputs;
pub use serve::{ServeError, serve_after};
pub use settings::{Settings, SettingsError};
pub use timer::{ScheduleStatus, Timer};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
