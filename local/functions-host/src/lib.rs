//! A local stand-in for the Azure Functions host, for custom handlers in any language.
//!
//! Reads `host.json` and every `{function}/function.json` under a folder, starts the handler process, and sends it
//! HTTP, Service Bus, timer and Event Grid invocations in the wire format of Microsoft's host, with that host's rules for
//! readiness, restarts, time-outs and settlement. It is used where Microsoft's host cannot run, and is not
//! part of anything that is deployed.
//!
//! The behaviour is that of the open sources named in each module (azure-functions-host, azure-webjobs-sdk,
//! azure-webjobs-sdk-extensions, azure-sdk-for-net) and of Microsoft Learn. What neither shows is marked `Our guess`.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use functions_host::{Host, Options, local_settings};
//!
//! let mut options = Options::new("path/to/app");
//! options.environment = local_settings(&options.script_root)?.values;
//! let host = Host::start(options).await?;
//! println!("listening on {}", host.url());
//! host.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Supported
//!
//! - **host.json** with the profile `mcp-custom-handler`, the older section `httpWorker`, log levels, limits, retry
//!   policies, and every override by `AzureFunctionsJobHost__…`; **function.json**; `%NAME%` in both.
//! - **The handler process**: readiness by `GET /`, restarts, the third crash, time-outs, SIGKILL.
//! - **HTTP**: routes of ASP.NET in the order of the functions' names, the JSON envelope, forwarding, and proxying, which streams.
//! - **Service Bus**: queues, subscriptions and dead-letter queues as triggers, one message or a batch at a time,
//!   with sessions or without;
//!   queues and topics as outputs, with the surprises of the real host; by a connection string or by
//!   a managed identity.
//! - **Timers** by NCRONTAB or interval, in UTC. **Event Grid** by its webhook, with both validation handshakes.
//!   Their status lasts in a file, if [`Options::timer_status`] names one.
//! - `GET /admin/functions`, `POST /admin/functions/{name}`, `GET /admin/host/status`.
//!
//! # Not supported
//!
//! Keys are not required, as with Core Tools. Time zones other than UTC,
//! binding expressions in the names of queues, WebSockets through the proxy, and triggers and bindings other than
//! those above are refused with their reason. Where this host differs from recordings of the real one is written in
//! `docs/functions-host.md`, and tested by `tests/replay`.

mod clock;
mod configuration;
mod event;
mod event_grid;
#[doc(hidden)]
pub mod fuzzing;
mod handler;
mod host;
mod host_status;
mod http;
mod invocation;
mod json;
mod manual;
mod output_level;
mod service_bus;
mod settings;
mod timer;

pub use configuration::connections::service_bus_connections;
pub use configuration::function_json::{FunctionError, FunctionProblem};
pub use configuration::host_json_error::HostJsonError;
pub use configuration::http_routes::UnknownProfile;
pub use configuration::local_settings::{LocalSettings, LocalSettingsError, local_settings};
pub use configuration::properties::WrongValue;
pub use configuration::retry::RetryPolicyError;
pub use configuration::service_bus_options::{BatchOptionsError, ServiceBusOptionsError};
pub use event::{HostEvent, OutputLevel, TriggerKind};
pub use host::summary::FunctionSummary;
pub use host::{Host, Listen, Options, StartError};
pub use http::route::RouteTemplateError;
pub use json::JsonError;
pub use service_bus::sdk::ConnectionError;
pub use timer::schedule::ScheduleError;
