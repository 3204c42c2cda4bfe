//! What is counted and measured, for whoever is paged: every name, unit and attribute in one place.
//!
//! Names follow OpenTelemetry's semantic conventions (messaging, FaaS, `error.type`), own ones begin with `latchkey.`; units are
//! UCUM. They leave by OTLP when the environment names a collector (`custom_handler::telemetry`), and cost nothing otherwise.
//!
//! Attributes have few values: functions, outcomes, stages, codes, owners, reasons. No onboarding, tenant or key is one: each
//! would be a series of its own for ever. Which one it is, the log, the spans and the operations API say.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use onboarding::{
    Onboarding, Reason, Stage,
    finding::{Code, Owner},
};
use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge, Histogram},
};
use time::OffsetDateTime;

/// Asked for when the first thing is measured: by then the exporter is set up.
static INSTRUMENTS: LazyLock<Instruments> = LazyLock::new(Instruments::new);

/// What was waited for when it was reported last: what nobody waits for any more is reported as 0 once.
static REPORTED: Mutex<BTreeSet<(&str, String)>> = Mutex::new(BTreeSet::new());

struct Instruments {
    steps: Counter<u64>,
    step_duration: Histogram<f64>,
    dead_letters: Counter<u64>,
    replayed: Counter<u64>,
    looks: Counter<u64>,
    key_age: Histogram<f64>,
    key_expires_in: Histogram<f64>,
    rotation_lag: Histogram<f64>,
    onboardings: Gauge<u64>,
    blockers: Gauge<u64>,
    timer_last_run: Gauge<f64>,
}

impl Instruments {
    fn new() -> Self {
        let meter = global::meter("latchkey");
        let days = vec![0.0, 1.0, 7.0, 30.0, 60.0, 90.0, 180.0, 365.0, 730.0];
        let seconds = vec![0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
        let lags = vec![60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 86_400.0];
        Self {
            steps: meter
                .u64_counter("latchkey.steps")
                .with_unit("{step}")
                .with_description("Runs of queue functions, by outcome")
                .build(),
            step_duration: meter
                .f64_histogram("messaging.process.duration")
                .with_unit("s")
                .with_boundaries(seconds)
                .with_description("Duration of a run of a queue function")
                .build(),
            dead_letters: meter
                .u64_counter("latchkey.dead_letters")
                .with_unit("{message}")
                .with_description("Messages that a function refused for good")
                .build(),
            replayed: meter
                .u64_counter("latchkey.dead_letters.replayed")
                .with_unit("{message}")
                .with_description(
                    "Dead letters of outages that were to be sent again, by what became of them",
                )
                .build(),
            looks: meter
                .u64_counter("latchkey.looks")
                .with_unit("{look}")
                .with_description("Looks at keys in use; error.type is the code of what was found")
                .build(),
            key_age: meter
                .f64_histogram("latchkey.key.age")
                .with_unit("d")
                .with_boundaries(days.clone())
                .with_description("Age of the newest version of a key in use, at each full look")
                .build(),
            key_expires_in: meter
                .f64_histogram("latchkey.key.expires_in")
                .with_unit("d")
                .with_boundaries(days)
                .with_description("Time until the newest version of a key in use expires, at each full look")
                .build(),
            rotation_lag: meter
                .f64_histogram("latchkey.rotation.lag")
                .with_unit("s")
                .with_boundaries(lags)
                .with_description("Time until the disk encryption set used a new version of its key")
                .build(),
            onboardings: meter
                .u64_gauge("latchkey.onboardings")
                .with_unit("{onboarding}")
                .with_description("Onboardings by stage, at the end of each walk of the sweep")
                .build(),
            blockers: meter
                .u64_gauge("latchkey.blockers")
                .with_unit("{blocker}")
                .with_description("What onboardings wait for, by finding and owner")
                .build(),
            timer_last_run: meter
                .f64_gauge("latchkey.timer.last_run")
                .with_unit("s")
                .with_description("When a timer's function last ended well, in seconds since 1970")
                .build(),
        }
    }
}

/// A step ended.
pub(crate) fn step(function: &'static str, outcome: &'static str, duration: Duration) {
    let name = KeyValue::new("messaging.destination.name", function);
    let system = KeyValue::new("messaging.system", "servicebus");
    let operation = KeyValue::new("messaging.operation.name", "process");
    INSTRUMENTS.steps.add(1, &[name.clone(), KeyValue::new("latchkey.outcome", outcome)]);
    INSTRUMENTS.step_duration.record(duration.as_secs_f64(), &[system, operation, name]);
}

/// A message was refused for good.
pub(crate) fn dead_letter(function: &'static str, reason: Reason) {
    let name = KeyValue::new("messaging.destination.name", function);
    INSTRUMENTS.dead_letters.add(1, &[name, KeyValue::new("error.type", reason.as_str())]);
}

/// Dead letters of an outage were to be sent again.
pub(crate) fn replayed(sent: usize, gone: usize, left: usize) {
    for (became, count) in [("replayed", sent), ("gone", gone), ("left", left)] {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        INSTRUMENTS.replayed.add(count, &[KeyValue::new("latchkey.outcome", became)]);
    }
}

/// A key in use was looked at, and this was found wrong.
pub(crate) fn look(in_full: bool, found: Option<Code>) {
    let kind = KeyValue::new("latchkey.look.kind", if in_full { "full" } else { "usual" });
    let error = found.map(|code| KeyValue::new("error.type", code.name()));
    let attributes: Vec<KeyValue> = std::iter::once(kind).chain(error).collect();
    INSTRUMENTS.looks.add(1, &attributes);
}

/// What a full look learnt of the newest version of a key in use.
pub(crate) fn key(created: Option<OffsetDateTime>, expires: Option<OffsetDateTime>, now: OffsetDateTime) {
    let days = |time: time::Duration| time.as_seconds_f64() / 86_400.0;
    if let Some(created) = created {
        INSTRUMENTS.key_age.record(days(now - created), &[]);
    }
    if let Some(expires) = expires {
        INSTRUMENTS.key_expires_in.record(days(expires - now), &[]);
    }
}

/// A rotation reached the disk encryption set.
pub(crate) fn rotation(lag: Duration) {
    INSTRUMENTS.rotation_lag.record(lag.as_secs_f64(), &[]);
}

/// How many stand where, and wait for what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) stages: BTreeMap<&'static str, u64>,
    /// By owner and finding.
    pub(crate) blockers: BTreeMap<(&'static str, String), u64>,
}

impl Census {
    /// Adds what was counted elsewhere.
    pub(crate) fn add(&mut self, other: Self) {
        for (stage, count) in other.stages {
            *self.stages.entry(stage).or_default() += count;
        }
        for (waited_for, count) in other.blockers {
            *self.blockers.entry(waited_for).or_default() += count;
        }
    }

    /// Counts one more.
    pub(crate) fn count(&mut self, onboarding: &Onboarding) {
        *self.stages.entry(onboarding.stage().as_str()).or_default() += 1;
        for (_, blocker) in onboarding.blockers().iter() {
            let code = blocker.finding.code();
            *self.blockers.entry((name_of(code.owner()), code.name())).or_default() += 1;
        }
    }
}

fn name_of(owner: Owner) -> &'static str {
    match owner {
        Owner::Customer => "customer",
        Owner::Vendor => "vendor",
        Owner::Azure => "azure",
    }
}

/// A walk over all onboardings ended.
pub(crate) fn census(census: &Census) {
    for stage in Stage::ALL {
        let count = census.stages.get(stage.as_str()).copied().unwrap_or_default();
        INSTRUMENTS.onboardings.record(count, &[KeyValue::new("latchkey.stage", stage.as_str())]);
    }
    let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    let gone = reported.iter().filter(|known| !census.blockers.contains_key(*known)).map(|known| (known, 0));
    for ((owner, code), count) in gone.chain(census.blockers.iter().map(|(known, count)| (known, *count))) {
        let attributes =
            [KeyValue::new("latchkey.finding", code.clone()), KeyValue::new("latchkey.owner", *owner)];
        INSTRUMENTS.blockers.record(count, &attributes);
    }
    *reported = census.blockers.keys().cloned().collect();
}

/// A timer's function ended well. Whoever is paged watches the age of this: nothing else says that nothing runs.
pub(crate) fn timer(function: &'static str, now: OffsetDateTime) {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
    let seconds = now.unix_timestamp() as f64;
    INSTRUMENTS.timer_last_run.record(seconds, &[KeyValue::new("faas.name", function)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::opened;

    #[tokio::test]
    async fn a_census_counts_stages_and_what_is_waited_for() {
        let app = crate::tests::app();
        let id = opened(&app.journal).await;
        let onboarding = app.journal.load(id).await.unwrap().unwrap().onboarding;
        let mut census = Census::default();
        census.count(&onboarding);
        census.count(&onboarding);
        assert_eq!(census.stages, BTreeMap::from([("awaiting-consent", 2)]));
        assert_eq!(census.blockers, BTreeMap::from([(("customer", "consent-missing".to_owned()), 2)]));
    }
}
