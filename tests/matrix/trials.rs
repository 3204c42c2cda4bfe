//! The stories that are told: as many of each fault as there are places for it to strike, of which a sample is played.
//!
//! In one story a fault strikes all functions, each once for every message, request and tick. One that ends otherwise is
//! told again for each of the functions alone, to find whose fault it is.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::FutureExt as _;
use latchkey_functions::table;
use tokio::runtime::Handle;

use crate::{
    fault::{COLUMNS, Fault, NOT_PLAYED, Place},
    stage::Stage,
    story::{self, Told},
    trouble::{Seen, Trouble},
};

/// Stages at a time. A story mostly waits.
const AT_A_TIME: usize = 12;

/// A run under a fault may take a turn that it does not take without.
const MORE: usize = 1;

/// Every so-many-th place is one of the sample; the first one is always.
const EVERY: usize = 24;

/// Names the only columns that are run, for whoever looks for a fault.
pub(crate) const ONLY: &str = "LATCHKEY_FAULT";

/// One story to be told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    column: &'static str,
    fault: Fault,
    nth: usize,
}

/// What came of the stories.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// How many stories struck a function, for each column.
    pub(crate) struck: BTreeMap<(&'static str, &'static str), usize>,
    pub(crate) problems: Vec<String>,
}

/// The sample of trials, by what was seen of the story without a fault.
pub(crate) fn of(seen: &Seen) -> Vec<Trial> {
    let most =
        |place: Place| seen.most.iter().filter(move |((_, of), _)| *of == place).map(|(_, most)| *most);
    let only = std::env::var(ONLY).ok();
    let is_wanted = |column: &str| match &only {
        Some(only) => only.split(',').any(|name| name == column),
        None => !NOT_PLAYED.contains(&column),
    };
    let wanted = COLUMNS.into_iter().filter(|(column, _)| is_wanted(column));
    let trials = wanted.flat_map(|(column, fault)| {
        let places = match fault.place() {
            None | Some(Place::Run) => 1,
            Some(place) => most(place).max().unwrap_or_default() + MORE,
        };
        (1..=places).step_by(EVERY).map(move |nth| Trial { column, fault, nth })
    });
    trials.collect()
}

/// Runs them, many at a time.
pub(crate) async fn run(trials: Vec<Trial>, clean: Told) -> Found {
    let (trials, clean) = (Arc::new(Mutex::new(VecDeque::from(trials))), Arc::new(clean));
    let looked = Arc::new(AtomicBool::new(false));
    // A thread each: what a story awaits cannot be sent between threads.
    let workers: Vec<_> = (0..AT_A_TIME)
        .map(|_| {
            let (runtime, trials, clean) = (Handle::current(), trials.clone(), clean.clone());
            let looked = looked.clone();
            tokio::task::spawn_blocking(move || runtime.block_on(work(trials, clean, looked)))
        })
        .collect();
    let mut found = Found::default();
    for worker in workers {
        let more = worker.await.unwrap();
        for (cell, times) in more.struck {
            *found.struck.entry(cell).or_default() += times;
        }
        found.problems.extend(more.problems);
    }
    found
}

/// Whose fault it is is looked for once: it takes a story for each function.
async fn work(trials: Arc<Mutex<VecDeque<Trial>>>, clean: Arc<Told>, looked: Arc<AtomicBool>) -> Found {
    let mut found = Found::default();
    let mut stage = None;
    loop {
        let Some(trial) = next(&trials) else { return found };
        match try_once(&mut stage, trial, None, &clean).await {
            Ok(struck) => {
                println!("{} at {}: {struck:?}", trial.column, trial.nth);
                for function in struck {
                    *found.struck.entry((function, trial.column)).or_default() += 1;
                }
            }
            Err(problem) => {
                let whose = match trial.fault.place() {
                    Some(_) if !looked.swap(true, Ordering::Relaxed) => {
                        whose_fault(&mut stage, trial, &clean).await
                    }
                    _ => BTreeMap::new(),
                };
                let problem = format!("{} at {}: {whose:#?}\n{problem}", trial.column, trial.nth);
                println!("{problem}");
                found.problems.push(problem);
            }
        }
    }
}

fn next(trials: &Mutex<VecDeque<Trial>>) -> Option<Trial> {
    trials.lock().unwrap().pop_front()
}

/// The functions under which alone the story ends otherwise.
async fn whose_fault(
    stage: &mut Option<Stage>,
    trial: Trial,
    clean: &Arc<Told>,
) -> BTreeMap<&'static str, String> {
    let mut whose = BTreeMap::new();
    for function in table() {
        if let Err(problem) = try_once(stage, trial, Some(function.name), clean).await {
            whose.insert(function.name, problem);
        }
    }
    whose
}

/// Tells a story. Whatever is left of one that went wrong is no stage for another.
async fn try_once(
    stage: &mut Option<Stage>,
    trial: Trial,
    only: Option<&'static str>,
    clean: &Arc<Told>,
) -> Result<BTreeSet<&'static str>, String> {
    let mut used = match stage.take() {
        Some(stage) => stage,
        None => Stage::set().await,
    };
    let telling = async {
        let told = story::tell(&mut used, Trouble::new(trial.fault, trial.nth, only)).await;
        (told, used)
    };
    let (told, used) = AssertUnwindSafe(telling)
        .catch_unwind()
        .await
        .map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned()))?;
    told.compare(clean)?;
    // Dead letters stay behind.
    if !trial.fault.kills_messages() {
        *stage = Some(used);
    }
    Ok(told.seen.struck)
}
