//! The shape that `infra/` deploys, on this machine: Service Bus by TLS, the journal in Azurite, everything by the
//! managed identity and its roles.
//!
//! `LATCHKEY_AZURITE` names the `node_modules` folder that azurite is installed in (`tests/judges/store`),
//! `LATCHKEY_NODE` Node.js. Without the first the tests say so and pass, unless `LATCHKEY_REQUIRE_JUDGES=1`.

use std::{io::Write as _, path::Path};

use local_world::world::{AzuriteProgram, LocalWorld, LocalWorldOptions};
use reqwest::Method;
use serde_json::{Value, json};

use crate::doctor::{arm, until_wrong};
use crate::support::{a_world_of, options, play, until};

const RECEIVER: &str = "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0";
const SENDER: &str = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39";

/// Where Azurite is; says so when it is not named.
pub(crate) fn azurite_program() -> Option<AzuriteProgram> {
    let Some(modules) = std::env::var_os("LATCHKEY_AZURITE") else {
        let required = std::env::var("LATCHKEY_REQUIRE_JUDGES").is_ok_and(|value| value == "1");
        assert!(!required, "LATCHKEY_REQUIRE_JUDGES is set, but LATCHKEY_AZURITE is not");
        // Past the test runner's capture: whoever runs the tests is to see it although the test passes.
        let line = b"SKIPPED: the shape that infra/ deploys was not played: LATCHKEY_AZURITE is not set\n";
        std::io::stderr().write_all(line).unwrap();
        return None;
    };
    let node = std::env::var_os("LATCHKEY_NODE").unwrap_or_else(|| "node".into());
    Some(AzuriteProgram { node: node.into(), modules: modules.into() })
}

pub(crate) async fn a_world_as_deployed(folder: &Path) -> Option<LocalWorld> {
    let azurite = azurite_program()?;
    let dir = Some(folder.to_owned());
    Some(a_world_of(LocalWorldOptions { dir, as_deployed: Some(azurite), ..options() }).await)
}

/// Takes a role of the identity away at one scope, sees what the doctor says, and gives it back.
async fn without_role(world: &LocalWorld, scope: &str, role: &str, check: &str, name: &str, entity: &str) {
    let principal = json!(world.vendor().estate().identity.principal_id);
    let assignments = format!("{scope}/providers/Microsoft.Authorization/roleAssignments");
    let listed = arm(world, Method::GET, &assignments, None).await;
    let is_it = |one: &&Value| {
        let properties = &one["properties"];
        properties["principalId"] == principal
            && properties["scope"] == scope
            && properties["roleDefinitionId"].as_str().unwrap().ends_with(role)
    };
    let assignment = listed["value"].as_array().unwrap().iter().find(is_it).cloned();
    let assignment = assignment.unwrap_or_else(|| panic!("{name} is not assigned at {scope}"));
    let id = assignment["id"].as_str().unwrap();
    arm(world, Method::DELETE, id, None).await;
    let checks = until_wrong(world, &[check]).await;
    let found = &checks[check];
    assert_eq!(found["owner"], "azure-administrator", "{found}");
    assert!(found["saw"].as_str().unwrap().ends_with(&format!(": {entity}")), "{found}");
    assert!(found["mend"].as_str().unwrap().contains(name), "{found}");
    let given = ["roleDefinitionId", "principalId", "principalType"];
    let properties: Value =
        given.map(|field| (field, assignment["properties"][field].clone())).into_iter().collect();
    arm(world, Method::PUT, id, Some(&json!({ "properties": properties }))).await;
    until_wrong(world, &[]).await;
}

#[tokio::test]
async fn an_onboarding_becomes_active_in_the_shape_that_is_deployed_and_doctor_names_each_data_role() {
    let folder = tempfile::tempdir().unwrap();
    let Some(world) = a_world_as_deployed(folder.path()).await else { return };
    let settings = world.settings();
    assert!(!settings.contains_key("ServiceBus") && settings["LATCHKEY_JOURNAL_URL"] == "az://latchkey");
    let secret = |value: &String| {
        ["SharedAccessKey", "AccountKey", "Endpoint=sb"].iter().any(|word| value.contains(word))
    };
    assert!(!settings.values().any(secret), "a connection string");
    assert!(world.exports().iter().all(|(_, value)| !secret(value)), "a connection string");
    let signed_up = play(&world).await;
    let moved = world.advance(std::time::Duration::from_secs(1)).await.unwrap_err();
    assert!(moved.to_string().contains("the blob store"), "{moved}");

    until_wrong(&world, &[]).await;
    let bus = world.vendor().bus_id();
    let queue = format!("{bus}/queues/key_shared");
    let (sender, receiver) = ("Azure Service Bus Data Sender", "Azure Service Bus Data Receiver");
    without_role(&world, &queue, RECEIVER, "queues-receive", receiver, "key_shared").await;
    without_role(&world, &queue, SENDER, "queues-send", sender, "key_shared").await;
    let topic = format!("{bus}/topics/onboarding_events");
    without_role(&world, &topic, SENDER, "queues-send", sender, "onboarding_events").await;
    let checks = until_wrong(&world, &[]).await;
    let not_good: Vec<&String> =
        checks.iter().filter(|(_, check)| check["is"] != "good").map(|(name, _)| name).collect();
    // Nobody asked what infra/ made, and nobody named a collector.
    assert_eq!(not_good, ["deployment", "telemetry"], "{checks:#?}");
    world.stop().await;
    let world = a_world_as_deployed(folder.path()).await.unwrap();
    until(&world, &signed_up.page, "active").await;
    world.stop().await;
}
