//! The timer trigger.
//!
//! azure-webjobs-sdk-extensions, `TimerListener.cs`, `TimerInfo.cs`; Microsoft Learn, "Timer trigger for Azure
//! Functions". The real host keeps the schedule's status in a storage account; this one keeps it in memory, so that
//! after a restart of the host no run counts as missed.

pub(crate) mod agenda;
pub(crate) mod schedule;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use agenda::Agenda;

use crate::clock;
use crate::configuration::function_json::TimerTrigger;
use crate::invocation::executor::LoadedFunction;
use crate::invocation::retry::{Attempt, with_retries};
use crate::invocation::{Answer, BindingData, Executor, Invocation, InvocationError, WireValue};
use crate::json::Json;

/// Runs one function on its schedule.
#[derive(Clone)]
pub(crate) struct TimerRunner {
    pub(crate) executor: Arc<Executor>,
    pub(crate) function: Arc<LoadedFunction>,
    pub(crate) trigger: TimerTrigger,
    pub(crate) in_flight: TaskTracker,
    pub(crate) agenda: Agenda,
    pub(crate) last: Arc<Mutex<Option<OffsetDateTime>>>,
}

impl TimerRunner {
    /// Until `stop` is cancelled. One run at a time: an occurrence that comes while the function runs, or that the clock
    /// was moved over, is missed, and one run, past due, makes up for all that were missed.
    pub(crate) async fn run(self, stop: CancellationToken) {
        if self.trigger.run_on_startup {
            self.tracked(false).await;
        }
        let (name, clock) = (&self.function.function.name, &self.executor.clock);
        let mut since = clock.now();
        loop {
            let Some(next) = self.trigger.schedule.after(since) else { return self.agenda.ends(name) };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.agenda.wait(name, next, clock) => {}
            }
            let past_due = self.trigger.use_monitor && clock.now() - next > Duration::from_secs(1);
            self.tracked(past_due).await;
            // With monitoring an occurrence that passed while the function ran is made up for, once.
            let makes_up = self.trigger.use_monitor && !past_due;
            since = if makes_up { next } else { clock.now().max(next) };
        }
    }

    /// In a task that the host waits for when it stops.
    async fn tracked(&self, past_due: bool) {
        let runner = self.clone();
        // A task that panicked is an invocation that failed, and the next one comes.
        let _ = self.in_flight.spawn(async move { runner.run_now(past_due).await }).await;
    }

    /// One run now. How it ended is told by the events; a timer has nothing to settle.
    pub(crate) async fn run_now(&self, past_due: bool) {
        let info = self.timer_info(past_due);
        let attempts = with_retries(&self.executor, &self.function, |attempt| self.attempt(&info, attempt));
        let _ = attempts.await;
    }

    async fn attempt(&self, info: &Json, attempt: Attempt) -> Result<Answer, InvocationError> {
        let invocation = Invocation::new(self.function.clone());
        let data = vec![(self.trigger.name.clone(), WireValue::Json(info.clone()))];
        let mut metadata = BindingData::default();
        metadata.set_system(invocation.name(), self.executor.clock.now());
        attempt.describe(&mut metadata);
        self.executor.run(&invocation, self.executor.ask(&invocation, data, metadata)).await
    }

    fn timer_info(&self, past_due: bool) -> Json {
        let now = self.executor.clock.now();
        let mut last = self.last.lock().expect("nobody panics while holding this");
        let status = if self.trigger.use_monitor {
            let text = |instant: Option<OffsetDateTime>| Json::from(instant.map(clock::utc_text));
            // .NET's default `DateTime`, which stands here until the first run is over.
            let never = Json::from("0001-01-01T00:00:00");
            Json::object([
                ("Last", last.map_or(never.clone(), |last| text(Some(last)))),
                ("Next", text(self.trigger.schedule.after(now))),
                ("LastUpdated", last.map_or(never, |last| text(Some(last)))),
            ])
        } else {
            Json::Null
        };
        *last = Some(now);
        Json::object([
            ("Schedule", Json::object([("AdjustForDST", Json::from(true))])),
            ("ScheduleStatus", status),
            ("IsPastDue", Json::from(past_due)),
        ])
    }
}
