//! The vendor's own key: whose vault it is, what kind of key it must be, and what is asked of it.

use azure_clients::{
    IdentitySettings, KeyVaultError, KeyVaultRefusal, SystemClock, WorkloadIdentity, key_vault::SigningKey,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::support::{Answer, FakeCloud, FixedIdentity, Seen, body_of, challenge, new_id};

const VAULT: &str = "fabrikam.vault.azure.net";
const VENDOR: &str = "0a1b2c3d-1111-2222-3333-444455556666";

/// A vault of this tenant that has this key, and signs everything alike.
async fn cloud(tenant: &'static str, key: Value) -> FakeCloud {
    FakeCloud::start(move |seen: &Seen| match seen.header("authorization") {
        _ if seen.host != VAULT => panic!("{} was called", seen.host),
        None => challenge(tenant),
        Some(_) if seen.path.contains("/sign") => {
            let value = BASE64_URL_SAFE_NO_PAD.encode([9; 64]);
            Answer::json(200, &json!({"kid": key["kid"], "value": value}))
        }
        Some(_) => Answer::json(200, &json!({"key": key, "attributes": {"enabled": true}})),
    })
    .await
}

fn key(changed: Value) -> Value {
    let coordinate = BASE64_URL_SAFE_NO_PAD.encode([7; 32]);
    let kid = format!("https://{VAULT}/keys/evidence/{}", "0".repeat(32));
    let mut key = json!({"kid": kid, "kty": "EC", "crv": "P-256", "x": coordinate, "y": coordinate});
    for (name, value) in changed.as_object().unwrap() {
        key[name] = value.clone();
    }
    key
}

fn signing(cloud: &FakeCloud) -> SigningKey {
    let settings = IdentitySettings {
        application_id: new_id(),
        vendor_tenant: VENDOR.parse().unwrap(),
        managed_identity_client_id: new_id(),
    };
    let transport = cloud.transport();
    let managed_identity = Arc::new(FixedIdentity::new());
    let identity = WorkloadIdentity::with_managed_identity(
        settings,
        &transport,
        managed_identity,
        Arc::new(SystemClock),
    );
    SigningKey::new(&transport, &identity, format!("https://{VAULT}/keys/evidence").parse().unwrap())
}

#[tokio::test]
async fn the_version_that_was_read_signs_a_digest_with_es256() {
    let cloud = cloud(VENDOR, key(json!({}))).await;
    let signing = signing(&cloud);
    let version = signing.version().await.unwrap();
    assert_eq!((version.x.as_slice(), version.y.len()), (&[7; 32][..], 32));
    assert_eq!(signing.sign(&version, &[5; 32]).await.unwrap(), [9; 64]);
    let signed: Vec<Seen> =
        cloud.seen_at(VAULT).into_iter().filter(|seen| seen.path.contains("/sign")).collect();
    let asked = signed.last().unwrap();
    assert!(asked.path.starts_with(&format!("/keys/evidence/{}/sign", "0".repeat(32))), "{}", asked.path);
    assert_eq!(body_of(asked), json!({"alg": "ES256", "value": BASE64_URL_SAFE_NO_PAD.encode([5; 32])}));
}

#[tokio::test]
async fn a_key_that_is_not_on_p_256_is_refused() {
    for other in [json!({"kty": "RSA"}), json!({"crv": "P-384"}), json!({"crv": null})] {
        let cloud = cloud(VENDOR, key(other.clone())).await;
        let error = signing(&cloud).version().await.unwrap_err();
        let KeyVaultError::Refused(KeyVaultRefusal::BadRequest { message, .. }) = error else {
            panic!("{other}: {error}")
        };
        assert!(message.contains("P-256"), "{message}");
    }
    let in_hardware = cloud(VENDOR, key(json!({"kty": "EC-HSM"}))).await;
    assert!(signing(&in_hardware).version().await.is_ok());
}

#[tokio::test]
async fn a_vault_of_another_tenant_gets_no_token() {
    let cloud = cloud("99999999-1111-2222-3333-444455556666", key(json!({}))).await;
    let error = signing(&cloud).version().await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Refused(KeyVaultRefusal::WrongTenant { .. })), "{error}");
    assert!(cloud.seen().iter().all(|seen| seen.header("authorization").is_none()));
}
