//! The HTTP side of the host: routes of functions, and the administration endpoints.
//!
//! Keys are not asked for, as Azure Functions Core Tools do not ask for them on a developer's machine: an
//! `authLevel` has no effect here.

mod admin;
mod forward;
mod json_mode;
mod request_object;
mod response_object;
pub(crate) mod route;
mod route_constraint;
pub(crate) mod server;
