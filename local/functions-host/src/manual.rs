//! Running a function by hand: `POST /admin/functions/{name}` with `{"input":"…"}`.

use std::collections::BTreeMap;

use crate::event::OutputLevel;
use crate::event_grid::EventGridRunner;
use crate::service_bus::trigger::Listener;
use crate::timer::TimerRunner;

/// What can be run by hand, by the functions' names.
#[derive(Default)]
pub(crate) struct ManualRuns {
    pub(crate) queues: BTreeMap<String, Listener>,
    pub(crate) timers: BTreeMap<String, TimerRunner>,
    pub(crate) event_grid: BTreeMap<String, EventGridRunner>,
}

impl ManualRuns {
    /// Runs the function; whether it succeeded is told by the events. Nothing is settled: there is no message.
    pub(crate) async fn run(&self, function: &str, input: &str) {
        if let Some(listener) = self.queues.get(function) {
            listener.run_by_hand(input).await;
        } else if let Some(timer) = self.timers.get(function) {
            timer.run_now(false).await;
        } else if let Some(runner) = self.event_grid.get(function)
            && let Err(error) = runner.run_by_hand(input).await
        {
            let line = format!("The input for '{function}' is not an event: {error}");
            runner.executor.observer.line(OutputLevel::Error, line);
        }
    }
}
