//! Both together: the handler runtime (`custom-handler`) on the functions host (`functions-host`), which share no line
//! of code. What is sent must arrive byte for byte, through both.
//!
//! The handler is this very executable: the host starts it with the name of the test [`handler::serves_when_started_by_the_host`],
//! which does nothing when a test run comes by.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod bodies;
mod handler;
mod http;
mod local_app;
