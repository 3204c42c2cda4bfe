//! `latchkey doctor` looks at a deployment of `infra/`, against the simulated Azure under Azure's real names.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]
#![cfg(unix)]

#[path = "../setup/az.rs"]
mod az;
mod deployment;
mod microsofts_az;
mod predicted;
#[path = "../setup/support.rs"]
#[expect(dead_code, reason = "the tests of setup use more of it")]
mod support;

use std::sync::{Arc, atomic::AtomicI64, atomic::Ordering};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    deployment::Deployment,
    predicted::TOKEN,
    support::{ARM, Estate, GRAPH},
};

const BUS: &str = "2024-01-01";
const WEB: &str = "2024-11-01";
const ROLES: &str = "2022-04-01";
const DAY: i64 = 86_400_000;

/// Exactly this one is named, and what was seen of it has these words.
#[track_caller]
fn only(found: &[(String, String, String)], check: &str, is: &str, words: &str) {
    match found {
        [(name, verdict, saw)] if name == check && verdict == is && saw.contains(words) => {}
        other => panic!("expected {check} to be {is} with {words:?}: {other:#?}"),
    }
}

/// Writes a resource with one property changed, looks, and puts it back.
async fn changed(
    deployed: &Deployment,
    id: &str,
    version: &str,
    pointer: &str,
    value: Value,
) -> Vec<(String, String, String)> {
    let before = deployed.get(id, version).await;
    let mut after = before.clone();
    *after.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer} in {before}")) = value;
    deployed.put(id, version, after).await;
    let found = deployed.not_good().await;
    deployed.put(id, version, before).await;
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_is_good_and_each_thing_that_is_changed_is_named() {
    let deployed = Deployment::in_azure(Estate::empty().await).await;
    assert_eq!(deployed.not_good().await, []);

    let bus = deployed.id("Microsoft.ServiceBus/namespaces", &format!("sb-latchkey-{TOKEN}"));
    let queue = format!("{bus}/queues/key_shared");
    let made = deployed.get(&queue, BUS).await;
    deployed.delete(&queue, BUS).await;
    only(&deployed.not_good().await, "queues", "wrong", "there is no queue key_shared");
    let mut without = made.clone();
    without["properties"]["requiresDuplicateDetection"] = json!(false);
    deployed.put(&queue, BUS, without).await;
    only(
        &deployed.not_good().await,
        "queues",
        "wrong",
        "key_shared: requiresDuplicateDetection is false, and should be true",
    );
    deployed.delete(&queue, BUS).await;
    deployed.put(&queue, BUS, made).await;
    let found = changed(&deployed, &queue, BUS, "/properties/maxDeliveryCount", json!(3)).await;
    only(&found, "queues", "wrong", "key_shared: maxDeliveryCount is 3, and should be 10");
    let old = format!("{bus}/queues/key_check_due");
    deployed.put(&old, BUS, json!({ "properties": {} })).await;
    only(&deployed.not_good().await, "queues", "noted", "Not the app's: the queue key_check_due");
    deployed.delete(&old, BUS).await;

    let found = changed(&deployed, &bus, BUS, "/properties/disableLocalAuth", json!(false)).await;
    only(&found, "local-auth", "wrong", "the Service Bus namespace sb-latchkey-");
    let journal = deployed.id("Microsoft.Storage/storageAccounts", &format!("stjournal{TOKEN}"));
    let found =
        changed(&deployed, &journal, "2025-01-01", "/properties/allowSharedKeyAccess", json!(true)).await;
    only(&found, "local-auth", "wrong", "the storage account stjournal");

    let site = deployed.id("Microsoft.Web/sites", &format!("func-latchkey-{TOKEN}"));
    let found = changed(&deployed, &site, WEB, "/properties/state", json!("Stopped")).await;
    only(&found, "site", "wrong", "it is Stopped");
    let function = format!("{site}/functions/sweep");
    deployed.delete(&function, WEB).await;
    only(&deployed.not_good().await, "functions", "wrong", "missing: sweep");
    deployed.put(&function, WEB, json!({ "properties": {} })).await;

    let alert = deployed.id("Microsoft.Insights/scheduledQueryRules", "latchkey-nothing-sweeps");
    let found = changed(&deployed, &alert, "2023-12-01", "/properties/enabled", json!(false)).await;
    only(&found, "alerts", "wrong", "the alert latchkey-nothing-sweeps is switched off");

    assert_eq!(deployed.not_good().await, [], "all was put back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_references_and_the_signing_key_are_looked_at() {
    let ahead = Arc::new(AtomicI64::new(-400 * DAY));
    let deployed = Deployment::in_azure(Estate::at(Some(Arc::clone(&ahead))).await).await;
    ahead.store(0, Ordering::Relaxed);
    only(&deployed.not_good().await, "signing-key", "noted", "400 days old");

    let secret = deployed.id("Microsoft.KeyVault/vaults", &format!("kv-lk-{TOKEN}/secrets/signing-key"));
    deployed.delete(&secret, WEB).await;
    let found = deployed.not_good().await;
    let named: Vec<(&str, &str)> = found.iter().map(|(check, is, _)| (check.as_str(), is.as_str())).collect();
    assert_eq!(named, [("vault-references", "wrong"), ("signing-key", "wrong")]);
    assert!(found[0].2.contains("LATCHKEY_SIGNING_KEY is SecretNotFound"), "{found:?}");
    deployed.put(&secret, WEB, json!({ "properties": { "value": "another" } })).await;
    assert_eq!(deployed.not_good().await, [], "the key is new");

    let settings = deployed.id("Microsoft.Web/sites", &format!("func-latchkey-{TOKEN}/config/appsettings"));
    let list = format!("{ARM}{settings}/list?api-version={WEB}");
    let before = deployed.estate.azure(Method::POST, &list, None).await;
    for (name, value, words) in [
        ("LATCHKEY_VENDOR_TENANT_ID", "contoso", "LATCHKEY_VENDOR_TENANT_ID"),
        (
            "ServiceBus__fullyQualifiedNamespace",
            "other.servicebus.windows.net",
            "ServiceBus__fullyQualifiedNamespace does not name sb-latchkey-",
        ),
    ] {
        let mut after = before.clone();
        after["properties"][name] = json!(value);
        deployed.put(&settings, WEB, after).await;
        only(&deployed.not_good().await, "settings", "wrong", words);
    }
    deployed.put(&settings, WEB, before).await;
    assert_eq!(deployed.not_good().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_that_are_missing_and_roles_too_many_are_named() {
    let deployed = Deployment::in_azure(Estate::empty().await).await;
    let filter = format!("api-version={ROLES}&$filter=principalId eq '{}'", deployed.principal);
    let all = format!("{ARM}{}/providers/Microsoft.Authorization/roleAssignments?{filter}", deployed.group);
    let all = deployed.estate.azure(Method::GET, &all, None).await["value"].as_array().unwrap().clone();
    let at_the_group = deployed.group.clone();
    for (scope, words) in [
        ("/queues/watch_due", "Azure Service Bus Data"),
        ("/containers/latchkey-anchors", "Storage Blob Data Contributor at containers/latchkey-anchors"),
        ("/keys/evidence", "the role that signs evidence (2 actions) at keys/evidence"),
        (at_the_group.as_str(), "the role that encrypts disks"),
    ] {
        let of_scope = |one: &&Value| one["properties"]["scope"].as_str().unwrap().ends_with(scope);
        let one = all.iter().find(of_scope).unwrap_or_else(|| panic!("nothing at {scope}"));
        let id = one["id"].as_str().unwrap();
        deployed.delete(id, ROLES).await;
        only(&deployed.not_good().await, "roles", "wrong", &format!("the identity lacks {words}"));
        let again = ["roleDefinitionId", "principalId", "principalType"];
        let again: Value = again.map(|name| (name, one["properties"][name].clone())).into_iter().collect();
        deployed.put(id, ROLES, json!({ "properties": again })).await;
    }
    let contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c";
    let surplus = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments/c0000000-0000-4000-8000-000000000000",
        deployed.group
    );
    let role = json!({ "properties": {
        "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{contributor}"),
        "principalId": deployed.principal,
        "principalType": "ServicePrincipal",
    }});
    deployed.put(&surplus, ROLES, role).await;
    only(
        &deployed.not_good().await,
        "roles",
        "noted",
        "it may do more than it needs: Contributor at resourceGroups/rg-latchkey-contoso",
    );
}

/// A new application that may read the subscription, and nothing else. Gives its token.
async fn reader(deployed: &Deployment) -> String {
    let estate = &deployed.estate;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let body = json!({ "displayName": "Reader" });
    let application = estate.azure(Method::POST, &format!("{GRAPH}/v1.0/applications"), Some(body)).await;
    let client = text(&application["appId"]);
    let until_known = async |url: String, body: Value| {
        for _ in 0..100 {
            let request = estate.http.post(&url).bearer_auth(estate.token(GRAPH).await).json(&body);
            let answer = request.send().await.unwrap();
            if answer.status().is_success() {
                return answer.json::<Value>().await.unwrap();
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        panic!("{url} knows nothing of the application");
    };
    let principal = until_known(format!("{GRAPH}/v1.0/servicePrincipals"), json!({ "appId": client })).await;
    let password = format!("{GRAPH}/v1.0/applications/{}/addPassword", text(&application["id"]));
    let secret = text(&until_known(password, json!({})).await["secretText"]);
    let subscription = format!("/subscriptions/{}", estate.vendor.subscription_id);
    let assignment = format!(
        "{subscription}/providers/Microsoft.Authorization/roleAssignments/c0000000-0000-4000-8000-000000000001"
    );
    let role = json!({ "properties": {
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "principalId": principal["id"],
        "principalType": "ServicePrincipal",
    }});
    deployed.put(&assignment, ROLES, role).await;
    estate.token_of(&client, &secret, ARM).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_sees_all_but_the_settings_and_is_told_what_it_takes() {
    let deployed = Deployment::in_azure(Estate::empty().await).await;
    let token = reader(&deployed).await;
    let mut ran = deployed.doctor_with(&token).await;
    // A new role takes a moment.
    for _ in 0..100 {
        if ran.stdout.contains("\"queues\"") {
            break;
        }
        ran = deployed.doctor_with(&token).await;
    }
    let document = ran.ends(0).document();
    let not_good: Vec<&Value> =
        document["checks"].as_array().unwrap().iter().filter(|check| check["is"] != "good").collect();
    let names: Vec<&str> = not_good.iter().map(|check| check["check"].as_str().unwrap()).collect();
    // The region, in which the quota counts, is a setting.
    assert_eq!(names, ["function-app", "settings", "capacity"], "{not_good:#?}");
    assert!(not_good[1]["saw"].as_str().unwrap().contains("It takes the role Website Contributor"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_is_deployed_the_command_says_so() {
    let estate = Estate::empty().await;
    let deployed = Deployment { group: estate.group(), principal: String::new(), estate };
    let token = deployed.estate.token(ARM).await;
    let seen = async || {
        let document = deployed.doctor_with(&token).await.ends(3).document();
        let deployment =
            document["checks"].as_array().unwrap().iter().find(|one| one["check"] == "deployment");
        deployment.unwrap()["saw"].as_str().unwrap().to_owned()
    };
    let subscription = &deployed.estate.vendor.subscription_id;
    let nothing = format!("there is no resource group rg-latchkey in the subscription {subscription}");
    assert_eq!(seen().await, nothing);
    let location = json!({ "location": deployed.estate.vendor.region });
    deployed.put(&deployed.group, WEB, location).await;
    assert_eq!(seen().await, "there is no function app func-latchkey-… in rg-latchkey");
}

/// That is when what `infra/` made says most. Nothing listens on port 1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_does_not_answer_is_wrong_and_the_rest_is_looked_at_all_the_same() {
    let deployed = Deployment::in_azure(Estate::empty().await).await;
    let token = deployed.estate.token(ARM).await;
    let document = deployed.doctor(&token, &["--app-url", "http://127.0.0.1:1"]).await.ends(3).document();
    let checks = document["checks"].as_array().unwrap();
    let (app, others) = checks.split_first().unwrap();
    assert_eq!((app["check"].as_str(), app["is"].as_str()), (Some("function-app"), Some("wrong")));
    assert!(app["saw"].as_str().unwrap().contains("cannot be reached"), "{app}");
    assert_eq!(others.len(), 12, "{others:#?}");
    assert!(others.iter().all(|check| check["is"] == "good"), "{others:#?}");
}
