//! Against the embedded broker, over the real wire.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod bodies;
mod few;
mod replaying;
mod support;
