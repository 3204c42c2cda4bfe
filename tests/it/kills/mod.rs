//! The handler process is killed with SIGKILL at awaits of every queue function, and the story ends the same.
//!
//! In `tests/matrix` a function is dropped at an await instead; this shows what a real SIGKILL does.

mod end;
mod story;

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};

use crate::support::a_world_that_takes_kill_orders;
use story::{Life, Part};

/// Worlds at a time: more only makes each of them slower.
const AT_A_TIME: usize = 3;

/// At the third crash the host ends, as Microsoft's does, and the platform starts another.
const KILLS_A_HOST: usize = 2;

/// Every so-many-th await is one of the sample.
const EVERY: usize = 9;

/// Takes another number instead: with 1 every await is tried.
const EVERY_IS: &str = "LATCHKEY_KILLS_EVERY";

/// Names the only function that is killed, for whoever looks for a fault.
const ONLY: &str = "LATCHKEY_KILLS_OF";

/// No step has more awaits; a step without an end would be a fault.
const MOST_AWAITS: usize = 400;

/// Every queue function of the table takes part in one of the parts, so that one that is added is killed too.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_awaits_of_any_function_the_story_ends_the_same() {
    let every = std::env::var(EVERY_IS).map_or(EVERY, |every| every.parse().unwrap());
    let functions = functions_of_parts().await;
    for function in latchkey_functions::queue_functions() {
        assert!(functions.values().any(|of| of.contains(&function)), "no story reaches {function}");
    }
    let only = std::env::var(ONLY).ok();
    let functions = functions.into_iter().map(|(part, mut functions)| {
        functions.retain(|function| only.as_ref().is_none_or(|only| only == function));
        (part, functions)
    });
    let parts = functions.map(|(part, functions)| kill_in(part, functions, every));
    stream::iter(parts).buffer_unordered(AT_A_TIME).collect::<Vec<()>>().await;
}

/// The functions that are killed in each part: those that no earlier one reaches.
async fn functions_of_parts() -> BTreeMap<Part, Vec<&'static str>> {
    let world = a_world_that_takes_kill_orders().await;
    let (mut of_parts, mut known) = (BTreeMap::new(), BTreeSet::new());
    for (number, part) in Part::ALL.into_iter().enumerate() {
        let mut life = Life::begin(&world, part, number).await;
        let before = world.steps().len();
        life.go_on(&world).await;
        let ran: BTreeSet<String> =
            world.steps().into_iter().skip(before).map(|step| step.function).collect();
        let is_new = |function: &&'static str| ran.contains(*function) && known.insert(*function);
        of_parts.insert(part, latchkey_functions::queue_functions().filter(is_new).collect());
    }
    world.stop().await;
    of_parts
}

/// Kills these functions at the sample of their awaits, each time in another life.
async fn kill_in(part: Part, mut functions: Vec<&'static str>, every: usize) {
    let mut world = a_world_that_takes_kill_orders().await;
    let mut lives = 0;
    let mut kills: BTreeMap<&str, usize> = BTreeMap::new();
    for nth in (1..=MOST_AWAITS).step_by(every) {
        let mut have_fewer_awaits = vec![];
        for some in functions.chunks(KILLS_A_HOST) {
            let mut life = Life::begin(&world, part, lives).await;
            for function in some {
                world.order_kill(function, u32::try_from(nth).unwrap()).unwrap();
            }
            life.go_on(&world).await;
            for function in some {
                if world.take_kill_back(function).unwrap() {
                    have_fewer_awaits.push(*function);
                } else {
                    *kills.entry(function).or_default() += 1;
                }
            }
            end::check(&world, &life, &format!("{some:?} at {nth}")).await;
            for machine in &life.machines {
                // One that runs has its keys tried by the simulated Azure for ever after.
                machine.switch(&world, "deallocate").await;
            }
            lives += 1;
            world = world.restart_host().await.unwrap();
        }
        functions.retain(|function| !have_fewer_awaits.contains(function));
    }
    assert_eq!(functions, Vec::<&str>::new(), "they have no end");
    println!("{part:?}: {lives} lives, killed: {kills:?}");
    world.stop().await;
}
