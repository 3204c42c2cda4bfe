//! The directory half of the sandbox, over its real wires: every test starts a sandbox of its own and reaches it
//! through the proxy, by Azure's names.

#![expect(clippy::unwrap_used, reason = "a test whose sandbox does not do its part has failed")]

mod consent;
mod deleted;
mod edge;
mod graph;
mod identity;
mod local_names;
mod numbers;
mod policies;
mod refusals;
mod restart;
mod sign_in;
mod support;
mod tokens;
