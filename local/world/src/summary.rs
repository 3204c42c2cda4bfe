//! What is shown when the story is over: where it ended, what every function did, and what it cost in calls.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::live::short;
use crate::step::{StepOutcome, StepReport};

/// What the summary is made of.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Names and values, in the order they are shown.
    pub facts: Vec<(&'static str, String)>,
    /// Every step.
    pub steps: Vec<StepReport>,
    /// Requests that each host of the simulated Azure answered.
    pub azure_calls: BTreeMap<String, u64>,
}

impl Summary {
    /// The summary as text for people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let width = self.facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in &self.facts {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:width$}  {value}");
        }
        text.push('\n');
        text.push_str(&functions_table(&self.steps));
        text.push('\n');
        for (host, calls) in &self.azure_calls {
            let _ = writeln!(text, "  {calls:>5} calls  {host}");
        }
        text
    }
}

/// What became of the runs of one function.
#[derive(Default)]
struct Runs {
    total: usize,
    outcomes: BTreeMap<StepOutcome, usize>,
    longest: Duration,
}

fn functions_table(steps: &[StepReport]) -> String {
    let mut order = Vec::new();
    let mut functions: BTreeMap<&str, Runs> = BTreeMap::new();
    for step in steps {
        let runs = functions.entry(&step.function).or_insert_with(|| {
            order.push(step.function.as_str());
            Runs::default()
        });
        runs.total += 1;
        *runs.outcomes.entry(step.outcome).or_default() += 1;
        runs.longest = runs.longest.max(Duration::from_millis(step.duration_ms));
    }
    let mut table = format!("  {:<26}  {:>4}  {:>9}  {}\n", "function", "runs", "longest", "outcomes");
    for name in order {
        let runs = &functions[name];
        let outcomes = runs.outcomes.iter().map(|(outcome, count)| format!("{count} {}", outcome.as_str()));
        let outcomes = outcomes.collect::<Vec<_>>().join(", ");
        let _ = writeln!(table, "  {name:<26}  {:>4}  {:>9}  {outcomes}", runs.total, short(runs.longest));
    }
    table
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn step(function: &str, outcome: StepOutcome, duration_ms: u64) -> StepReport {
        StepReport {
            function: function.into(),
            message_id: None,
            attempt: 1,
            onboarding: None,
            outcome,
            detail: None,
            started_at: datetime!(2026-03-01 10:00 UTC),
            duration_ms,
        }
    }

    #[test]
    fn the_summary_is_exactly_this() {
        let summary = Summary {
            facts: vec![("state", "active".into()), ("subscription", "Subscribed".into())],
            steps: vec![
                step("signup_requested", StepOutcome::Done, 12),
                step("key_shared", StepOutcome::Retry, 41),
                step("key_shared", StepOutcome::Done, 1_250),
            ],
            azure_calls: BTreeMap::from([("graph.microsoft.com".into(), 7)]),
        };
        let expected = "  \
  state         active
  subscription  Subscribed

  function                    runs    longest  outcomes
  signup_requested               1      12 ms  1 done
  key_shared                     2     1.25 s  1 done, 1 retry

      7 calls  graph.microsoft.com
";
        assert_eq!(summary.to_text(), expected);
    }
}
