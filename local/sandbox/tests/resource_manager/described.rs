//! Resources of which no more is simulated than that they are there.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bodies::{Described, address, body, group};
use crate::cloud::{ARM, Cloud, at};
use crate::stranger;

/// Something that any of them may carry.
fn written(cloud: &Cloud, known: &Described) -> Value {
    let mut written = body(&cloud.seed.vendor, &known.name);
    written["properties"] = json!({ "kept": ["as", { "it": "was" }], "value": "hush" });
    if ["parent", "any resource"].contains(&known.place.as_str()) {
        written.as_object_mut().unwrap().remove("location");
    }
    written
}

/// The name under which the tests of others below it look for it.
fn name(known: &Described) -> &str {
    known.names.first().map_or("parent", String::as_str)
}

#[tokio::test]
async fn every_described_type_is_kept_as_it_was_written_below_what_there_is() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = group(&cloud, vendor).await;
    let (token, _) = stranger(&cloud).await;
    let mut made = Vec::new();
    for known in Described::all() {
        let path = address(&group, &known.name, name(&known));
        let written = written(&cloud, &known);
        let put = async || cloud.arm(vendor, Method::PUT, &path, Some(written.clone())).await;
        if known.name.split('/').count() > 2 {
            let orphan = path.replace("/parent/", "/none/").replace("/kv-bodies/", "/kv-none/");
            let refused = cloud.arm(vendor, Method::PUT, &orphan, Some(written.clone())).await;
            refused.expect_error(404, "ParentResourceNotFound");
        }
        let url = format!("{ARM}{path}");
        let stranger = cloud.send(Method::PUT, &url, Some(&token), Some(written.clone())).await;
        stranger.expect_error(403, "AuthorizationFailed");
        put().await.expect(201);
        put().await.expect(200);
        let read = match known.listed_by_post {
            true => (Method::POST, path.replace('?', "/list?")),
            false => (Method::GET, path.clone()),
        };
        let shown = cloud.arm(vendor, read.0, read.1, None).await.expect(200).body;
        assert_eq!(shown["properties"]["kept"], written["properties"]["kept"], "{}", known.name);
        assert_eq!(shown["type"], known.name.as_str());
        assert_eq!(shown.get("location"), written.get("location"), "{}", known.name);
        let (all, version) = path.split_once('?').unwrap();
        let all = all.rsplit_once('/').unwrap().0;
        let listed = cloud.arm(vendor, Method::GET, at(all, version), None).await.expect(200).body;
        let told = if known.listed_by_post { 0 } else { 1 };
        assert_eq!(listed["value"].as_array().unwrap().len(), told, "{}", known.name);
        made.push(path);
    }
    for path in made.iter().rev() {
        cloud.arm(vendor, Method::DELETE, path, None).await.expect(200);
        cloud.arm(vendor, Method::DELETE, path, None).await.expect(204);
    }
}

#[tokio::test]
async fn what_is_below_a_resource_or_on_it_goes_with_it() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = group(&cloud, vendor).await;
    let put = async |known: &str, name: &str| {
        let path = address(&group, known, name);
        let made = body(vendor, known);
        cloud.arm(vendor, Method::PUT, &path, Some(made)).await.expect(201);
        path
    };
    let account = put("Microsoft.Storage/storageAccounts", "parent").await;
    let service = put("Microsoft.Storage/storageAccounts/blobServices", "default").await;
    let container = put("Microsoft.Storage/storageAccounts/blobServices/containers", "journal").await;
    let setting = put("Microsoft.Insights/diagnosticSettings", "log").await;
    cloud.arm(vendor, Method::DELETE, &account, None).await.expect(200);
    for gone in [account, service, container] {
        cloud.arm(vendor, Method::GET, gone, None).await.expect_error(404, "ResourceNotFound");
    }
    cloud.arm(vendor, Method::GET, &setting, None).await.expect(200);
    let vault =
        at(&format!("{group}/providers/Microsoft.KeyVault/vaults/kv-bodies"), "api-version=2023-07-01");
    cloud.arm(vendor, Method::DELETE, vault, None).await.expect(200);
    cloud.arm(vendor, Method::GET, setting, None).await.expect_error(404, "ResourceNotFound");
}

#[tokio::test]
async fn what_a_described_resource_cannot_be_is_refused() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = group(&cloud, vendor).await;
    let bus = address(&group, "Microsoft.ServiceBus/namespaces", "parent");
    let queue = address(&group, "Microsoft.ServiceBus/namespaces/queues", "orders");
    let config = address(&group, "Microsoft.Web/sites/config", "connectionstrings");
    let place = json!({ "location": vendor.region });
    let elsewhere = json!({ "location": "eastus2euap" });
    let with = |detection: bool| json!({ "properties": { "requiresDuplicateDetection": detection } });
    let secret = address(&group, "Microsoft.KeyVault/vaults/secrets", "signing-key");
    let other = |field: &str| json!({ "properties": { field: true } });
    let table = [
        (
            Method::PUT,
            bus.replace("2024-01-01", "2016-01-01"),
            place.clone(),
            400,
            "NoRegisteredProviderFound",
        ),
        (Method::PUT, bus.clone(), json!({}), 400, "LocationRequired"),
        (Method::PUT, bus.clone(), json!([]), 400, "InvalidRequestContent"),
        (Method::PUT, bus.replace("/rg/", "/none/"), place.clone(), 404, "ResourceGroupNotFound"),
        (
            Method::GET,
            bus.replace("/rg/", "/none/").replace("/parent?", "?"),
            json!(null),
            404,
            "ResourceGroupNotFound",
        ),
        (Method::PUT, config.clone(), json!({}), 400, "InvalidResourceName"),
        (Method::PATCH, bus.clone(), json!({}), 405, "HttpMethodNotAllowed"),
        (Method::POST, bus.replace('?', "/failover?"), json!({}), 404, "InvalidResourceType"),
        (Method::PUT, bus.clone(), place, 201, ""),
        (Method::PUT, bus, elsewhere, 409, "InvalidResourceLocation"),
        (Method::PUT, queue.clone(), with(true), 201, ""),
        (Method::PUT, queue.clone(), json!({ "properties": { "lockDuration": "PT2M" } }), 200, ""),
        (Method::PUT, queue.clone(), with(true), 200, ""),
        (Method::PUT, queue.clone(), with(false), 400, "BadRequest"),
        (Method::PUT, queue.clone(), other("requiresSession"), 400, "BadRequest"),
        (Method::PUT, queue.clone(), other("enablePartitioning"), 400, "BadRequest"),
        (Method::PUT, secret.clone(), json!({}), 400, "BadRequest"),
        (Method::PUT, secret, json!({ "properties": { "value": "hush" } }), 201, ""),
        (Method::DELETE, queue.clone(), json!(null), 200, ""),
        (Method::PUT, queue, with(false), 201, ""),
    ];
    for (method, path, body, status, code) in table {
        let body = Some(body).filter(|body| !body.is_null());
        let answer = cloud.arm(vendor, method.clone(), &path, body.clone()).await;
        assert_eq!(
            (answer.status, answer.code()),
            (status, code),
            "{method} {path} {body:?}: {}",
            answer.body
        );
    }
}

#[tokio::test]
async fn references_of_a_site_are_resolved_when_the_secret_is_there() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = group(&cloud, vendor).await;
    let put = async |known: &str, name: &str, body: Value| {
        cloud.arm(vendor, Method::PUT, address(&group, known, name), Some(body)).await.expect(201);
    };
    let site = format!("{group}/providers/Microsoft.Web/sites/parent");
    let asked = at(&format!("{site}/config/configreferences/appsettings"), "api-version=2024-11-01");
    let listed = async || cloud.arm(vendor, Method::GET, &asked, None).await;
    listed().await.expect_error(404, "ResourceNotFound");
    put("Microsoft.Web/sites", "parent", body(vendor, "Microsoft.Web/sites")).await;
    assert_eq!(listed().await.expect(200).body["value"], json!([]));
    let reference =
        |vault: &str| format!("@Microsoft.KeyVault(SecretUri=https://{vault}.vault.azure.net/secrets/s)");
    let settings = json!({ "properties": {
        "A": reference("kv-bodies"),
        "B": reference("kv-none"),
        "C": "plain",
        "D": "@Microsoft.KeyVault(nonsense)",
    }});
    put("Microsoft.Web/sites/config", "appsettings", settings).await;
    let statuses = async || -> Vec<(String, String)> {
        let body = listed().await.expect(200).body;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let told = body["value"].as_array().unwrap().iter();
        told.map(|one| (text(&one["name"]), text(&one["properties"]["status"]))).collect()
    };
    let expected = |status: &str| {
        [("A", status), ("B", "VaultNotFound"), ("D", "InvalidSyntax")]
            .map(|(name, status)| (name.to_owned(), status.to_owned()))
    };
    assert_eq!(statuses().await, expected("SecretNotFound"));
    put("Microsoft.KeyVault/vaults/secrets", "s", json!({ "properties": { "value": "v" } })).await;
    assert_eq!(statuses().await, expected("Resolved"));
    let (token, _) = stranger(&cloud).await;
    let refused = cloud.send(Method::GET, &format!("{ARM}{asked}"), Some(&token), None).await;
    refused.expect_error(403, "AuthorizationFailed");
}
