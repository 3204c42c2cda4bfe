//! What makes the app's functions run.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::app::App;
use crate::configuration::function_json::{ServiceBusTrigger, TimerTrigger, Trigger};
use crate::event_grid::EventGridRunner;
use crate::host_status::HostStatus;
use crate::http::site::Site;
use crate::http::throttle::Throttle;
use crate::invocation::Executor;
use crate::invocation::executor::LoadedFunction;
use crate::manual::ManualRuns;
use crate::service_bus::sdk;
use crate::service_bus::trigger::Listener;
use crate::timer::TimerRunner;
use crate::timer::agenda::Agenda;
use crate::timer::status::Statuses;

/// What makes functions run, until the executor is stopping.
pub(super) struct Triggers {
    executor: Arc<Executor>,
    pub(super) in_flight: TaskTracker,
    pub(super) agenda: Agenda,
    statuses: Statuses,
    manual: ManualRuns,
}

impl Triggers {
    pub(super) fn new(executor: Arc<Executor>, statuses: Statuses) -> Self {
        Self {
            executor,
            in_flight: TaskTracker::new(),
            agenda: Agenda::default(),
            statuses,
            manual: ManualRuns::default(),
        }
    }

    pub(super) fn add(&mut self, function: Arc<LoadedFunction>, app: &mut App) {
        let name = function.function.name.clone();
        match &function.function.trigger {
            Trigger::ServiceBus(trigger) => {
                let trigger = trigger.clone();
                let listener = self.listener(function, trigger, app);
                self.manual.queues.insert(name, listener);
            }
            Trigger::Timer(trigger) => {
                let trigger = trigger.clone();
                let runner = self.timer(function, trigger);
                self.manual.timers.insert(name, runner);
            }
            Trigger::EventGrid(trigger) => {
                let (executor, trigger) = (self.executor.clone(), trigger.clone());
                self.manual.event_grid.insert(name, EventGridRunner { executor, function, trigger });
            }
            Trigger::Http(_) => {
                self.manual.http.insert(name, (self.executor.clone(), function));
            }
        }
    }

    fn listener(&self, function: Arc<LoadedFunction>, trigger: ServiceBusTrigger, app: &mut App) -> Listener {
        let client = app.connections.client(&trigger.connection, &app.settings);
        let client = client.expect("functions without a connection were left out while loading");
        Listener {
            executor: self.executor.clone(),
            function,
            entity: sdk::entity(&client, &trigger.entity_path),
            sessions: trigger.sessions.then(|| sdk::sessions(&client, &trigger.entity_path)),
            trigger,
            namespace: client.fully_qualified_namespace().to_owned(),
            options: app.host_json.service_bus.clone(),
            in_flight: self.in_flight.clone(),
        }
    }

    fn timer(&self, function: Arc<LoadedFunction>, trigger: TimerTrigger) -> TimerRunner {
        TimerRunner {
            executor: self.executor.clone(),
            function,
            trigger,
            in_flight: self.in_flight.clone(),
            agenda: self.agenda.clone(),
            statuses: self.statuses.clone(),
        }
    }

    /// Starts all triggers but those of disabled functions, and makes of the rest what answers clients.
    pub(super) fn site(self, app: &mut App, tasks: &mut JoinSet<()>) -> Site {
        let enabled = |function: &LoadedFunction| !function.function.disabled;
        for listener in self.manual.queues.values().filter(|listener| enabled(&listener.function)) {
            tasks.spawn(listener.clone().run(self.executor.stopping.clone()));
        }
        for timer in self.manual.timers.values().filter(|timer| enabled(&timer.function)) {
            self.agenda.runs(&timer.function.function.name);
            tasks.spawn(timer.clone().run(self.executor.stopping.clone()));
        }
        Site {
            executor: self.executor,
            routes: std::mem::take(&mut app.routes),
            functions: app.functions.clone(),
            route_prefix: app.host_json.http.route_prefix.clone(),
            forwarding: app.host_json.custom_handler.forwarding,
            body_limit: app.body_limit,
            throttle: Throttle::new(&app.host_json.http),
            in_flight: self.in_flight,
            manual: self.manual,
            status: HostStatus {
                id: app.host_id.clone(),
                instance: Uuid::new_v4(),
                started: Instant::now(),
                extension_bundle: app.host_json.extension_bundle.clone(),
                errors: app.errors.iter().map(ToString::to_string).collect(),
                function_errors: app
                    .errors
                    .iter()
                    .map(|error| (error.function.clone(), error.reason.to_string()))
                    .collect(),
            },
        }
    }
}
