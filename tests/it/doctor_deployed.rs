//! Doctor where an app runs and a deployment of `infra/` is beside it: one report of both.

use std::os::unix::fs::PermissionsExt as _;

use local_world::world::LocalWorld;
use reqwest::{Certificate, Client, Method, Proxy};
use serde_json::{Value, json};

use crate::support::a_world;

#[path = "../../crates/cli/tests/doctor/predicted.rs"]
mod predicted;

use predicted::{Known, TOKEN};

const ARM: &str = "https://management.azure.com";

/// Plays Azure CLI for whoever is signed in.
const AZ: &str = r#"#!/bin/sh
case "$*" in
  "account get-access-token --resource https://management.azure.com "*) printf '{"accessToken":"%s"}' "$ARM_TOKEN" ;;
  *) echo "az: what is $*" >&2; exit 2 ;;
esac
"#;

async fn put(world: &LocalWorld, id: &str, version: &str, body: &Value) -> Value {
    let reply = world.vendor().azure().arm(Method::PUT, id, version, Some(body)).await.unwrap();
    reply.ok(id).unwrap()
}

/// Everything that `infra/` makes, the signing key, and the functions of this version. Gives the group's ID.
async fn deploy(world: &LocalWorld) -> String {
    let vendor = &world.sandbox().seed().vendor;
    let all = predicted::resources(&vendor.subscription_id.to_string());
    let mut known = Known::of_tenant(vendor.tenant_id);
    for one in &all {
        let (id, version) = (one["id"].as_str().unwrap(), one["apiVersion"].as_str().unwrap());
        let made = put(world, id, version, &known.worked_out(one)).await;
        if one["type"] == "Microsoft.ManagedIdentity/userAssignedIdentities" {
            known.identity(&made);
        }
    }
    let group = all[0]["id"].as_str().unwrap().to_owned();
    let secret = format!("{group}/providers/Microsoft.KeyVault/vaults/kv-lk-{TOKEN}/secrets/signing-key");
    put(world, &secret, "2024-11-01", &json!({ "properties": { "value": "not a key" } })).await;
    for function in latchkey_functions::table() {
        let name = format!("func-latchkey-{TOKEN}/functions/{}", function.name);
        let id = format!("{group}/providers/Microsoft.Web/sites/{name}");
        put(world, &id, "2024-11-01", &json!({ "properties": {} })).await;
    }
    group
}

async fn token(world: &LocalWorld) -> String {
    let sandbox = world.sandbox();
    let authority = Certificate::from_pem(&std::fs::read(sandbox.ca_file()).unwrap()).unwrap();
    let proxy = Proxy::https(sandbox.proxy_url()).unwrap();
    let http = Client::builder().proxy(proxy).tls_certs_only([authority]).build().unwrap();
    let vendor = &sandbox.seed().vendor;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &vendor.administrator.client_id.to_string()),
        ("client_secret", &vendor.administrator.client_secret),
        ("scope", &format!("{ARM}/.default")),
    ];
    let url = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", vendor.tenant_id);
    let answer: Value = http.post(url).form(&form).send().await.unwrap().json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

/// What the tool ends with, and the checks that are not good.
async fn examined(world: &LocalWorld, group: &str) -> (Option<i32>, usize, Vec<(String, String)>) {
    let folder = tempfile::tempdir().unwrap();
    let az = folder.path().join("az");
    std::fs::write(&az, AZ).unwrap();
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    let vendor = &world.sandbox().seed().vendor;
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_latchkey-local"))
        .args(["doctor", "--json", "--app-url", world.url().as_str()])
        .args(["--tenant", &vendor.tenant_id.to_string()])
        .args(["--subscription", &vendor.subscription_id.to_string()])
        .args(["--resource-group", group.rsplit('/').next().unwrap()])
        .env("PATH", folder.path())
        .env("ARM_TOKEN", token(world).await)
        .env("HTTPS_PROXY", world.sandbox().proxy_url())
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("SSL_CERT_FILE", world.sandbox().ca_file())
        .output()
        .await
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let checks = report["checks"].as_array().unwrap();
    let text = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
    let not_good = checks.iter().filter(|check| check["is"] != "good");
    let not_good = not_good.map(|check| (text(check, "check"), text(check, "saw"))).collect();
    (output.status.code(), checks.len(), not_good)
}

#[tokio::test]
async fn one_report_has_what_the_app_tried_and_what_infra_made() {
    let world = a_world().await;
    let group = deploy(&world).await;
    let (status, number, not_good) = examined(&world, &group).await;
    // Nobody named a collector.
    assert_eq!(
        not_good.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["telemetry"],
        "{not_good:#?}"
    );
    assert_eq!((status, number), (Some(0), 14 + 12));

    let site = format!("{group}/providers/Microsoft.Web/sites/func-latchkey-{TOKEN}");
    let mut stopped = predicted::resources(&world.sandbox().seed().vendor.subscription_id.to_string())
        .into_iter()
        .find(|one| one["id"] == site.as_str())
        .unwrap();
    stopped["properties"]["state"] = json!("Stopped");
    put(&world, &site, "2024-11-01", &stopped).await;
    let (status, _, not_good) = examined(&world, &group).await;
    assert_eq!(status, Some(3));
    let (name, saw) = not_good.iter().find(|(name, _)| name != "telemetry").unwrap();
    assert_eq!((name.as_str(), saw.as_str(), not_good.len()), ("site", "it is Stopped", 2));
    world.stop().await;
}
