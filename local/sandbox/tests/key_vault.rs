//! Key Vault's data plane, through the proxy and TLS.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too, which clippy cannot see")]

mod cloud;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloud::{ARM, Cloud, KEYS, VAULT, at};
use reqwest::Method;
use sandbox::Lags;
use serde_json::{Value, json};
use std::time::Duration;

fn wrap_body(alg: &str) -> Value {
    json!({ "alg": alg, "value": URL_SAFE_NO_PAD.encode([7; 32]) })
}

#[tokio::test]
async fn without_a_token_a_vault_tells_its_tenant_and_region_and_nothing_else() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = cloud.group(customer).await;
    cloud.make_vault(customer, &group, "kv-challenge").await;
    let url = format!("https://kv-challenge.vault.azure.net/keys/whatever?{KEYS}");
    let answer = cloud.send(Method::GET, &url, None, None).await.expect_error(401, "Unauthorized");
    assert_eq!(
        answer.header("www-authenticate"),
        format!(
            "Bearer authorization=\"https://login.microsoftonline.com/{}\", resource=\"https://vault.azure.net\"",
            customer.tenant_id
        )
    );
    assert_eq!(answer.header("x-ms-keyvault-region"), customer.region);
    assert_eq!(answer.message(), "AKV10000: Request is missing a Bearer or PoP token.");
}

#[tokio::test]
async fn tokens_of_another_tenant_or_for_another_service_are_refused() {
    let cloud = Cloud::start().await;
    let (vendor, customer) = (&cloud.seed.vendor, &cloud.seed.customer);
    let group = cloud.group(customer).await;
    cloud.make_vault(customer, &group, "kv-tokens").await;
    let url = format!("https://kv-tokens.vault.azure.net/keys/k?{KEYS}");
    let table = [
        (cloud.token(vendor, VAULT).await, "AKV10032"),
        (cloud.token(customer, ARM).await, "AKV10022"),
        ("not.a.token".to_owned(), "AKV10046"),
    ];
    for (token, expected) in table {
        let answer =
            cloud.send(Method::GET, &url, Some(&token), None).await.expect_error(401, "Unauthorized");
        assert!(answer.message().starts_with(expected), "{}", answer.message());
        assert!(answer.header("www-authenticate").contains(&customer.tenant_id.to_string()));
    }
}

#[tokio::test]
async fn a_vault_that_does_not_exist_cannot_be_connected_to() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let url = format!("https://kv-nowhere.vault.azure.net/keys/k?{KEYS}");
    assert!(cloud.try_send(Method::GET, &url, None, None).await.unwrap_err().is_connect());
    let group = cloud.group(customer).await;
    let id = cloud.make_vault(customer, &group, "kv-nowhere").await;
    cloud.send(Method::GET, &url, None, None).await.expect(401);
    cloud.arm(customer, Method::DELETE, &at(&id, "api-version=2023-07-01"), None).await.expect(200);
    let after = cloud.try_send(Method::GET, &url, None, None).await;
    assert!(after.is_err() || after.unwrap().status() == 404, "a deleted vault still answers");
}

#[tokio::test]
async fn keys_are_made_read_listed_rotated_changed_and_deleted() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = cloud.group(customer).await;
    cloud.make_vault(customer, &group, "kv-keys").await;
    let first = cloud.make_key(customer, "kv-keys", "disks").await;
    let base = "https://kv-keys.vault.azure.net";
    let get = |path: &str| cloud.vault(customer, Method::GET, format!("{base}{path}?{KEYS}"), None);
    let post = |path: &str, body| cloud.vault(customer, Method::POST, format!("{base}{path}?{KEYS}"), body);

    let shown = get("/keys/disks/").await.expect(200).body;
    assert_eq!(shown["key"]["kid"], first.as_str());
    assert_eq!(shown["attributes"]["recoveryLevel"], "Recoverable");
    assert_eq!(URL_SAFE_NO_PAD.decode(shown["key"]["n"].as_str().unwrap()).unwrap().len(), 256);
    assert_eq!(
        get("/keys/disks").await.expect(200).body,
        shown,
        "with an empty version, as the SDKs ask, or without one"
    );

    let second =
        post("/keys/disks/rotate", None).await.expect(200).body["key"]["kid"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!(get("/keys/disks/").await.body["key"]["kid"], second.as_str());
    let path = first.strip_prefix(base).unwrap();
    assert_eq!(get(path).await.expect(200).body["key"]["kid"], first.as_str());

    let versions = get("/keys/disks/versions").await.expect(200).body;
    assert_eq!(versions["value"].as_array().unwrap().len(), 2);
    assert_eq!(get("/keys").await.expect(200).body["value"][0]["kid"], format!("{base}/keys/disks"));

    let body = json!({ "attributes": { "enabled": false } });
    let url = format!("{second}?{KEYS}");
    let changed = cloud.vault(customer, Method::PATCH, &url, Some(body)).await.expect(200);
    assert_eq!(changed.body["attributes"]["enabled"], false);
    assert_eq!(
        get("/keys/disks/").await.expect(200).body["attributes"]["enabled"],
        false,
        "disabled keys can be read"
    );

    get("/keys/other/").await.expect_error(404, "KeyNotFound");
    get("/keys/disks/00000000000000000000000000000000").await.expect_error(404, "KeyNotFound");
    cloud.vault(customer, Method::DELETE, &format!("{base}/keys/disks?{KEYS}"), None).await.expect(200);
    get("/keys/disks/").await.expect_error(404, "KeyNotFound");
    get("/deletedkeys/disks").await.expect(200);
    post("/keys/disks/create", Some(json!({ "kty": "RSA" })))
        .await
        .expect_error(409, "ObjectIsDeletedButRecoverable");
    cloud
        .vault(customer, Method::DELETE, &format!("{base}/deletedkeys/disks?{KEYS}"), None)
        .await
        .expect(403);
    post("/deletedkeys/disks/recover", None).await.expect(200);
    get("/keys/disks/").await.expect(200);
    cloud.save_har("key_vault_keys");
}

#[tokio::test]
async fn wrapping_is_real_and_obeys_the_state_of_the_key() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = cloud.group(customer).await;
    cloud.make_vault(customer, &group, "kv-wrap").await;
    let key = cloud.make_key(customer, "kv-wrap", "disks").await;
    let operate = |operation: &'static str, body: Value| {
        let url = format!("{key}/{operation}?{KEYS}");
        let cloud = &cloud;
        async move { cloud.vault(customer, Method::POST, &url, Some(body)).await }
    };
    for (there, back) in [("wrapkey", "unwrapkey"), ("encrypt", "decrypt")] {
        for alg in ["RSA-OAEP", "RSA-OAEP-256", "RSA1_5"] {
            let wrapped = operate(there, wrap_body(alg)).await.expect(200).body;
            assert_eq!(wrapped["kid"], key.as_str());
            let again =
                operate(back, json!({ "alg": alg, "value": wrapped["value"] })).await.expect(200).body;
            assert_eq!(again["value"], wrap_body(alg)["value"]);
        }
    }
    let wrapped = operate("wrapkey", wrap_body("RSA-OAEP-256")).await.body["value"].clone();
    let unwrap = json!({ "alg": "RSA-OAEP-256", "value": wrapped });
    let past = 1_000_000_000;
    let table = [
        (json!({ "enabled": false }), (403, "KeyDisabled"), (403, "KeyDisabled")),
        (json!({ "enabled": true, "exp": past }), (403, "KeyExpired"), (200, "")),
        (json!({ "exp": 4_000_000_000_i64, "nbf": 3_999_999_999_i64 }), (403, "KeyNotYetValid"), (200, "")),
        (json!({ "nbf": past }), (200, ""), (200, "")),
    ];
    for (attributes, wraps, unwraps) in table {
        let body = json!({ "attributes": attributes });
        cloud.vault(customer, Method::PATCH, &at(&key, KEYS), Some(body)).await.expect(200);
        let found = operate("wrapkey", wrap_body("RSA-OAEP-256")).await;
        assert_eq!((found.status, found.code()), wraps, "wrap with {attributes}");
        let found = operate("unwrapkey", unwrap.clone()).await;
        assert_eq!((found.status, found.code()), unwraps, "unwrap with {attributes}");
    }
}

#[tokio::test]
async fn every_operation_takes_a_version_an_empty_one_and_none() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = cloud.group(customer).await;
    cloud.make_vault(customer, &group, "kv-ops").await;
    cloud.make_key(customer, "kv-ops", "k").await;
    let newest = cloud.make_key(customer, "kv-ops", "k").await;
    let base = "https://kv-ops.vault.azure.net/keys/k";
    let digest = URL_SAFE_NO_PAD.encode([7; 32]);
    for place in [newest.clone(), format!("{base}/"), base.to_owned()] {
        let operate = |operation: &'static str, body: Value| {
            let url = format!("{place}/{operation}?{KEYS}");
            let cloud = &cloud;
            async move { cloud.vault(customer, Method::POST, &url, Some(body)).await.expect(200).body }
        };
        for (there, back) in [("wrapKey", "unwrapKey"), ("encrypt", "decrypt")] {
            let made = operate(there, wrap_body("RSA-OAEP-256")).await;
            assert_eq!(made["kid"], newest.as_str(), "{place} {there}");
            let again = operate(back, json!({ "alg": "RSA-OAEP-256", "value": made["value"] })).await;
            assert_eq!(again["value"], wrap_body("RSA-OAEP-256")["value"], "{place} {back}");
        }
        let signed = operate("sign", json!({ "alg": "RS256", "value": digest })).await;
        assert_eq!(signed["kid"], newest.as_str(), "{place} sign");
        let verify = json!({ "alg": "RS256", "digest": digest, "value": signed["value"] });
        assert_eq!(operate("verify", verify).await["value"], true, "{place} verify");
        let shown = cloud.vault(customer, Method::GET, at(&place, KEYS), None).await.expect(200).body;
        assert_eq!(shown["key"]["kid"], newest.as_str(), "{place}");
        let tags = json!({ "tags": { "a": "b" } });
        let patched =
            cloud.vault(customer, Method::PATCH, at(&place, KEYS), Some(tags)).await.expect(200).body;
        assert_eq!(patched["key"]["kid"], newest.as_str(), "{place}");
    }
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = cloud.group(customer).await;
    cloud.make_vault(customer, &group, "kv-bad").await;
    let key = cloud.make_key(customer, "kv-bad", "k").await;
    let base = "https://kv-bad.vault.azure.net/keys";
    let table = [
        (format!("{base}/k2/create?{KEYS}"), json!({ "kty": "EC", "crv": "P-521" }), 400),
        (format!("{base}/k2/create?{KEYS}"), json!({ "kty": "RSA-HSM" }), 400),
        (format!("{base}/k2/create?{KEYS}"), json!({ "kty": "RSA", "key_size": 1024 }), 400),
        (format!("{base}/k2/create?{KEYS}"), json!({ "kty": "RSA", "key_ops": ["fly"] }), 400),
        (format!("{base}/k_2/create?{KEYS}"), json!({ "kty": "RSA" }), 400),
        (format!("{base}/k2/create?{KEYS}"), json!({}), 400),
        (format!("{base}/k2/create"), json!({ "kty": "RSA" }), 400),
        (format!("{base}/k2/create?api-version=1.0"), json!({ "kty": "RSA" }), 400),
        (format!("{key}/wrapkey?{KEYS}"), wrap_body("A256KW"), 400),
        (format!("{key}/wrapkey?{KEYS}"), json!({ "alg": "RSA-OAEP", "value": "not base64!" }), 400),
        (
            format!("{key}/wrapkey?{KEYS}"),
            json!({ "alg": "RSA-OAEP", "value": URL_SAFE_NO_PAD.encode([0; 300]) }),
            400,
        ),
        (format!("{key}/unwrapkey?{KEYS}"), wrap_body("RSA-OAEP"), 400),
        (format!("{key}/dance?{KEYS}"), json!({}), 404),
        (format!("{base}/k/dance?{KEYS}"), json!({}), 404),
    ];
    for (url, body, expected) in table {
        let answer = cloud.vault(customer, Method::POST, &url, Some(body.clone())).await;
        assert_eq!(answer.status, expected, "{url} {body}: {}", answer.body);
        assert_ne!(answer.code(), "", "{url}");
    }
    assert_eq!(cloud.vault(customer, Method::GET, &format!("{base}/k2?{KEYS}"), None).await.status, 404);
}

#[tokio::test]
async fn roles_count_at_every_scope_once_they_have_spread_and_until_their_removal_has() {
    let lag = Duration::from_secs(300);
    let cloud = Cloud::with_lags(Lags { role_assignment: lag, ..Lags::default() }).await;
    let customer = &cloud.seed.customer;
    let group = cloud.group(customer).await;
    let vault = cloud.make_vault(customer, &group, "kv-roles").await;
    let key = cloud.make_key(customer, "kv-roles", "disks").await;
    cloud.make_key(customer, "kv-roles", "other").await;
    let (token, oid) = cloud.somebody(VAULT).await;
    let get = |url: String| {
        let (cloud, token) = (&cloud, token.clone());
        async move { cloud.send(Method::GET, &url, Some(&token), None).await }
    };
    let refused = get(at(&key, KEYS)).await.expect_error(403, "ForbiddenByRbac");
    for part in [
        format!("oid={oid}"),
        "Action: 'Microsoft.KeyVault/vaults/keys/read'".into(),
        format!("Resource: '{}/keys/disks'", vault.to_lowercase()),
        "Assignment: (not found)\r\n".into(),
        format!("Vault: kv-roles;location={}", customer.region),
    ] {
        assert!(refused.message().contains(&part), "{part} is missing in {}", refused.message());
    }
    let scopes = [
        format!("{vault}/keys/disks"),
        vault.clone(),
        group.clone(),
        format!("/subscriptions/{}", customer.subscription_id),
    ];
    for scope in scopes {
        let id = cloud.assign(customer, &scope, "Key Vault Crypto Service Encryption User", &oid).await;
        get(at(&key, KEYS)).await.expect_error(403, "ForbiddenByRbac");
        cloud.sandbox.advance_clock(lag);
        get(at(&key, KEYS)).await.expect(200);
        let other = get(format!("https://kv-roles.vault.azure.net/keys/other?{KEYS}")).await;
        assert_eq!(other.status, if scope.ends_with("/keys/disks") { 403 } else { 200 }, "{scope}");
        cloud.arm(customer, Method::DELETE, &at(&id, "api-version=2022-04-01"), None).await.expect(200);
        get(at(&key, KEYS)).await.expect(200);
        cloud.sandbox.advance_clock(lag);
        get(at(&key, KEYS)).await.expect_error(403, "ForbiddenByRbac");
    }
}

#[tokio::test]
async fn older_vaults_obey_access_policies_and_firewalls_come_first() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = cloud.group(customer).await;
    let (token, oid) = cloud.somebody(VAULT).await;
    let policy = |keys: Value| json!([{ "tenantId": customer.tenant_id, "objectId": oid, "permissions": { "keys": keys } }]);
    let vault = cloud
        .make_vault_with(
            customer,
            &group,
            "kv-policies",
            json!({ "accessPolicies": policy(json!(["create"])) }),
        )
        .await;
    let url = format!("https://kv-policies.vault.azure.net/keys/k/create?{KEYS}");
    let made = cloud.send(Method::POST, &url, Some(&token), Some(json!({ "kty": "RSA" }))).await.expect(200);
    let key = at(made.body["key"]["kid"].as_str().unwrap(), KEYS);
    let refused = cloud.send(Method::GET, &key, Some(&token), None).await.expect_error(403, "AccessDenied");
    assert!(
        refused.message().contains("does not have keys get permission on key vault 'kv-policies;location=")
    );
    let change = |properties: Value| {
        let (cloud, path) = (&cloud, at(&vault, "api-version=2023-07-01"));
        async move {
            cloud
                .arm(customer, Method::PATCH, &path, Some(json!({ "properties": properties })))
                .await
                .expect(200)
        }
    };
    change(json!({ "accessPolicies": policy(json!(["get"])) })).await;
    cloud.send(Method::GET, &key, Some(&token), None).await.expect(200);
    change(json!({ "networkAcls": { "bypass": "AzureServices", "defaultAction": "Deny" } })).await;
    cloud.send(Method::GET, &key, Some(&token), None).await.expect_error(403, "ForbiddenByFirewall");
    change(json!({ "networkAcls": { "defaultAction": "Deny", "ipRules": [{ "value": "127.0.0.1/32" }] } }))
        .await;
    cloud.send(Method::GET, &key, Some(&token), None).await.expect(200);
    change(json!({ "publicNetworkAccess": "Disabled" })).await;
    cloud.send(Method::GET, &key, Some(&token), None).await.expect_error(403, "ForbiddenByConnection");
}

#[tokio::test]
async fn keys_survive_a_restart() {
    let cloud = Cloud::start().await;
    let group = cloud.group(&cloud.seed.customer).await;
    cloud.make_vault(&cloud.seed.customer, &group, "kv-restart").await;
    let key = cloud.make_key(&cloud.seed.customer, "kv-restart", "k").await;
    let url = format!("{key}/wrapkey?{KEYS}");
    let wrapped = cloud
        .vault(&cloud.seed.customer, Method::POST, &url, Some(wrap_body("RSA-OAEP")))
        .await
        .expect(200)
        .body["value"]
        .clone();
    let cloud = cloud.restart().await;
    let body = json!({ "alg": "RSA-OAEP", "value": wrapped });
    let url = format!("{key}/unwrapkey?{KEYS}");
    let unwrapped = cloud.vault(&cloud.seed.customer, Method::POST, &url, Some(body)).await.expect(200).body;
    assert_eq!(unwrapped["value"], wrap_body("RSA-OAEP")["value"]);
}
