//! The clients over real wires: against a cloud that answers as a test says, and against the sandbox.

#![expect(clippy::unwrap_used, reason = "a test whose surroundings do not do their part has failed")]

mod chain;
mod compute;
mod entra;
mod environment;
mod key_vault;
mod marketplace;
mod signing_key;
mod support;
mod webhook_tokens;
