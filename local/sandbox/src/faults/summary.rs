//! What has come of a script so far.

use serde::Serialize;

use super::fault::Count;
use super::script::Rule;

/// A script with how often each of its faults has struck.
#[derive(Debug, Clone, Serialize)]
pub struct FaultSummary {
    /// Where chance begins.
    pub seed: u64,
    /// In the order of the script.
    pub faults: Vec<FaultCount>,
}

/// One fault.
#[derive(Debug, Clone, Serialize)]
pub struct FaultCount {
    /// The name given in the script, or its place there.
    pub name: String,
    /// The calls it is meant for: method, host and path, each as a pattern.
    pub call: String,
    /// What it does, by the name it has in the script.
    pub kind: &'static str,
    /// How many calls it was meant for.
    pub matched: u64,
    /// How many of them it struck.
    pub fired: u64,
}

pub(super) fn count(rule: &Rule, count: Count) -> FaultCount {
    FaultCount {
        name: rule.name.clone(),
        call: rule.call_text(),
        kind: rule.fault.name(),
        matched: count.matched,
        fired: count.fired,
    }
}
