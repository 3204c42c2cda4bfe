//! The handler process: started, asked whether it is ready, watched, restarted, killed.

mod client;
mod command_line;
mod error_bucket;
mod output;
mod process;
mod readiness;
mod supervisor;

pub(crate) use client::{BodyError, Client, RequestBody, TransportError};

/// Bodies of requests to the handler.
pub(crate) mod body {
    pub(crate) use super::client::{chunked, empty, sized};
}

pub(crate) use supervisor::{Handler, HandlerUnavailable, Orders, ProcessOptions, Running};
