//! Every function of the table under every fault: the story ends the same, nothing is lost, nothing is done twice, and the
//! page is never wrong about whose turn it is.
//!
//! What came of it is `docs/fault-matrix.md`. It is written by
//! `LATCHKEY_WRITE_FAULT_MATRIX=1 cargo test --package local-world --test matrix -- --ignored`; without the variable the run is
//! compared with the file.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it does not expect has failed")]

mod app;
mod end;
mod fault;
mod host;
mod identity;
mod page;
mod reach;
mod report;
mod stage;
mod store;
mod story;
mod trials;
mod trouble;

use crate::{fault::Fault, stage::Stage, trouble::Trouble};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes some four minutes; run it by hand when a function or a step changes"]
async fn every_function_ends_the_same_under_every_fault() {
    let mut stage = Stage::set().await;
    let clean = story::tell(&mut stage, Trouble::new(Fault::None, 0, None)).await;
    assert_eq!(clean.watch.problems, Default::default(), "without any fault");
    reach::check(&clean.seen);
    let trials = trials::of(&clean.seen);
    println!("{} stories", trials.len());
    let found = trials::run(trials, clean).await;
    report::check(&found);
}
