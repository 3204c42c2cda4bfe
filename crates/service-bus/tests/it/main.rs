//! The client against services that do not behave.

mod support;
mod unreachable;
