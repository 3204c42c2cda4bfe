//! The client against services that do not behave.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too, which Clippy does not see")]

mod support;
mod unreachable;
