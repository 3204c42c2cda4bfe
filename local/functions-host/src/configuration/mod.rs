//! What the app's files say: host.json and one function.json a function.

mod binding;
pub(crate) mod connections;
pub(crate) mod custom_handler;
pub(crate) mod function_json;
mod function_problem;
pub(crate) mod function_traps;
pub(crate) mod host_json;
pub(crate) mod host_json_error;
pub(crate) mod http_routes;
pub(crate) mod local_settings;
pub(crate) mod log_levels;
pub(crate) mod properties;
pub(crate) mod retry;
pub(crate) mod service_bus_options;
pub(crate) mod time_span;
