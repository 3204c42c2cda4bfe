//! What `latchkey doctor` says of a deployment that works, and of one from which one thing was taken away.

use std::collections::BTreeMap;

use local_world::world::LocalWorld;
use reqwest::Method;
use sandbox::FaultScript;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{PATIENCE, a_world};

const AUTHORIZATION: &str = "2022-04-01";

/// What the tool ends with, and each check's verdict, owner and mend.
async fn examined(world: &LocalWorld) -> (Option<i32>, BTreeMap<String, Value>) {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_latchkey-local"))
        .args(["doctor", "--json", "--app-url", world.url().as_str()])
        .output()
        .await
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let checks = report["checks"].as_array().unwrap().iter();
    let named = checks.map(|check| (check["check"].as_str().unwrap().to_owned(), check.clone()));
    (output.status.code(), named.collect())
}

fn wrong(checks: &BTreeMap<String, Value>) -> Vec<&str> {
    checks.iter().filter(|(_, check)| check["is"] == "wrong").map(|(name, _)| name.as_str()).collect()
}

/// Waits until exactly these are wrong: what was found a moment ago is said again for a few seconds.
pub(crate) async fn until_wrong(world: &LocalWorld, expected: &[&str]) -> BTreeMap<String, Value> {
    let is_so = async || {
        let (status, checks) = examined(world).await;
        let is_status = status == Some(if expected.is_empty() { 0 } else { 3 });
        Ok(Some(checks).filter(|checks| wrong(checks) == expected && is_status))
    };
    match world.wait_for(&format!("wrong: {expected:?}"), Instant::now() + PATIENCE, is_so).await {
        Ok(checks) => checks,
        Err(error) => panic!("{error:#}: {:#?}", examined(world).await),
    }
}

pub(crate) async fn arm(world: &LocalWorld, method: Method, id: &str, body: Option<&Value>) -> Value {
    let reply = world.vendor().azure().arm(method, id, AUTHORIZATION, body).await.unwrap();
    reply.ok("asking Azure").unwrap()
}

/// Takes the identity's roles away that are assigned at this very scope, and gives them back after what is tried.
async fn without_roles(world: &LocalWorld, scope: &str, check: &str, names: &str) {
    let principal = json!(world.vendor().estate().identity.principal_id);
    let assignments = format!("{scope}/providers/Microsoft.Authorization/roleAssignments");
    let listed = arm(world, Method::GET, &assignments, None).await["value"].as_array().unwrap().clone();
    let is_there = |one: &Value| {
        one["properties"]["principalId"] == principal
            && one["properties"]["scope"].as_str().unwrap().eq_ignore_ascii_case(scope)
    };
    let ours: Vec<Value> = listed.into_iter().filter(is_there).collect();
    assert!(!ours.is_empty(), "{scope}");
    for one in &ours {
        arm(world, Method::DELETE, one["id"].as_str().unwrap(), None).await;
    }
    let checks = until_wrong(world, &[check]).await;
    let found = &checks[check];
    assert_eq!(found["owner"], "azure-administrator");
    assert!(found["saw"].as_str().unwrap().contains(names), "{found}");
    assert!(found["mend"].as_str().unwrap().contains("latchkey setup"), "{found}");
    for one in &ours {
        let given = ["roleDefinitionId", "principalId", "principalType"];
        let properties: Value =
            given.map(|name| (name, one["properties"][name].clone())).into_iter().collect::<Value>();
        let body = json!({ "properties": properties });
        arm(world, Method::PUT, one["id"].as_str().unwrap(), Some(&body)).await;
    }
}

#[tokio::test]
async fn doctor_finds_nothing_wrong_with_what_works_and_names_what_was_taken_away() {
    let world = a_world().await;
    let checks = until_wrong(&world, &[]).await;
    let names: Vec<&str> = checks.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "anchors",
            "clock",
            "deployment",
            "disks-role",
            "evidence-key",
            "federated-credential",
            "identity-role",
            "journal",
            "landing-page",
            "marketplace",
            "queues-receive",
            "queues-send",
            "telemetry",
            "versions",
            "webhook"
        ]
    );
    let not_good: Vec<&String> =
        checks.iter().filter(|(_, check)| check["is"] != "good").map(|(name, _)| name).collect();
    // Nobody asked for the one, and without a collector nobody knows of the other.
    assert_eq!(not_good, ["deployment", "telemetry"], "{checks:#?}");

    let estate = world.vendor().estate();
    let group = world.vendor().azure().resource_group_id(&estate.resource_group);
    without_roles(&world, &group, "disks-role", "Microsoft.Compute/diskEncryptionSets/write").await;
    without_roles(&world, &estate.identity.id, "identity-role", "assign/action").await;

    let silent = json!({
        "call": { "method": "GET", "host": "marketplaceapi.microsoft.com", "path": "/api/saas/subscriptions" },
        "fault": { "kind": "status", "status": 503 }
    });
    let script = |faults: Value| FaultScript::parse(&json!({ "faults": faults }).to_string()).unwrap();
    world.sandbox().set_faults(script(json!([silent])));
    let is_silent = async || {
        let (status, checks) = examined(&world).await;
        Ok(status == Some(0) && checks["marketplace"]["is"] == "not-checked")
    };
    world.wait_until("no answer", Instant::now() + PATIENCE, is_silent).await.unwrap();
    world.sandbox().set_faults(script(json!([])));

    let application =
        format!("/applications(appId='{}')/federatedIdentityCredentials", estate.application_id);
    let azure = world.vendor().azure();
    let listed = azure.graph(Method::GET, &application, None).await.unwrap();
    let credential = listed.ok("the credentials").unwrap()["value"][0].clone();
    let id = credential["id"].as_str().unwrap();
    azure
        .graph(Method::DELETE, &format!("{application}/{id}"), None)
        .await
        .unwrap()
        .ok("taking it away")
        .unwrap();
    let checks = until_wrong(&world, &["federated-credential"]).await;
    assert!(checks["federated-credential"]["mend"].as_str().unwrap().contains("latchkey setup"));
    let again = ["name", "issuer", "subject", "audiences"];
    let body: Value = again.map(|name| (name, credential[name].clone())).into_iter().collect::<Value>();
    azure.graph(Method::POST, &application, Some(&body)).await.unwrap().ok("giving it back").unwrap();
    until_wrong(&world, &[]).await;
    world.stop().await;
}
