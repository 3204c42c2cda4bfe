//! What `infra/` deploys is what the app needs: its queues, its settings, and nothing that Flex Consumption refuses.
//!
//! Reads the snapshots: what Microsoft's deployment engine predicts for the templates (`infra/check`).

#![expect(clippy::unwrap_used, reason = "what is not as it must be ends a test")]

mod grafana;
mod lines;
mod queries;
mod workbook;

use std::{fs, path::PathBuf};

use latchkey_functions::{Settings, package};
use serde_json::{Value, json};

pub(crate) fn infra(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("infra").join(path)
}

pub(crate) fn read(path: &str) -> Value {
    let text = fs::read_to_string(infra(path)).unwrap_or_else(|error| panic!("infra/{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("infra/{path}: {error}"))
}

/// Every snapshot with its name.
fn snapshots() -> Vec<(String, Value)> {
    let names = fs::read_dir(infra("snapshots")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let found: Vec<_> = names
        .filter(|name| name.ends_with(".snapshot.json"))
        .map(|name| (name.clone(), read(&format!("snapshots/{name}"))))
        .collect();
    assert!(!found.is_empty(), "infra/check --write makes the snapshots");
    found
}

fn of_type<'a>(snapshot: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    snapshot["predictedResources"].as_array().unwrap().iter().filter(move |one| one["type"] == kind)
}

/// The part of a name behind the last slash.
fn last(name: &Value) -> String {
    name.as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[test]
fn the_queues_and_topics_are_those_of_the_table() {
    let expected = json!({ "queues": package::queue_names(), "topics": package::topic_names() });
    if std::env::var_os("LATCHKEY_WRITE_INFRA").is_some() {
        fs::write(infra("entities.json"), format!("{expected:#}\n")).unwrap();
    }
    assert_eq!(
        read("entities.json"),
        expected,
        "LATCHKEY_WRITE_INFRA=1 cargo test --workspace --test infra writes it; then infra/check --write"
    );
}

#[test]
fn every_queue_drops_duplicates_for_as_long_as_a_message_is_retried_and_loses_nothing() {
    for (name, snapshot) in snapshots() {
        let queues: Vec<_> = of_type(&snapshot, "Microsoft.ServiceBus/namespaces/queues").collect();
        let names: Vec<_> = queues.iter().map(|queue| last(&queue["name"])).collect();
        assert_eq!(names, package::queue_names(), "{name}");
        for queue in queues {
            let properties = &queue["properties"];
            assert_eq!(properties["requiresDuplicateDetection"], true, "{name}: {}", queue["name"]);
            // LATCHKEY_RETRY_DEADLINE_SECONDS is a day.
            assert_eq!(properties["duplicateDetectionHistoryTimeWindow"], "P1D", "{name}: {}", queue["name"]);
            assert_eq!(properties["deadLetteringOnMessageExpiration"], true, "{name}: {}", queue["name"]);
        }
        let topics: Vec<_> = of_type(&snapshot, "Microsoft.ServiceBus/namespaces/topics").collect();
        let names: Vec<_> = topics.iter().map(|topic| last(&topic["name"])).collect();
        assert_eq!(names, package::topic_names(), "{name}");
        assert!(
            topics.iter().all(|topic| topic["properties"]["requiresDuplicateDetection"] == true),
            "{name}"
        );
    }
}

/// The settings of the app. What only Azure works out stays an expression: a stand-in takes its place.
fn app_settings(snapshot: &Value) -> Vec<(String, String)> {
    let settings = of_type(snapshot, "Microsoft.Web/sites/config").next().expect("the app has settings");
    let settings = settings["properties"].as_object().unwrap();
    settings.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

#[test]
fn the_app_starts_with_the_settings_that_are_deployed() {
    for (name, snapshot) in snapshots() {
        let settings = app_settings(&snapshot);
        let lookup = |wanted: &str| {
            let (_, value) = settings.iter().find(|(name, _)| name == wanted)?;
            Some(match wanted {
                "LATCHKEY_SIGNING_KEY" => "Kioq".repeat(11) + "Kio=",
                _ if value.contains("defaultHostName") => "https://contoso.azurewebsites.net".to_owned(),
                "LATCHKEY_EVIDENCE_KEY" => "https://contoso.vault.azure.net/keys/evidence".to_owned(),
                _ if value.starts_with('[') => "33333333-cccc-4444-8888-dddddddddddd".to_owned(),
                _ => value.clone(),
            })
        };
        if let Err(error) = Settings::read(lookup) {
            panic!("{name}: {error}");
        }
        let reference = settings.iter().find(|(name, _)| name == "LATCHKEY_SIGNING_KEY").unwrap();
        assert!(reference.1.contains("@Microsoft.KeyVault(SecretUri="), "{name}: a key is in the settings");
    }
}

#[test]
fn every_setting_that_is_deployed_is_one_that_somebody_reads() {
    let sample = include_str!("../../local.settings.sample.json");
    let sample: Value = serde_json::from_str(sample).unwrap();
    let known = sample["Values"].as_object().unwrap();
    // Read by Azure's host alone.
    let hosts = [
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "AzureWebJobsStorage__accountName",
        "AzureWebJobsStorage__clientId",
        "AzureWebJobsStorage__credential",
    ];
    for (snapshot, content) in snapshots() {
        for (name, _) in app_settings(&content) {
            assert!(known.contains_key(&name) || hosts.contains(&name.as_str()), "{snapshot}: {name}");
        }
    }
}

/// Flex Consumption answers 400 to some settings and ignores others without a word.
#[test]
fn nothing_is_set_that_flex_consumption_refuses_or_ignores() {
    let refused = [
        "FUNCTIONS_WORKER_RUNTIME",
        "FUNCTIONS_EXTENSION_VERSION",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "ENABLE_ORYX_BUILD",
        "FUNCTIONS_WORKER_PROCESS_COUNT",
        "FUNCTIONS_MAX_HTTP_CONCURRENCY",
        "AzureWebJobsStorage",
        "TZ",
    ];
    for (snapshot, content) in snapshots() {
        for (name, _) in app_settings(&content) {
            assert!(!refused.contains(&name.as_str()), "{snapshot}: {name}");
            assert!(!name.starts_with("WEBSITE_"), "{snapshot}: {name}");
            assert!(!name.contains(':'), "{snapshot}: {name}");
        }
        let app = of_type(&content, "Microsoft.Web/sites").next().unwrap();
        let config = &app["properties"]["functionAppConfig"];
        assert_eq!(config["runtime"], json!({ "name": "custom", "version": "1.0" }), "{snapshot}");
        assert_eq!(app["properties"]["siteConfig"], json!({ "minTlsVersion": "1.2" }), "{snapshot}");
    }
}

#[test]
fn nothing_can_be_reached_with_a_key() {
    for (name, snapshot) in snapshots() {
        for account in of_type(&snapshot, "Microsoft.Storage/storageAccounts") {
            assert_eq!(account["properties"]["allowSharedKeyAccess"], false, "{name}");
            assert_eq!(account["properties"]["allowBlobPublicAccess"], false, "{name}");
        }
        for bus in of_type(&snapshot, "Microsoft.ServiceBus/namespaces") {
            assert_eq!(bus["properties"]["disableLocalAuth"], true, "{name}");
        }
        for insights in of_type(&snapshot, "Microsoft.Insights/components") {
            assert_eq!(insights["properties"]["DisableLocalAuth"], true, "{name}");
        }
        for vault in of_type(&snapshot, "Microsoft.KeyVault/vaults") {
            assert_eq!(vault["properties"]["enableRbacAuthorization"], true, "{name}");
            assert_eq!(vault["properties"]["enablePurgeProtection"], true, "{name}");
        }
        assert!(!snapshot.to_string().contains("listKeys"), "{name}");
    }
}
