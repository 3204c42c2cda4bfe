//! What the app's files say: host.json and one function.json a function.

pub(crate) mod function_json;
pub(crate) mod host_json;
pub(crate) mod properties;
pub(crate) mod time_span;
