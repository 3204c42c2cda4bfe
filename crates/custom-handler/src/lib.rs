//! Azure Functions custom handlers in Rust: plain async functions from a typed message to an outcome.
//!
//! The Functions host starts the handler as a process of its own and speaks HTTP to it on a port that it names in the
//! environment. This crate keeps the host's contract, so that a handler does not have to know it:
//!
//! - `GET /` is answered at once, which is how the host finds out that the process is ready;
//! - a queue or timer function is `POST /{function}` with a JSON envelope, whose values are partly JSON in strings;
//! - the answer is always a JSON object: on an empty answer the host would wait until the function's time is up;
//! - success and failure are the HTTP status; a failure's text goes to stdout, because the host drops the body;
//! - a panic fails its own invocation and nothing else; so does a run past the time limit;
//! - HTTP functions are forwarded raw (`enableForwardingHttpRequest`), so they are ordinary axum routes.
//!
//! Source of the contract: the host's own code (Azure/azure-functions-host, `DefaultHttpWorkerService.cs`,
//! `ScriptInvocationContextExtensions.cs`, `HttpWorkerProcess.cs`).
//!
//! # Security
//! The process listens on 127.0.0.1 only. Callers from outside reach it through the host, which forwards the declared
//! HTTP routes and nothing else; a forwarded path begins with the route prefix and so never is the path of a queue
//! function. Keep the prefix.
//!
//! # Example
//! ```
//! use custom_handler::{Functions, Message, Outcome};
//!
//! #[derive(serde::Deserialize)]
//! struct Order { id: u32 }
//!
//! async fn on_order(message: Message<Order>, _state: ()) -> Result<Outcome, std::io::Error> {
//!     match message.body.id {
//!         0 => Ok(Outcome::Refuse { reason: "NoOrder".into(), description: "order 0 does not exist".into() }),
//!         _ => Ok(Outcome::Complete),
//!     }
//! }
//!
//! let functions = Functions::new(())
//!     .http("hello", axum::Router::new().route("/api/hello", axum::routing::get(|| async { "hello" })))
//!     .queue("orders", on_order);
//! // functions.serve().await
//! # let _ = functions.into_router();
//! ```

mod envelope;
mod functions;
mod invocation;
pub mod logging;
mod message;
pub mod semconv;
mod serve;
pub mod testing;

pub use functions::{Functions, Kind, Registered};
pub use message::{BoxError, DeadLetter, Message, MessageMetadata, Outcome, Timer};
pub use serve::ServeError;
