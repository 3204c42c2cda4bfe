//! Latchkey through its front door: the whole local world, the real wires, the handler as a process of its own.

mod bad_messages;
mod chain;
mod consent;
mod hostile_keys;
mod kills;
mod secrets;
mod support;
mod webhooks;
