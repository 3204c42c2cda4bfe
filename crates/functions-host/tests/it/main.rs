//! The host through its front door, with real handler processes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod http;
mod languages;
mod process;
mod service_bus;
mod support;
