//! `latchkey setup` as people and scripts run it, against the simulated Azure under Azure's real names.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]
#![cfg(unix)]

mod az;
mod device_code;
mod from_nothing;
mod microsofts_az;
mod support;
mod wrong;
