//! What the Functions host reads beside the executable: `host.json` and one `function.json` a function.
//!
//! The files are the source; they are compiled in so that one executable can lay out the folder that it runs from.

use serde_json::Value;

/// The Functions host's settings.
pub const HOST_JSON: &str = include_str!("../host.json");

/// One function as the host sees it.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its name: the folder that `function.json` lies in, and the last part of the address it is invoked at.
    pub name: &'static str,
    /// The text of its `function.json`.
    pub function_json: &'static str,
}

macro_rules! functions {
    ($($name:literal),+ $(,)?) => {
        &[$(Function { name: $name, function_json: include_str!(concat!("functions/", $name, "/function.json")) }),+]
    };
}

/// Every function of the app.
pub const FUNCTIONS: &[Function] = functions![
    "signup",
    "consent_callback",
    "onboarding_page",
    "share_key",
    "marketplace_webhook",
    "operations",
    "signup_requested",
    "customer_consented",
    "key_shared",
    "provision_requested",
    "provision_started",
    "disk_encryption_requested",
    "activation_requested",
    "key_check_due",
    "marketplace_changed",
    "sweep",
];

/// The queues that must exist, each with duplicate detection: every step's messages rely on it.
#[must_use]
pub fn queue_names() -> Vec<String> {
    FUNCTIONS.iter().filter_map(|function| bindings(function).into_iter().find_map(queue_name)).collect()
}

/// The bindings that a function declares.
#[must_use]
pub fn bindings(function: &Function) -> Vec<Value> {
    let declared: Value = serde_json::from_str(function.function_json)
        .expect("a test decodes every function.json that is compiled in");
    declared["bindings"].as_array().cloned().unwrap_or_default()
}

fn queue_name(binding: Value) -> Option<String> {
    (binding["type"] == "serviceBusTrigger")
        .then(|| binding["queueName"].as_str().map(str::to_owned))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_json_decodes_and_has_one_trigger() {
        for function in FUNCTIONS {
            let triggers = bindings(function)
                .iter()
                .filter(|binding| binding["type"].as_str().is_some_and(|kind| kind.ends_with("Trigger")))
                .count();
            assert_eq!(triggers, 1, "{}", function.name);
        }
        let host: Value = serde_json::from_str(HOST_JSON).unwrap();
        assert_eq!(host["customHandler"]["enableForwardingHttpRequest"], true);
    }

    #[test]
    fn every_queue_has_the_name_of_its_function() {
        for function in FUNCTIONS {
            for queue in bindings(function).into_iter().filter_map(queue_name) {
                assert_eq!(queue, function.name);
            }
        }
        assert_eq!(queue_names().len(), 9);
    }
}
