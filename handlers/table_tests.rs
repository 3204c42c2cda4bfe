//! The table against the events, the folders and the runtime.

use std::collections::BTreeSet;

use super::*;

/// A duplicate name would be lost in the set, and stops the runtime's own registration as well.
#[tokio::test]
async fn every_line_is_registered_under_a_name_of_its_own() {
    let registered: BTreeSet<(&str, &str)> = registered(crate::tests::app())
        .registered()
        .iter()
        .map(|function| (function.name, function.trigger))
        .collect();
    let lines: Vec<(&str, &str)> = table()
        .iter()
        .map(|function| {
            let trigger = match function.trigger {
                Trigger::Http { .. } => "httpTrigger",
                Trigger::Queue { .. } => "serviceBusTrigger",
                Trigger::Timer { .. } => "timerTrigger",
            };
            (function.name, trigger)
        })
        .collect();
    assert_eq!(lines.len(), registered.len(), "two lines have the same name: {lines:?}");
    assert_eq!(lines.into_iter().collect::<BTreeSet<_>>(), registered);
}

#[test]
fn every_event_has_a_function_and_every_queue_function_an_event() {
    let of_events: Vec<_> = onboarding::event::KINDS.to_vec();
    let of_functions: Vec<(&str, &str)> = table()
        .iter()
        .filter_map(|function| match function.trigger {
            Trigger::Queue { queue, event_type } => Some((event_type, queue)),
            Trigger::Http { .. } | Trigger::Timer { .. } => None,
        })
        .collect();
    assert_eq!(of_functions, of_events, "the same queues, in the order of the chain");
}

#[test]
fn every_function_has_a_folder_and_every_folder_a_function() {
    let folders: BTreeSet<String> =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/handlers/functions"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
    let functions: BTreeSet<String> = table().iter().map(|function| function.name.to_owned()).collect();
    assert_eq!(functions, folders);
}

/// No two routes can be meant by the same request: the host forwards each to one function.
#[test]
fn every_route_begins_with_words_of_its_own() {
    let words = |route: &'static str| {
        assert!(!route.starts_with('/'), "{route}");
        route.split('{').next().unwrap_or_default()
    };
    let routes: Vec<&str> = table()
        .iter()
        .filter_map(|function| match function.trigger {
            Trigger::Http { route, .. } => Some(words(route)),
            Trigger::Queue { .. } | Trigger::Timer { .. } => None,
        })
        .collect();
    for (n, route) in routes.iter().enumerate() {
        let clash = routes.iter().enumerate().find(|(m, other)| *m != n && other.starts_with(route));
        assert_eq!(clash, None, "{route}");
    }
}

/// What the code of a function calls, by the handles and the shared modules that it names.
#[test]
fn a_line_names_the_systems_that_its_code_calls() {
    const SIGNS: [(&str, &[System]); 12] = [
        ("app.marketplace", &[Marketplace]),
        ("app.compute", &[ResourceManager]),
        ("app.identity", &[Entra]),
        ("app.webhook_tokens", &[Entra]),
        ("why_refused(", &[Entra]),
        ("probe(", &[Entra, KeyVault]),
        ("fresh_look(", &[Entra, KeyVault, ResourceManager]),
        ("watch::look(", &[Entra, KeyVault, ResourceManager]),
        ("machines::", &[ResourceManager]),
        ("disk_plan::of(", &[ResourceManager]),
        ("of_the_estate(", &[ResourceManager]),
        ("estate::", &[ResourceManager]),
    ];
    for function in table() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("handlers/functions");
        let code: String = std::fs::read_dir(folder.join(function.name))
            .unwrap()
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .collect();
        let called = SIGNS.iter().filter(|(sign, _)| code.contains(sign)).flat_map(|(_, systems)| *systems);
        let named: BTreeSet<System> = function.calls.iter().copied().collect();
        assert_eq!(named, called.copied().collect(), "{}", function.name);
    }
}
