//! Keys that were made elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{Cloud, KEYS};

/// A key that OpenSSL made once for this test, so that it needs none.
const KEY: &str = include_str!("imported_key.json");

#[tokio::test]
async fn an_imported_key_is_a_version_like_any_other_and_a_broken_one_is_refused() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = cloud.group(customer).await;
    cloud.make_vault(customer, &group, "kv-import").await;
    let put = async |name: &str, body: Value| {
        let url = format!("https://kv-import.vault.azure.net/keys/{name}?{KEYS}");
        cloud.vault(customer, Method::PUT, url, Some(body)).await
    };
    let key: Value = serde_json::from_str(KEY).unwrap();
    let attributes = json!({ "enabled": true, "exp": 4_000_000_000_i64 });
    let body = json!({ "key": key, "attributes": attributes, "tags": { "from": "openssl" } });
    let made = put("k", body).await.expect(200).body;
    assert_eq!((&made["key"]["n"], &made["key"]["e"]), (&key["n"], &key["e"]));
    assert_eq!(made["key"].get("d"), None, "the private half is not shown");
    assert_eq!(made["attributes"]["exp"], 4_000_000_000_i64);
    assert_eq!(made["tags"]["from"], "openssl");
    assert_eq!(made["key"]["key_ops"].as_array().unwrap().len(), 6);
    let again = put("k", json!({ "key": key })).await.expect(200).body;
    assert_ne!(again["key"]["kid"], made["key"]["kid"], "a second import is a second version");

    let without = |part: &str| {
        let mut broken = key.clone();
        broken.as_object_mut().unwrap().remove(part);
        broken
    };
    let with = |part: &str, value: Value| {
        let mut broken = key.clone();
        broken[part] = value;
        broken
    };
    let other_exponent = json!(URL_SAFE_NO_PAD.encode([1, 0, 3]));
    for broken in [
        without("d"),
        without("qi"),
        with("e", other_exponent),
        with("p", key["q"].clone()),
        with("n", json!("not base64!")),
        with("kty", json!("EC")),
        with("key_ops", json!(["fly"])),
    ] {
        put("broken", json!({ "key": broken })).await.expect_error(400, "BadParameter");
    }
    put("hardware", json!({ "Hsm": true, "key": key })).await.expect_error(400, "BadParameter");
    put("k_", json!({ "key": key })).await.expect_error(400, "BadParameter");
    put("nothing", json!({})).await.expect_error(400, "BadParameter");

    let cloud = cloud.restart().await;
    let customer = &cloud.seed.customer;
    let url = format!("https://kv-import.vault.azure.net/keys/k?{KEYS}");
    let kept = cloud.vault(customer, Method::GET, url, None).await.expect(200).body;
    assert_eq!(kept["key"]["kid"], again["key"]["kid"]);
}

#[tokio::test]
async fn digests_and_algorithms_that_do_not_fit_are_refused() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = cloud.group(customer).await;
    cloud.make_vault(customer, &group, "kv-signing").await;
    let key = cloud.make_key(customer, "kv-signing", "k").await;
    let value = |length| URL_SAFE_NO_PAD.encode(vec![1; length]);
    for (operation, body) in [
        ("sign", json!({ "alg": "ES256", "value": value(32) })),
        ("sign", json!({ "alg": "RSNULL", "value": value(32) })),
        ("sign", json!({ "alg": "RS256", "value": value(20) })),
        ("verify", json!({ "alg": "ES256", "digest": value(32), "value": value(256) })),
        ("verify", json!({ "alg": "PS256", "digest": value(20), "value": value(256) })),
        ("verify", json!({ "alg": "PS256", "digest": value(32) })),
    ] {
        let url = format!("{key}/{operation}?{KEYS}");
        let refused = cloud.vault(customer, Method::POST, url, Some(body)).await;
        refused.expect_error(400, "BadParameter");
    }
}
