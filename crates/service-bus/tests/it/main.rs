//! The client against the broker, over a real socket.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too, which Clippy does not see")]

mod encrypted;
mod faults;
mod hostile;
mod receiving;
mod scheduling;
mod sending;
mod sessions;
mod settling;
mod support;
mod unreachable;
mod walking;
