//! The trouble of one story: which fault, whom it strikes, and when.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use latchkey_functions::Observer;
use time::OffsetDateTime;

use crate::fault::{Fault, Place};

/// What Azure does not answer is given up after this time.
pub(crate) const DEADLINE_SECONDS: u64 = 300;
/// How long an outage lasts, for each function: longer than the deadline.
const OUTAGE: Duration = Duration::from_secs(DEADLINE_SECONDS + 120);

/// What gets no answer here is asked anew, by another message: were each of them struck, there would never be an answer.
const ASKED_ANEW: [&str; 2] = ["watch_due", "rung_due"];

/// One story's trouble. The first run of each message, request and tick is struck once, at its n-th call, await or call to
/// the store.
#[derive(Debug)]
pub(crate) struct Trouble {
    fault: Fault,
    pub(crate) nth: usize,
    /// The only function that it is meant for; all of them when there is none.
    pub(crate) only: Option<&'static str>,
    has_begun: AtomicBool,
    running: Mutex<Running>,
    seen: Mutex<Seen>,
}

/// What was seen of a story.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    /// The most of each that a run of each function had.
    pub(crate) most: BTreeMap<(&'static str, Place), usize>,
    pub(crate) struck: BTreeSet<&'static str>,
    /// The hosts that each function called.
    pub(crate) called: BTreeMap<&'static str, BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Running {
    function: Option<&'static str>,
    /// Whether the trouble is meant for this run.
    strikes: bool,
    counts: BTreeMap<Place, usize>,
    known: BTreeSet<String>,
    /// When the run began.
    now: Option<OffsetDateTime>,
    /// When each function was struck first.
    first: BTreeMap<&'static str, OffsetDateTime>,
}

impl Trouble {
    pub(crate) fn new(fault: Fault, nth: usize, only: Option<&'static str>) -> Self {
        Self {
            fault,
            nth,
            only,
            has_begun: AtomicBool::new(false),
            running: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// How long the app waits for an answer, whether or not the part has begun that is meant.
    pub(crate) fn patience(&self) -> Duration {
        self.fault.patience()
    }

    /// Whether the app gives up soon what gets no answer.
    pub(crate) fn gives_up(&self) -> bool {
        self.fault == Fault::Outage
    }

    /// What comes before the part of the story that is meant goes well, and nobody looks at it.
    pub(crate) fn start(&self) {
        self.has_begun.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::SeqCst)
    }

    /// What goes wrong now.
    pub(crate) fn fault(&self) -> Fault {
        if self.has_begun() { self.fault } else { Fault::None }
    }

    /// A run begins, about this message, request or tick.
    pub(crate) fn begins(&self, function: &'static str, about: &str, now: OffsetDateTime) {
        if !self.has_begun() {
            return;
        }
        let mut running = lock(&self.running);
        running.function = Some(function);
        running.counts = BTreeMap::from([(Place::Run, 1)]);
        let is_first = running.known.insert(format!("{function} {about}"));
        running.now = Some(now);
        let is_out = running.first.get(function).is_none_or(|first| now - *first < OUTAGE);
        let is_first = if self.fault == Fault::Outage { is_out } else { is_first };
        let had_its_call = matches!(self.fault, Fault::Call(_))
            && ASKED_ANEW.contains(&function)
            && lock(&self.seen).struck.contains(function);
        running.strikes = is_first && !had_its_call && self.only.is_none_or(|only| only == function);
    }

    pub(crate) fn ends(&self) {
        let mut running = lock(&self.running);
        let Some(function) = running.function.take() else { return };
        running.strikes = false;
        let mut seen = lock(&self.seen);
        for (place, count) in &running.counts {
            let most = seen.most.entry((function, *place)).or_default();
            *most = (*most).max(*count);
        }
    }

    /// Whether this run is to be struck.
    pub(crate) fn strikes(&self) -> bool {
        lock(&self.running).strikes
    }

    pub(crate) fn is_queue_function(&self) -> bool {
        let function = lock(&self.running).function;
        latchkey_functions::queue_functions().any(|name| Some(name) == function)
    }

    /// Counts what the run does.
    pub(crate) fn count(&self, place: Place, more: usize) {
        *lock(&self.running).counts.entry(place).or_default() += more;
    }

    /// Counts one, and answers whether it is to be struck.
    fn strikes_next(&self, place: Place) -> bool {
        let mut running = lock(&self.running);
        let Some(function) = running.function else { return false };
        let count = running.counts.entry(place).or_default();
        *count += 1;
        let strikes = *count == self.nth && self.fault.place() == Some(place) && running.strikes;
        if strikes {
            lock(&self.seen).struck.insert(function);
        }
        strikes
    }

    pub(crate) fn strikes_store_call(&self) -> bool {
        self.strikes_next(Place::StoreCall)
    }

    /// Whether the store is full now.
    pub(crate) fn fills_store(&self) -> bool {
        let running = lock(&self.running);
        let fills = self.fault == Fault::StoreFull && running.strikes;
        if fills {
            lock(&self.seen).struck.extend(running.function);
        }
        fills
    }

    pub(crate) fn called(&self, function: &'static str, hosts: impl IntoIterator<Item = String>) {
        lock(&self.seen).called.entry(function).or_default().extend(hosts);
    }

    pub(crate) fn struck(&self, function: &'static str) {
        let mut running = lock(&self.running);
        if let Some(now) = running.now {
            running.first.entry(function).or_insert(now);
        }
        drop(running);
        lock(&self.seen).struck.insert(function);
    }

    pub(crate) fn seen(&self) -> Seen {
        lock(&self.seen).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends a run at one of its awaits. To what is outside this looks like the end of the process: the function goes no
/// further, and nobody gets an answer. What it held in memory is gone too, because the story then has another app.
impl Observer for Trouble {
    fn reached(&self, _function: &'static str, _nth: u32) {
        if self.strikes_next(Place::Await) {
            // Without the panic hook: a kill says nothing.
            std::panic::resume_unwind(Box::new("killed"));
        }
    }
}
