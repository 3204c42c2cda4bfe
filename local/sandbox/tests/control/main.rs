//! What real Azure does not have: faults by script, the control API, the page; and Event Grid, which is told of by it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too, which clippy cannot see")]

#[path = "../cloud/mod.rs"]
mod cloud;

mod directory;
mod event_grid;
mod faults;
mod guard;
mod marketplace;
mod own;
mod page;
mod receiver;
