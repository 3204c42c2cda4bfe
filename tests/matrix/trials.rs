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
    fault::{COLUMNS, Fault, Place},
    stage::Stage,
    story::{self, Part, Told},
    trouble::Trouble,
};

/// Stages at a time. A story waits for nothing but for Azure's and the broker's answers.
const AT_A_TIME: usize = 3;

/// The simulated Azure keeps everything, and becomes slower with it.
const STORIES_ON_A_STAGE: usize = 8;

/// A run under a fault may take a turn that it does not take without.
const MORE: usize = 1;

/// Every so-many-th place is one of the sample; the first one is always.
fn every(place: Place) -> usize {
    match place {
        Place::Run => 1,
        Place::Call => 3,
        Place::StoreCall => 10,
        Place::Await => 24,
    }
}

/// Has a fault strike at the first of its places alone, which takes half as long.
const FIRST: &str = "LATCHKEY_FAULT_FIRST";

/// Names the only columns that are run, or `PART/COLUMN`, for whoever looks for a fault.
pub(crate) const ONLY: &str = "LATCHKEY_FAULT";

/// Has it looked for whose fault something is. It takes a story for each function.
const WHOSE: &str = "LATCHKEY_FAULT_WHOSE";

/// One story to be told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    part: Part,
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

/// What each part came to without a fault.
pub(crate) type Clean = BTreeMap<Part, Told>;

/// The sample of trials, by what was seen of the stories without a fault.
pub(crate) fn of(clean: &Clean) -> Vec<Trial> {
    let (only, first) = (std::env::var(ONLY).ok(), is_of_first_places());
    let is_wanted = |part: Part, column: &str| {
        let names = [column.to_owned(), format!("{part:?}/{column}")];
        only.as_ref().is_none_or(|only| only.split(',').any(|name| names.iter().any(|one| one == name)))
    };
    let of_part = |(part, told): (&Part, &Told)| {
        let (part, most) = (*part, told.seen.most.clone());
        let wanted = COLUMNS.into_iter().filter(|(column, _)| is_wanted(part, column)).collect::<Vec<_>>();
        wanted.into_iter().flat_map(move |(column, fault)| {
            let most_of = |place| most.iter().filter(move |((_, of), _)| *of == place).map(|(_, most)| *most);
            let (places, every) = match fault.place() {
                Some(place) if place != Place::Run && !first => {
                    (most_of(place).max().unwrap_or_default() + MORE, every(place))
                }
                _ => (1, 1),
            };
            (1..=places).step_by(every).map(move |nth| Trial { part, column, fault, nth }).collect::<Vec<_>>()
        })
    };
    clean.iter().flat_map(of_part).collect()
}

/// Whether faults strike at the first of their places alone.
pub(crate) fn is_of_first_places() -> bool {
    std::env::var_os(FIRST).is_some()
}

/// Runs them, many at a time.
pub(crate) async fn run(trials: Vec<Trial>, clean: Clean) -> Found {
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
async fn work(trials: Arc<Mutex<VecDeque<Trial>>>, clean: Arc<Clean>, looked: Arc<AtomicBool>) -> Found {
    let mut found = Found::default();
    let mut stage = None;
    loop {
        let Some(trial) = next(&trials) else { return found };
        match try_once(&mut stage, trial, None, &clean).await {
            Ok(struck) => {
                println!("{:?}, {} at {}: {struck:?}", trial.part, trial.column, trial.nth);
                for function in struck {
                    *found.struck.entry((function, trial.column)).or_default() += 1;
                }
            }
            Err(problem) => {
                let whose = match trial.fault.place() {
                    Some(_) if std::env::var_os(WHOSE).is_some() && !looked.swap(true, Ordering::Relaxed) => {
                        whose_fault(&mut stage, trial, &clean).await
                    }
                    _ => BTreeMap::new(),
                };
                let problem =
                    format!("{:?}, {} at {}: {whose:#?}\n{problem}", trial.part, trial.column, trial.nth);
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
    clean: &Clean,
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
    clean: &Clean,
) -> Result<BTreeSet<&'static str>, String> {
    let mut used = match stage.take() {
        Some(stage) => stage,
        None => Stage::set().await,
    };
    let telling = async {
        let told = story::tell(&mut used, trial.part, Trouble::new(trial.fault, trial.nth, only)).await;
        (told, used)
    };
    let (told, used) = AssertUnwindSafe(telling)
        .catch_unwind()
        .await
        .map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned()))?;
    told.compare(&clean[&trial.part])?;
    *stage = (used.stories < STORIES_ON_A_STAGE).then_some(used);
    Ok(told.seen.struck)
}
