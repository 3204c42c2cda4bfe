//! Running a function by hand: `POST /admin/functions/{name}` with `{"input":"…"}`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::OutputLevel;
use crate::event_grid::EventGridRunner;
use crate::invocation::executor::LoadedFunction;
use crate::invocation::{Executor, Invocation, InvocationError};
use crate::service_bus::trigger::Listener;
use crate::timer::TimerRunner;

/// What can be run by hand, by the functions' names.
#[derive(Default)]
pub(crate) struct ManualRuns {
    pub(crate) queues: BTreeMap<String, Listener>,
    pub(crate) timers: BTreeMap<String, TimerRunner>,
    pub(crate) event_grid: BTreeMap<String, EventGridRunner>,
    pub(crate) http: BTreeMap<String, (Arc<Executor>, Arc<LoadedFunction>)>,
}

impl ManualRuns {
    /// Runs the function; whether it succeeded is told by the events. Nothing is settled: there is no message.
    pub(crate) async fn run(&self, function: &str, input: Option<&str>) {
        let text = input.unwrap_or_default();
        if let Some(timer) = self.timers.get(function) {
            timer.run_now(input).await;
        } else if let Some((executor, function)) = self.http.get(function) {
            // It needs a request, and a text is none. The handler is not asked.
            let invocation = Invocation::new(function.clone());
            let _ = executor.run(&invocation, async { Err::<(), _>(InvocationError::NoRequest) }).await;
        } else if input.is_none() {
            // Measured: a function that takes messages does not run without one.
        } else if let Some(listener) = self.queues.get(function) {
            listener.run_by_hand(text).await;
        } else if let Some(runner) = self.event_grid.get(function)
            && let Err(error) = runner.run_by_hand(text).await
        {
            let line = format!("The input for '{function}' is not an event: {error}");
            runner.executor.observer.line(OutputLevel::Error, line);
        }
    }
}
