//! Secrets of a vault, as far as the vendor's own vault needs them.

use reqwest::Method;
use serde_json::json;

use crate::cloud::{ARM, Cloud, KEYS, VAULT, at};

#[tokio::test]
async fn a_secret_is_written_and_read_by_whoever_may_and_shown_without_its_value_elsewhere() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = cloud.group(customer).await;
    let vault = cloud.make_vault(customer, &group, "kv-secrets").await;
    let url = |name: &str| format!("https://kv-secrets.vault.azure.net/secrets/{name}?{KEYS}");
    let (token, object_id) = cloud.somebody(VAULT).await;
    let call =
        async |method: Method, name: &str, body| cloud.send(method, url(name), Some(&token), body).await;
    let value = || Some(json!({ "value": "hush", "contentType": "text/plain", "tags": { "a": "b" } }));
    call(Method::PUT, "signing-key", value()).await.expect_error(403, "ForbiddenByRbac");
    cloud.assign(customer, &vault, "Key Vault Secrets Officer", &object_id).await;

    let first = call(Method::PUT, "signing-key", value()).await.expect(200).body;
    assert_eq!(first["value"], "hush");
    let read = call(Method::GET, "signing-key", None).await.expect(200).body;
    assert_eq!(read, first);
    let version = first["id"].as_str().unwrap().rsplit('/').next().unwrap();
    call(Method::GET, &format!("signing-key/{version}"), None).await.expect(200);
    let second = call(Method::PUT, "signing-key", Some(json!({ "value": "other" }))).await.expect(200).body;
    assert_ne!(second["id"], first["id"]);
    assert_eq!(second["tags"], json!({}));
    for (name, status, code) in [("none", 404, "SecretNotFound"), ("signing-key/1", 404, "SecretNotFound")] {
        call(Method::GET, name, None).await.expect_error(status, code);
    }
    call(Method::PUT, "no_name", value()).await.expect_error(400, "BadParameter");
    call(Method::PUT, "empty", Some(json!({}))).await.expect_error(400, "BadParameter");

    let resource = at(&format!("{vault}/secrets/signing-key"), "api-version=2024-11-01");
    let shown = cloud.arm(customer, Method::GET, resource, None).await.expect(200).body;
    assert!(shown["properties"].get("value").is_none(), "{shown}");
    assert!(shown["properties"]["attributes"]["updated"].is_i64(), "{shown}");
    let another = cloud.token(customer, ARM).await;
    cloud.send(Method::GET, url("signing-key"), Some(&another), None).await.expect(401);
}
