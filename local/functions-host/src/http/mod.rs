//! The HTTP side of the host: routes of functions, and the administration endpoints.
//!
//! Keys are not asked for, as Azure Functions Core Tools do not ask for them on a developer's machine: an
//! `authLevel` has no effect here.

mod activity;
mod admin;
pub(crate) mod connection;
mod forward;
mod header_names;
mod json_mode;
mod once_body;
mod proxy;
mod query;
mod request_object;
pub(crate) mod response_object;
pub(crate) mod route;
mod route_constraint;
mod route_segment;
pub(crate) mod server;
pub(crate) mod site;
mod target;
pub(crate) mod throttle;

/// One parameter of a query, its name compared without regard to case as .NET does.
pub(crate) fn query_parameter(uri: &http::Uri, name: &str) -> Option<String> {
    let parameters = query::parameters(uri.query().unwrap_or_default());
    parameters.iter().find(|known| known.name.eq_ignore_ascii_case(name)).map(query::Parameter::joined)
}
