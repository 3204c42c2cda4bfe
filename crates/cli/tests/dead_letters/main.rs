//! `latchkey dead-letters` as people and scripts use it, against a broker over the real wire.
//!
//! `LATCHKEY_DEAD_LETTERS=100000` makes the proofs as large as they are meant to be; they are smaller otherwise.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod bad_input;
mod files;
mod looking;
mod python;
mod selective;
mod subscriptions;
mod support;
