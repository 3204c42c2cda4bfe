//! Faults by script: which call goes wrong, how, and how often.
//!
//! A script is one JSON document. Each of its faults names the calls it is meant for, when it strikes, and what it
//! does then; the format is described in `docs/sandbox-faults.md`. The same script over the same calls does the same:
//! chance comes from the script's seed and from how often a fault has matched, and from nothing else.
//!
//! Faults live as long as the run. They are not part of the saved state.

mod answers;
mod chance;
mod fault;
mod pattern;
mod script;
mod summary;

use std::sync::{Mutex, MutexGuard, PoisonError};

use fault::Count;
use script::Rule;

pub(crate) use answers::answer;
pub(crate) use fault::Fault;

pub use script::{FaultScript, FaultScriptError};
pub use summary::{FaultCount, FaultSummary};

/// The script of a run and what has come of it.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    seed: u64,
    rules: Vec<(Rule, Count)>,
}

impl Faults {
    /// Begins with another script; every count starts anew.
    pub(crate) fn set(&self, script: FaultScript) {
        let rules = script.rules.into_iter().map(|rule| (rule, Count::default())).collect();
        *self.running() = Running { seed: script.seed, rules };
    }

    /// Ends the script: nothing goes wrong on purpose any more.
    pub(crate) fn clear(&self) {
        *self.running() = Running::default();
    }

    /// What is to be done to this call. Every fault that is meant for it counts it; the first that strikes wins.
    pub(crate) fn decide(&self, method: &str, host: &str, path: &str) -> Option<Fault> {
        let mut running = self.running();
        let seed = running.seed;
        let mut decided = None;
        for (number, (rule, count)) in running.rules.iter_mut().enumerate() {
            if !rule.is_meant_for(method, host, path) {
                continue;
            }
            count.matched += 1;
            if decided.is_none() && rule.strikes(seed, number, *count) {
                count.fired += 1;
                decided = Some(rule.fault);
            }
        }
        decided
    }

    /// The script with its counts.
    pub(crate) fn summary(&self) -> FaultSummary {
        let running = self.running();
        FaultSummary {
            seed: running.seed,
            faults: running.rules.iter().map(|(rule, count)| summary::count(rule, *count)).collect(),
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn faults(script: &str) -> Faults {
        let faults = Faults::default();
        faults.set(FaultScript::parse(script).unwrap());
        faults
    }

    fn struck(faults: &Faults, calls: usize) -> Vec<usize> {
        (1..=calls).filter(|_| faults.decide("GET", "management.azure.com", "/x").is_some()).collect()
    }

    #[test]
    fn a_fault_strikes_the_calls_it_names_and_no_others() {
        let faults = faults(r#"{"faults":[{"call":{"path":"/x"},"nth":[2,4],"fault":{"kind":"unseen"}}]}"#);
        let hits: Vec<bool> =
            (0..5).map(|_| faults.decide("PUT", "management.azure.com", "/x").is_some()).collect();
        assert_eq!(hits, [false, true, false, true, false]);
        assert!(faults.decide("PUT", "management.azure.com", "/y").is_none());
        let summary = faults.summary();
        assert_eq!((summary.faults[0].matched, summary.faults[0].fired), (5, 2));
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed_and_another_for_another() {
        let with = |seed: u64| {
            let script = format!(
                r#"{{"seed":{seed},"faults":[{{"call":{{}},"probability":0.5,"fault":{{"kind":"unseen"}}}}]}}"#
            );
            struck(&faults(&script), 200)
        };
        assert_eq!(with(1), with(1));
        assert_ne!(with(1), with(2));
        assert!((60..140).contains(&with(3).len()), "{}", with(3).len());
    }

    #[test]
    fn the_first_fault_that_strikes_wins_and_the_others_still_count() {
        let faults = faults(
            r#"{"faults":[
                {"name":"first","call":{},"times":1,"fault":{"kind":"status","status":503}},
                {"name":"second","call":{},"every":2,"fault":{"kind":"duplicated"}}
            ]}"#,
        );
        let decided: Vec<_> = (0..4).map(|_| faults.decide("GET", "h", "/")).collect();
        let unavailable = Fault::Status { status: StatusCode::SERVICE_UNAVAILABLE, after_effect: false };
        assert_eq!(decided, [Some(unavailable), Some(Fault::Duplicated), None, Some(Fault::Duplicated)]);
        let counts: Vec<_> =
            faults.summary().faults.iter().map(|fault| (fault.matched, fault.fired)).collect();
        assert_eq!(counts, [(4, 1), (4, 2)]);
    }
}
