//! Keys on the curve P-256: they sign and verify, and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{Answer, Cloud, KEYS};

const VAULT: &str = "kv-elliptic";

async fn call(cloud: &Cloud, method: Method, path: &str, body: Option<Value>) -> Answer {
    let url = format!("https://{VAULT}.vault.azure.net/keys/{path}?{KEYS}");
    cloud.vault(&cloud.seed.customer, method, url, body).await
}

async fn post(cloud: &Cloud, path: &str, body: Value) -> Answer {
    call(cloud, Method::POST, path, Some(body)).await
}

async fn start() -> Cloud {
    let cloud = Cloud::start().await;
    let group = cloud.group(&cloud.seed.customer).await;
    cloud.make_vault(&cloud.seed.customer, &group, VAULT).await;
    cloud
}

#[tokio::test]
async fn an_elliptic_key_is_shown_by_its_curve_and_point_and_outlives_a_restart() {
    let cloud = start().await;
    let made = post(&cloud, "k/create", json!({ "kty": "EC", "crv": "P-256" })).await.expect(200).body;
    let key = &made["key"];
    assert_eq!((&key["kty"], &key["crv"]), (&json!("EC"), &json!("P-256")));
    assert_eq!(key["key_ops"], json!(["sign", "verify"]));
    for coordinate in ["x", "y"] {
        assert_eq!(URL_SAFE_NO_PAD.decode(key[coordinate].as_str().unwrap()).unwrap().len(), 32);
    }
    for absent in ["n", "e", "d"] {
        assert_eq!(key.get(absent), None, "{absent}");
    }
    let digest = URL_SAFE_NO_PAD.encode([7; 32]);
    let signed = post(&cloud, "k//sign", json!({ "alg": "ES256", "value": digest })).await.expect(200).body;
    assert_eq!(signed["kid"], key["kid"]);
    let signature = signed["value"].as_str().unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(signature).unwrap().len(), 64);

    let cloud = cloud.restart().await;
    let verify = json!({ "alg": "ES256", "digest": digest, "value": signature });
    assert_eq!(post(&cloud, "k//verify", verify).await.expect(200).body["value"], true);
    let other = json!({ "alg": "ES256", "digest": URL_SAFE_NO_PAD.encode([8; 32]), "value": signature });
    assert_eq!(post(&cloud, "k//verify", other).await.expect(200).body["value"], false);

    let rotated = call(&cloud, Method::POST, "k/rotate", None).await.expect(200).body;
    assert_eq!(rotated["key"]["crv"], "P-256");
    assert_ne!((&rotated["key"]["kid"], &rotated["key"]["x"]), (&key["kid"], &key["x"]));
}

#[tokio::test]
async fn what_no_elliptic_key_can_do_is_refused() {
    let cloud = start().await;
    post(&cloud, "k/create", json!({ "kty": "EC" })).await.expect(200);
    let value = |length| URL_SAFE_NO_PAD.encode(vec![1; length]);
    for (path, body) in [
        ("k//sign", json!({ "alg": "RS256", "value": value(32) })),
        ("k//sign", json!({ "alg": "ES384", "value": value(48) })),
        ("k//sign", json!({ "alg": "ES256", "value": value(20) })),
        ("k//verify", json!({ "alg": "PS256", "digest": value(32), "value": value(64) })),
        ("other/create", json!({ "kty": "EC", "crv": "P-384" })),
        ("other/create", json!({ "kty": "EC", "key_ops": ["sign", "wrapKey"] })),
        ("other/create", json!({ "kty": "EC-HSM" })),
    ] {
        post(&cloud, path, body).await.expect_error(400, "BadParameter");
    }
    let body = json!({ "alg": "RSA-OAEP-256", "value": value(32) });
    post(&cloud, "k//wrapkey", body).await.expect_error(403, "KeyOperationForbidden");
}
