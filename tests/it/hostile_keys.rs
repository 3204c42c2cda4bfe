//! What a customer hands in as a key's URL decides which host we call: nothing but a key vault of the bound tenant.

use local_world::cast::CustomerKey;
use reqwest::{Method, StatusCode};
use serde_json::json;
use time::OffsetDateTime;

use crate::support::{a_world, a_world_with, exchanges, play, sign_up, until, until_blocked};

const HOSTILE: [&str; 22] = [
    "",
    "not a url",
    "http://contoso-keys.vault.azure.net/keys/k",
    "//contoso-keys.vault.azure.net/keys/k",
    "file:///etc/passwd",
    "https://contoso-keys.vault.azure.net.evil.example/keys/k",
    "https://contoso-keys.vault.azure.net@evil.example/keys/k",
    "https://user:word@contoso-keys.vault.azure.net/keys/k",
    "https://contoso-keys.vault.azure.net:8443/keys/k",
    "https://evil.example/keys/k?x=.vault.azure.net/keys/k",
    "https://evil.example#.vault.azure.net/keys/k",
    "https://evil.example\\.vault.azure.net/keys/k",
    "https://127.0.0.1/keys/k",
    "https://169.254.169.254/metadata/identity/oauth2/token",
    "https://[::1]/keys/k",
    "https://management.azure.com/keys/k",
    "https://a.b.vault.azure.net/keys/k",
    "https://contoso-keys.vault.azure.net/secrets/k",
    "https://contoso-keys.vault.azure.net/keys/../secrets/k",
    "https://contoso-keys.vault.azure.net/keys/k?api-version=7.4",
    "https://contoso-keys.vault.azure.net/keys/k\r\nHost: evil.example",
    "https://c\u{043e}ntoso-keys.vault.azure.net/keys/k",
];

#[tokio::test]
async fn hostile_key_urls_are_refused_before_anything_is_sent() {
    let world = a_world().await;
    let signed_up = sign_up(&world).await;
    let before = world.sandbox().azure_calls();
    for url in HOSTILE {
        let status = world.customer().send_key(&signed_up.page, url).await.unwrap();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{url:?}");
    }
    assert_eq!(world.sandbox().azure_calls(), before, "nobody was called");
    assert!(!world.steps().iter().any(|step| step.function == "key_shared"));
    world.stop().await;
}

#[tokio::test]
async fn a_vault_of_another_tenant_gets_no_token() {
    let world = a_world().await;
    let signed_up = sign_up(&world).await;
    world.customer().consent(&signed_up.page).await.unwrap();
    until(&world, &signed_up.page, "awaiting-key").await;

    // A vault of the vendor's own tenant stands for anybody's: what counts is that it is not the customer's.
    let vendor = world.vendor().azure();
    let seed = world.sandbox().seed().vendor;
    let vault = format!(
        "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.KeyVault/vaults/foreign-keys",
        seed.subscription_id,
        world.vendor().estate().resource_group
    );
    let body = json!({"location": seed.region, "properties": {
        "tenantId": seed.tenant_id, "sku": {"name": "standard", "family": "A"},
        "accessPolicies": [], "enableRbacAuthorization": true
    }});
    vendor
        .arm(Method::PUT, &vault, "2023-07-01", Some(&body))
        .await
        .unwrap()
        .ok("making the foreign vault")
        .unwrap();

    world.customer().share_key(&signed_up.page, "https://foreign-keys.vault.azure.net/keys/k").await.unwrap();
    let view = until_blocked(&world, &signed_up.page, "wrong-tenant").await;
    assert_eq!(view.blocker.unwrap().owner, "customer");
    let calls = exchanges(&world, "GET", "https://foreign-keys.vault.azure.net/");
    assert!(!calls.is_empty(), "its challenge was asked for");
    for call in calls {
        let headers = call["request"]["headers"].as_array().unwrap();
        let names: Vec<String> =
            headers.iter().map(|header| header["name"].as_str().unwrap().to_ascii_lowercase()).collect();
        assert!(!names.contains(&"authorization".to_owned()), "a token went to a foreign vault: {names:?}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_key_serves_one_onboarding_only() {
    let world = a_world().await;
    let first = play(&world).await;
    let key = world.customer().look(&first.page).await.unwrap().key.unwrap();

    let second = sign_up(&world).await;
    world.customer().consent(&second.page).await.unwrap();
    until(&world, &second.page, "awaiting-key").await;
    world.customer().share_key(&second.page, &key).await.unwrap();
    let view = until_blocked(&world, &second.page, "key-claimed").await;
    assert_eq!((view.state.as_str(), view.disk_encryption_set), ("awaiting-key", None));
    assert_eq!(world.vendor().disk_encryption_sets().await.unwrap().len(), 1);
    until(&world, &first.page, "active").await;
    world.stop().await;
}

/// One vault after another, each with another fault: every fault is named, and the customer may submit the next key.
#[tokio::test]
async fn every_fault_of_a_key_is_named_before_anything_is_built_on_it() {
    let world = a_world_with(&[("LATCHKEY_CHECK_FIRST_SECONDS", "3600")]).await;
    let page = sign_up(&world).await.page;
    world.customer().consent(&page).await.unwrap();
    until(&world, &page, "awaiting-key").await;
    let customer = world.customer();
    let good = customer.make_key("contoso-keys").await.unwrap();
    let principal = customer.service_principal(world.vendor().estate().application_id).await.unwrap();
    let vault_scope = good.scope.rsplit_once("/keys/").unwrap().0.to_owned();
    // On the whole vault, so that every key below may be used.
    customer.grant(&CustomerKey { scope: vault_scope, ..good.clone() }, principal).await.unwrap();
    let tomorrow = OffsetDateTime::now_utc().unix_timestamp() + 3600;
    let faults = [
        ("expires", json!({"kty": "RSA", "attributes": {"enabled": true, "exp": tomorrow}}), "key-expired"),
        (
            "begins",
            json!({"kty": "RSA", "attributes": {"enabled": true, "nbf": tomorrow}}),
            "key-not-yet-valid",
        ),
        ("signs", json!({"kty": "RSA", "key_ops": ["sign", "verify"]}), "key-operations"),
        ("disabled", json!({"kty": "RSA", "attributes": {"enabled": false}}), "key-disabled"),
    ];
    for (name, body, code) in faults {
        let path = format!("/keys/{name}/create");
        customer
            .azure()
            .vault(Method::POST, "contoso-keys", &path, Some(&body))
            .await
            .unwrap()
            .ok("a key")
            .unwrap();
        let url = format!("https://contoso-keys.vault.azure.net/keys/{name}");
        customer.share_key(&page, &url).await.unwrap();
        until_blocked(&world, &page, code).await;
    }
    customer.share_key(&page, "https://contoso-keys.vault.azure.net/keys/nobody").await.unwrap();
    until_blocked(&world, &page, "key-not-found").await;
    customer.share_key(&page, "https://no-such-vault-here.vault.azure.net/keys/k").await.unwrap();
    until_blocked(&world, &page, "vault-not-found").await;
    customer.share_key(&page, "https://some-hsm.managedhsm.azure.net/keys/k").await.unwrap();
    until_blocked(&world, &page, "managed-hsm").await;
    assert_eq!(world.vendor().disk_encryption_sets().await.unwrap().len(), 0);

    customer.share_key(&page, &good.url).await.unwrap();
    until(&world, &page, "active").await;
    world.stop().await;
}
