//! The engine, driven frame by frame, under a clock that stands still until it is told to move.

mod links;
mod opening;
mod peer;
mod requesting;
mod sessions;
mod transactions;
mod windows;
