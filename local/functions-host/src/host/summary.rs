//! What a host's owner may want to show of its functions.

use crate::configuration::function_json::{Function, Trigger};
use crate::event::TriggerKind;
use crate::event_grid::webhook;
use crate::http::route::under;

/// A function that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSummary {
    /// The function's folder name.
    pub name: String,
    /// What makes it run.
    pub trigger: TriggerKind,
    /// Where a client reaches it, with its route's parameters in braces: of HTTP and Event Grid functions.
    pub url: Option<String>,
    /// The methods it answers, upper case; empty for all. Of HTTP functions.
    pub methods: Vec<String>,
    /// The entity that its messages come from: of Service Bus functions.
    pub entity: Option<String>,
    /// It is loaded and never runs.
    pub disabled: bool,
}

impl FunctionSummary {
    pub(super) fn of(function: &Function, host_url: &str, route_prefix: &str) -> Self {
        let (url, methods, entity) = match &function.trigger {
            Trigger::Http(trigger) => {
                let url = format!("{host_url}/{}", under(route_prefix, &trigger.route));
                (Some(url), trigger.methods.clone().unwrap_or_default(), None)
            }
            Trigger::EventGrid(_) => {
                let url = format!("{host_url}{}?functionName={}", webhook::PATH, function.name);
                (Some(url), Vec::new(), None)
            }
            Trigger::ServiceBus(trigger) => (None, Vec::new(), Some(trigger.entity_path.clone())),
            Trigger::Timer(_) => (None, Vec::new(), None),
        };
        let trigger = function.trigger.kind();
        Self { name: function.name.clone(), trigger, url, methods, entity, disabled: function.disabled }
    }
}
