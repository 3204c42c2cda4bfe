//! The host through its front door, with real handler processes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod app;
mod conformance;
mod entities;
mod event_grid;
mod faults;
mod http;
mod languages;
mod process;
mod proxy;
mod service_bus;
mod support;
