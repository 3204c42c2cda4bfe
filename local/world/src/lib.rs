//! Latchkey and all of Azure that it needs on one machine: the local world, the people who act in it, and the commands of
//! `latchkey-local`.
//!
//! Tests that go through the front door bring up a [`world::LocalWorld`] and play the [`play::whole_story`] in it, as
//! `latchkey demo` does.

pub mod args;
pub mod cast;
mod clock;
pub mod commands;
pub mod document;
pub mod kill;
pub mod live;
pub mod play;
mod sandbox_args;
pub mod scenarios;
pub mod step;
pub mod story;
pub mod summary;
pub mod world;
