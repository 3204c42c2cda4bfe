//! What Microsoft's own host did, recorded, done again by this one.
//!
//! `LATCHKEY_HOST_RECORDINGS` names the folder of the recordings; without it there is nothing to compare with, and
//! nothing is judged. Each test prints how many cases of its file agree. It fails on a difference that is not in
//! [`differences`], and on one that is there and gone.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod app;
mod differences;
mod exchange;
mod http;
mod judge;
mod mask;
mod messages;
mod recorder;
mod recordings;
mod routes;
mod service_bus;
