//! What the app's files say: host.json and one function.json a function.

mod binding;
pub(crate) mod function_json;
mod function_problem;
pub(crate) mod host_json;
pub(crate) mod local_settings;
pub(crate) mod properties;
pub(crate) mod retry;
pub(crate) mod time_span;
