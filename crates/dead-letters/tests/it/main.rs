//! Against the embedded broker, over the real wire.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod replaying;
mod support;
