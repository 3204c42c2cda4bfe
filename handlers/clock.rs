//! The time, as something that tests can own.

pub use azure_clients::{Clock, SystemClock};
