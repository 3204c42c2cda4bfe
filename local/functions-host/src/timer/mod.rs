//! The timer trigger.
//!
//! azure-webjobs-sdk-extensions, `TimerListener.cs`, `TimerInfo.cs`; Microsoft Learn, "Timer trigger for Azure
//! Functions"; measured on the real host. The handler is told the status as it was before the run: its `Next` is the
//! occurrence that the function runs for.

pub(crate) mod agenda;
pub(crate) mod schedule;
pub(crate) mod status;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use agenda::Agenda;
use status::{NEVER, Status, Statuses};

use crate::configuration::function_json::TimerTrigger;
use crate::event::OutputLevel;
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
    pub(crate) statuses: Statuses,
}

impl TimerRunner {
    /// Until `stop` is cancelled. One run at a time: an occurrence that comes while the function runs is made up for as
    /// soon as it has ended, once for all of them. One that came while there was no host is made up for at the start, and
    /// is past due.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let name = &self.function.function.name;
        let Some((mut status, past_due)) = self.status_at_start() else { return self.agenda.ends(name) };
        if past_due || self.trigger.run_on_startup {
            let Some(after) = self.run_for(status, past_due).await else { return self.agenda.ends(name) };
            status = after;
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.agenda.wait(name, status.next, &self.executor.clock) => {}
            }
            let Some(after) = self.run_for(status, false).await else { return self.agenda.ends(name) };
            status = after;
        }
    }

    /// What is known at the start, and whether an occurrence was missed. `None` for a schedule that has come to its end.
    fn status_at_start(&self) -> Option<(Status, bool)> {
        let now = self.executor.clock.now();
        let known = self.statuses.of(&self.function.function.name).filter(|_| self.trigger.use_monitor);
        let Some(known) = known else {
            let next = self.trigger.schedule.after(now)?;
            self.note(Status { last: NEVER, next, last_updated: now });
            return Some((Status { last: NEVER, next, last_updated: NEVER }, false));
        };
        // Anew, because the schedule may be another one now.
        let since = if known.last == NEVER { known.last_updated } else { known.last };
        let next = self.trigger.schedule.after(since)?;
        Some((Status { next, ..known }, next < now))
    }

    /// Runs the function, in a task that the host waits for when it stops, and returns the status after that.
    async fn run_for(&self, status: Status, past_due: bool) -> Option<Status> {
        // A timer can be early by less than a millisecond; the occurrence counts.
        let now = self.executor.clock.now();
        let early = status.next > now && status.next - now < time::Duration::milliseconds(100);
        let began = if early { status.next } else { now };
        let info = self.timer_info(status, past_due);
        let runner = self.clone();
        // A task that panicked is an invocation that failed, and the next one comes.
        let _ = self.in_flight.spawn(async move { runner.invoke(&info, None).await }).await;
        let after = Status { last: began, next: self.trigger.schedule.after(began)?, last_updated: began };
        self.note(after);
        Some(after)
    }

    fn note(&self, status: Status) {
        if !self.trigger.use_monitor {
            return;
        }
        if let Err(error) = self.statuses.set(&self.function.function.name, status) {
            let line = format!("The status of timers cannot be written: {error}");
            self.executor.observer.line(OutputLevel::Error, line);
        }
    }

    /// One run by hand, which changes nothing in the status.
    pub(crate) async fn run_now(&self, input: Option<&str>) {
        let now = self.executor.clock.now();
        let unknown = || Status {
            last: NEVER,
            next: self.trigger.schedule.after(now).unwrap_or(NEVER),
            last_updated: NEVER,
        };
        let status = self.statuses.of(&self.function.function.name).unwrap_or_else(unknown);
        self.invoke(&self.timer_info(status, false), input).await;
    }

    /// How it ended is told by the events; a timer has nothing to settle.
    async fn invoke(&self, info: &Json, input: Option<&str>) {
        let attempts =
            with_retries(&self.executor, &self.function, |attempt| self.attempt(info, input, attempt));
        let _ = attempts.await;
    }

    async fn attempt(
        &self,
        info: &Json,
        input: Option<&str>,
        attempt: Attempt,
    ) -> Result<Answer, InvocationError> {
        let invocation = Invocation::new(self.function.clone());
        let data = vec![(self.trigger.name.clone(), WireValue::Json(info.clone()))];
        let mut metadata = BindingData::default();
        metadata.set_text(&self.trigger.name, input);
        metadata.set_system(invocation.name(), self.executor.clock.now());
        attempt.describe(&mut metadata);
        self.executor.run(&invocation, self.executor.ask(&invocation, data, metadata)).await
    }

    fn timer_info(&self, status: Status, past_due: bool) -> Json {
        let status = if self.trigger.use_monitor { status.to_json() } else { Json::Null };
        let adjusts = self.trigger.schedule.adjusts_for_daylight_saving();
        Json::object([
            ("Schedule", Json::object([("AdjustForDST", Json::from(adjusts))])),
            ("ScheduleStatus", status),
            ("IsPastDue", Json::from(past_due)),
        ])
    }
}
