//! How an invocation can fail, in the words of the real host.

use std::time::Duration;

use http::StatusCode;

use crate::configuration::time_span;
use crate::handler::{HandlerUnavailable, TransportError};
use crate::service_bus::EntityError;

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvocationError {
    #[error(transparent)]
    HandlerUnavailable(#[from] HandlerUnavailable),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("Response status code does not indicate success: {} ({reason}).", .status.as_u16())]
    Status { status: StatusCode, reason: String },
    #[error("Invalid HttpResponseMessage:\nStatusCode: {}, Content-Type: {content_type}\n {body}", .status.as_u16())]
    InvalidAnswer { status: StatusCode, content_type: String, body: String },
    #[error(
        "Invalid HttpResponseMessage:\nStatusCode: {}\n No MediaTypeFormatter is available to read an object of type \
         'HttpScriptInvocationResult' from content with media type '{content_type}'.\n {body}", .status.as_u16()
    )]
    UnsupportedMediaType { status: StatusCode, content_type: String, body: String },
    #[error(
        "Failed while trying to Deserialize to httpOutputBindingResponse. Please check the response: {0}"
    )]
    InvalidHttpOutput(String),
    #[error("Timeout value of {} was exceeded by function: Functions.{function}", time_span::format(*.limit))]
    Timeout { function: String, limit: Duration },
    #[error("The message with body type '{0}' cannot be bound: only data sections and string values can")]
    UnsupportedBody(&'static str),
    #[error("An HttpRequest is required")]
    NoRequest,
    #[error("{0} cannot be retrieved using the Body property.")]
    NoBytes(&'static str),
    #[error(
        "Binding parameters to complex objects (such as 'Stream') uses Json.NET serialization. 1. Bind the parameter type \
         as 'string' instead of 'Stream' to get the raw values and avoid JSON deserialization, or 2. Change the queue \
         payload to be valid json."
    )]
    Stream,
    #[error(
        "Binding parameters to complex objects (such as 'Object') uses Json.NET serialization. 1. Bind the parameter type \
         as 'string' instead of 'Object' to get the raw values and avoid JSON deserialization, or 2. Change the queue \
         payload to be valid json. The JSON parser failed: {0}"
    )]
    BodyIsNoJson(String),
    #[error("Error while handling parameter {binding} after function returned: {source}")]
    Output { binding: String, source: EntityError },
    #[error("'Transfer-Encoding: chunked' header can not be used when content object is not specified.")]
    ChunkedWithoutContent,
    #[error("Failed to proxy request with ForwarderError: {0}")]
    Proxying(&'static str),
}

impl InvocationError {
    /// The host is going away: there is nothing to be tried again.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::HandlerUnavailable(_))
    }
}
