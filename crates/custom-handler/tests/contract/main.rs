//! The contract with the Functions host, through the real router or a real socket.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may fail like tests")]

mod conformance;
mod dead_letters;
mod envelopes;
mod http;
mod lines;
mod messages;
mod serving;
#[cfg(feature = "otlp")]
mod telemetry;
mod timers;
