//! Which Service Bus connections an app's bindings name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::binding::DEFAULT_CONNECTION;
use super::function_json::function_folders;
use crate::json::Json;
use crate::settings::Settings;

/// The names of all Service Bus connections that the function.json files under `script_root` ask for.
///
/// Each is the name of an app setting that holds a connection string; whoever sets them all in
/// [`Options::environment`](crate::Options) sends the whole app to one namespace. `environment` is what `%NAME%` in
/// the names is resolved with, over the environment of this process. A file that cannot be read names nothing here:
/// starting the host says what is wrong with it.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn service_bus_connections(
    script_root: &Path,
    environment: &BTreeMap<String, String>,
) -> std::io::Result<BTreeSet<String>> {
    let settings = Settings::of_this_process(environment);
    let mut names = BTreeSet::new();
    for folder in function_folders(script_root)? {
        let Ok(text) = std::fs::read_to_string(folder.join("function.json")) else { continue };
        let Ok(json) = Json::parse_file(&text) else { continue };
        let Some(Json::Array(bindings)) = json.member("bindings") else { continue };
        names.extend(bindings.iter().filter_map(|binding| connection(binding, &settings)));
    }
    Ok(names)
}

fn connection(binding: &Json, settings: &Settings) -> Option<String> {
    let kind = binding.member("type").and_then(Json::as_str)?.to_ascii_lowercase();
    if !matches!(kind.as_str(), "servicebus" | "servicebustrigger") {
        return None;
    }
    let written = binding.member("connection").and_then(Json::as_str).filter(|name| !name.is_empty());
    settings.resolve(written.unwrap_or(DEFAULT_CONNECTION)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_collected_from_triggers_and_outputs() {
        let folder = tempfile::tempdir().unwrap();
        let function = |name: &str, text: &str| {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("function.json"), text).unwrap();
        };
        function(
            "a",
            r#"{"bindings":[{"type":"serviceBusTrigger","name":"m","queueName":"q","connection":"%WHICH%"},
                {"type":"ServiceBus","name":"o","direction":"out","queueName":"q"},{"type":"httpTrigger","name":"r"}]}"#,
        );
        function("b", "no json");
        function("c", r#"{"bindings":[{"type":"serviceBus","name":"o","connection":"%unknown%"}]}"#);
        let environment = [("WHICH".to_owned(), "Bus".to_owned())].into();
        let names = service_bus_connections(folder.path(), &environment).unwrap();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["Bus", "ServiceBus"]);
        assert!(service_bus_connections(&folder.path().join("nowhere"), &environment).is_err());
    }
}
