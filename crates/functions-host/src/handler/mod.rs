//! The handler process: started, asked whether it is ready, watched, restarted, killed.

mod client;
mod command_line;
mod output;
mod process;
mod supervisor;

pub(crate) use client::{Client, RequestBody, TransportError};

/// Bodies of requests to the handler.
pub(crate) mod body {
    pub(crate) use super::client::{chunked, empty, sized};
}

pub(crate) use supervisor::{Handler, HandlerUnavailable, Orders, ProcessOptions, Running};
