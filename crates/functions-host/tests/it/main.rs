//! The host through its front door, with real handler processes.

mod http;
mod process;
mod support;
