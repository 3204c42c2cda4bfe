//! Gives functions the places that their outputs go to, and sorts out those that cannot be run.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::configuration::function_json::{
    Function, FunctionError, FunctionProblem, HttpTrigger, Output, OutputTarget, Trigger,
};
use crate::invocation::executor::LoadedFunction;
use crate::service_bus::Destination;
use crate::service_bus::sdk::{self, Connections};
use crate::settings::Settings;

/// What was found so far.
pub(super) struct Loading<'a> {
    pub(super) settings: &'a Settings,
    /// The app installs binding extensions: without them the host knows HTTP and timers alone.
    pub(super) has_extensions: bool,
    pub(super) connections: Connections,
    pub(super) errors: Vec<FunctionError>,
    /// The routes of the functions before, with their methods.
    pub(super) routes: Vec<(String, HttpTrigger)>,
}

impl Loading<'_> {
    /// `None` for a function that cannot be run; why is in `errors`.
    pub(super) fn load(&mut self, function: Function) -> Option<Arc<LoadedFunction>> {
        let checked = self.check_extensions(&function).and_then(|()| self.check_route(&function));
        match checked.and_then(|()| self.destinations(&function)) {
            Ok(destinations) => Some(Arc::new(LoadedFunction { function, destinations })),
            Err(reason) => {
                self.errors.push(FunctionError { function: function.name, reason });
                None
            }
        }
    }

    /// azure-functions-host, `ScriptHost.ValidateHttpFunction`: templates are compared as texts.
    fn check_route(&mut self, function: &Function) -> Result<(), FunctionProblem> {
        let Trigger::Http(trigger) = &function.trigger else { return Ok(()) };
        let conflicts = |other: &HttpTrigger| {
            let share = match (&trigger.methods, &other.methods) {
                (Some(own), Some(others)) => own.iter().any(|method| others.contains(method)),
                _ => true,
            };
            share && trigger.route.trim_matches('/').eq_ignore_ascii_case(other.route.trim_matches('/'))
        };
        if let Some((name, _)) = self.routes.iter().find(|(_, other)| conflicts(other)) {
            return Err(FunctionProblem::SameRoute(name.clone()));
        }
        self.routes.push((function.name.clone(), trigger.clone()));
        Ok(())
    }

    fn check_extensions(&self, function: &Function) -> Result<(), FunctionProblem> {
        let trigger = match function.trigger {
            Trigger::ServiceBus(_) => Some("serviceBusTrigger"),
            Trigger::EventGrid(_) => Some("eventGridTrigger"),
            Trigger::Http(_) | Trigger::Timer(_) => None,
        };
        let sends = |output: &Output| matches!(output.target, OutputTarget::ServiceBus { .. });
        let output = function.outputs.iter().any(sends).then_some("serviceBus");
        match trigger.or(output) {
            Some(kind) if !self.has_extensions => Err(FunctionProblem::NoExtension(kind.to_owned())),
            _ => Ok(()),
        }
    }

    fn destinations(
        &mut self,
        function: &Function,
    ) -> Result<BTreeMap<String, Arc<dyn Destination>>, FunctionProblem> {
        if let Trigger::ServiceBus(trigger) = &function.trigger {
            self.connections.client(&trigger.connection, self.settings)?;
        }
        let mut destinations: BTreeMap<String, Arc<dyn Destination>> = BTreeMap::new();
        for output in &function.outputs {
            if let OutputTarget::ServiceBus { entity, connection } = &output.target {
                let client = self.connections.client(connection, self.settings)?;
                destinations.insert(output.name.clone(), sdk::destination(&client, entity));
            }
        }
        Ok(destinations)
    }
}
