//! The clients over real wires: against a cloud that answers as a test says, and against the sandbox.

mod compute;
mod entra;
mod key_vault;
mod marketplace;
mod support;
mod webhook_tokens;
