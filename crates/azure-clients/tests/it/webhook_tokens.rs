//! Which calls are taken for the marketplace's.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize, PublicKeyComponents},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use azure_clients::{WebhookTokenError, WebhookTokens};
use azure_ids::{ApplicationId, TenantId};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::support::{Answer, FakeCloud, new_id};

const MARKETPLACE: &str = "20e940b3-4c77-4b0b-9a53-9e16a1b010a7";
const NOW: i64 = 1_790_000_000;

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW).unwrap()
}

/// A key of Entra's.
struct Key {
    kid: String,
    pair: KeyPair,
}

impl Key {
    fn new() -> Self {
        let kid = uuid::Uuid::new_v4().to_string();
        Self { kid, pair: KeyPair::generate(KeySize::Rsa2048).unwrap() }
    }

    fn public(&self) -> Value {
        let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(self.pair.public_key());
        json!({"kty": "RSA", "use": "sig", "kid": self.kid, "x5t": self.kid, "n": encode(n), "e": encode(e)})
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("Bearer {signed}.{}", encode(signature))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"typ": "JWT", "alg": "RS256", "kid": self.kid}), claims)
    }
}

struct Scene {
    key: Key,
    cloud: FakeCloud,
    tokens: WebhookTokens,
    tenant: TenantId,
    application: ApplicationId,
    published: Arc<Mutex<Value>>,
    readings: Arc<AtomicUsize>,
}

impl Scene {
    async fn new() -> Self {
        let key = Key::new();
        let elliptic = json!({"kty": "EC", "kid": "other", "crv": "P-256", "x": "AA", "y": "AA"});
        let published = Arc::new(Mutex::new(json!({"keys": [elliptic, key.public()]})));
        let readings = Arc::<AtomicUsize>::default();
        let (list, count) = (published.clone(), readings.clone());
        let cloud = FakeCloud::start(move |seen| {
            assert!(seen.path.ends_with("/discovery/v2.0/keys"), "{}", seen.path);
            count.fetch_add(1, Ordering::SeqCst);
            match list.lock().unwrap().clone() {
                Value::Null => Answer::text(503, ""),
                keys => Answer::json(200, &keys),
            }
        })
        .await;
        let (tenant, application) = (new_id(), new_id());
        let tokens = WebhookTokens::new(&cloud.transport(), tenant, application);
        Self { key, cloud, tokens, tenant, application, published, readings }
    }

    fn version_1(&self) -> Value {
        json!({"aud": self.application, "tid": self.tenant, "appid": MARKETPLACE, "idtyp": "app",
            "iss": format!("https://sts.windows.net/{}/", self.tenant), "nbf": NOW - 300, "exp": NOW + 3600})
    }

    fn version_2(&self) -> Value {
        json!({"aud": self.application, "tid": self.tenant, "azp": MARKETPLACE, "ver": "2.0",
            "iss": format!("https://login.microsoftonline.com/{}/v2.0", self.tenant), "nbf": NOW - 300, "exp": NOW + 3600})
    }

    async fn validate(&self, authorization: &str) -> Result<(), WebhookTokenError> {
        self.tokens.validate(Some(authorization), now()).await
    }
}

#[tokio::test]
async fn the_marketplace_is_known_by_both_versions_of_its_token() {
    let scene = Scene::new().await;
    scene.validate(&scene.key.token(&scene.version_1())).await.unwrap();
    scene.validate(&scene.key.token(&scene.version_2())).await.unwrap();
    scene.validate(&scene.key.token(&scene.version_2()).replacen("Bearer ", "bearer  ", 1)).await.unwrap();
    assert_eq!(scene.readings.load(Ordering::SeqCst), 1, "the keys are read once");
}

/// The claims that a publisher printed from a webhook of the real marketplace (commercial-marketplace-client-dotnet,
/// issue 70): neither `nbf` nor `idtyp` is among them.
#[tokio::test]
async fn a_token_needs_no_claim_that_is_not_always_there() {
    let scene = Scene::new().await;
    let id = uuid::Uuid::new_v4();
    let reported = json!({"aud": scene.application, "tid": scene.tenant, "azp": MARKETPLACE, "azpacr": "2",
        "iss": format!("https://login.microsoftonline.com/{}/v2.0", scene.tenant), "iat": NOW - 300,
        "exp": NOW + 3600, "aio": "x", "oid": id, "sub": id, "rh": "x", "uti": "x", "ver": "2.0"});
    scene.validate(&scene.key.token(&reported)).await.unwrap();
    let mut older = scene.version_1();
    for claim in ["nbf", "idtyp"] {
        older.as_object_mut().unwrap().remove(claim);
    }
    scene.validate(&scene.key.token(&older)).await.unwrap();
    older["nbf"] = json!(null);
    scene.validate(&scene.key.token(&older)).await.unwrap();
}

#[tokio::test]
async fn a_token_with_one_wrong_claim_is_refused() {
    let scene = Scene::new().await;
    let other: TenantId = new_id();
    let wrong = [
        ("aud", json!(other)),
        ("aud", json!(null)),
        ("tid", json!(other)),
        ("appid", json!(other)),
        ("appid", json!(null)),
        ("azp", json!(MARKETPLACE)),
        ("iss", json!(format!("https://sts.windows.net/{other}/"))),
        ("iss", json!(format!("https://login.microsoftonline.com/{}/v2.0", scene.tenant))),
        ("iss", json!("https://evil.example/")),
        ("idtyp", json!("user")),
        ("exp", json!(null)),
        ("exp", json!(i64::MAX)),
        ("nbf", json!(i64::MAX)),
        ("tid", json!(null)),
        ("iss", json!(null)),
    ];
    for (claim, value) in wrong {
        let mut claims = scene.version_1();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
            value => claims[claim] = value,
        }
        let error = scene.validate(&scene.key.token(&claims)).await.unwrap_err();
        assert!(matches!(error, WebhookTokenError::WrongClaim(_)), "{claim}: {error:?}");
    }
}

#[tokio::test]
async fn clocks_may_be_a_quarter_of_an_hour_apart_and_no_more() {
    let scene = Scene::new().await;
    let with = |claim: &str, value: i64| {
        let mut claims = scene.version_1();
        claims[claim] = json!(value);
        scene.key.token(&claims)
    };
    scene.validate(&with("exp", NOW - 900)).await.unwrap();
    assert!(matches!(scene.validate(&with("exp", NOW - 901)).await, Err(WebhookTokenError::Expired)));
    scene.validate(&with("nbf", NOW + 900)).await.unwrap();
    assert!(matches!(scene.validate(&with("nbf", NOW + 901)).await, Err(WebhookTokenError::NotYetValid)));
}

#[tokio::test]
async fn only_a_signature_by_rs256_and_a_published_key_counts() {
    let scene = Scene::new().await;
    let claims = scene.version_1();
    let header = |alg: &str| json!({"typ": "JWT", "alg": alg, "kid": scene.key.kid});

    let unsigned = format!("Bearer {}.{}.", encode(header("none").to_string()), encode(claims.to_string()));
    assert!(matches!(scene.validate(&unsigned).await, Err(WebhookTokenError::Malformed)));
    for alg in ["HS256", "RS512", "PS256"] {
        let error = scene.validate(&scene.key.sign(&header(alg), &claims)).await.unwrap_err();
        assert!(matches!(error, WebhookTokenError::WrongAlgorithm), "{alg}: {error:?}");
    }
    let forger = Key { kid: scene.key.kid.clone(), ..Key::new() };
    assert!(matches!(scene.validate(&forger.token(&claims)).await, Err(WebhookTokenError::WrongSignature)));
    let stranger = Key::new();
    assert!(matches!(scene.validate(&stranger.token(&claims)).await, Err(WebhookTokenError::UnknownKey)));
    let nameless = scene.key.sign(&json!({"alg": "RS256"}), &claims);
    assert!(matches!(scene.validate(&nameless).await, Err(WebhookTokenError::UnknownKey)));
    assert!(!scene.cloud.seen().is_empty());
}

#[tokio::test]
async fn a_call_without_a_usable_token_is_refused_without_asking_entra() {
    let scene = Scene::new().await;
    assert!(matches!(scene.tokens.validate(None, now()).await, Err(WebhookTokenError::Missing)));
    for header in ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz"] {
        assert!(matches!(scene.validate(header).await, Err(WebhookTokenError::Missing)), "{header}");
    }
    for header in ["Bearer opaque", "Bearer a.b.c", &format!("Bearer {}", "a".repeat(20_000))] {
        assert!(matches!(scene.validate(header).await, Err(WebhookTokenError::Malformed)), "{header}");
    }
    assert_eq!(scene.readings.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_new_key_is_found_but_made_up_keys_do_not_make_us_ask_each_time() {
    let scene = Scene::new().await;
    scene.validate(&scene.key.token(&scene.version_1())).await.unwrap();
    let next = Key::new();
    scene.published.lock().unwrap()["keys"].as_array_mut().unwrap().push(next.public());
    for _ in 0..20 {
        let error = scene.validate(&next.token(&scene.version_1())).await.unwrap_err();
        assert!(matches!(error, WebhookTokenError::UnknownKey), "{error:?}");
    }
    assert_eq!(scene.readings.load(Ordering::SeqCst), 1, "the list was read a moment ago");

    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(301)).await;
    tokio::time::resume();
    scene.validate(&next.token(&scene.version_1())).await.unwrap();
    assert_eq!(scene.readings.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_no_verdict_on_the_caller() {
    let scene = Scene::new().await;
    let keys = std::mem::replace(&mut *scene.published.lock().unwrap(), Value::Null);
    let token = scene.key.token(&scene.version_1());
    assert!(matches!(scene.validate(&token).await, Err(WebhookTokenError::Unavailable(_))));
    assert!(matches!(scene.validate(&token).await, Err(WebhookTokenError::Unavailable(_))));
    assert_eq!(scene.readings.load(Ordering::SeqCst), 1, "a failing Entra is left alone for a moment");

    *scene.published.lock().unwrap() = json!({"no": "keys"});
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
    assert!(matches!(scene.validate(&token).await, Err(WebhookTokenError::KeysUndecodable(_))));

    *scene.published.lock().unwrap() = keys;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
    scene.validate(&token).await.unwrap();
}
