//! Every function of the table under every fault: the story ends the same, nothing is lost, nothing is done twice, and the
//! page is never wrong about whose turn it is.
//!
//! What came of it is `docs/fault-matrix.md`. It is written by
//! `LATCHKEY_WRITE_FAULT_MATRIX=1 cargo test --package local-world --test matrix -- --ignored`; without the variable the run is
//! compared with the file.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it does not expect has failed")]

mod app;
mod clock;
mod end;
mod fault;
mod host;
mod identity;
mod operator;
mod page;
mod reach;
mod report;
mod stage;
mod store;
mod story;
mod trials;
mod trouble;

use std::{collections::BTreeSet, time::Instant};

use crate::{fault::Fault, stage::Stage, story::Part, trials::Clean, trouble::Trouble};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes some minutes; CI runs a part of it, and all of it is run by hand when a function or a step changes"]
async fn every_function_ends_the_same_under_every_fault() {
    let mut stage = Stage::set().await;
    let mut clean = Clean::new();
    for part in Part::ALL {
        let started = Instant::now();
        let told = story::tell(&mut stage, part, Trouble::new(Fault::None, 0, None)).await;
        assert_eq!(told.watch.problems, BTreeSet::new(), "{part:?} without any fault");
        assert!(told.end.is_well(), "{part:?} without any fault: {:?}", told.end);
        println!("{part:?}: {:.1} s: {:?}", started.elapsed().as_secs_f64(), told.end);
        clean.insert(part, told);
    }
    reach::check(&clean);
    let trials = trials::of(&clean);
    println!("{} stories", trials.len());
    let found = trials::run(trials, clean).await;
    report::check(&found);
}
