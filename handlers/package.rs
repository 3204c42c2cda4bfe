//! What the Functions host reads beside the executable: `host.json`, and one `function.json` a function, made from the
//! [`table`](crate::table).

use serde_json::{Value, json};

use crate::table::{Access, Function, Method, Trigger, queue_functions};

/// The Functions host's settings.
pub const HOST_JSON: &str = include_str!("../host.json");

/// The queues that must exist, each with duplicate detection: every step's messages rely on it.
#[must_use]
pub fn queue_names() -> Vec<String> {
    queue_functions().map(str::to_owned).collect()
}

/// The topics that must exist, each with duplicate detection: what the vendor's own systems are told.
#[must_use]
pub fn topic_names() -> Vec<String> {
    vec![onboarding::event::TOPIC.to_owned()]
}

/// The text of a function's `function.json`.
#[must_use]
pub fn function_json(function: &Function) -> String {
    format!("{:#}\n", json!({ "bindings": bindings(&function.trigger) }))
}

fn bindings(trigger: &Trigger) -> Vec<Value> {
    match trigger {
        Trigger::Http { route, methods, access } => vec![
            json!({
                "type": "httpTrigger",
                "direction": "in",
                "name": "request",
                "authLevel": match access {
                    Access::Anonymous => "anonymous",
                    Access::FunctionKey => "function",
                },
                "methods": methods.iter().map(|method| match method {
                    Method::Get => "get",
                    Method::Options => "options",
                    Method::Post => "post",
                }).collect::<Vec<_>>(),
                "route": route,
            }),
            json!({ "type": "http", "direction": "out", "name": "res" }),
        ],
        Trigger::Queue { queue, .. } => vec![json!({
            "type": "serviceBusTrigger",
            "direction": "in",
            "name": "message",
            "queueName": queue,
            "connection": "ServiceBus",
            // Without it, the host reads bodies as text, and a body could write metadata.
            "dataType": "binary",
            "autoCompleteMessages": true,
        })],
        Trigger::Timer { schedule } => {
            vec![json!({ "type": "timerTrigger", "direction": "in", "name": "timer", "schedule": schedule })]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::table;

    /// Each function that was deployed once, with the `function.json` that it was deployed with. One that is added
    /// needs no entry: its trigger is made as that of its kind.
    #[test]
    fn the_functions_that_were_deployed_keep_their_function_json() {
        let deployed: Value = serde_json::from_str(include_str!("fixtures/function_json.json")).unwrap();
        for (name, expected) in deployed.as_object().unwrap() {
            let function = table().iter().find(|function| function.name == name);
            let function = function.unwrap_or_else(|| panic!("{name} is gone"));
            let made: Value = serde_json::from_str(&function_json(function)).unwrap();
            assert_eq!(made, *expected, "{name}");
        }
    }

    #[test]
    fn every_queue_has_the_name_of_its_function() {
        for function in table() {
            assert!(function.queue().is_none_or(|queue| queue == function.name), "{}", function.name);
        }
    }

    /// The routes in code carry whole paths, so only forwarded requests find them.
    #[test]
    fn requests_are_forwarded() {
        let host: Value = serde_json::from_str(HOST_JSON).unwrap();
        assert_eq!(host["customHandler"]["enableForwardingHttpRequest"], true);
        assert_eq!(host["extensions"]["http"]["routePrefix"], "api");
    }
}
