//! Running a function by hand: `POST /admin/functions/{name}` with `{"input":"…"}`.

use std::collections::BTreeMap;

use crate::service_bus::Delivery;
use crate::service_bus::trigger::Listener;
use crate::timer::TimerRunner;

/// What can be run by hand, by the functions' names.
#[derive(Default)]
pub(crate) struct ManualRuns {
    pub(crate) queues: BTreeMap<String, Listener>,
    pub(crate) timers: BTreeMap<String, TimerRunner>,
}

impl ManualRuns {
    /// Runs the function; whether it succeeded is told by the events. Nothing is settled: there is no message.
    pub(crate) async fn run(&self, function: &str, input: &str) {
        if let Some(listener) = self.queues.get(function) {
            listener.invoke(&Delivery::of_manual_input(input)).await;
        } else if let Some(timer) = self.timers.get(function) {
            timer.run_now(false).await;
        }
    }
}
